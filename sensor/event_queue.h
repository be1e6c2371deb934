// Between one worker and the detection thread: a bounded ring with one writer and one reader, no lock. put() moves the
// event in or drops it; it never waits. What is dropped is counted, the least telling first: facts about single frames
// when the queue is half full, anything but the end of a flow when it is nearly so (an end that got lost would leave
// the detection thread with notes of a flow that is gone).
// The bound is kMaxEvents and, because a report can carry much text, a number of bytes (bytes_of).
// tick() is not an event in the ring: the reader takes ticked_ns() first, empties the ring, and then knows that nothing
// before that time will follow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sensor/event.h"

namespace pickletap {

/// What an event occupies: itself and the texts it owns.
uint64_t bytes_of(const Event& event);

/// Rouses the reader when it sleeps. Called by the writer, often: it must be cheap when there is nothing to do.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() = 0;
};

class EventQueue final : public EventSink {
 public:
  static constexpr size_t kMaxEvents = 8192;   // a power of two
  static constexpr unsigned kMaxWaits = 5000;  // of a millisecond

  /// `waker` outlives the queue. `max_bytes`: of events in the queue.
  EventQueue(uint64_t max_bytes, Waker& waker);

  // The writer.
  void put(Event&& event) override;
  void tick(int64_t time_ns) override;
  /// From now on put() waits for room, a bounded time in all: the input has ended and nothing else can be held up.
  void be_patient() { waits_left_ = kMaxWaits; }

  // The reader.
  /// False when there is none.
  bool pop(Event& event);
  /// INT64_MIN before the first tick.
  int64_t ticked_ns() const { return ticked_ns_.load(std::memory_order_acquire); }

  // Anyone.
  bool empty() const { return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    Event event;
    uint64_t bytes = 0;
  };

  bool has_room_for(const Event& event, uint64_t size) const;

  const uint64_t max_bytes_;
  unsigned waits_left_ = 0;
  Waker& waker_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<uint64_t> bytes_{0}, dropped_{0};
  std::atomic<int64_t> ticked_ns_{INT64_MIN};
  alignas(64) std::atomic<size_t> head_{0};  // the next to read; the reader's
  alignas(64) std::atomic<size_t> tail_{0};  // the next to write; the writer's
};

}  // namespace pickletap
