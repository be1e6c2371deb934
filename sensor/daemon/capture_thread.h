// One worker of the daemon: a thread that reads one LiveSource, runs the packets through a Worker and puts what comes
// of it into its EventQueue. It never waits for anything but packets. What others may know of it is in snapshot(), a
// copy made about every kPublishEvery; beats() shows that it is alive.
// Start-up order: construct (the source is open), start(), later stop() and join().
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "config/config.h"
#include "sensor/capture/live_clock.h"
#include "sensor/capture/live_source.h"
#include "sensor/daemon/eventfd_waker.h"
#include "sensor/daemon/kept_packets.h"
#include "sensor/event_queue.h"
#include "sensor/worker.h"

namespace pickletap {

struct CaptureSnapshot {
  CaptureCounters capture;
  UnwrapCounters unwrapped;
  FlowTableCounters flows;
  DissectorCounters dissectors;
  LiveDrops drops;
  uint64_t retries = 0;
  bool up = false;
  std::string trouble;
  int64_t last_packet_time_ns = 0;                   ///< sensor time; 0: none yet
  uint64_t evidence_bytes = 0, evidence_let_go = 0;  ///< KeptPackets
  int64_t lag_ns = 0;                                ///< between the latest packet and the end of the batch it came in
};

class CaptureThread {
 public:
  static constexpr std::chrono::milliseconds kPublishEvery{20}, kMaintainEvery{100}, kTickEvery{50};
  static constexpr int kIdleWaitMs = 20;
  static constexpr unsigned kBatchPackets = 512;
  /// The kernel hands over a block of packets when its time is up: nothing older than this is still in the ring.
  static constexpr int64_t kRingDelayNs = 50'000'000;
  /// For what is in the ring when the daemon ends.
  static constexpr std::chrono::milliseconds kDrainPatience{2000};

  /// `source_index`: of the interface. What `config` limits is divided among `workers`. `policy`, `board`,
  /// `queue` and `clock` outlive the thread.
  CaptureThread(const Config& config, std::unique_ptr<LiveSource> source, uint16_t source_index, unsigned workers,
                const Policy& policy, ArmedBoard& board, EventQueue& queue, LiveClock& clock);

  ~CaptureThread() {
    stop();
    join();
  }

  /// Before start(): keeps the packets of dissected flows there, which outlives the thread.
  void keep_packets(KeptPackets& kept);
  /// Throws what `on_thread_start` throws on the new thread.
  void start(const std::function<void()>& on_thread_start);
  /// Any thread: for pickles that begin from now on. Both policies outlive the thread.
  void set_policy(const Policy& policy) { next_policy_.store(&policy, std::memory_order_release); }
  void stop();
  /// After stop(): the ring is read out, all flows have ended and their events are in the queue.
  void join();
  bool finished() const { return finished_.load(std::memory_order_acquire); }

  CaptureSnapshot snapshot() const;
  const std::string& interface() const { return source_->name(); }
  uint16_t source_index() const { return source_index_; }
  uint64_t beats() const { return beats_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  ReadState read_batch();
  void keep_time(ReadState state);
  void publish();

  std::unique_ptr<LiveSource> source_;
  uint16_t source_index_;
  EventQueue& queue_;
  LiveClock& clock_;
  Worker worker_;
  KeptPackets* kept_ = nullptr;  // no evidence is wanted
  EventfdWaker waker_;
  std::thread thread_;
  std::atomic<bool> stop_{false}, finished_{false};
  std::atomic<uint64_t> beats_{0};
  std::atomic<const Policy*> next_policy_{nullptr};
  Clock::time_point next_publish_{}, next_maintain_{}, next_tick_{};
  LiveDrops drops_;
  int64_t lag_ns_ = 0;
  int64_t lag_packet_ns_ = 0;
  mutable std::mutex mutex_;
  CaptureSnapshot snapshot_;
};

}  // namespace pickletap
