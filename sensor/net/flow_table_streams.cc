// FlowTable's dissected flows: their bodies, what their streams hand to the Dissector, and the events that come of it.
#include <memory>
#include <string_view>
#include <utility>

#include "sensor/net/flow_table.h"

namespace pickletap {

/// False when the registry has no Dissector for the flow, which is ignored then.
bool FlowTable::make_body(uint32_t index) {
  Flow& flow = slab_[index];
  std::unique_ptr<Dissector> dissector = protocols_.make(flow.has(FlowFlag::kSyn));
  if (dissector == nullptr) {
    ignore(index);
    return false;
  }
  if (counters_.active_dissectors >= config_.max_dissected) {
    unsigned moves = kMaxMovesPerEviction;
    evict_from(FlowState::kDissected, moves);
  }
  if (free_bodies_.empty()) {
    free_bodies_.push_back(static_cast<uint32_t>(bodies_.size()));
    bodies_.emplace_back();
  }
  flow.body = free_bodies_.back();
  free_bodies_.pop_back();
  bodies_[flow.body] = std::make_unique<FlowBody>(pool_, histories_, counters_.readings, std::move(dissector));
  flow.state = FlowState::kDissected;
  rehang(index);
  ++counters_.dissectors_made;
  ++counters_.active_dissectors;
  for (const unsigned side : {0U, 1U}) {
    FlowBody& body = *bodies_[flow.body];
    body.receivers[side] = receiver_from(flow, side);
    StreamReassembler& stream = body.streams[side];
    if (!config_.overlap_policies.empty()) {
      stream.set_policy(config_.overlap_policies.of(endpoint_of(flow.key, side ^ 1).address));
    }
    if (!flow.has_of(FlowFlag::kStartKnown, side)) continue;
    stream.start(flow.start_seq[side]);
    if (flow.has_of(FlowFlag::kFin, side)) stream.push({flow.start_seq[side], {}, 0, true}, flow.last_ns);
    if (flow.has(FlowFlag::kSyn) && (flow.probes & (1U << side)) != 0) {
      stream.acknowledge(flow.start_seq[side] + 1, flow.last_ns);
      drain(flow, side);
    }
  }
  return true;
}

/// Who receives what `side` sends, as the handshake left it.
TcpReceiver FlowTable::receiver_from(const Flow& flow, unsigned side) {
  TcpReceiver receiver;
  const unsigned other = side ^ 1;
  if (flow.has_of(FlowFlag::kRightSum, side)) receiver.note_right_checksum();
  if (flow.has(FlowFlag::kTimestamps)) receiver.agree_on_timestamps();
  if (flow.has(FlowFlag::kTimestampHeld) && side == flow.initiator()) receiver.took_timestamp(flow.pending_syn);
  // A side that was not seen to speak may have sent more than the tap knows.
  if (flow.has_of(FlowFlag::kStartKnown, other) && flow.packets[other] != 0) {
    receiver.start(flow.start_seq[other], flow.has_of(FlowFlag::kFin, other));
  }
  return receiver;
}

void FlowTable::free_body(Flow& flow) {
  if (flow.body == kNoBody) return;
  forget_held(*bodies_[flow.body]);
  bodies_[flow.body].reset();
  free_bodies_.push_back(flow.body);
  flow.body = kNoBody;
  --counters_.active_dissectors;
}

void FlowTable::tell_gap(const Flow& flow, FlowBody& body, unsigned side, const StreamPiece& piece) {
  if (piece.kind == StreamPiece::Kind::kHole) {
    tell_trouble(flow, body, "gap", piece.bytes);
  } else if (!body.cut_off_told[side]) {
    body.cut_off_told[side] = true;  // each packet of the flow will be
    tell_trouble(flow, body, "cut_by_snap_length", piece.bytes);
  }
}

void FlowTable::tell_trouble(const Flow& flow, FlowBody& body, std::string_view what, uint64_t bytes) {
  if (body.troubles_told == kMaxTroubles) return;
  ++body.troubles_told;
  emit(flow, StreamTrouble{"stream", what, bytes});
}

FlowContext FlowTable::context_of(const Flow& flow) const {
  const unsigned initiator = flow.initiator();
  FlowContext context;
  context.flow_id = flow.flow_id;
  context.initiator = endpoint_of(flow.key, initiator);
  context.responder = endpoint_of(flow.key, initiator ^ 1);
  context.vlan = vlan_of(flow.key);
  if (flow.key.is_tunnelled() && config_.tunnels != nullptr) {
    if (const TunnelTable::Entry* entry = config_.tunnels->find(flow.key.tunnel())) {
      context.tunnel = entry->info;
      context.vlan = entry->vlan;
    }
  }
  context.start_ns = flow.start_ns;
  for (const unsigned side : {0U, 1U}) {
    const unsigned direction = index_of(flow.direction_from(side));
    context.counts.packets[direction] = flow.packets[side];
    context.counts.bytes[direction] = flow.bytes[side];
    if (!flow.has_of(FlowFlag::kStartKnown, side)) {
      context.unseen_bytes[direction] = FlowContext::kUnknownBytes;
    } else if (flow.body != kNoBody) {
      context.unseen_bytes[direction] = bodies_[flow.body]->streams[side].unseen_bytes();
    }
  }
  context.midstream = !flow.has(FlowFlag::kSyn);
  return context;
}

void FlowTable::emit(const Flow& flow, FlowEvent&& what) {
  Event event;
  event.time_ns = now_ns_;
  event.packet_number = now_number_;
  event.source_index = source_index_;
  event.flow = context_of(flow);
  event.what = std::move(what);
  sink_.put(std::move(event));
}

void FlowTable::Observer::emit(Observation&& observation) {
  // Another reading need not say it again.
  const auto* seen = std::get_if<PickleSeen>(&observation.fact);
  if (seen != nullptr && !observation.other_reading && !seen->report.findings.empty() && flow->body != kNoBody) {
    table_.bodies_[flow->body]->readings.is_news(*seen);
  }
  if (flow->body != kNoBody && table_.bodies_[flow->body]->is_second_copy) observation.other_reading = true;
  table_.emit(*flow, std::move(observation));
}

}  // namespace pickletap
