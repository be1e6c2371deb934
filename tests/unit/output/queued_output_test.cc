#include "sensor/output/queued_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

using testing::HasSubstr;
using waiting::eventually;
using waiting::lines_of;
using waiting::number_of;
using waiting::numbered_line;

/// The other end of a ScriptedTransport: what a test sees of it and tells it. Outlives the output.
struct Place {
  std::mutex mutex;
  std::condition_variable change;
  std::vector<std::string> got;
  std::vector<size_t> batches;  ///< lines in each send()
  size_t opens = 0, sends = 0, reopens = 0, closes = 0;
  size_t take_at_most = SIZE_MAX;
  bool refuses_to_open = false;
  bool hangs = false;    ///< send() does not return, whatever its deadline
  bool is_hung = false;  ///< it is in there now
  bool loses_every_third = false;
  bool takes_after_reopen = false;
  bool is_gone = false;  ///< the transport was destroyed

  template <typename Function>
  auto with(Function function) {
    const std::lock_guard lock(mutex);
    return function(*this);
  }
  void tell(const std::function<void(Place&)>& change_it) {
    with(change_it);
    change.notify_all();
  }
  size_t got_count() {
    return with([](Place& p) { return p.got.size(); });
  }
};

class ScriptedTransport final : public Transport {
 public:
  explicit ScriptedTransport(std::shared_ptr<Place> place) : place_(std::move(place)) {}
  ~ScriptedTransport() override {
    place_->with([](Place& p) { return p.is_gone = true; });
  }
  ScriptedTransport(const ScriptedTransport&) = delete;
  ScriptedTransport& operator=(const ScriptedTransport&) = delete;

  std::string_view name() const override { return "file"; }
  std::string describe() const override { return "the place"; }
  bool open(Clock::time_point) override {
    return place_->with([](Place& p) {
      ++p.opens;
      return !p.refuses_to_open;
    });
  }
  SendResult send(std::span<const std::string> lines, Clock::time_point) override {
    std::unique_lock lock(place_->mutex);
    ++place_->sends;
    place_->batches.push_back(lines.size());
    place_->is_hung = place_->hangs;
    place_->change.wait(lock, [this] { return !place_->hangs; });
    place_->is_hung = false;
    SendResult result;
    for (const std::string& line : lines) {
      if (result.taken == place_->take_at_most) break;
      ++result.taken;
      if (place_->loses_every_third && number_of(line) % 3 == 0) {
        ++result.dropped;
      } else {
        place_->got.push_back(line);
      }
    }
    return result;
  }
  const std::string& error() const override { return error_; }
  void reopen() override {
    place_->with([](Place& p) {
      ++p.reopens;
      if (p.takes_after_reopen) p.take_at_most = SIZE_MAX;
      return 0;
    });
  }
  void close() override {
    place_->with([](Place& p) { return ++p.closes; });
  }

 private:
  std::shared_ptr<Place> place_;
  std::string error_ = "no room";
};

class QueuedOutputTest : public waiting::OutputTest {
 protected:
  std::unique_ptr<QueuedOutput> make(const QueueLimits& limits = {}) {
    return std::make_unique<QueuedOutput>(std::make_unique<ScriptedTransport>(place_), limits);
  }
  void expect_in_order(size_t first, size_t count) {
    const std::lock_guard lock(place_->mutex);
    ASSERT_EQ(place_->got.size(), count);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(number_of(place_->got[i]), first + i);
  }
  static void expect_counts(const Output& output, uint64_t events, uint64_t dropped) {
    EXPECT_EQ(output.counters().events, events);
    EXPECT_EQ(output.counters().dropped, dropped);
  }
  size_t said(const std::string& text) const {
    const auto lines = lines_of(log_.str());
    return static_cast<size_t>(std::count_if(
        lines.begin(), lines.end(), [&](const std::string& line) { return line.find(text) != std::string::npos; }));
  }

  std::shared_ptr<Place> place_ = std::make_shared<Place>();
};

TEST_F(QueuedOutputTest, DeliversInOrderAndInBoundedBatches) {
  auto output = make();
  for (size_t i = 0; i < 5000; ++i) EXPECT_TRUE(output->write(numbered_line(i)));  // before the thread is there
  EXPECT_EQ(output->state().queued_events, 5000U);
  output->start({});
  for (size_t i = 5000; i < 10000; ++i) EXPECT_TRUE(output->write(numbered_line(i)));
  output->finish();
  expect_in_order(0, 10000);
  expect_counts(*output, 10000, 0);
  EXPECT_FALSE(output->failed());
  EXPECT_EQ(place_->closes, 1U);
  for (const size_t lines : place_->batches) EXPECT_LE(lines, QueuedOutput::kMaxBatchLines);
  EXPECT_EQ(output->state().queued_bytes, 0U);
  EXPECT_EQ(log_.str(), "");
}

TEST_F(QueuedOutputTest, BatchesAreBoundedByBytesToo) {
  auto output = make();
  for (size_t i = 0; i < 40; ++i) output->write(numbered_line(i, 60'000));
  output->start({});
  output->finish();
  expect_in_order(0, 40);
  for (const size_t lines : place_->batches) EXPECT_LE(lines * 60'000, QueuedOutput::kMaxBatchBytes);
}

TEST_F(QueuedOutputTest, KnowsBeforeTheFirstEventWhetherThePlaceIsThere) {
  place_->refuses_to_open = true;
  auto output = make();
  output->start({});
  ASSERT_TRUE(eventually([&] { return !output->state().up; }));
  EXPECT_EQ(output->state().trouble, "no room");
  place_->tell([](Place& p) { p.refuses_to_open = false; });
  EXPECT_TRUE(eventually([&] { return output->state().up; }));
  EXPECT_EQ(place_->with([](Place& p) { return p.sends; }), 0U);
  place_->tell([](Place& p) { p.refuses_to_open = true; });
  output->reopen();  // log rotation took the folder away
  EXPECT_TRUE(eventually([&] { return !output->state().up; }));
  output->finish();
  EXPECT_TRUE(output->failed());
  EXPECT_EQ(said("error the place: no room; events wait"), 1U) << log_.str();
}

TEST_F(QueuedOutputTest, WaitsForEnoughBytesOrForTheInterval) {
  auto by_bytes = make({1 << 20, 4000, std::chrono::hours(1)});
  by_bytes->start({});
  // What is there before the place was opened goes out at once.
  ASSERT_TRUE(eventually([&] { return place_->with([](Place& p) { return p.opens; }) == 1; }));
  by_bytes->write(numbered_line(0));
  by_bytes->write(numbered_line(1));
  by_bytes->write(numbered_line(2, 4000));
  ASSERT_TRUE(eventually([&] { return place_->got_count() == 3; }));
  EXPECT_EQ(place_->with([](Place& p) { return p.batches; }), std::vector<size_t>{3});
  auto by_time = make({1 << 20, 1 << 20, std::chrono::milliseconds(1)});
  by_time->start({});
  by_time->write(numbered_line(3));
  EXPECT_TRUE(eventually([&] { return place_->got_count() == 4; }));
}

TEST_F(QueuedOutputTest, DropsTheNewestWhenFullAndSaysWhatWasLost) {
  place_->take_at_most = 0;
  const uint64_t charge = numbered_line(10).size() + QueuedOutput::kLineOverheadBytes;
  auto output = make({10 * charge, 1, std::chrono::milliseconds(1)});
  output->start({});
  for (size_t i = 10; i < 20; ++i) EXPECT_TRUE(output->write(numbered_line(i)));
  ASSERT_TRUE(eventually([&] { return !output->state().up; }));
  for (size_t i = 20; i < 25; ++i) EXPECT_FALSE(output->write(numbered_line(i)));
  const OutputState state = output->state();
  EXPECT_EQ(state.trouble, "no room");
  EXPECT_EQ(state.queued_events, 10U);
  EXPECT_EQ(state.queued_bytes, 10 * charge);
  expect_counts(*output, 0, 5);
  EXPECT_TRUE(output->failed());
  place_->tell([](Place& p) { p.take_at_most = SIZE_MAX; });
  ASSERT_TRUE(eventually([&] { return output->counters().events == 10; }));
  EXPECT_TRUE(output->state().up);
  EXPECT_TRUE(output->write(numbered_line(20)));
  output->finish();
  expect_in_order(10, 11);
  expect_counts(*output, 11, 5);
  EXPECT_TRUE(output->failed()) << "events were lost for good";
  EXPECT_EQ(said("error the place: no room; events wait"), 1U) << log_.str();
  EXPECT_EQ(said("warning the place: takes events again; 5 were dropped meanwhile"), 1U) << log_.str();
}

TEST_F(QueuedOutputTest, GoesOnWithWhatWasNotTakenWithoutLossOrRepetition) {
  place_->take_at_most = 7;
  auto output = make();
  for (size_t i = 0; i < 50; ++i) output->write(numbered_line(i));
  output->start({});
  ASSERT_TRUE(eventually([&] { return place_->got_count() >= 14; }));
  place_->tell([](Place& p) { p.take_at_most = SIZE_MAX; });
  output->finish();
  expect_in_order(0, 50);
  expect_counts(*output, 50, 0);
}

TEST_F(QueuedOutputTest, CountsWhatATransportGaveUpOn) {
  place_->loses_every_third = true;
  auto output = make();
  output->start({});
  for (size_t i = 0; i < 30; ++i) output->write(numbered_line(i));
  output->finish();
  expect_counts(*output, 20, 10);
  EXPECT_EQ(place_->got.size(), 20U);
  EXPECT_GE(said("events were dropped"), 1U) << log_.str();
}

TEST_F(QueuedOutputTest, EveryEventIsInExactlyOnePlace) {
  const uint64_t limit = 200 * (numbered_line(0).size() + QueuedOutput::kLineOverheadBytes);
  auto output = make({limit, 1000, std::chrono::milliseconds(1)});
  output->start({});
  std::minstd_rand random(7);
  constexpr size_t kWritten = 20'000;
  for (size_t i = 0; i < kWritten; ++i) {
    output->write(numbered_line(i));
    if (i % 100 == 0) place_->tell([&](Place& p) { p.take_at_most = random() % 3 == 0 ? 0 : random() % 200; });
    if (i % 1000 == 0) {
      EXPECT_LE(output->state().queued_bytes, limit);
    }
  }
  place_->tell([](Place& p) { p.take_at_most = 0; });
  // A refusal in which nothing was taken: from then on nothing moves.
  const size_t sends = place_->with([](Place& p) { return p.sends; });
  output->reopen();
  ASSERT_TRUE(eventually([&] { return place_->with([&](Place& p) { return p.sends > sends + 1; }); }));
  const auto& counters = output->counters();
  EXPECT_EQ(counters.events + counters.dropped + output->state().queued_events, kWritten);
  EXPECT_EQ(counters.events, place_->got_count());
  output->finish();
  EXPECT_EQ(counters.events + counters.dropped, kWritten);
  size_t last = 0;
  for (const std::string& line : place_->got) {
    if (&line != &place_->got.front()) {
      EXPECT_GT(number_of(line), last);
    }
    last = number_of(line);
  }
}

TEST_F(QueuedOutputTest, WritingNeverWaitsForAPlaceThatHangs) {
  place_->hangs = true;
  auto output = make();
  output->start({});
  output->write(numbered_line(0));
  ASSERT_TRUE(eventually([&] { return place_->with([](Place& p) { return p.is_hung; }); }));
  for (size_t i = 1; i < 20'000; ++i) output->write(numbered_line(i));
  EXPECT_TRUE(place_->with([](Place& p) { return p.is_hung; })) << "all were written while the place hung";
  EXPECT_EQ(place_->with([](Place& p) { return p.sends; }), 1U);
  EXPECT_EQ(output->state().queued_events, 20'000U);
  place_->tell([](Place& p) { p.hangs = false; });
  output->finish();
  expect_in_order(0, 20'000);
}

TEST_F(QueuedOutputTest, FinishLeavesAHangingTransportBehind) {
  place_->hangs = true;
  auto output = make();
  output->start({});
  output->write(numbered_line(0));
  ASSERT_TRUE(eventually([&] { return place_->with([](Place& p) { return p.is_hung; }); }));
  for (size_t i = 1; i < 100; ++i) output->write(numbered_line(i));
  output->finish();
  EXPECT_TRUE(place_->with([](Place& p) { return p.is_hung; }));
  expect_counts(*output, 0, 100);
  EXPECT_EQ(said("100 events were not written"), 1U) << log_.str();
  output.reset();
  // What it says later reaches no counter and no log, and nothing of it is left.
  const std::string log = log_.str();
  place_->tell([](Place& p) { p.hangs = false; });
  EXPECT_TRUE(eventually([&] { return place_->with([](Place& p) { return p.is_gone; }); }));
  EXPECT_EQ(log_.str(), log);
}

TEST_F(QueuedOutputTest, FinishTriesOnceMoreWhatWaitsAndCountsTheRest) {
  place_->take_at_most = 0;
  auto output = make();
  output->start({});
  for (size_t i = 0; i < 5; ++i) output->write(numbered_line(i));
  ASSERT_TRUE(eventually([&] { return !output->state().up; }));
  place_->tell([](Place& p) { p.take_at_most = 2; });  // and two with each try from now on
  output->finish();
  expect_in_order(0, 5);
  EXPECT_FALSE(output->write(numbered_line(5)));
  expect_counts(*output, 5, 1);
  EXPECT_EQ(place_->closes, 1U);
}

TEST_F(QueuedOutputTest, CountsAsDroppedWhatTheEndFindsWaiting) {
  place_->take_at_most = 0;
  auto output = make();
  output->start({});
  for (size_t i = 0; i < 5; ++i) output->write(numbered_line(i));
  output->finish();
  expect_counts(*output, 0, 5);
  EXPECT_EQ(said("5 events were not written: no room"), 1U) << log_.str();
  EXPECT_EQ(output->state().queued_events, 0U);
}

TEST_F(QueuedOutputTest, ReopensOnItsThreadAndTriesAtOnce) {
  place_->take_at_most = 0;
  place_->takes_after_reopen = true;
  auto output = make();
  output->start({});
  output->write(numbered_line(0));
  ASSERT_TRUE(eventually([&] { return place_->with([](Place& p) { return p.sends >= 3; }); }));
  output->reopen();
  ASSERT_TRUE(eventually([&] { return output->counters().events == 1; }));
  EXPECT_EQ(place_->with([](Place& p) { return p.reopens; }), 1U);
  output->reopen();  // while there is nothing to do
  EXPECT_TRUE(eventually([&] { return place_->with([](Place& p) { return p.reopens == 2; }); }));
}

TEST_F(QueuedOutputTest, StartRunsTheHookOnTheNewThreadAndHandsOnItsTrouble) {
  auto output = make();
  std::thread::id hook_thread;
  output->start([&] { hook_thread = std::this_thread::get_id(); });
  EXPECT_NE(hook_thread, std::thread::id());
  EXPECT_NE(hook_thread, std::this_thread::get_id());
  auto refused = make();
  refused->write(numbered_line(0));
  EXPECT_THROW(refused->start([] { throw std::runtime_error("no sandbox"); }), std::runtime_error);
  refused->finish();
  expect_counts(*refused, 0, 1);
}

TEST_F(QueuedOutputTest, OneNeverStartedLosesWhatItWasGivenAndSaysSo) {
  auto output = make();
  output->write(numbered_line(0));
  output->finish();
  output->finish();
  expect_counts(*output, 0, 1);
  EXPECT_THAT(log_.str(), HasSubstr("the place: 1 events were not written"));
}

TEST_F(QueuedOutputTest, ALineThatCanNeverFitIsDropped) {
  auto output = make({100, 1, std::chrono::milliseconds(1)});
  EXPECT_FALSE(output->write(std::string(200, 'x') + "\n"));
  expect_counts(*output, 0, 1);
}

}  // namespace
}  // namespace pickletap
