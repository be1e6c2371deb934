// LiveSource on real interfaces of this kernel: what it reads, counts and refuses.
#include "sensor/capture/live_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/live/tap.h"

namespace pickletap {
namespace {

using test::Collector;
using test::eventually;
using test::frame;
using test::InNamespace;
using test::kPort;
using test::LiveSourceTest;
using test::Seen;
using test::Sender;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(LiveSourceTest, ReadsEachPacketOnceAndInOrder) {
  constexpr size_t kPackets = 1000;
  options_.first_number = 7;
  options_.number_step = 3;
  const auto source = open_tap();
  ASSERT_TRUE(source->up()) << source->trouble();
  EXPECT_TRUE(is_promiscuous());
  EXPECT_EQ(source->last_number(), 7U);

  const Sender sender(wire_->a);
  const int64_t before_ns = clock_.now_ns();
  for (size_t i = 0; i < kPackets; ++i) sender.send(frame(std::to_string(i)));
  sender.send(frame("filtered", 40000, kPort + 1));
  sender.send(frame("end"));
  Collector collector;
  ASSERT_TRUE(read_until(*source, collector, [&] { return collector.has("end"); }));
  const int64_t after_ns = clock_.now_ns();

  ASSERT_EQ(collector.seen.size(), kPackets + 1);
  for (size_t i = 0; i < kPackets; ++i) {
    const Seen& seen = collector.seen[i];
    ASSERT_EQ(seen.payload, std::to_string(i));
    ASSERT_EQ(seen.number, 7 + (i + 1) * 3);
    ASSERT_GE(seen.time_ns, i == 0 ? before_ns - LiveClock::kJumpNs : collector.seen[i - 1].time_ns);
    ASSERT_LE(seen.time_ns, after_ns + LiveClock::kJumpNs);
  }
  EXPECT_EQ(source->counters().packets, kPackets + 1);
  EXPECT_EQ(source->counters().by_result[index_of(DecodeResult::kTcp)], kPackets + 1);
  EXPECT_EQ(source->counters().cut_by_snap_length, 0U);
  EXPECT_EQ(source->last_number(), 7 + (kPackets + 1) * 3);
  EXPECT_EQ(source->drops().kernel, 0U);
  EXPECT_EQ(source->retries(), 0U);
}

TEST_F(LiveSourceTest, SeesWhatRealProgramsSay) {
  const auto source = open_tap();
  test::Process server = wire_->spawn_in(wire_->b,
                                         {"python3", "-c",
                                          "import socket\n"
                                          "s = socket.create_server(('10.99.0.2', 5000))\n"
                                          "c, _ = s.accept()\n"
                                          "c.sendall(b'answer to ' + c.recv(100))"},
                                         "/dev/null");
  Collector collector;
  std::string out;
  ASSERT_TRUE(eventually([&] {
    const auto client = wire_->run_in(wire_->a, {"python3", "-c",
                                                 "import socket\n"
                                                 "c = socket.create_connection(('10.99.0.2', 5000))\n"
                                                 "c.sendall(b'question')\n"
                                                 "print(c.recv(100).decode())"});
    out = client.out;
    return client.exit_code == 0;
  }));
  EXPECT_EQ(out, "answer to question\n");
  EXPECT_TRUE(read_until(*source, collector, [&] { return collector.has("answer to question"); }));
  EXPECT_TRUE(collector.has("question"));
}

TEST_F(LiveSourceTest, KeepsVlanTagsThatTheKernelTakesOff) {
  const auto source = open_tap();
  const Sender sender(wire_->a);
  using frames::be16;
  sender.send(frame("one", 40000, kPort, be16(0x8100) + be16(300)));
  sender.send(frame("two", 40000, kPort, be16(0x88a8) + be16(200) + be16(0x8100) + be16(300)));
  Collector collector;
  ASSERT_TRUE(read_until(*source, collector, [&] { return collector.has("one") && collector.has("two"); }));
  const VlanTags one = collector.seen[0].vlan, two = collector.seen[1].vlan;
  EXPECT_EQ(one.count, 1);
  EXPECT_EQ(one.ids[0], 300);
  EXPECT_EQ(two.count, 2);
  EXPECT_THAT(two.ids, ElementsAre(200, 300));
}

TEST_F(LiveSourceTest, CountsWhatTheSnapLengthCuts) {
  options_.snaplen_bytes = 100;
  const auto source = open_tap();
  Sender(wire_->a).send(frame(std::string(500, 'x')));
  Collector collector;
  ASSERT_TRUE(read_until(*source, collector, [&] { return !collector.seen.empty(); }));
  EXPECT_EQ(collector.seen[0].payload, std::string(100 - 54, 'x'));
  EXPECT_EQ(source->counters().cut_by_snap_length, 1U);
  EXPECT_EQ(source->counters().bytes, 554U);
}

TEST_F(LiveSourceTest, CountsWhatDoesNotFitTheRing) {
  constexpr uint64_t kPackets = 4000;  // 6 MB for a ring of one
  options_.buffer_bytes = 1U << 20;
  const auto source = open_tap();
  const Sender sender(wire_->a);
  for (uint64_t i = 0; i < kPackets; ++i) sender.send(frame(std::string(1400, 'x')));
  Collector collector;
  uint64_t dropped = 0;
  ASSERT_TRUE(read_until(*source, collector,
                         [&] {
                           dropped = source->drops().kernel;
                           return dropped + collector.seen.size() >= kPackets;
                         }))
      << dropped << " dropped, " << collector.seen.size() << " read";
  EXPECT_EQ(dropped + collector.seen.size(), kPackets);
  EXPECT_GT(dropped, 0U);
  EXPECT_GT(collector.seen.size(), 0U);
  EXPECT_EQ(source->drops().kernel, dropped) << "asking does not count anew";
}

TEST_F(LiveSourceTest, ReadsAllInterfacesAsAny) {
  options_.filter = "tcp port 5000";  // libpcap knows no VLANs there
  const auto source = open_tap("any");
  ASSERT_TRUE(source->up()) << source->trouble();
  Collector collector;
  const Sender sender(wire_->a);
  ASSERT_TRUE(read_until(*source, collector, [&] {
    sender.send(frame("any"));
    return collector.has("any");
  }));
  wire_->set_up(wire_->b, false);
  source->dispatch(collector, 64);
  source->maintain();
  EXPECT_TRUE(source->up()) << source->trouble();
}

TEST_F(LiveSourceTest, StampsGoOnEvenlyWhenTheClockIsSet) {
  // Not the machine's clock, others live by it: one that is told a wrong time, against real packets.
  class SetClock final : public LiveClock {
   public:
    std::atomic<int64_t> added{0};

   private:
    int64_t wall_ns() const override { return LiveClock::wall_ns() + added; }
  };
  SetClock set;
  std::unique_ptr<LiveSource> source;
  {
    const InNamespace inside(wire_->b);
    source = std::make_unique<LiveSource>(wire_->b.interface, options_, set);
  }
  set.added = -3'600'000'000'000;  // the wall clock goes back; the packets' stamps do not, so they are "old" ones
  Sender(wire_->a).send(frame("one"));
  Collector collector;
  ASSERT_TRUE(read_until(*source, collector, [&] { return collector.has("one"); }));
  EXPECT_EQ(set.jumps(), 1U);
  EXPECT_LT(std::abs(collector.seen[0].time_ns - set.now_ns()), 60'000'000'000);
}

TEST_F(LiveSourceTest, IsReadableWhenPacketsCome) {
  const auto source = open_tap();
  Collector collector;
  while (source->dispatch(collector, 64) == ReadState::kMore) continue;
  pollfd wanted{source->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&wanted, 1, 0), 0);
  Sender(wire_->a).send(frame("one"));
  ASSERT_EQ(poll(&wanted, 1, 20'000), 1);
  EXPECT_EQ(wanted.revents, POLLIN);
  source->dispatch(collector, 64);
  EXPECT_TRUE(collector.has("one"));
}

TEST_F(LiveSourceTest, RefusesWhatTheOperatorGotWrong) {
  const auto error_of = [&](const std::string& interface) -> std::pair<CaptureError::Kind, std::string> {
    try {
      open_tap(interface);
    } catch (const CaptureError& error) {
      return {error.kind(), error.what()};
    }
    return {CaptureError::Kind::kInput, "no error"};
  };
  using Kind = CaptureError::Kind;
  EXPECT_THAT(error_of("a-name-of-more-than-15").second, HasSubstr("cannot be the name of an interface"));
  EXPECT_THAT(error_of("").second, HasSubstr("cannot be the name of an interface"));

  ASSERT_EQ(seteuid(65534), 0);
  std::vector<std::pair<Kind, std::string>> unprivileged;
  for (const char* name : {"lo", "no-such-if0", "any"}) {
    try {
      const LiveSource source(name, options_, clock_);
    } catch (const CaptureError& error) {
      unprivileged.emplace_back(error.kind(), error.what());
    }
  }
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_THAT(unprivileged,
              ElementsAre(std::pair(Kind::kPermission, "lo: no permission to capture (CAP_NET_RAW)"),
                          std::pair(Kind::kPermission, "no-such-if0: no permission to capture (CAP_NET_RAW)"),
                          std::pair(Kind::kPermission, "any: no permission to capture (CAP_NET_RAW)")));

  options_.filter = "tcp prot 5000";
  for (const std::string& name : {wire_->b.interface, std::string("no-such-if0")}) {
    const auto [kind, text] = error_of(name);
    EXPECT_EQ(kind, Kind::kFilter);
    EXPECT_THAT(text, HasSubstr(name + ": filter \"tcp prot 5000\": "));
    EXPECT_THAT(text, HasSubstr("syntax error"));
  }

  options_.filter.clear();
  wire_->set_up(wire_->b, false);
  wire_->ip(wire_->b, {"link", "set", "lo", "down"});
  EXPECT_THAT(error_of(wire_->b.interface).second, HasSubstr("neither is the loopback interface"));
}

}  // namespace
}  // namespace pickletap
