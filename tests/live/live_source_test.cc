// LiveSource on real interfaces of this kernel: a wire whose one end is the tap, and frames sent at the other end.
#include "sensor/capture/live_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sensor/net/decode.h"
#include "tests/live/netns.h"
#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

using test::eventually;
using test::InNamespace;
using test::VethPair;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr unsigned kPort = 5000;

std::string frame(const std::string& payload, unsigned source_port = 40000, unsigned destination_port = kPort,
                  const std::string& tags = {}) {
  return frames::ethernet(frames::ipv4(frames::tcp(payload, source_port, destination_port)), 0x0800, tags);
}

/// Puts frames on the wire as they are.
class Sender {
 public:
  explicit Sender(const VethPair::End& end) {
    const InNamespace inside(end);
    fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    rebind(end);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { close(fd_); }
  void rebind(const VethPair::End& end) const {
    const InNamespace inside(end);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(if_nametoindex(end.interface.c_str()));
    ASSERT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << strerror(errno);
  }
  void send(const std::string& bytes) const {
    ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size())) << strerror(errno);
  }

 private:
  int fd_ = -1;
};

struct Seen {
  std::string payload;
  unsigned source_port, destination_port;
  uint64_t number;
  int64_t time_ns;
  VlanTags vlan;
};

class Collector final : public PacketHandler {
 public:
  void on_packet(const Packet& packet, DecodeResult result) override {
    ++results[result];
    if (result != DecodeResult::kTcp) return;
    seen.push_back({std::string(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size()),
                    packet.source_port, packet.destination_port, packet.number, packet.time_ns, packet.vlan});
  }
  bool has(const std::string& payload) const {
    return std::any_of(seen.begin(), seen.end(), [&](const Seen& s) { return s.payload == payload; });
  }
  std::vector<Seen> seen;
  std::map<DecodeResult, uint64_t> results;
};

class LiveSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PICKLETAP_NEEDS_NAMESPACES();
    wire = std::make_unique<VethPair>("source");
    options.filter = "tcp port " + std::to_string(kPort) + " or vlan";  // and none of the kernel's own chatter
    options.buffer_bytes = 4U << 20;
  }
  std::unique_ptr<LiveSource> open_tap() { return open_tap(wire->b.interface); }
  std::unique_ptr<LiveSource> open_tap(const std::string& interface) {
    const InNamespace inside(wire->b);
    return std::make_unique<LiveSource>(interface, options, clock);
  }
  /// As the daemon does: read, and look after the interface, until `done`.
  static bool read_until(LiveSource& source, Collector& collector, const std::function<bool()>& done) {
    return eventually([&] {
      while (source.dispatch(collector, 64) == ReadState::kMore) continue;
      source.maintain();
      return done();
    });
  }
  /// Sends until something arrives: from then on the tap works.
  void expect_capture(LiveSource& source, const std::string& payload) const {
    const Sender sender(wire->a);
    Collector collector;
    EXPECT_TRUE(read_until(source, collector,
                           [&] {
                             sender.send(frame(payload));
                             return collector.has(payload);
                           }))
        << payload << ": " << source.trouble();
    EXPECT_TRUE(source.up()) << source.trouble();
    EXPECT_EQ(source.trouble(), "");
  }
  void expect_trouble(LiveSource& source, const std::string& text) const {
    Collector collector;
    EXPECT_TRUE(read_until(source, collector, [&] { return source.trouble().find(text) != std::string::npos; }))
        << "trouble is \"" << source.trouble() << "\"";
    EXPECT_FALSE(source.up());
    EXPECT_THAT(source.trouble(), ::testing::StartsWith(source.name() + ": "));
  }
  bool is_promiscuous() const {
    return wire->ip(wire->b, {"-d", "link", "show", "dev", wire->b.interface}).find("promiscuity 1") !=
           std::string::npos;
  }

  LiveClock clock;
  std::unique_ptr<VethPair> wire;
  LiveSourceOptions options;
};

TEST_F(LiveSourceTest, ReadsEachPacketOnceAndInOrder) {
  constexpr size_t kPackets = 1000;
  options.first_number = 7;
  options.number_step = 3;
  const auto source = open_tap();
  ASSERT_TRUE(source->up()) << source->trouble();
  EXPECT_TRUE(is_promiscuous());
  EXPECT_EQ(source->last_number(), 7U);

  const Sender sender(wire->a);
  const int64_t before_ns = clock.now_ns();
  for (size_t i = 0; i < kPackets; ++i) sender.send(frame(std::to_string(i)));
  sender.send(frame("filtered", 40000, kPort + 1));
  sender.send(frame("end"));
  Collector collector;
  ASSERT_TRUE(read_until(*source, collector, [&] { return collector.has("end"); }));
  const int64_t after_ns = clock.now_ns();

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
  test::Process server = wire->spawn_in(wire->b,
                                        {"python3", "-c",
                                         "import socket\n"
                                         "s = socket.create_server(('10.99.0.2', 5000))\n"
                                         "c, _ = s.accept()\n"
                                         "c.sendall(b'answer to ' + c.recv(100))"},
                                        "/dev/null");
  Collector collector;
  std::string out;
  ASSERT_TRUE(eventually([&] {
    const auto client = wire->run_in(wire->a, {"python3", "-c",
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
  const Sender sender(wire->a);
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
  options.snaplen_bytes = 100;
  const auto source = open_tap();
  Sender(wire->a).send(frame(std::string(500, 'x')));
  Collector collector;
  ASSERT_TRUE(read_until(*source, collector, [&] { return !collector.seen.empty(); }));
  EXPECT_EQ(collector.seen[0].payload, std::string(100 - 54, 'x'));
  EXPECT_EQ(source->counters().cut_by_snap_length, 1U);
  EXPECT_EQ(source->counters().bytes, 554U);
}

TEST_F(LiveSourceTest, CountsWhatDoesNotFitTheRing) {
  constexpr uint64_t kPackets = 4000;  // 6 MB for a ring of one
  options.buffer_bytes = 1U << 20;
  const auto source = open_tap();
  const Sender sender(wire->a);
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

// What each of the sources of a group saw, all read to the end.
struct Group {
  std::vector<std::unique_ptr<LiveSource>> sources;
  std::vector<Collector> collectors;
  size_t total() const {
    size_t sum = 0;
    for (const Collector& c : collectors) sum += c.seen.size();
    return sum;
  }
  void read() {
    for (size_t i = 0; i < sources.size(); ++i) {
      while (sources[i]->dispatch(collectors[i], 64) == ReadState::kMore) continue;
      sources[i]->maintain();
    }
  }
};

class LiveGroupTest : public LiveSourceTest {
 protected:
  static constexpr unsigned kSources = 4;
  Group open_group(const std::string& interface) {
    options.fanout_group = static_cast<uint16_t>(getpid());
    options.fanout_size = kSources;
    options.number_step = kSources;
    Group group;
    for (unsigned i = 0; i < kSources; ++i) {
      options.first_number = i;
      group.sources.push_back(open_tap(interface));
    }
    group.collectors.resize(kSources);
    return group;
  }
  /// Flows in both directions, each packet with a payload of its own; reads until all are there.
  void expect_shared_by_flow(Group& group, const std::string& name) const {
    constexpr unsigned kFlows = 100, kRounds = 5;
    const Sender sender(wire->a);
    const size_t before = group.total();
    std::set<std::string> sent;
    for (unsigned round = 0; round < kRounds; ++round) {
      for (unsigned flow = 0; flow < kFlows; ++flow) {
        for (const bool answer : {false, true}) {
          const std::string payload = name + std::to_string(flow) + (answer ? "<" : ">") + std::to_string(round);
          sent.insert(payload);
          sender.send(answer ? backward(payload, 30000 + flow) : frame(payload, 30000 + flow));
        }
      }
    }
    EXPECT_TRUE(eventually([&] {
      group.read();
      return group.total() >= before + sent.size();
    })) << group.total() - before
        << " of " << sent.size();
    // What would come twice would still be under way.
    const auto rest = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    while (std::chrono::steady_clock::now() < rest) group.read();

    std::map<unsigned, std::set<size_t>> sources_of_flow;
    std::multiset<std::string> got;
    std::set<uint64_t> numbers;
    std::set<size_t> used;
    for (size_t i = 0; i < group.collectors.size(); ++i) {
      for (const Seen& seen : group.collectors[i].seen) {
        if (seen.payload.rfind(name, 0) != 0) continue;
        got.insert(seen.payload);
        EXPECT_TRUE(numbers.insert(seen.number).second) << "number " << seen.number << " twice";
        used.insert(i);
        sources_of_flow[std::max(seen.source_port, seen.destination_port)].insert(i);
      }
    }
    EXPECT_EQ(got, std::multiset<std::string>(sent.begin(), sent.end())) << "each packet once";
    EXPECT_EQ(sources_of_flow.size(), kFlows);
    for (const auto& [port, sources] : sources_of_flow) EXPECT_EQ(sources.size(), 1U) << "flow of port " << port;
    EXPECT_GT(used.size(), 1U) << "all flows went to one source";
  }
  /// The answer to frame(): addresses and ports changed over.
  static std::string backward(const std::string& payload, unsigned port) {
    std::string bytes = frame(payload, kPort, port);
    std::swap_ranges(bytes.begin() + 26, bytes.begin() + 30, bytes.begin() + 30);
    return bytes;
  }
};

TEST_F(LiveGroupTest, SharesPacketsByFlowAndLosesNone) {
  // While the group is being made, packets come.
  const Sender sender(wire->a);
  std::atomic<bool> stop{false};
  std::thread noise([&] {
    for (unsigned i = 0; !stop; ++i) sender.send(frame("noise" + std::to_string(i), 20000 + i % 1000));
  });
  Group group = open_group(wire->b.interface);
  stop = true;
  noise.join();
  for (const auto& source : group.sources) ASSERT_TRUE(source->up()) << source->trouble();
  const auto rest = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  while (std::chrono::steady_clock::now() < rest) group.read();
  std::multiset<std::string> noises;
  for (const Collector& collector : group.collectors) {
    for (const Seen& seen : collector.seen) noises.insert(seen.payload);
  }
  EXPECT_EQ(noises.size(), std::set<std::string>(noises.begin(), noises.end()).size()) << "a packet was seen twice";
  EXPECT_GT(noises.size(), 0U);

  expect_shared_by_flow(group, "flow");
}

TEST_F(LiveGroupTest, PutsFragmentsTogetherBeforeTheFilter) {
  const std::string payload(1000, 'f');
  const std::string segment = frames::tcp(payload, 40000, kPort);
  const std::string first = frames::ethernet(frames::ipv4(segment.substr(0, 512), 6, 0x2000));
  const std::string second = frames::ethernet(frames::ipv4(segment.substr(512), 6, 512 / 8));
  const Sender sender(wire->a);
  {
    const auto alone = open_tap();
    Collector collector;
    sender.send(first);
    sender.send(second);
    sender.send(frame("end"));
    ASSERT_TRUE(read_until(*alone, collector, [&] { return collector.has("end"); }));
    EXPECT_FALSE(collector.has(payload));
    EXPECT_EQ(collector.results[DecodeResult::kFragment], 1U) << "of the two, the filter passes the one with ports";
  }
  Group group = open_group(wire->b.interface);
  sender.send(second);
  sender.send(first);
  ASSERT_TRUE(eventually([&] {
    group.read();
    return group.total() >= 1;
  }));
  EXPECT_EQ(group.total(), 1U);
  for (Collector& collector : group.collectors) {
    EXPECT_EQ(collector.results[DecodeResult::kFragment], 0U);
    if (!collector.seen.empty()) {
      EXPECT_EQ(collector.seen[0].payload, payload);
    }
  }
}

TEST_F(LiveGroupTest, WaitsForItsInterface) {
  wire->destroy();
  Group group = open_group(wire->b.interface);
  for (const auto& source : group.sources) EXPECT_THAT(source->trouble(), HasSubstr("no such interface"));
  wire->create(false);
  for (const auto& source : group.sources) expect_trouble(*source, "is down");
  // Up, and nobody has looked: no source is in the group yet, so each packet would come to all of them.
  wire->set_up(wire->a, true);
  wire->set_up(wire->b, true);
  const Sender sender(wire->a);
  for (int i = 0; i < 100; ++i) sender.send(frame("early"));
  ASSERT_TRUE(eventually([&] {
    group.read();
    return std::all_of(group.sources.begin(), group.sources.end(), [](const auto& s) { return s->up(); });
  }));
  expect_shared_by_flow(group, "late");
  for (const Collector& collector : group.collectors) EXPECT_FALSE(collector.has("early"));
  // Down and up again is nothing to a group.
  wire->set_up(wire->b, false);
  for (const auto& source : group.sources) expect_trouble(*source, "is down");
  wire->set_up(wire->b, true);
  ASSERT_TRUE(eventually([&] {
    group.read();
    return std::all_of(group.sources.begin(), group.sources.end(), [](const auto& s) { return s->up(); });
  }));
  expect_shared_by_flow(group, "again");
}

TEST_F(LiveGroupTest, SaysThatOnlyARestartHelpsWhenItsInterfaceIsMadeAnew) {
  Group group = open_group(wire->b.interface);
  LiveSource& source = *group.sources[0];
  EXPECT_FALSE(source.needs_restart());
  wire->destroy();
  expect_trouble(source, "no such interface");
  EXPECT_FALSE(source.needs_restart());
  wire->create();
  expect_trouble(source, "came back as another interface; restart to capture from it again");
  EXPECT_TRUE(source.needs_restart());
}

TEST_F(LiveSourceTest, GoesOnWhenItsInterfaceWentDownAndUp) {
  const auto source = open_tap();
  expect_capture(*source, "first");
  const uint64_t packets = source->counters().packets;
  for (int i = 0; i < 3; ++i) {
    wire->set_up(wire->b, false);
    expect_trouble(*source, "is down");
    wire->set_up(wire->b, true);
    expect_capture(*source, "again" + std::to_string(i));
  }
  EXPECT_GE(source->counters().packets, packets + 3);
  EXPECT_LT(source->drops().kernel, 1000U) << "counters do not jump";
  EXPECT_LT(source->drops().interface, 1000U);
}

TEST_F(LiveSourceTest, GoesOnWithAnInterfaceThatIsMadeAnewWithoutAnyCapability) {
  const auto source = open_tap();
  expect_capture(*source, "first");
  wire->destroy();
  expect_trouble(*source, "no such interface");
  wire->create();
  {
    // As the daemon is by then: another user, no capability.
    ASSERT_EQ(seteuid(65534), 0);
    const bool came_back = eventually([&] {
      source->maintain();
      return source->up();
    });
    ASSERT_EQ(seteuid(0), 0);
    EXPECT_TRUE(came_back) << source->trouble();
  }
  EXPECT_GT(source->retries(), 0U);
  EXPECT_TRUE(is_promiscuous());
  expect_capture(*source, "second");
  // The filter is still in force, and the ring holds nothing twice.
  const Sender sender(wire->a);
  Collector collector;
  sender.send(frame("filtered", 40000, kPort + 1));
  sender.send(frame("end"));
  ASSERT_TRUE(read_until(*source, collector, [&] { return collector.has("end"); }));
  EXPECT_FALSE(collector.has("filtered"));
  EXPECT_LT(source->drops().kernel, 1000U) << "counters do not jump";
  EXPECT_LT(source->drops().interface, 1000U);
}

TEST_F(LiveSourceTest, FindsAnInterfaceThatWasMadeAnewBetweenTwoLooks) {
  const auto source = open_tap();
  expect_capture(*source, "first");
  for (int i = 0; i < 5; ++i) {
    wire->destroy();
    wire->create();
    expect_capture(*source, "again" + std::to_string(i));
  }
}

TEST_F(LiveSourceTest, WaitsForAnInterfaceThatIsMissingAtTheStart) {
  wire->destroy();
  const auto source = open_tap();
  EXPECT_EQ(source->trouble(), wire->b.interface + ": no such interface");
  // Nothing of the interface that stands in for it is seen.
  const auto spoken =
      wire->run_in(wire->b, {"python3", "-c", "import socket\nprint(socket.socket().connect_ex(('127.0.0.1', 5000)))"});
  EXPECT_EQ(spoken.out, std::to_string(ECONNREFUSED) + "\n");
  Collector collector;
  EXPECT_EQ(source->dispatch(collector, 64), ReadState::kIdle);
  wire->create(false);
  expect_trouble(*source, "is down");
  wire->set_up(wire->a, true);
  wire->set_up(wire->b, true);
  expect_capture(*source, "came");
  EXPECT_TRUE(is_promiscuous());
  EXPECT_TRUE(collector.results.empty());
}

TEST_F(LiveSourceTest, WaitsForAnInterfaceThatIsDownAtTheStart) {
  wire->set_up(wire->b, false);
  options.promiscuous = false;
  const auto source = open_tap();
  EXPECT_EQ(source->trouble(), wire->b.interface + ": is down");
  wire->set_up(wire->b, true);
  expect_capture(*source, "came");
  EXPECT_FALSE(is_promiscuous());
}

TEST_F(LiveSourceTest, FollowsAnInterfaceThatIsRenamed) {
  const auto source = open_tap();
  wire->set_up(wire->b, false);
  wire->ip(wire->b, {"link", "set", wire->b.interface, "name", "other"});
  wire->ip(wire->b, {"link", "set", "other", "up"});
  expect_capture(*source, "renamed");
}

TEST_F(LiveSourceTest, TakesNoInterfaceOfAnotherKindForTheOldOne) {
  const auto source = open_tap();
  wire->destroy();
  wire->ip(wire->b, {"tuntap", "add", "dev", wire->b.interface, "mode", "tun"});
  expect_trouble(*source, "has another link type than what was opened; restart to capture from it");
  EXPECT_TRUE(source->needs_restart());
  wire->ip(wire->b, {"link", "delete", wire->b.interface});
  wire->create();
  expect_capture(*source, "back");
  EXPECT_FALSE(source->needs_restart());
}

TEST_F(LiveSourceTest, ReadsAllInterfacesAsAny) {
  options.filter = "tcp port 5000";  // libpcap knows no VLANs there
  const auto source = open_tap("any");
  ASSERT_TRUE(source->up()) << source->trouble();
  Collector collector;
  const Sender sender(wire->a);
  ASSERT_TRUE(read_until(*source, collector, [&] {
    sender.send(frame("any"));
    return collector.has("any");
  }));
  wire->set_up(wire->b, false);
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
    const InNamespace inside(wire->b);
    source = std::make_unique<LiveSource>(wire->b.interface, options, set);
  }
  set.added = -3'600'000'000'000;  // the wall clock goes back; the packets' stamps do not, so they are "old" ones
  Sender(wire->a).send(frame("one"));
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
  Sender(wire->a).send(frame("one"));
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
      const LiveSource source(name, options, clock);
    } catch (const CaptureError& error) {
      unprivileged.emplace_back(error.kind(), error.what());
    }
  }
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_THAT(unprivileged,
              ElementsAre(std::pair(Kind::kPermission, "lo: no permission to capture (CAP_NET_RAW)"),
                          std::pair(Kind::kPermission, "no-such-if0: no permission to capture (CAP_NET_RAW)"),
                          std::pair(Kind::kPermission, "any: no permission to capture (CAP_NET_RAW)")));

  options.filter = "tcp prot 5000";
  for (const std::string& name : {wire->b.interface, std::string("no-such-if0")}) {
    const auto [kind, text] = error_of(name);
    EXPECT_EQ(kind, Kind::kFilter);
    EXPECT_THAT(text, HasSubstr(name + ": filter \"tcp prot 5000\": "));
    EXPECT_THAT(text, HasSubstr("syntax error"));
  }

  options.filter.clear();
  wire->set_up(wire->b, false);
  wire->ip(wire->b, {"link", "set", "lo", "down"});
  EXPECT_THAT(error_of(wire->b.interface).second, HasSubstr("neither is the loopback interface"));
}

TEST_F(LiveSourceTest, RefusesAGroupThatAnotherInterfaceHas) {
  options.fanout_group = static_cast<uint16_t>(getpid());
  options.fanout_size = 2;
  const auto first = open_tap();
  try {
    open_tap("lo");
    ADD_FAILURE() << "no error";
  } catch (const CaptureError& error) {
    EXPECT_EQ(error.kind(), CaptureError::Kind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("lo: cannot join fan-out group " + std::to_string(options.fanout_group)));
  }
}

}  // namespace
}  // namespace pickletap
