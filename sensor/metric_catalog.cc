#include "sensor/metric_catalog.h"

#include <algorithm>
#include <array>

namespace pickletap {

namespace {

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

constexpr MetricInfo kCatalog[] = {
    {"packets_total", kCounter, "Packets read that passed the filter."},
    {"bytes_total", kCounter, "Bytes of these packets on the wire."},
    {"capture_cut_packets_total", kCounter, "Packets cut by the snap length."},
    {"capture_dropped_packets_total", kCounter, "Packets lost before the sensor saw them, by who dropped them."},
    {"capture_interface_up", kGauge, "1 while packets can be read from the interface."},
    {"capture_interface_retries_total", kCounter, "Attempts to get an interface back that went away."},
    {"decode_errors_total", kCounter, "Packets that could not be decoded, by layer."},
    {"decoded_packets_total", kCounter, "Packets decoded, by what they are."},
    {"fragments_total", kCounter, "Fragments of IP datagrams, tunnelled ones included."},
    {"fragments_dropped_total", kCounter, "Fragments that became no datagram, by reason."},
    {"datagrams_reassembled_total", kCounter, "IP datagrams put together from fragments."},
    {"tunnels_total", kCounter, "Tunnels seen."},
    {"tunnel_untracked_packets_total", kCounter, "Packets of tunnels beyond what the table of tunnels holds."},
    {"last_packet_timestamp_seconds", kGauge, "Time of the latest packet, Unix seconds; 0 before the first."},
    {"packet_clock_lag_seconds", kGauge, "How far behind its capture the latest packet was when it was read."},
    {"flows_total", kCounter, "TCP flows seen."},
    {"flows_active", kGauge, "TCP flows in the table."},
    {"flows_ignored_total", kCounter, "Flows found to be another protocol."},
    {"flows_evicted_total", kCounter, "Flows that made room for others before their time, by their state."},
    {"stream_gaps_total", kCounter, "Holes in TCP streams that were given up on."},
    {"stream_gap_bytes_total", kCounter, "Bytes in these holes."},
    {"stream_out_of_order_segments_total", kCounter, "Segments held until the ones before them came."},
    {"stream_outside_window_segments_total", kCounter, "Segments outside the receiver's window."},
    {"stream_held_segments_total", kCounter, "Segments that waited for what they answer."},
    {"stream_held_limit_segments_total", kCounter,
     "Segments that could not wait for what they answer, for want of room."},
    {"stream_limit_segments_total", kCounter, "Segments not held because a limit was reached."},
    {"stream_refused_segments_total", kCounter, "Segments that their receiver would not take, by reason."},
    {"stream_confirmed_segments_total", kCounter, "Refused segments that their receiver acknowledged after all."},
    {"stream_conflicts_total", kCounter, "Places in streams of which two copies differ."},
    {"stream_other_readings_total", kCounter, "Streams read another way for that."},
    {"stream_other_readings_not_followed_total", kCounter, "Copies that could not be read: too long, or too many."},
    {"stream_other_copies_dropped_total", kCounter, "Copies not kept because a limit was reached."},
    {"stream_history_dropped_bytes_total", kCounter, "Delivered bytes not kept for comparison, for want of memory."},
    {"memory_bytes", kGauge, "Memory in use, by pool."},
    {"memory_limit_bytes", kGauge,
     "limits.memory of the configuration, and outputs.evidence.memory where evidence is kept."},
    {"frames_total", kCounter, "multiprocessing messages read, by direction."},
    {"pickles_total", kCounter, "Pickles judged, by verdict."},
    {"held_facts_dropped_total", kCounter, "Facts dropped while it was unclear what protocol a flow speaks."},
    {"pickles_limited_total", kCounter, "Pickles of which less was kept than the limits allow, for want of memory."},
    {"pickles_not_followed_total", kCounter, "Pickles that were not followed to their end, for want of memory."},
    {"listeners", kGauge, "Listeners known, by how they authenticate their peers."},
    {"listeners_dropped_total", kCounter, "Listeners not recorded because the inventory was full."},
    {"listeners_exposed", kGauge, "Listeners that peers from outside networks.trusted talked with."},
    {"listeners_weak_key", kGauge, "Listeners with a key that is on a list of weak keys."},
    {"listeners_bytes_only", kGauge, "Listeners that exchange bytes and no pickles, as far as was seen."},
    {"handshakes_total", kCounter, "Handshakes, by result and digest."},
    {"alerts_total", kCounter, "Alerts raised, by rule."},
    {"alerts_suppressed_total", kCounter,
     "Alerts not written: switched off, told before, below a threshold or collapsed, by rule."},
    {"alerts_parked_early_total", kCounter, "Alerts released before their server spoke because too many waited."},
    {"detector_flows_untracked_total", kCounter, "Flows beyond what the detection thread keeps notes of."},
    {"watch_forgotten_total", kCounter, "What a watch of the detection thread had no room for, or forgot too early."},
    {"weak_key_checks_total", kCounter, "Handshakes held against the list of weak keys, by result."},
    {"weak_keys_tried_total", kCounter, "Keys of the list tried."},
    {"events_dropped_total", kCounter, "Facts lost between the workers and the detection thread: its queue was full."},
    {"event_queue_bytes", kGauge, "Facts waiting for the detection thread."},
    {"packet_latency_seconds", MetricKind::kHistogram, "Time from the capture of a packet to its alert."},
    {"output_events_total", kCounter, "Events written, by output."},
    {"output_dropped_total", kCounter, "Events lost, by output."},
    {"evidence_files_total", kCounter,
     "Files of evidence, by what became of them: written, failed, deleted for the quota, left out as more of the same, "
     "missed as no packet was kept, dropped as too many waited."},
    {"evidence_packets_let_go_total", kCounter, "Packets kept for evidence that made room for others."},
    {"output_queue_bytes", kGauge, "Events waiting to be written, by output."},
    {"output_up", kGauge, "1 while the output takes events."},
    {"http_requests_total", kCounter, "HTTP requests answered, by handler and status code class."},
    {"http_connections_rejected_total", kCounter, "HTTP connections refused because too many were open."},
    {"http_timeouts_total", kCounter, "HTTP connections closed because the client was too slow, by phase."},
    {"config_last_reload_successful", kGauge, "1 when the configuration in force is the one on disk as last read."},
    {"config_last_reload_success_timestamp_seconds", kGauge, "When a configuration was last taken, Unix seconds."},
    {"build_info", kGauge, "1, with the version of the sensor."},
};

}  // namespace

std::span<const MetricInfo> metric_catalog() { return kCatalog; }

const MetricInfo* find_metric(std::string_view name) {
  const auto* at = std::find_if(std::begin(kCatalog), std::end(kCatalog),
                                [name](const MetricInfo& metric) { return metric.name == name; });
  return at == std::end(kCatalog) ? nullptr : at;
}

}  // namespace pickletap
