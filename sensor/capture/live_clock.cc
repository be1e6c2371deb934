#include "sensor/capture/live_clock.h"

#include <time.h>

#include <algorithm>
#include <cstdlib>

namespace pickletap {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
/// Two clocks cannot be read at one moment. A pair with more than this between is read again, for a thread that lost
/// its processor there would take the pause for a jump.
constexpr int64_t kMaxPairNs = LiveClock::kJumpNs / 4;
constexpr int kPairAttempts = 3;

int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec;
}

}  // namespace

LiveClock::LiveClock() : LiveClock(read_clock(CLOCK_REALTIME), read_clock(CLOCK_MONOTONIC)) {}

int64_t LiveClock::wall_ns() const { return read_clock(CLOCK_REALTIME); }
int64_t LiveClock::monotonic_ns() const { return read_clock(CLOCK_MONOTONIC); }
int64_t LiveClock::now_ns() const { return monotonic_ns() + start_offset_ns_; }

void LiveClock::refresh() {
  for (int attempt = 0; attempt < kPairAttempts; ++attempt) {
    // Before the clocks: a shift that another thread has found since then would be undone by older readings.
    int64_t shift_ns = shift_ns_.load(std::memory_order_acquire);
    const int64_t before_ns = monotonic_ns();
    const int64_t wall = wall_ns();
    if (monotonic_ns() - before_ns > kMaxPairNs) continue;
    const int64_t found_ns = wall - before_ns - start_offset_ns_;
    if (std::abs(found_ns - shift_ns) <= kJumpNs) return;
    // Who loses has nothing to do: the winner saw the same jump, and the next call sees what is left of it.
    if (shift_ns_.compare_exchange_strong(shift_ns, found_ns, std::memory_order_acq_rel)) {
      jumps_.fetch_add(1, std::memory_order_relaxed);
    }
    return;
  }
}

void PacketTimes::begin_batch() {
  clock_.refresh();
  now_ns_ = clock_.now_ns();
  const int64_t shift_ns = clock_.shift_ns();
  if (shift_ns == shift_ns_) return;
  former_shift_ns_ = shift_ns_;
  shift_ns_ = shift_ns;
}

/// The packet was stamped by the clock of before a jump, or of after one that nobody has noticed yet, or it is simply
/// older than packets get: what comes nearest to the present is taken, and nothing comes from the future.
int64_t PacketTimes::settle(int64_t wall_ns) {
  begin_batch();
  const int64_t time_ns = wall_ns - shift_ns_;
  if (is_plausible(time_ns)) return time_ns;
  const int64_t former_ns = wall_ns - former_shift_ns_;
  const bool former_is_nearer = std::abs(former_ns - now_ns_) < std::abs(time_ns - now_ns_);
  return std::min(former_is_nearer ? former_ns : time_ns, now_ns_);
}

}  // namespace pickletap
