// The detection thread: takes the events of all workers out of their queues, runs the Detector and hands its records to
// the EventWriter. The one place where facts of several workers meet; it sees no packet. Records pass by with their
// times in wall time (live_clock.h), and alerts by the latency histogram.
// Owns the Detector; all else outlives it. What others may know is in snapshot() and listeners(), copies made when
// something has changed; post() runs a task on the thread, between two events.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "sensor/capture/live_clock.h"
#include "sensor/daemon/eventfd_waker.h"
#include "sensor/daemon/latency_histogram.h"
#include "sensor/detect/detector.h"
#include "sensor/event_queue.h"
#include "sensor/output/event_writer.h"

namespace pickletap {

class DetectionThread {
 public:
  static constexpr std::chrono::milliseconds kPublishEvery{20}, kListenersEvery{1000};
  static constexpr std::chrono::seconds kLearnedEvery{10};
  static constexpr int kIdleWaitMs = 20;
  static constexpr size_t kMaxTasks = 64;
  /// Events taken from one queue before the next has its turn.
  static constexpr unsigned kTurnEvents = 256;

  using Counters = std::vector<StatsRecord::Counter>;

  /// `write_stats` is called on the thread, every `config.outputs.stats_interval_s` and at the end.
  DetectionThread(const Config& config, EventWriter& writer, LiveClock& clock, std::function<Counters()> gather);
  ~DetectionThread() { stop(); }

  /// Before start(). Events of the queue wake the thread through waker().
  void add(EventQueue& queue) { queues_.push_back(&queue); }
  Waker& waker() { return waker_; }
  ArmedBoard& armed_board() { return detector_.armed_board(); }
  /// Before start().
  void set_allow_list(std::shared_ptr<const AllowList> list) { detector_.set_allow_list(std::move(list)); }
  /// Before start(): `put` gets what was learned, on the thread, at most every kLearnedEvery and at the end.
  void on_learned(std::function<void(AllowList)> put) { put_learned_ = std::move(put); }

  /// Before start(): `ask` gets each alert that is written and what turns its times into wall time, on the thread, and
  /// returns the name of the evidence's file, or nothing.
  void on_evidence(std::function<std::string(const Alert&, int64_t)> ask) { records_.ask_evidence = std::move(ask); }

  /// Before start(). Lives until stop() is done.
  void set_key_checker(KeyChecker& checker) { detector_.set_key_checker(&checker); }

  /// Throws what `on_thread_start` throws on the new thread.
  void start(const std::function<void()>& on_thread_start);
  /// When nothing is put any more: reads the queues out, lets go of what is parked, writes the last stats, and joins.
  void stop();
  /// False: too many wait.
  bool post(std::function<void(Detector&, EventWriter&)> task);

  DetectorSnapshot snapshot() const;
  std::shared_ptr<const std::vector<ListenerSummary>> listeners() const;
  HistogramSnapshot latency() const { return records_.latency.snapshot(); }
  uint64_t beats() const { return beats_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  /// On the way from the Detector to the outputs: sensor time becomes wall time.
  class WallTimeRecords final : public RecordSink {
   public:
    WallTimeRecords(EventWriter& writer, const LiveClock& clock) : writer_(writer), clock_(clock) {}
    void write(const Record& record) override;
    LatencyHistogram latency;
    std::function<std::string(const Alert&, int64_t)> ask_evidence;  // empty: none is kept
    uint64_t written = 0;

   private:
    EventWriter& writer_;
    const LiveClock& clock_;
  };

  void run();
  bool take_events();
  bool has_events() const;
  void run_tasks();
  void keep_time();
  void write_stats();
  void publish();
  void publish_listeners();
  void publish_learned();

  EventWriter& writer_;
  LiveClock& clock_;
  WallTimeRecords records_;
  Detector detector_;
  std::function<Counters()> gather_;
  std::function<void(AllowList)> put_learned_;
  uint64_t published_changes_ = 0;
  std::chrono::seconds stats_interval_;
  std::vector<EventQueue*> queues_;
  EventfdWaker waker_;
  std::thread thread_;
  std::atomic<bool> stop_{false}, has_tasks_{false};
  std::atomic<uint64_t> beats_{0};
  bool unpublished_ = true;
  uint64_t published_records_ = 0;
  Clock::time_point next_publish_{}, next_listeners_{}, next_stats_{}, next_learned_{};
  mutable std::mutex mutex_;
  DetectorSnapshot snapshot_;
  std::shared_ptr<const std::vector<ListenerSummary>> summaries_;
  std::vector<std::function<void(Detector&, EventWriter&)>> tasks_;
};

}  // namespace pickletap
