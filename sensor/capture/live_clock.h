// One clock for all workers of the daemon that never jumps. Packets carry the wall clock of the kernel, which an
// operator or NTP may set; time-outs, windows and the order of events must not follow it. Sensor time is wall time as
// it was at the start, going on with the monotonic clock; shift_ns() is what has to be added to it to get today's wall
// time, for stamps that people read. Small differences (below kJumpNs) are left in, so that stamps stay exactly those
// of the packets. NTP slewing makes none: it moves both clocks alike.
// PacketTimes turns the stamps of one source's packets into sensor time; packets that waited in the ring while the
// clock was set carry the stamp of the clock before.
// LiveClock: any thread. PacketTimes: one thread. Sources: clock_gettime(2), adjtimex(2), packet(7).
#pragma once

#include <atomic>
#include <cstdint>

namespace pickletap {

class LiveClock {
 public:
  static constexpr int64_t kJumpNs = 200'000'000;

  LiveClock();
  LiveClock(const LiveClock&) = delete;
  LiveClock& operator=(const LiveClock&) = delete;
  virtual ~LiveClock() = default;

  /// Compares the two clocks and takes note of a jump. Cheap; a source calls it before it reads a batch.
  void refresh();
  /// Wall time minus sensor time.
  int64_t shift_ns() const { return shift_ns_.load(std::memory_order_acquire); }
  /// Sensor time now.
  int64_t now_ns() const;
  uint64_t jumps() const { return jumps_.load(std::memory_order_relaxed); }

 protected:
  /// For tests: a clock that starts at `wall_ns` and `monotonic_ns`.
  LiveClock(int64_t wall_ns, int64_t monotonic_ns) : start_offset_ns_(wall_ns - monotonic_ns) {}
  /// For tests: the system's clocks.
  virtual int64_t wall_ns() const;
  virtual int64_t monotonic_ns() const;

 private:
  int64_t start_offset_ns_ = 0;  // wall minus monotonic, at the start
  std::atomic<int64_t> shift_ns_{0};
  std::atomic<uint64_t> jumps_{0};
};

class PacketTimes {
 public:
  explicit PacketTimes(LiveClock& clock) : clock_(clock) { begin_batch(); }

  /// Reads the clocks; before each batch of packets.
  void begin_batch();
  /// The sensor time of a packet that the kernel stamped with `wall_ns`.
  int64_t sensor_ns(int64_t wall_ns) {
    const int64_t time_ns = wall_ns - shift_ns_;
    if (is_plausible(time_ns)) [[likely]]
      return time_ns;
    return settle(wall_ns);
  }

 private:
  /// A packet does not wait in the ring for longer than this, unless its reader is stopped altogether.
  static constexpr int64_t kMaxWaitNs = 2'000'000'000;

  bool is_plausible(int64_t time_ns) const {
    return time_ns <= now_ns_ + LiveClock::kJumpNs && time_ns >= now_ns_ - kMaxWaitNs;
  }
  int64_t settle(int64_t wall_ns);

  LiveClock& clock_;
  int64_t now_ns_ = 0;
  int64_t shift_ns_ = 0;
  int64_t former_shift_ns_ = 0;  // of before the last jump
};

}  // namespace pickletap
