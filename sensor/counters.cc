#include "sensor/counters.h"

#include <array>
#include <iterator>
#include <map>
#include <string>

#include "sensor/capture/packet_source.h"
#include "sensor/detect/detector.h"
#include "sensor/net/flow_table.h"
#include "sensor/net/unwrapper.h"

namespace pickletap {

namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Gatherer {
 public:
  void add(std::string name, uint64_t value, Labels labels = {}) {
    counters.push_back({std::move(name), std::move(labels), value});
  }
  std::vector<StatsRecord::Counter> counters;
};

void gather_capture(const CaptureCounters& capture, const UnwrapCounters& unwrapped, Gatherer& out) {
  out.add("packets_total", capture.packets);
  out.add("bytes_total", capture.bytes);
  out.add("capture_cut_packets_total", capture.cut_by_snap_length);
  std::map<std::string, uint64_t> by_layer{{"link", 0}, {"tunnel", 0}, {"ip", 0}, {"tcp", 0}};
  for (unsigned i = 0; i < kDecodeResultCount; ++i) {
    const auto result = static_cast<DecodeResult>(i);
    if (!is_error(result)) continue;
    by_layer[std::string(layer_of(result))] += capture.by_result[i] + unwrapped.by_result[i];
  }
  for (const auto& [layer, count] : by_layer) out.add("decode_errors_total", count, {{"layer", layer}});
  for (const auto result : {DecodeResult::kTcp, DecodeResult::kUdp, DecodeResult::kOther, DecodeResult::kFragment}) {
    out.add("decoded_packets_total", capture.by_result[index_of(result)], {{"kind", std::string(to_text(result))}});
  }
}

void gather_unwrapped(const UnwrapCounters& unwrapped, Gatherer& out) {
  const DefragmenterCounters& fragments = unwrapped.fragments;
  out.add("fragments_total", fragments.fragments);
  for (unsigned i = 0; i < kFragmentDropCount; ++i) {
    out.add("fragments_dropped_total", fragments.dropped[i],
            {{"reason", std::string(to_text(static_cast<FragmentDrop>(i)))}});
  }
  out.add("datagrams_reassembled_total", fragments.datagrams);
  out.add("memory_bytes", fragments.memory_bytes, {{"pool", "fragments"}});
  out.add("tunnels_total", unwrapped.tunnels.tunnels);
  out.add("tunnel_untracked_packets_total", unwrapped.tunnels.untracked_packets);
}

void gather_flows(const FlowTableCounters& flows, Gatherer& out) {
  out.add("flows_total", flows.flows);
  out.add("flows_active", flows.active_flows);
  out.add("flows_ignored_total", flows.ignored_flows);
  for (unsigned i = 0; i < kFlowStateCount; ++i) {
    out.add("flows_evicted_total", flows.evicted[i], {{"reason", std::string(to_text(static_cast<FlowState>(i)))}});
  }
  out.add("stream_gaps_total", flows.streams.gaps);
  out.add("stream_gap_bytes_total", flows.streams.gap_bytes);
  out.add("stream_out_of_order_segments_total", flows.streams.out_of_order_segments);
  out.add("stream_outside_window_segments_total", flows.streams.outside_window_segments);
  out.add("stream_held_segments_total", flows.held_segments);
  out.add("stream_held_limit_segments_total", flows.held_limit_segments);
  out.add("stream_limit_segments_total", flows.streams.limit_segments);
  for (unsigned i = 1; i < kRefusalCount; ++i) {
    out.add("stream_refused_segments_total", flows.refused[i],
            {{"reason", std::string(to_text(static_cast<Refusal>(i)))}});
  }
  out.add("stream_confirmed_segments_total", flows.readings.confirmed_segments);
  out.add("stream_conflicts_total", flows.readings.conflicts);
  out.add("stream_other_readings_total", flows.readings.readings);
  out.add("stream_other_readings_not_followed_total", flows.readings.not_followed);
  out.add("stream_other_copies_dropped_total", flows.readings.kept_limit_segments);
  out.add("stream_history_dropped_bytes_total", flows.history_dropped_bytes);
  out.add("memory_bytes", flows.flow_memory_bytes, {{"pool", "flows"}});
  out.add("memory_bytes", flows.body_bytes, {{"pool", "dissectors"}});
  out.add("memory_bytes", flows.history_bytes, {{"pool", "other_readings"}});
  out.add("memory_bytes", flows.out_of_order_bytes, {{"pool", "out_of_order"}});
}

void gather_dissectors(const DissectorCounters& dissectors, Gatherer& out) {
  out.add("frames_total", dissectors.frames[0], {{"direction", "to_server"}});
  out.add("frames_total", dissectors.frames[1], {{"direction", "to_client"}});
  static constexpr std::array<const char*, 3> kVerdicts = {"harmless", "unknown", "harmful"};
  for (size_t i = 0; i < kVerdicts.size(); ++i) {
    out.add("pickles_total", dissectors.pickles[i], {{"verdict", kVerdicts[i]}});
  }
  out.add("held_facts_dropped_total", dissectors.held_facts_dropped);
  out.add("pickles_limited_total", dissectors.pickles_limited);
  out.add("pickles_not_followed_total", dissectors.pickles_taken_away);
  out.add("memory_bytes", dissectors.machine_bytes, {{"pool", "pickles"}});
}

void gather_detector(const DetectorSnapshot& detection, Gatherer& out) {
  static constexpr std::array<AuthState, 6> kStates = {AuthState::kUnknown, AuthState::kNone,   AuthState::kPending,
                                                       AuthState::kOneWay,  AuthState::kMutual, AuthState::kFailed};
  for (const AuthState state : kStates) {
    out.add("listeners", detection.listeners_by_auth[static_cast<size_t>(state)],
            {{"auth", std::string(to_text(state))}});
  }
  out.add("listeners_dropped_total", detection.listeners_dropped);
  out.add("listeners_exposed", detection.listener_gauges.untrusted);
  out.add("listeners_weak_key", detection.listener_gauges.weak_key);
  out.add("listeners_bytes_only", detection.listener_gauges.bytes_only);
  static constexpr std::array<const char*, 3> kResults = {"success", "failure", "abandoned"};
  const DetectorCounters& counted = detection.counters;
  for (size_t digest = 0; digest < std::size(counted.handshakes); ++digest) {
    for (size_t result = 0; result < kResults.size(); ++result) {
      out.add("handshakes_total", counted.handshakes[digest][result],
              {{"result", kResults[result]}, {"digest", std::string(to_text(static_cast<Digest>(digest)))}});
    }
  }
  const auto& rules = detection.rules;
  for (size_t i = 0; i < rules.size(); ++i) {
    const std::string rule(rules[i].name);
    out.add("alerts_total", counted.alerts[i],
            {{"rule", rule}, {"severity", std::to_string(static_cast<int>(rules[i].severity))}});
    out.add("alerts_suppressed_total", counted.suppressed[i], {{"rule", rule}});
  }
  out.add("alerts_parked_early_total", counted.parked_early);
  out.add("detector_flows_untracked_total", counted.flows_untracked);
  const WatchCounters& watches = detection.watches;
  out.add("watch_forgotten_total", watches.sources_forgotten, {{"watch", "bruteforce"}});
  out.add("watch_forgotten_total", watches.challenges_forgotten, {{"watch", "challenges"}});
  out.add("watch_forgotten_total", watches.handshakes_untracked, {{"watch", "handshakes"}});
  out.add("watch_forgotten_total", watches.peers_untracked, {{"watch", "peers"}});
  out.add("watch_forgotten_total", watches.callbacks_forgotten, {{"watch", "callbacks"}});
  out.add("watch_forgotten_total", watches.contacts_forgotten, {{"watch", "contacts"}});
  out.add("watch_forgotten_total", watches.weak_keys.untracked, {{"watch", "weak_keys"}});
  out.add("weak_key_checks_total", watches.weak_keys.weak, {{"result", "weak"}});
  out.add("weak_key_checks_total", watches.weak_keys.strong, {{"result", "not_listed"}});
  out.add("weak_key_checks_total", watches.weak_keys.dropped, {{"result", "dropped"}});
  out.add("weak_keys_tried_total", watches.weak_keys.tried);
}

}  // namespace

void add_up(const CaptureCounters& from, CaptureCounters& to) {
  to.packets += from.packets;
  to.bytes += from.bytes;
  to.cut_by_snap_length += from.cut_by_snap_length;
  for (size_t i = 0; i < from.by_result.size(); ++i) to.by_result[i] += from.by_result[i];
}

void add_up(const UnwrapCounters& from, UnwrapCounters& to) {
  to.fragments.fragments += from.fragments.fragments;
  to.fragments.datagrams += from.fragments.datagrams;
  for (size_t i = 0; i < from.fragments.dropped.size(); ++i) to.fragments.dropped[i] += from.fragments.dropped[i];
  to.fragments.memory_bytes += from.fragments.memory_bytes;
  to.tunnels.tunnels += from.tunnels.tunnels;
  to.tunnels.untracked_packets += from.tunnels.untracked_packets;
  for (size_t i = 0; i < from.by_result.size(); ++i) to.by_result[i] += from.by_result[i];
}

void add_up(const FlowTableCounters& from, FlowTableCounters& to) {
  to.packets += from.packets;
  to.bytes += from.bytes;
  to.flows += from.flows;
  to.midstream_flows += from.midstream_flows;
  to.ignored_flows += from.ignored_flows;
  to.dissectors_made += from.dissectors_made;
  to.timed_out_flows += from.timed_out_flows;
  for (size_t i = 0; i < from.evicted.size(); ++i) to.evicted[i] += from.evicted[i];
  to.held_segments += from.held_segments;
  to.held_limit_segments += from.held_limit_segments;
  to.active_flows += from.active_flows;
  to.active_dissectors += from.active_dissectors;
  to.flow_memory_bytes += from.flow_memory_bytes;
  to.body_bytes += from.body_bytes;
  to.out_of_order_bytes += from.out_of_order_bytes;
  to.history_bytes += from.history_bytes;
  to.history_dropped_bytes += from.history_dropped_bytes;
  for (size_t i = 0; i < from.refused.size(); ++i) to.refused[i] += from.refused[i];
  to.readings.conflicts += from.readings.conflicts;
  to.readings.readings += from.readings.readings;
  to.readings.not_followed += from.readings.not_followed;
  to.readings.kept_limit_segments += from.readings.kept_limit_segments;
  to.readings.confirmed_segments += from.readings.confirmed_segments;
  to.streams.gaps += from.streams.gaps;
  to.streams.gap_bytes += from.streams.gap_bytes;
  to.streams.out_of_order_segments += from.streams.out_of_order_segments;
  to.streams.outside_window_segments += from.streams.outside_window_segments;
  to.streams.limit_bytes += from.streams.limit_bytes;
  to.streams.limit_segments += from.streams.limit_segments;
  to.streams.after_end_bytes += from.streams.after_end_bytes;
}

void add_up(const DissectorCounters& from, DissectorCounters& to) {
  for (size_t i = 0; i < std::size(from.frames); ++i) to.frames[i] += from.frames[i];
  for (size_t i = 0; i < std::size(from.pickles); ++i) to.pickles[i] += from.pickles[i];
  to.held_facts_dropped += from.held_facts_dropped;
  to.pickles_limited += from.pickles_limited;
  to.pickles_taken_away += from.pickles_taken_away;
  to.machine_bytes += from.machine_bytes;
}

std::vector<StatsRecord::Counter> gather_counters(const CounterSources& sources) {
  Gatherer out;
  gather_capture(sources.capture, sources.unwrapped, out);
  gather_unwrapped(sources.unwrapped, out);
  gather_flows(sources.flows, out);
  gather_dissectors(sources.dissectors, out);
  gather_detector(sources.detection, out);
  const EvidenceCounts& evidence = sources.evidence;
  out.add("evidence_files_total", evidence.written, {{"result", "written"}});
  out.add("evidence_files_total", evidence.failed, {{"result", "failed"}});
  out.add("evidence_files_total", evidence.deleted, {{"result", "deleted"}});
  out.add("evidence_files_total", evidence.left_out, {{"result", "left_out"}});
  out.add("evidence_files_total", evidence.missed, {{"result", "missed"}});
  out.add("evidence_files_total", evidence.dropped, {{"result", "dropped"}});
  out.add("evidence_packets_let_go_total", evidence.packets_let_go);
  out.add("memory_bytes", evidence.kept_bytes, {{"pool", "evidence"}});
  for (const auto& [output, counts] : sources.outputs) {
    out.add("output_events_total", counts.first, {{"output", std::string(output)}});
    out.add("output_dropped_total", counts.second, {{"output", std::string(output)}});
  }
  return std::move(out.counters);
}

}  // namespace pickletap
