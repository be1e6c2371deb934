#include "sensor/worker.h"

#include <algorithm>
#include <random>

#include "config/networks.h"

namespace pickletap {

// limits.memory in sixteenths: 4 dissected flows, 3 out-of-order data, 3 pickles that wait for the rest of their frame, 2
// histories, 1 fragments; the daemon's event queues have 2, the evidence is asked for apart. Each worker has its part.
DissectorLimits dissector_limits(const Config& config, unsigned workers) {
  DissectorLimits limits;
  limits.pickle_machines_bytes = config.limits.memory_bytes * 3 / 16 / workers;
  limits.frame_bytes = config.limits.frame_bytes;
  limits.pickle_stack_values = config.limits.pickle_stack;
  limits.pickle_memo_entries = config.limits.pickle_memo;
  limits.pickle_mark_depth = config.limits.pickle_depth;
  limits.pickle_text_bytes = config.limits.pickle_text_bytes;
  return limits;
}

namespace {

/// Nobody outside may know which flows share a bucket. What is reported does not depend on it.
uint64_t secret_seed() {
  std::random_device entropy;
  return uint64_t{entropy()} << 32 | entropy();
}

DefragmenterLimits defragmenter_limits(const Config& config, unsigned workers) {
  DefragmenterLimits limits;
  limits.budget_bytes = config.limits.memory_bytes / 16 / workers;
  return limits;
}

/// Longer than any flow is kept in silence.
int64_t tunnel_idle_s(const Config& config) {
  return int64_t{std::max({config.stream.handshake_timeout_s, config.stream.ignored_timeout_s,
                           config.stream.idle_timeout_s, config.stream.closed_timeout_s})} +
         2;
}

FlowTableConfig flow_table_config(const Config& config, unsigned workers, const TunnelTable& tunnels,
                                  ContactWatch& contacts) {
  FlowTableConfig table;
  table.max_flows = std::max(config.limits.flows / workers, 1U);
  table.max_dissected = static_cast<uint32_t>(
      std::clamp<uint64_t>(config.limits.memory_bytes / 4 / kBodyBytes / workers, 1, table.max_dissected));
  table.max_unanswered = std::max(table.max_flows / 16, 1U);
  table.handshake_timeout_s = config.stream.handshake_timeout_s;
  table.ignored_timeout_s = config.stream.ignored_timeout_s;
  table.idle_timeout_s = config.stream.idle_timeout_s;
  table.closed_timeout_s = config.stream.closed_timeout_s;
  table.out_of_order_bytes = config.limits.memory_bytes * 3 / 16 / workers;
  table.stream.max_bytes = config.limits.out_of_order_bytes;
  table.history_bytes = config.limits.memory_bytes / 8 / workers;
  table.checksums = config.stream.checksums == "always"  ? ChecksumMode::kAlways
                    : config.stream.checksums == "never" ? ChecksumMode::kNever
                                                         : ChecksumMode::kAuto;
  for (const std::string& text : config.stream.overlap_policy) {
    const OverlapRule rule = *parse_overlap_rule(text);  // the table of keys has refused what is none
    table.overlap_policies.add({rule.network.address, rule.network.is_v6}, rule.network.prefix_bits,
                               *parse_overlap_policy(rule.policy));
  }
  table.flow_events_for_all = wanted_types(config).flow;
  table.tunnels = &tunnels;
  table.contacts = &contacts;
  table.hash_seed = secret_seed();
  return table;
}

}  // namespace

Worker::Worker(const Config& config, const Policy& policy, EventSink& sink, bool every_frame, unsigned workers,
               ArmedBoard* board)
    : sink_(sink),
      limits_(dissector_limits(config, workers)),
      machines_(policy, limits_),
      context_{limits_, machines_, dissector_counters_, every_frame},
      unwrapper_(defragmenter_limits(config, workers), tunnel_idle_s(config), secret_seed()),
      contacts_(unwrapper_.tunnels(), sink, secret_seed()),
      flows_(flow_table_config(config, workers, unwrapper_.tunnels(), contacts_), registry_protocols(context_), sink) {
  contacts_.set_board(board);
}

DissectorCounters Worker::dissector_counters() const {
  DissectorCounters now = dissector_counters_;
  now.pickles_limited = machines_.counters().limited;
  now.pickles_taken_away = machines_.counters().taken_away;
  now.machine_bytes = machines_.counters().waiting_bytes;
  return now;
}

void Worker::on_packet(const Packet& packet, DecodeResult result) {
  last_packet_time_ns_ = packet.time_ns;
  last_packet_number_ = packet.number;
  if (packet.outer != nullptr) [[unlikely]] {
    on_enclosed(packet, result);
  } else if (result == DecodeResult::kTcp) {
    process(packet);
  } else {
    flows_.advance(packet.time_ns, packet.number);
    if (result == DecodeResult::kUdp) contacts_.on_datagram(packet);
  }
}

void Worker::on_enclosed(const Packet& packet, DecodeResult result) {
  if (const Packet* inner = unwrapper_.unwrap(packet, result)) {
    process(*inner);
  } else {
    flows_.advance(packet.time_ns, packet.number);
    if (const Packet* datagram = unwrapper_.datagram()) contacts_.on_datagram(*datagram);
  }
  tell_trouble();
}

void Worker::tell_trouble() {
  for (StreamTrouble trouble; unwrapper_.take_trouble(trouble);) {
    Event event;
    event.time_ns = last_packet_time_ns_;
    event.packet_number = last_packet_number_;
    event.source_index = source_index_;
    event.what = trouble;
    sink_.put(std::move(event));
  }
}

void Worker::finish() {
  unwrapper_.finish();
  tell_trouble();
  flows_.finish();
}

}  // namespace pickletap
