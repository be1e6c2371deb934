// LiveSource and interfaces that go down, come late, vanish and come back as others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/live/tap.h"

namespace pickletap {
namespace {

using test::Collector;
using test::eventually;
using test::frame;
using test::kPort;
using test::LiveSourceTest;
using test::Sender;

TEST_F(LiveSourceTest, GoesOnWhenItsInterfaceWentDownAndUp) {
  const auto source = open_tap();
  expect_capture(*source, "first");
  const uint64_t packets = source->counters().packets;
  for (int i = 0; i < 3; ++i) {
    wire_->set_up(wire_->b, false);
    expect_trouble(*source, "is down");
    wire_->set_up(wire_->b, true);
    expect_capture(*source, "again" + std::to_string(i));
  }
  EXPECT_GE(source->counters().packets, packets + 3);
  EXPECT_LT(source->drops().kernel, 1000U) << "counters do not jump";
  EXPECT_LT(source->drops().interface, 1000U);
}

TEST_F(LiveSourceTest, GoesOnWithAnInterfaceThatIsMadeAnewWithoutAnyCapability) {
  const auto source = open_tap();
  expect_capture(*source, "first");
  wire_->destroy();
  expect_trouble(*source, "no such interface");
  wire_->create();
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
  const Sender sender(wire_->a);
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
    wire_->destroy();
    wire_->create();
    expect_capture(*source, "again" + std::to_string(i));
  }
}

TEST_F(LiveSourceTest, WaitsForAnInterfaceThatIsMissingAtTheStart) {
  wire_->destroy();
  const auto source = open_tap();
  EXPECT_EQ(source->trouble(), wire_->b.interface + ": no such interface");
  // Nothing of the interface that stands in for it is seen.
  const auto spoken = wire_->run_in(
      wire_->b, {"python3", "-c", "import socket\nprint(socket.socket().connect_ex(('127.0.0.1', 5000)))"});
  EXPECT_EQ(spoken.out, std::to_string(ECONNREFUSED) + "\n");
  Collector collector;
  EXPECT_EQ(source->dispatch(collector, 64), ReadState::kIdle);
  wire_->create(false);
  expect_trouble(*source, "is down");
  wire_->set_up(wire_->a, true);
  wire_->set_up(wire_->b, true);
  expect_capture(*source, "came");
  EXPECT_TRUE(is_promiscuous());
  EXPECT_TRUE(collector.results.empty());
}

TEST_F(LiveSourceTest, WaitsForAnInterfaceThatIsDownAtTheStart) {
  wire_->set_up(wire_->b, false);
  options_.promiscuous = false;
  const auto source = open_tap();
  EXPECT_EQ(source->trouble(), wire_->b.interface + ": is down");
  wire_->set_up(wire_->b, true);
  expect_capture(*source, "came");
  EXPECT_FALSE(is_promiscuous());
}

TEST_F(LiveSourceTest, FollowsAnInterfaceThatIsRenamed) {
  const auto source = open_tap();
  wire_->set_up(wire_->b, false);
  wire_->ip(wire_->b, {"link", "set", wire_->b.interface, "name", "other"});
  wire_->ip(wire_->b, {"link", "set", "other", "up"});
  expect_capture(*source, "renamed");
}

TEST_F(LiveSourceTest, TakesNoInterfaceOfAnotherKindForTheOldOne) {
  if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/net/tun";
  const auto source = open_tap();
  wire_->destroy();
  wire_->ip(wire_->b, {"tuntap", "add", "dev", wire_->b.interface, "mode", "tun"});
  expect_trouble(*source, "has another link type than what was opened; restart to capture from it");
  EXPECT_TRUE(source->needs_restart());
  wire_->ip(wire_->b, {"link", "delete", wire_->b.interface});
  wire_->create();
  expect_capture(*source, "back");
  EXPECT_FALSE(source->needs_restart());
}

}  // namespace
}  // namespace pickletap
