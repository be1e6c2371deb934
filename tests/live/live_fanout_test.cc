// Several sources that share one interface by PACKET_FANOUT.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/live/tap.h"

namespace pickletap {
namespace {

using test::Collector;
using test::eventually;
using test::frame;
using test::kPort;
using test::LiveSourceTest;
using test::Seen;
using test::Sender;
using ::testing::HasSubstr;

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
    options_.fanout_group = static_cast<uint16_t>(getpid());
    options_.fanout_size = kSources;
    options_.number_step = kSources;
    Group group;
    for (unsigned i = 0; i < kSources; ++i) {
      options_.first_number = i;
      group.sources.push_back(open_tap(interface));
    }
    group.collectors.resize(kSources);
    return group;
  }
  /// Flows in both directions, each packet with a payload of its own; reads until all are there.
  void expect_shared_by_flow(Group& group, const std::string& name) const {
    constexpr unsigned kFlows = 100, kRounds = 5;
    const Sender sender(wire_->a);
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
  const Sender sender(wire_->a);
  std::atomic<bool> stop{false};
  std::thread noise([&] {
    for (unsigned i = 0; !stop; ++i) sender.send(frame("noise" + std::to_string(i), 20000 + i % 1000));
  });
  Group group = open_group(wire_->b.interface);
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
  const Sender sender(wire_->a);
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
  Group group = open_group(wire_->b.interface);
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
  wire_->destroy();
  Group group = open_group(wire_->b.interface);
  for (const auto& source : group.sources) EXPECT_THAT(source->trouble(), HasSubstr("no such interface"));
  wire_->create(false);
  for (const auto& source : group.sources) expect_trouble(*source, "is down");
  // Up, and nobody has looked: no source is in the group yet, so each packet would come to all of them.
  wire_->set_up(wire_->a, true);
  wire_->set_up(wire_->b, true);
  const Sender sender(wire_->a);
  for (int i = 0; i < 100; ++i) sender.send(frame("early"));
  ASSERT_TRUE(eventually([&] {
    group.read();
    return std::all_of(group.sources.begin(), group.sources.end(), [](const auto& s) { return s->up(); });
  }));
  expect_shared_by_flow(group, "late");
  for (const Collector& collector : group.collectors) EXPECT_FALSE(collector.has("early"));
  // Down and up again is nothing to a group.
  wire_->set_up(wire_->b, false);
  for (const auto& source : group.sources) expect_trouble(*source, "is down");
  wire_->set_up(wire_->b, true);
  ASSERT_TRUE(eventually([&] {
    group.read();
    return std::all_of(group.sources.begin(), group.sources.end(), [](const auto& s) { return s->up(); });
  }));
  expect_shared_by_flow(group, "again");
}

TEST_F(LiveGroupTest, SaysThatOnlyARestartHelpsWhenItsInterfaceIsMadeAnew) {
  Group group = open_group(wire_->b.interface);
  LiveSource& source = *group.sources[0];
  EXPECT_FALSE(source.needs_restart());
  wire_->destroy();
  expect_trouble(source, "no such interface");
  EXPECT_FALSE(source.needs_restart());
  wire_->create();
  expect_trouble(source, "came back as another interface; restart to capture from it again");
  EXPECT_TRUE(source.needs_restart());
}

TEST_F(LiveSourceTest, RefusesAGroupThatAnotherInterfaceHas) {
  options_.fanout_group = static_cast<uint16_t>(getpid());
  options_.fanout_size = 2;
  const auto first = open_tap();
  try {
    open_tap("lo");
    ADD_FAILURE() << "no error";
  } catch (const CaptureError& error) {
    EXPECT_EQ(error.kind(), CaptureError::Kind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("lo: cannot join fan-out group " + std::to_string(options_.fanout_group)));
  }
}

}  // namespace
}  // namespace pickletap
