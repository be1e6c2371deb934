#include "sensor/event_queue.h"

#include <chrono>
#include <thread>
#include <utility>

namespace pickletap {

namespace {

uint64_t bytes_of(const std::vector<std::string>& texts) {
  uint64_t bytes = texts.capacity() * sizeof(std::string);
  for (const std::string& text : texts) bytes += text.capacity();
  return bytes;
}

uint64_t bytes_of(const PickleReport& report) {
  uint64_t bytes = bytes_of(report.globals) + bytes_of(report.reached) + report.program.capacity();
  for (const PickleCall& call : report.calls) bytes += sizeof call + call.callable.capacity() + call.args.capacity();
  for (const PickleFinding& finding : report.findings) {
    bytes += sizeof finding + finding.callable.capacity() + finding.reason.capacity();
  }
  const Indicators& found = report.indicators;
  return bytes + bytes_of(found.commands) + bytes_of(found.hosts) + bytes_of(found.urls) + bytes_of(found.paths);
}

/// About one frame that nobody asked about but for the `python_mp` events, or what anybody can send a flood of.
bool is_detail(const Event& event) {
  if (std::holds_alternative<ContactSeen>(event.what)) return true;
  const auto* observation = std::get_if<Observation>(&event.what);
  return observation != nullptr && std::holds_alternative<FrameSeen>(observation->fact);
}

}  // namespace

uint64_t bytes_of(const Event& event) {
  if (const auto* contact = std::get_if<ContactSeen>(&event.what)) {
    return sizeof event + contact->name.capacity() + contact->addresses.capacity() * sizeof(IpAddress);
  }
  const auto* observation = std::get_if<Observation>(&event.what);
  if (observation == nullptr) return sizeof event;
  const auto* seen = std::get_if<PickleSeen>(&observation->fact);
  if (seen == nullptr) return sizeof event;
  const ManagerRequest& request = seen->manager;
  const ManagerReply& reply = seen->reply;
  uint64_t bytes = sizeof event + bytes_of(seen->report);
  for (const std::string* text : {&request.method, &request.type_id, &request.object, &reply.kind, &reply.traceback,
                                  &reply.object, &reply.type_id, &reply.host}) {
    bytes += text->capacity();
  }
  return bytes;
}

EventQueue::EventQueue(uint64_t max_bytes, Waker& waker)
    : max_bytes_(max_bytes), waker_(waker), slots_(std::make_unique<Slot[]>(kMaxEvents)) {}

bool EventQueue::has_room_for(const Event& event, uint64_t size) const {
  const size_t used = tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire);
  const uint64_t queued = bytes_.load(std::memory_order_relaxed);
  if (std::holds_alternative<FlowEnded>(event.what)) return used < kMaxEvents;
  if (is_detail(event) && (used >= kMaxEvents / 2 || queued > max_bytes_ / 2)) return false;
  return used < kMaxEvents - kMaxEvents / 8 && queued + size <= max_bytes_;
}

void EventQueue::put(Event&& event) {
  const uint64_t size = bytes_of(event);
  while (!has_room_for(event, size)) {
    waker_.wake();
    if (waits_left_ == 0) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    --waits_left_;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const size_t tail = tail_.load(std::memory_order_relaxed);
  Slot& slot = slots_[tail % kMaxEvents];
  slot.event = std::move(event);
  slot.bytes = size;
  bytes_.fetch_add(size, std::memory_order_relaxed);
  tail_.store(tail + 1, std::memory_order_release);
  waker_.wake();
}

void EventQueue::tick(int64_t time_ns) {
  // Nothing waits for the turn of a second so eagerly that the reader must be roused; it looks by itself.
  ticked_ns_.store(time_ns, std::memory_order_release);
}

bool EventQueue::pop(Event& event) {
  const size_t head = head_.load(std::memory_order_relaxed);
  if (head == tail_.load(std::memory_order_acquire)) return false;
  Slot& slot = slots_[head % kMaxEvents];
  event = std::move(slot.event);
  bytes_.fetch_sub(slot.bytes, std::memory_order_relaxed);
  head_.store(head + 1, std::memory_order_release);
  return true;
}

}  // namespace pickletap
