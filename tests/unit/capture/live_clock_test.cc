#include "sensor/capture/live_clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace pickletap {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kWallStart = 1'800'000'000 * kSecond;
constexpr int64_t kMonotonicStart = 5000 * kSecond;

/// Both clocks stand still until they are moved.
class SetClock final : public LiveClock {
 public:
  SetClock() : LiveClock(kWallStart, kMonotonicStart) {}
  void pass(int64_t ns) {
    wall += ns;
    monotonic += ns;
  }
  std::atomic<int64_t> wall{kWallStart}, monotonic{kMonotonicStart};
  /// What each reading of the wall clock costs: the thread lost its processor there.
  std::atomic<int64_t> pause{0};

 private:
  int64_t wall_ns() const override {
    const int64_t now = wall;
    const_cast<SetClock*>(this)->pass(pause);
    return now;
  }
  int64_t monotonic_ns() const override { return monotonic; }
};

TEST(LiveClock, StartsWithTheWallClock) {
  SetClock clock;
  EXPECT_EQ(clock.now_ns(), kWallStart);
  EXPECT_EQ(clock.shift_ns(), 0);
  clock.pass(3 * kSecond);
  clock.refresh();
  EXPECT_EQ(clock.now_ns(), kWallStart + 3 * kSecond);
  EXPECT_EQ(clock.jumps(), 0U);
}

TEST(LiveClock, GoesOnEvenlyWhenTheWallClockIsSet) {
  for (const int64_t jump : {kHour, -kHour, 3 * kSecond, -LiveClock::kJumpNs - 1, 2400 * kHour}) {
    SetClock clock;
    clock.pass(kSecond);
    clock.wall += jump;
    clock.refresh();
    EXPECT_EQ(clock.now_ns(), kWallStart + kSecond);
    EXPECT_EQ(clock.shift_ns(), jump);
    EXPECT_EQ(clock.jumps(), 1U);
    clock.refresh();
    EXPECT_EQ(clock.jumps(), 1U) << "one jump is one jump";
    EXPECT_EQ(clock.now_ns() + clock.shift_ns(), clock.wall) << "stamps for people are today's";
    clock.pass(kSecond);
    clock.wall -= jump;
    clock.refresh();
    EXPECT_EQ(clock.shift_ns(), 0);
    EXPECT_EQ(clock.jumps(), 2U);
    EXPECT_EQ(clock.now_ns(), kWallStart + 2 * kSecond);
  }
}

TEST(LiveClock, LeavesSmallDifferencesInThePackets) {
  SetClock clock;
  PacketTimes times(clock);
  for (int i = 0; i < 19; ++i) {
    clock.pass(kSecond);
    clock.wall += 10 * kMs;
    times.begin_batch();
    EXPECT_EQ(times.sensor_ns(clock.wall), clock.wall);
  }
  EXPECT_EQ(clock.shift_ns(), 0);
  EXPECT_EQ(clock.jumps(), 0U);
}

TEST(LiveClock, TakesNoPauseBetweenTwoReadingsForAJump) {
  SetClock clock;
  clock.pause = kSecond;
  clock.refresh();
  EXPECT_EQ(clock.shift_ns(), 0);
  EXPECT_EQ(clock.jumps(), 0U);
  clock.pause = 0;
  clock.wall += kHour;
  clock.refresh();
  EXPECT_EQ(clock.shift_ns(), kHour);
}

TEST(LiveClock, CountsAJumpOnceForAllWorkers) {
  constexpr int kJumps = 50;
  SetClock clock;
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      while (!stop) clock.refresh();
    });
  }
  for (int i = 1; i <= kJumps; ++i) {
    clock.wall += kHour;
    while (clock.shift_ns() != i * kHour) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(clock.shift_ns(), kJumps * kHour);
  EXPECT_EQ(clock.jumps(), uint64_t{kJumps});
}

TEST(LiveClock, FollowsTheSystem) {
  LiveClock clock;
  const int64_t first = clock.now_ns();
  clock.refresh();
  EXPECT_GE(clock.now_ns(), first);
  EXPECT_EQ(clock.jumps(), 0U);
}

// The ring holds packets of before and after the moment when the clock is set.
TEST(PacketTimes, GoOnEvenlyAcrossAJump) {
  for (const int64_t jump : {kHour, -kHour}) {
    SetClock clock;
    PacketTimes times(clock);
    clock.pass(kSecond);
    const int64_t before = clock.wall;
    clock.pass(5 * kMs);
    clock.wall += jump;
    const int64_t after = clock.wall;

    times.begin_batch();
    EXPECT_EQ(times.sensor_ns(before), kWallStart + kSecond) << jump;
    EXPECT_EQ(times.sensor_ns(after), kWallStart + kSecond + 5 * kMs) << jump;
    // Set back in the middle of a batch: the next packet is the first to know.
    clock.pass(5 * kMs);
    clock.wall -= jump;
    EXPECT_EQ(times.sensor_ns(clock.wall), kWallStart + kSecond + 10 * kMs) << jump;
    EXPECT_EQ(times.sensor_ns(after), kWallStart + kSecond + 5 * kMs) << jump;
  }
}

TEST(PacketTimes, KeepsTheStampOfAPacketThatWaitedLong) {
  SetClock clock;
  PacketTimes times(clock);
  const int64_t stamp = clock.wall;
  clock.pass(30 * kSecond);
  times.begin_batch();
  EXPECT_EQ(times.sensor_ns(stamp), kWallStart);
}

TEST(PacketTimes, TakesPacketsThatCameWhileABatchWasRead) {
  SetClock clock;
  PacketTimes times(clock);
  times.begin_batch();
  clock.pass(20 * kSecond);
  EXPECT_EQ(times.sensor_ns(clock.wall), kWallStart + 20 * kSecond);
}

TEST(PacketTimes, LetsNothingComeFromTheFuture) {
  SetClock clock;
  PacketTimes times(clock);
  EXPECT_EQ(times.sensor_ns(clock.wall + kHour), kWallStart);
}

}  // namespace
}  // namespace pickletap
