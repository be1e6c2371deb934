#include "sensor/daemon/capture_thread.h"

#include <algorithm>
#include <utility>

#include "sensor/daemon/started_thread.h"

namespace pickletap {

CaptureThread::CaptureThread(const Config& config, std::unique_ptr<LiveSource> source, uint16_t source_index,
                             unsigned workers, const Policy& policy, ArmedBoard& board, EventQueue& queue,
                             LiveClock& clock)
    : source_(std::move(source)),
      source_index_(source_index),
      queue_(queue),
      clock_(clock),
      worker_(config, policy, queue, wanted_types(config).python_mp, workers, &board) {
  worker_.set_source_index(source_index);
  publish();
}

void CaptureThread::keep_packets(KeptPackets& kept) {
  kept_ = &kept;
  kept.set_wake([this] { waker_.wake(); });
  worker_.set_flow_packets(&kept);
}

void CaptureThread::start(const std::function<void()>& on_thread_start) {
  thread_ = started_thread(on_thread_start, [this] { run(); });
}

void CaptureThread::stop() {
  stop_.store(true, std::memory_order_release);
  waker_.wake();
}

void CaptureThread::join() {
  if (thread_.joinable()) thread_.join();
}

void CaptureThread::run() {
  ReadState state = ReadState::kIdle;
  while (!stop_.load(std::memory_order_acquire)) {
    if (state == ReadState::kIdle) {
      waker_.sleep(
          kIdleWaitMs,
          [this] { return stop_.load(std::memory_order_relaxed) || (kept_ != nullptr && kept_->is_asked()); },
          source_->fd());
    }
    if (kept_ != nullptr) kept_->answer();
    if (const Policy* policy = next_policy_.exchange(nullptr)) worker_.set_policy(*policy);
    worker_.look();
    state = read_batch();
    keep_time(state);
    beats_.fetch_add(1, std::memory_order_relaxed);
  }
  const auto patience_ends = Clock::now() + kDrainPatience;
  while (read_batch() == ReadState::kMore && Clock::now() < patience_ends) {
    if (kept_ != nullptr) kept_->answer();
  }
  // No packet comes any more; the ends of flows may wait for room in the queue, and nobody shall wait for them.
  if (kept_ != nullptr) kept_->close();
  drops_ = source_->drops();
  publish();
  queue_.be_patient();
  worker_.finish();
  finished_.store(true, std::memory_order_release);
}

ReadState CaptureThread::read_batch() {
  const ReadState state = source_->dispatch(worker_, kBatchPackets);
  const int64_t latest_ns = worker_.last_packet_time_ns();
  if (latest_ns != lag_packet_ns_) {
    lag_packet_ns_ = latest_ns;
    lag_ns_ = std::max<int64_t>(clock_.now_ns() - latest_ns, 0);
  }
  return state;
}

/// What goes by the clock and not by packets.
void CaptureThread::keep_time(ReadState state) {
  const auto now = Clock::now();
  if (now >= next_tick_) {
    next_tick_ = now + kTickEvery;
    // All that was captured before this has been read, when the ring is empty now.
    const int64_t quiet_until_ns = clock_.now_ns() - kRingDelayNs;
    if (state == ReadState::kIdle) {
      worker_.advance(quiet_until_ns);
      queue_.tick(quiet_until_ns);
    } else if (worker_.last_packet_time_ns() != 0) {
      queue_.tick(worker_.last_packet_time_ns() - kRingDelayNs);
    }
  }
  if (now >= next_maintain_) {
    next_maintain_ = now + kMaintainEvery;
    source_->maintain();
    drops_ = source_->drops();
  }
  if (now >= next_publish_) {
    next_publish_ = now + kPublishEvery;
    publish();
  }
}

void CaptureThread::publish() {
  CaptureSnapshot now;
  now.capture = source_->counters();
  now.unwrapped = worker_.unwrap_counters();
  now.flows = worker_.flow_counters();
  now.dissectors = worker_.dissector_counters();
  now.drops = drops_;
  now.retries = source_->retries();
  now.up = source_->up();
  now.trouble = source_->trouble();
  now.last_packet_time_ns = worker_.last_packet_time_ns();
  now.lag_ns = lag_ns_;
  if (kept_ != nullptr) {
    now.evidence_bytes = kept_->bytes();
    now.evidence_let_go = kept_->packets_let_go();
  }
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(now);
}

CaptureSnapshot CaptureThread::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

}  // namespace pickletap
