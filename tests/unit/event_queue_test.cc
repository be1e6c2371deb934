// The queue between a worker and the detection thread: order, bounds, and what goes first when there is no room.
#include "sensor/event_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace pickletap {
namespace {

class CountingWaker final : public Waker {
 public:
  void wake() override { wakes.fetch_add(1); }
  std::atomic<uint64_t> wakes{0};
};

constexpr uint64_t kRoomy = uint64_t{1} << 30;

Event numbered(uint64_t number, Fact fact) {
  Event event;
  event.packet_number = number;
  Observation observation;
  observation.fact = std::move(fact);
  event.what = std::move(observation);
  return event;
}
Event step(uint64_t number) { return numbered(number, HandshakeStep{}); }
Event detail(uint64_t number) { return numbered(number, FrameSeen{}); }
Event end(uint64_t number) {
  Event event;
  event.packet_number = number;
  event.what = FlowEnded{};
  return event;
}
Event pickle(uint64_t number, size_t program_bytes) {
  PickleSeen seen;
  seen.report.program.assign(program_bytes, 'x');
  return numbered(number, std::move(seen));
}

/// Reads the queue out: how many, and whether their numbers rose.
struct Drained {
  uint64_t count = 0;
  bool in_order = true;
  uint64_t last = 0;
};
Drained drain(EventQueue& queue) {
  Drained drained;
  for (Event event; queue.pop(event); ++drained.count) {
    drained.in_order = drained.in_order && event.packet_number > drained.last;
    drained.last = event.packet_number;
  }
  return drained;
}

TEST(EventQueue, HandsEventsOnInOrderAndWakesItsReader) {
  CountingWaker waker;
  EventQueue queue(kRoomy, waker);
  Event event;
  EXPECT_FALSE(queue.pop(event));
  EXPECT_TRUE(queue.empty());
  for (uint64_t i = 1; i <= 3; ++i) queue.put(step(i));
  EXPECT_EQ(waker.wakes, 3U);
  EXPECT_FALSE(queue.empty());
  const Drained all = drain(queue);
  EXPECT_EQ(all.count, 3U);
  EXPECT_TRUE(all.in_order);
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(EventQueue, DropsDetailsFirstThenFactsAndTheEndsOfFlowsLast) {
  CountingWaker waker;
  EventQueue queue(kRoomy, waker);
  uint64_t number = 0;
  for (size_t i = 0; i < EventQueue::kMaxEvents; ++i) queue.put(detail(++number));
  EXPECT_EQ(queue.dropped(), EventQueue::kMaxEvents / 2);
  for (size_t i = 0; i < EventQueue::kMaxEvents; ++i) queue.put(step(++number));
  const size_t facts = EventQueue::kMaxEvents * 3 / 8;
  EXPECT_EQ(queue.dropped(), EventQueue::kMaxEvents / 2 + EventQueue::kMaxEvents - facts);
  const uint64_t before = queue.dropped();
  for (size_t i = 0; i < EventQueue::kMaxEvents; ++i) queue.put(end(++number));
  EXPECT_EQ(queue.dropped() - before, EventQueue::kMaxEvents * 7 / 8);
  const Drained all = drain(queue);
  EXPECT_EQ(all.count, EventQueue::kMaxEvents);
  EXPECT_TRUE(all.in_order);
}

TEST(EventQueue, TextCountsAgainstTheBytes) {
  CountingWaker waker;
  constexpr size_t kProgram = 8000;
  EventQueue queue(100'000, waker);
  for (uint64_t i = 1; i <= 100; ++i) queue.put(pickle(i, kProgram));
  EXPECT_LE(queue.bytes(), 100'000U);
  EXPECT_GT(queue.bytes(), 80'000U);
  EXPECT_GT(queue.dropped(), 85U);
  const uint64_t dropped = queue.dropped();
  EXPECT_EQ(drain(queue).count, 100 - dropped);
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(EventQueue, APatientWriterWaitsForTheReader) {
  CountingWaker waker;
  EventQueue queue(kRoomy, waker);
  constexpr uint64_t kEvents = 3 * EventQueue::kMaxEvents;
  queue.be_patient();
  std::thread writer([&queue] {
    for (uint64_t i = 1; i <= kEvents; ++i) queue.put(step(i));
  });
  uint64_t count = 0;
  Event event;
  while (count < kEvents) {
    if (!queue.pop(event)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(event.packet_number, ++count);
  }
  writer.join();
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(EventQueue, LosesNothingUnnoticedBetweenTwoThreads) {
  CountingWaker waker;
  EventQueue queue(1 << 20, waker);
  constexpr uint64_t kEvents = 200'000;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint64_t i = 1; i <= kEvents; ++i) {
      queue.put(i % 3 == 0 ? pickle(i, 500) : step(i));
      queue.tick(static_cast<int64_t>(i));
    }
    done = true;
  });
  Drained all;
  int64_t latest_tick = INT64_MIN;
  bool ticks_hold = true;
  for (bool last_look = false; !last_look;) {
    last_look = done;
    const int64_t tick = queue.ticked_ns();
    ticks_hold = ticks_hold && tick >= latest_tick;
    latest_tick = tick;
    for (Event event; queue.pop(event); ++all.count) {
      all.in_order = all.in_order && event.packet_number > all.last;
      all.last = event.packet_number;
    }
    // Whatever was put before the tick has been read by now, or was dropped.
    if (tick > 0 && queue.dropped() == 0) ticks_hold = ticks_hold && all.last >= static_cast<uint64_t>(tick);
  }
  writer.join();
  EXPECT_TRUE(all.in_order);
  EXPECT_TRUE(ticks_hold);
  EXPECT_EQ(all.count + queue.dropped(), kEvents);
  EXPECT_EQ(queue.bytes(), 0U);
}

}  // namespace
}  // namespace pickletap
