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
  bodies_[flow.body] = std::make_unique<FlowBody>(pool_, std::move(dissector));
  flow.state = FlowState::kDissected;
  rehang(index);
  ++counters_.dissectors_made;
  ++counters_.active_dissectors;
  for (const unsigned side : {0U, 1U}) {
    if (!flow.has_of(FlowFlag::kStartKnown, side)) continue;
    StreamReassembler& stream = bodies_[flow.body]->streams[side];
    stream.start(flow.start_seq[side]);
    if (flow.has_of(FlowFlag::kFin, side)) stream.push({flow.start_seq[side], {}, 0, true}, flow.last_ns);
  }
  return true;
}

void FlowTable::free_body(Flow& flow) {
  if (flow.body == kNoBody) return;
  bodies_[flow.body].reset();
  free_bodies_.push_back(flow.body);
  flow.body = kNoBody;
  --counters_.active_dissectors;
}

/// Hands on what a stream has ready. False when the dissector wants no more of this flow.
bool FlowTable::drain(Flow& flow, unsigned side) {
  FlowBody& body = *bodies_[flow.body];
  const Direction from = flow.direction_from(side);
  observer_.flow = &flow;
  StreamPiece piece;
  while (body.streams[side].take(piece)) {
    switch (piece.kind) {
      case StreamPiece::Kind::kData: body.dissector->on_data(from, piece.data, observer_); break;
      case StreamPiece::Kind::kHole:
      case StreamPiece::Kind::kCutOff:
        tell_gap(flow, body, side, piece);
        body.dissector->on_gap(from, piece.bytes, observer_);
        break;
      case StreamPiece::Kind::kEnd: body.dissector->on_end(from, piece.reason, observer_); break;
    }
    if (body.dissector->state() == Probe::kNo) return false;
  }
  if (const uint64_t bytes = body.streams[side].take_limit_bytes(); bytes != 0) {
    tell_trouble(flow, body, "out_of_order_limit", bytes);
  }
  return true;
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

void FlowTable::Observer::emit(Observation&& observation) { table_.emit(*flow, std::move(observation)); }

}  // namespace pickletap
