// When flows are due to be looked at: one ring of kSlots one-second slots, each a list through the flow records
// themselves. A packet moves nothing here. A slot is looked at when the packet clock reaches it, and flows that were
// active since go to a later slot then, so that keeping time costs a flow a few list operations in its life. What is
// due farther ahead than the ring reaches waits in its last slot. Within a slot the order is that of arrival, so the
// first flow from the clock on is the one idle for longest, to the second. Owned by the FlowTable, one thread, fixed
// size.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "sensor/net/flow.h"

namespace pickletap {

class TimerWheel {
 public:
  static constexpr uint32_t kSlots = 4096;

  /// `id` names this wheel in the records.
  TimerWheel(FlowSlab& slab, uint8_t id) : slab_(slab), id_(id) { heads_.fill(kNoFlow); }

  static uint32_t slot_of(int64_t second) { return static_cast<uint32_t>(static_cast<uint64_t>(second) % kSlots); }

  /// Hangs a flow that hangs nowhere into the slot of second `due_s`, or the next one when that has passed.
  void insert(uint32_t index, int64_t due_s, int64_t now_s) {
    if (due_s <= now_s) due_s = now_s + 1;
    if (due_s > now_s + (kSlots - 1)) due_s = now_s + (kSlots - 1);
    const uint32_t slot = slot_of(due_s);
    Flow& flow = slab_[index];
    flow.wheel = id_;
    flow.slot = static_cast<uint16_t>(slot);
    const uint32_t head = heads_[slot];
    if (head == kNoFlow) {
      flow.previous = flow.next = index;
      heads_[slot] = index;
      occupied_[slot / 64] |= uint64_t{1} << (slot % 64);
      return;
    }
    const uint32_t tail = slab_[head].previous;
    flow.previous = tail;
    flow.next = head;
    slab_[tail].next = index;
    slab_[head].previous = index;
  }

  /// Takes a flow of this wheel out.
  void remove(uint32_t index) {
    const Flow& flow = slab_[index];
    if (flow.next == index) {
      clear(flow.slot);
      return;
    }
    slab_[flow.previous].next = flow.next;
    slab_[flow.next].previous = flow.previous;
    if (heads_[flow.slot] == index) heads_[flow.slot] = flow.next;
  }

  struct Due {
    uint32_t chain = kNoFlow;  ///< flows linked through `next`, the last with kNoFlow; kNoFlow: nothing more is due
    int64_t second = 0;        ///< whose slot they were in
  };
  /// Empties the first occupied slot of the seconds after `from_s` up to `to_s`, of the last kSlots of them if more.
  Due detach_next(int64_t from_s, int64_t to_s) {
    if (to_s - from_s > kSlots) from_s = to_s - kSlots;
    const uint32_t steps = first_occupied(from_s, static_cast<uint32_t>(to_s - from_s));
    if (steps == 0) return {};
    Due due;
    due.second = from_s + steps;
    const uint32_t slot = slot_of(due.second);
    due.chain = heads_[slot];
    slab_[slab_[due.chain].previous].next = kNoFlow;
    clear(slot);
    return due;
  }

  /// The flow idle for longest, as far as the wheel knows; kNoFlow when it is empty.
  uint32_t oldest(int64_t now_s) const {
    const uint32_t steps = first_occupied(now_s, kSlots);
    return steps == 0 ? kNoFlow : heads_[slot_of(now_s + steps)];
  }

 private:
  void clear(uint32_t slot) {
    heads_[slot] = kNoFlow;
    occupied_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }

  /// How many seconds after `from_s` the first occupied slot is, looking at `count` of them; 0 when there is none.
  uint32_t first_occupied(int64_t from_s, uint32_t count) const {
    const uint32_t begin = slot_of(from_s + 1);
    for (uint32_t done = 0; done < count;) {
      const uint32_t slot = (begin + done) % kSlots;
      const uint64_t word = occupied_[slot / 64] >> (slot % 64);
      if (word != 0) {
        done += static_cast<uint32_t>(std::countr_zero(word));
        return done < count ? done + 1 : 0;
      }
      done += 64 - slot % 64;
    }
    return 0;
  }

  FlowSlab& slab_;
  uint8_t id_;
  std::array<uint32_t, kSlots> heads_{};
  std::array<uint64_t, kSlots / 64> occupied_{};
};

}  // namespace pickletap
