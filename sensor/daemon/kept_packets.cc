#include "sensor/daemon/kept_packets.h"

#include <utility>

namespace pickletap {

void KeptPackets::answer_now() {
  const std::lock_guard lock(mutex_);
  if (!asked_.exchange(false)) return;
  answer_ = keeper_.flow(flow_id_, after_);
  answered_.notify_one();
}

void KeptPackets::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (asked_.exchange(false)) answer_ = keeper_.flow(flow_id_, after_);
  answered_.notify_one();
}

void KeptPackets::ask(uint64_t flow_id, uint64_t after) {
  {
    const std::lock_guard lock(mutex_);
    flow_id_ = flow_id;
    after_ = after;
    answer_.reset();
    if (closed_) {
      answer_ = keeper_.flow(flow_id, after);
      return;
    }
    asked_.store(true);
  }
  wake_();
}

std::optional<KeptFlow> KeptPackets::take(Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  answered_.wait_until(lock, deadline, [this] { return answer_.has_value(); });
  return std::exchange(answer_, std::nullopt);
}

}  // namespace pickletap
