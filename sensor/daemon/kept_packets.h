// A worker's PacketKeeper, and the window in it for another thread: that one asks for a flow, the worker answers between
// two batches of packets with a copy, at most PacketKeeper::kMaxFirst and kMaxLast bytes. So nothing is locked on the way
// of a packet; a worker that nobody asks looks at one flag a batch.
// on_flow_packet(), answer() and close(): the worker's thread. ask() and take(): one other. After close() the worker is
// done and answers are looked up on the asker's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "sensor/packet_keeper.h"
#include "sensor/worker.h"

namespace pickletap {

class KeptPackets final : public FlowPackets {
 public:
  using Clock = std::chrono::steady_clock;

  explicit KeptPackets(uint64_t max_bytes) : keeper_(max_bytes) {}
  /// Before the worker runs: rouses it when it sleeps. It outlives whoever asks.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  void on_flow_packet(const Flow& flow, const Packet& packet) override {
    keeper_.keep(flow, packet);
    keeper_.trim();
  }
  void answer() {
    if (asked_.load(std::memory_order_relaxed)) [[unlikely]]
      answer_now();
  }
  bool is_asked() const { return asked_.load(std::memory_order_relaxed); }
  /// The last call of the worker's thread: no packet comes any more.
  void close();
  uint64_t bytes() const { return keeper_.bytes(); }
  uint64_t packets_let_go() const { return keeper_.packets_let_go(); }

  /// Packets of a flow behind number `after`. What was asked before and not taken is forgotten.
  void ask(uint64_t flow_id, uint64_t after);
  /// The answer, if it comes until `deadline`.
  std::optional<KeptFlow> take(Clock::time_point deadline);

 private:
  void answer_now();

  PacketKeeper keeper_;
  std::function<void()> wake_ = [] {};
  std::atomic<bool> asked_{false};
  std::mutex mutex_;  // of all below, and of keeper_ once closed_
  std::condition_variable answered_;
  bool closed_ = false;
  uint64_t flow_id_ = 0, after_ = 0;
  std::optional<KeptFlow> answer_;
};

}  // namespace pickletap
