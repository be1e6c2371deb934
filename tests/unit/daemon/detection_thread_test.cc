// The detection thread between queues that a test fills and an output that a test reads.
#include "sensor/daemon/detection_thread.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace pickletap {
namespace {

using namespace std::chrono_literals;

/// Keeps lines; what a test waits for may come from another thread.
class Lines final : public Output {
 public:
  struct Kept {
    std::mutex mutex;
    std::vector<std::string> lines;
    size_t count(const std::string& words) {
      const std::lock_guard lock(mutex);
      size_t n = 0;
      for (const std::string& line : lines) n += line.find(words) != std::string::npos ? 1 : 0;
      return n;
    }
  };
  explicit Lines(Kept& kept) : kept_(kept) {}
  std::string_view name() const override { return "file"; }
  bool write(std::string_view line) override {
    const std::lock_guard lock(kept_.mutex);
    kept_.lines.emplace_back(line);
    ++counters_.events;
    return true;
  }
  void flush() override {}
  bool failed() const override { return false; }

 private:
  Kept& kept_;
};

template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

class ShiftedClock final : public LiveClock {
 public:
  void jump(int64_t ns) {
    jump_ns_ = ns;
    refresh();
  }

 protected:
  int64_t wall_ns() const override { return LiveClock::wall_ns() + jump_ns_; }

 private:
  std::atomic<int64_t> jump_ns_{0};
};

class DetectionThreadTest : public testing::Test {
 protected:
  DetectionThreadTest() {
    writer_.add(std::make_unique<Lines>(kept_), EventTypes{true, true, true, true, true, true});
    config_.outputs.stats_interval_s = 0;
    config_.networks.trusted.emplace_back("0.0.0.0");  // nobody's address here
    config_.alerts.collapse_window_s = 0;              // alerts alike are counted here
  }

  std::unique_ptr<DetectionThread> make() {
    return std::make_unique<DetectionThread>(config_, writer_, clock_, [] { return DetectionThread::Counters{}; });
  }

  /// A message too long, from a client whose server has not spoken.
  Event oversized(uint64_t flow_id) const {
    Event event;
    event.time_ns = clock_.now_ns();
    event.flow.flow_id = flow_id;
    event.flow.initiator.port = 40000;
    event.flow.responder.port = 50000;
    Observation observation;
    observation.auth = AuthState::kNone;
    observation.fact = FrameOversized{};
    event.what = std::move(observation);
    return event;
  }

  Config config_;
  ShiftedClock clock_;
  Lines::Kept kept_;
  EventWriter writer_{EveContext{"test", {"eth0"}, true}};
};

TEST_F(DetectionThreadTest, TurnsEventsOfAllQueuesIntoAlertsAndShowsThemInTheSnapshot) {
  const auto thread = make();
  EventQueue first(1 << 20, thread->waker()), second(1 << 20, thread->waker());
  thread->add(first);
  thread->add(second);
  thread->start([] {});
  for (uint64_t i = 0; i < 100; ++i) (i % 2 == 0 ? first : second).put(oversized(i));
  EXPECT_TRUE(eventually([&] { return kept_.count("frame.oversized") == 100; }));
  EXPECT_TRUE(eventually([&] {
    uint64_t alerts = 0;
    for (const uint64_t count : thread->snapshot().counters.alerts) alerts += count;
    return alerts == 100;
  }));
  uint64_t observed = 0;
  for (const uint64_t count : thread->latency().counts) observed += count;
  EXPECT_EQ(observed, 100U);
  thread->stop();
}

TEST_F(DetectionThreadTest, WritesWhatIsQueuedBeforeItEndsAndStatsLast) {
  const auto thread = make();
  EventQueue queue(1 << 20, thread->waker());
  thread->add(queue);
  for (uint64_t i = 0; i < 1000; ++i) queue.put(oversized(i));
  thread->start([] {});
  thread->stop();
  EXPECT_EQ(kept_.count("frame.oversized"), 1000U);
  EXPECT_NE(kept_.lines.back().find("\"event_type\":\"stats\""), std::string::npos);
}

TEST_F(DetectionThreadTest, SaysWallTimeWhenTheClockWasSet) {
  const auto thread = make();
  EventQueue queue(1 << 20, thread->waker());
  thread->add(queue);
  thread->start([] {});
  clock_.jump(int64_t{365} * 86400 * 1'000'000'000);
  queue.put(oversized(1));
  ASSERT_TRUE(eventually([&] { return kept_.count("frame.oversized") == 1; }));
  thread->stop();
  const auto year_from_now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + 365 * 24h);
  char year[8];
  std::strftime(year, sizeof year, "%Y-", std::gmtime(&year_from_now));
  EXPECT_EQ(kept_.count(std::string("\"timestamp\":\"") + year), 2U) << "the alert and the last stats";
}

TEST_F(DetectionThreadTest, RunsTasksBetweenEvents) {
  const auto thread = make();
  EventQueue queue(1 << 20, thread->waker());
  thread->add(queue);
  thread->start([] {});
  Config off = config_;
  off.rules["frame.oversized"].enabled = false;
  std::atomic<bool> done{false};
  ASSERT_TRUE(thread->post([off, &done](Detector& detector, EventWriter&) {
    detector.configure(off);
    done = true;
  }));
  ASSERT_TRUE(eventually([&] { return done.load(); }));
  queue.put(oversized(1));
  EXPECT_TRUE(eventually([&] {
    uint64_t suppressed = 0;
    for (const uint64_t count : thread->snapshot().counters.suppressed) suppressed += count;
    return suppressed == 1;
  }));
  EXPECT_EQ(kept_.count("frame.oversized"), 0U);
  thread->stop();  // queues outlive it
}

TEST_F(DetectionThreadTest, TakesNoMoreTasksThanItsBound) {
  const auto thread = make();
  const auto nothing = [](Detector&, EventWriter&) {};
  for (size_t i = 0; i < DetectionThread::kMaxTasks; ++i) EXPECT_TRUE(thread->post(nothing));
  EXPECT_FALSE(thread->post(nothing));
}

}  // namespace
}  // namespace pickletap
