// What the Sensor tells of itself: the sums of all workers, and the state of interfaces and outputs.
#include <algorithm>
#include <string>
#include <utility>

#include "sensor/counters.h"
#include "sensor/daemon/sensor.h"

namespace pickletap {

namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

}  // namespace

DetectionThread::Counters Sensor::gather() const {
  CaptureCounters capture;
  UnwrapCounters unwrapped;
  FlowTableCounters flows;
  DissectorCounters dissectors;
  for (const auto& thread : captures_) {
    const CaptureSnapshot one = thread->snapshot();
    add_up(one.capture, capture);
    add_up(one.unwrapped, unwrapped);
    add_up(one.flows, flows);
    add_up(one.dissectors, dissectors);
  }
  const DetectorSnapshot detection = detection_->snapshot();
  EvidenceCounts evidence;
  if (evidence_) evidence = evidence_->counts();
  for (const auto& thread : captures_) {
    const CaptureSnapshot one = thread->snapshot();
    evidence.kept_bytes += one.evidence_bytes;
    evidence.packets_let_go += one.evidence_let_go;
  }
  CounterSources sources{capture, unwrapped, flows, dissectors, detection, {}, evidence};
  for (const auto& counted : writer_.counters()) {
    sources.outputs.push_back({counted.output, {counted.counters->events.load(), counted.counters->dropped.load()}});
  }
  Counters all = gather_counters(sources);

  const auto add = [&all](std::string name, uint64_t value, Labels labels = {}) {
    all.push_back({std::move(name), std::move(labels), value});
  };
  uint64_t dropped_events = 0;
  uint64_t queued_bytes = 0;
  for (const auto& queue : queues_) {
    dropped_events += queue->dropped();
    queued_bytes += queue->bytes();
  }
  add("events_dropped_total", dropped_events);
  add("event_queue_bytes", queued_bytes);
  add("memory_bytes", queued_bytes, {{"pool", "events"}});
  add("memory_limit_bytes", memory_limit_bytes_);
  for (size_t i = 0; i < interfaces_.size(); ++i) {
    LiveDrops drops;
    uint64_t retries = 0;
    for (const auto& thread : captures_) {
      if (thread->source_index() != i) continue;
      const CaptureSnapshot one = thread->snapshot();
      drops.kernel += one.drops.kernel;
      drops.interface = std::max(drops.interface, one.drops.interface);  // each worker reads the same counter
      retries += one.retries;
    }
    const std::string& name = interfaces_[i];
    add("capture_dropped_packets_total", drops.kernel, {{"interface", name}, {"reason", "kernel"}});
    add("capture_dropped_packets_total", drops.interface, {{"interface", name}, {"reason", "interface"}});
    add("capture_interface_retries_total", retries, {{"interface", name}});
  }
  return all;
}

std::vector<InterfaceStatus> Sensor::interface_status() const {
  std::vector<InterfaceStatus> all;
  for (const std::string& name : interfaces_) all.push_back({name, true, {}, 0, 0, 0});
  for (const auto& thread : captures_) {
    const CaptureSnapshot one = thread->snapshot();
    InterfaceStatus& status = all[thread->source_index()];
    status.packets += one.capture.packets;
    status.bytes += one.capture.bytes;
    status.dropped += one.drops.kernel;
    status.up = status.up && one.up;
    if (!one.up && status.trouble.empty()) status.trouble = one.trouble;
  }
  return all;
}

SensorStatus Sensor::status() {
  SensorStatus now;
  now.sensor_name = config_.sensor.name;
  now.start_time_ns = start_time_ns_;
  for (const auto& thread : captures_) {
    const CaptureSnapshot one = thread->snapshot();
    if (one.last_packet_time_ns <= now.last_packet_time_ns) continue;
    now.last_packet_time_ns = one.last_packet_time_ns;
    now.packet_clock_lag_ns = one.lag_ns;
  }
  if (now.last_packet_time_ns != 0) now.last_packet_time_ns += clock_.shift_ns();
  now.interfaces = interface_status();
  now.ready = std::any_of(now.interfaces.begin(), now.interfaces.end(), [](const auto& one) { return one.up; });
  if (!now.ready) {
    for (const InterfaceStatus& one : now.interfaces) {
      now.not_ready_reason += (now.not_ready_reason.empty() ? "" : "; ") + one.trouble;
    }
  }
  now.last_reload_successful = last_reload_successful_;
  now.last_reload_error = last_reload_error_;
  now.last_reload_success_ns = last_reload_success_ns_;
  for (const QueuedPlace& place : queued_outputs_) {
    const OutputState state = place.output->state();
    const OutputCounters& counters = place.output->counters();
    now.outputs.push_back({std::string(place.output->name()), state.up, state.trouble, counters.events.load(),
                           counters.dropped.load(), state.queued_bytes});
  }
  now.counters = gather();
  now.packet_latency = detection_->latency();
  return now;
}

std::vector<std::shared_ptr<const std::string>> Sensor::recent_alerts(size_t max) {
  return recent_alerts_->latest(max);
}

std::shared_ptr<const std::vector<ListenerSummary>> Sensor::listeners() { return detection_->listeners(); }

}  // namespace pickletap
