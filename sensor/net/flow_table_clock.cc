// FlowTable's time and room: moving the clock, timing flows out, making room for new ones.
#include <algorithm>
#include <utility>

#include "sensor/net/flow_table.h"

namespace pickletap {
namespace {

constexpr int64_t floor_seconds(int64_t time_ns) {
  constexpr int64_t kNs = 1'000'000'000;
  return time_ns / kNs - (time_ns % kNs < 0 ? 1 : 0);
}

}  // namespace

void FlowTable::move_clock(int64_t time_ns, uint64_t packet_number) {
  const int64_t now_s = floor_seconds(time_ns);
  if (clock_runs_ && now_s == clock_s_ - 1) return;  // packets change places around the turn of a second
  const bool forward = clock_runs_ && now_s > clock_s_;
  const int64_t from_s = std::exchange(clock_s_, now_s);
  clock_runs_ = true;
  second_start_ns_ = now_s * static_cast<int64_t>(kNsPerSecond);
  if (forward) {
    now_ns_ = time_ns;
    now_number_ = packet_number;
    sweep(from_s, now_s);
    sink_.tick(second_start_ns_);
  }
}

void FlowTable::sweep(int64_t from_s, int64_t to_s) {
  for (const auto& wheel : wheels_) {
    TimerWheel::Due due;
    for (int64_t done_s = from_s; (due = wheel->detach_next(done_s, to_s)).chain != kNoFlow; done_s = due.second) {
      for (uint32_t index = due.chain; index != kNoFlow;) {
        const uint32_t following = slab_[index].next;
        Flow& flow = slab_[index];
        hang(index);
        if (due_s(flow) <= to_s) {
          if (flow.state != FlowState::kClosed) ++counters_.timed_out_flows;
          end(flow, EndReason::kTimeout);
          remove(index);
        }
        index = following;
      }
    }
  }
}

/// The second in which the flow times out, if it stays silent.
int64_t FlowTable::due_s(const Flow& flow) const {
  uint32_t timeout_s = config_.handshake_timeout_s;
  if (flow.has(FlowFlag::kReset)) return floor_seconds(flow.last_ns) + 1 + config_.closed_timeout_s;
  switch (flow.state) {
    case FlowState::kOpening:
      // Established, when the initiator spoke again after the answer.
      if (flow.has(FlowFlag::kSynAck) && flow.packets[flow.initiator()] > 1) timeout_s = config_.idle_timeout_s;
      break;
    case FlowState::kUnanswered: break;
    case FlowState::kDissected: timeout_s = config_.idle_timeout_s; break;
    case FlowState::kIgnored: timeout_s = config_.ignored_timeout_s; break;
    case FlowState::kClosed: timeout_s = config_.closed_timeout_s; break;
  }
  return floor_seconds(flow.last_ns) + 1 + timeout_s;
}

void FlowTable::hang(uint32_t index) {
  const Flow& flow = slab_[index];
  wheels_[index_of(flow.state)]->insert(index, due_s(flow), clock_s_);
}

void FlowTable::rehang(uint32_t index) {
  wheels_[slab_[index].wheel]->remove(index);
  hang(index);
}

void FlowTable::make_room() {
  unsigned moves = kMaxMovesPerEviction;
  for (const FlowState state :
       {FlowState::kClosed, FlowState::kUnanswered, FlowState::kOpening, FlowState::kIgnored, FlowState::kDissected}) {
    if (evict_from(state, moves)) return;
  }
}

/// Evicts the flow of a state that was silent for longest. Flows that were active since the wheel saw them, or are in
/// another state by now, are moved first, `moves` of them at most; and so are those known to be ours, which go last.
bool FlowTable::evict_from(FlowState state, unsigned& moves) {
  TimerWheel& wheel = *wheels_[index_of(state)];
  for (uint32_t index = kNoFlow; (index = wheel.oldest(clock_s_)) != kNoFlow;) {
    Flow& flow = slab_[index];
    const bool misplaced = flow.state != state || TimerWheel::slot_of(due_s(flow)) != flow.slot;
    const bool is_ours = flow.body != kNoBody && bodies_[flow.body]->dissector->state() == Probe::kYes;
    if ((misplaced || is_ours) && moves != 0) {
      --moves;
      rehang(index);
      continue;
    }
    ++counters_.evicted[index_of(flow.state)];
    end(flow, EndReason::kEvicted);
    remove(index);
    return true;
  }
  return false;
}

}  // namespace pickletap
