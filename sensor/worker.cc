#include "sensor/worker.h"

#include <algorithm>
#include <random>

namespace pickletap {

DissectorLimits dissector_limits(const Config& config) {
  DissectorLimits limits;
  limits.frame_bytes = config.limits.frame_bytes;
  limits.pickle_stack_values = config.limits.pickle_stack;
  limits.pickle_memo_entries = config.limits.pickle_memo;
  limits.pickle_mark_depth = config.limits.pickle_depth;
  limits.pickle_text_bytes = config.limits.pickle_text_bytes;
  return limits;
}

namespace {

FlowTableConfig flow_table_config(const Config& config, unsigned workers) {
  FlowTableConfig table;
  table.max_flows = std::max(config.limits.flows / workers, 1U);
  table.max_dissected = std::max(table.max_dissected / workers, 1U);
  table.handshake_timeout_s = config.stream.handshake_timeout_s;
  table.ignored_timeout_s = config.stream.ignored_timeout_s;
  table.idle_timeout_s = config.stream.idle_timeout_s;
  table.closed_timeout_s = config.stream.closed_timeout_s;
  table.out_of_order_bytes = config.limits.memory_bytes / 4 / workers;
  table.stream.max_bytes = config.limits.out_of_order_bytes;
  table.history_bytes = config.limits.memory_bytes / 8 / workers;
  table.checksums = config.stream.checksums == "always"  ? ChecksumMode::kAlways
                    : config.stream.checksums == "never" ? ChecksumMode::kNever
                                                         : ChecksumMode::kAuto;
  table.flow_events_for_all = wanted_types(config).flow;
  // Nobody outside may know which flows share a bucket. What is reported does not depend on it.
  std::random_device entropy;
  table.hash_seed = uint64_t{entropy()} << 32 | entropy();
  return table;
}

}  // namespace

Worker::Worker(const Config& config, const Policy& policy, EventSink& sink, bool every_frame, unsigned workers)
    : limits_(dissector_limits(config)),
      machines_(policy, limits_),
      context_{limits_, machines_, dissector_counters_, every_frame},
      flows_(flow_table_config(config, workers), registry_protocols(context_), sink) {}

void Worker::on_packet(const Packet& packet, DecodeResult result) {
  last_packet_time_ns_ = packet.time_ns;
  if (result == DecodeResult::kTcp) {
    flows_.process(packet);
  } else {
    flows_.advance(packet.time_ns, packet.number);
  }
}

}  // namespace pickletap
