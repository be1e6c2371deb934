#include "sensor/net/flow_table.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <tuple>

#include "sensor/net/contact_watch.h"

namespace pickletap {
namespace {

constexpr uint64_t kFlowIdMask = (uint64_t{1} << 51) - 1;

bool has_flag(const Packet& packet, uint8_t flag) { return (packet.flags & flag) != 0; }

bool has_payload(const Packet& packet) { return !packet.payload.empty() || packet.payload_missing != 0; }

}  // namespace

std::string_view to_text(FlowState state) {
  switch (state) {
    case FlowState::kOpening: return "opening";
    case FlowState::kDissected: return "dissected";
    case FlowState::kIgnored: return "ignored";
    case FlowState::kClosed: return "closed";
    case FlowState::kUnanswered: return "unanswered";
  }
  return "unknown";
}

FlowTable::FlowTable(const FlowTableConfig& config, Protocols protocols, EventSink& sink)
    : config_(config),
      protocols_(std::move(protocols)),
      sink_(sink),
      pool_{config.stream, config.out_of_order_bytes, 0, {}},
      histories_{},
      index_(0, IndexHash{&slab_, FlowHash(config.hash_seed)}, IndexEqual{&slab_}),
      observer_(*this) {
  histories_.budget_bytes = config.history_bytes;
  config_.max_flows = std::max(config_.max_flows, uint32_t{1});
  config_.max_dissected = std::max(config_.max_dissected, uint32_t{1});
  config_.max_unanswered = std::max(config_.max_unanswered, uint32_t{1});
  for (unsigned i = 0; i < kFlowStateCount; ++i) {
    wheels_[i] = std::make_unique<TimerWheel>(slab_, static_cast<uint8_t>(i));
  }
}

FlowTable::~FlowTable() = default;

const Flow* FlowTable::process(const Packet& packet) {
  advance(packet.time_ns, packet.number);
  ++counters_.packets;
  counters_.bytes += packet.wire_bytes;
  const OrientedKey oriented = make_flow_key(packet);
  const auto found = index_.find(oriented.key);
  const uint32_t index = found != index_.end() ? *found : create(oriented, packet);
  Flow& flow = slab_[index];
  flow.last_ns = packet.time_ns;
  ++flow.packets[oriented.side];
  flow.bytes[oriented.side] += packet.wire_bytes;
  constexpr uint8_t kControl = TcpFlag::kSyn | TcpFlag::kFin | TcpFlag::kRst;
  if (flow.state == FlowState::kIgnored && !has_flag(packet, kControl) &&
      !covers_first_byte(flow, packet, oriented.side)) [[likely]]
    return nullptr;
  now_ns_ = packet.time_ns;
  now_number_ = packet.number;
  const bool was_dissected = flow.body != kNoBody;
  process_by_state(index, packet, oriented.side);
  return was_dissected || flow.body != kNoBody ? &flow : nullptr;
}

void FlowTable::process_by_state(uint32_t index, const Packet& packet, unsigned side) {
  constexpr uint8_t kOpeners = TcpFlag::kSyn | TcpFlag::kAck | TcpFlag::kRst | TcpFlag::kFin;
  if (slab_[index].state == FlowState::kUnanswered &&
      ((packet.flags & kOpeners) != TcpFlag::kSyn || side != slab_[index].initiator())) {
    answer(index);
  }
  if (has_flag(packet, TcpFlag::kSyn) && !has_flag(packet, TcpFlag::kRst)) {
    // Payload of a SYN or SYN-ACK is discarded by the receiver. No listener takes a SYN with a FIN.
    if (has_flag(packet, TcpFlag::kFin)) return;
    if (has_flag(packet, TcpFlag::kAck)) {
      on_syn_ack(index, packet, side);
    } else {
      on_syn(index, packet, side);
    }
    return;
  }
  switch (slab_[index].state) {
    case FlowState::kOpening: on_opening(index, packet, side); return;
    case FlowState::kDissected: on_dissected(index, packet, side); return;
    case FlowState::kIgnored: on_ignored(index, packet, side); return;
    case FlowState::kClosed:
      if (covers_first_byte(slab_[index], packet, side)) look_again(index, packet, side);
      return;
    case FlowState::kUnanswered: return;  // was answered above
  }
}

// --- the life of a record

uint32_t FlowTable::create(const OrientedKey& oriented, const Packet& packet) {
  now_ns_ = packet.time_ns;
  now_number_ = packet.number;
  if (counters_.active_flows >= config_.max_flows) make_room();
  const uint32_t index = slab_.allocate();
  Flow& flow = slab_[index];
  flow = Flow{};
  flow.key = oriented.key;
  begin(flow, packet, oriented.side);
  constexpr uint8_t kOpeners = TcpFlag::kSyn | TcpFlag::kAck | TcpFlag::kRst | TcpFlag::kFin;
  if ((packet.flags & kOpeners) == TcpFlag::kSyn) {
    if (unanswered_ >= config_.max_unanswered) {
      unsigned moves = kMaxMovesPerEviction;
      evict_from(FlowState::kUnanswered, moves);
    }
    flow.state = FlowState::kUnanswered;
    ++unanswered_;
    if (config_.contacts != nullptr) config_.contacts->on_connection(packet, oriented);
  }
  index_.insert(index);
  hang(index);
  ++counters_.flows;
  ++counters_.active_flows;
  if (!flow.has(FlowFlag::kSyn)) ++counters_.midstream_flows;
  return index;
}

/// What the first packet says of who opened the flow and where its streams begin.
void FlowTable::begin(Flow& flow, const Packet& packet, unsigned side) {
  flow.flow_id = packet.number & kFlowIdMask;
  flow.start_ns = flow.last_ns = packet.time_ns;
  unsigned initiator = side;
  constexpr uint8_t kOpeners = TcpFlag::kSyn | TcpFlag::kRst | TcpFlag::kFin;
  if ((packet.flags & kOpeners) == TcpFlag::kSyn) {
    flow.set(FlowFlag::kSyn);
    flow.start_seq[side] = packet.seq + 1;
    flow.set_of(FlowFlag::kStartKnown, side);
    if (has_flag(packet, TcpFlag::kAck)) {
      initiator = side ^ 1;
      flow.set(FlowFlag::kSynAck);
      flow.start_seq[side ^ 1] = packet.ack;
      flow.set_of(FlowFlag::kStartKnown, side ^ 1);
    }
  } else if (packet.source_port < packet.destination_port) {
    initiator = side ^ 1;  // servers tend to have the lower port
  }
  if (initiator == 1) flow.set(FlowFlag::kUpperInitiates);
}

/// The tuple is used by a new connection from this packet on.
void FlowTable::restart(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  --flow.packets[side];  // process() counted the packet for the old flow
  flow.bytes[side] -= packet.wire_bytes;
  end(flow, EndReason::kReset);
  if (flow.state == FlowState::kUnanswered) --unanswered_;
  wheels_[flow.wheel]->remove(index);
  const FlowKey key = flow.key;
  flow = Flow{};
  flow.key = key;
  begin(flow, packet, side);
  if (config_.contacts != nullptr && !has_flag(packet, TcpFlag::kAck)) {
    config_.contacts->on_connection(packet, {key, side});
  }
  flow.packets[side] = 1;
  flow.bytes[side] = packet.wire_bytes;
  hang(index);
  ++counters_.flows;
}

void FlowTable::ignore(uint32_t index) {
  Flow& flow = slab_[index];
  free_body(flow);
  flow.state = FlowState::kIgnored;
  ++counters_.ignored_flows;
  // From the wheel of flows without payload it comes along at the next look; the other one's slots are too far off.
  if (flow.wheel == index_of(FlowState::kDissected)) rehang(index);
}

void FlowTable::close(uint32_t index, EndReason reason) {
  Flow& flow = slab_[index];
  end(flow, reason);
  flow.state = FlowState::kClosed;
  rehang(index);
}

/// Tells everyone that the flow is over. The record stays, without a body.
void FlowTable::end(Flow& flow, EndReason reason) {
  if (flow.state == FlowState::kClosed) return;
  if (flow.has(FlowFlag::kReset)) reason = EndReason::kReset;
  bool dissected = false;
  if (flow.body != kNoBody) {
    const FlowBody& body = *bodies_[flow.body];
    const auto now = std::tuple(now_ns_, now_number_, source_index_);
    std::tie(now_ns_, now_number_, source_index_) = std::tuple(body.last_ns, body.last_number, body.last_source);
    take_held(flow, *bodies_[flow.body]);
    for (const unsigned side : {flow.initiator(), flow.initiator() ^ 1}) {
      FlowBody& open = *bodies_[flow.body];
      open.streams[side].finish(reason);
      drain(flow, side);
      follow_unconfirmed(flow, open, side);
    }
    std::tie(now_ns_, now_number_, source_index_) = now;
    dissected = body.dissector->state() == Probe::kYes;
    free_body(flow);
  }
  if (dissected || config_.flow_events_for_all) emit(flow, FlowEnded{reason, flow.last_ns, dissected});
}

/// More than a SYN was seen of it.
void FlowTable::answer(uint32_t index) {
  slab_[index].state = FlowState::kOpening;
  --unanswered_;
  rehang(index);
}

void FlowTable::remove(uint32_t index) {
  if (slab_[index].state == FlowState::kUnanswered) --unanswered_;
  wheels_[slab_[index].wheel]->remove(index);
  index_.erase(index);
  slab_.release(index);
  --counters_.active_flows;
}

// --- packets

void FlowTable::on_syn(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  const uint32_t start = packet.seq + 1;
  const bool same = flow.has_of(FlowFlag::kStartKnown, side) && flow.start_seq[side] == start;
  if (same && flow.has(FlowFlag::kSyn)) return;  // a copy, or the packet that began the flow
  const bool peer_seen = flow.packets[side ^ 1] != 0;
  const bool is_opening = flow.state == FlowState::kOpening || flow.state == FlowState::kUnanswered;
  if (is_opening && flow.has(FlowFlag::kSyn) && !flow.has(FlowFlag::kSynAck)) {
    // Nobody answered yet: the SYN-ACK will say which one it means.
    flow.start_seq[side] = start;
    flow.set_of(FlowFlag::kStartKnown, side);
  } else if (flow.state == FlowState::kClosed || !peer_seen || (is_opening && !flow.has(FlowFlag::kSyn))) {
    restart(index, packet, side);
  } else {
    remember_syn(flow, packet, side);
  }
}

void FlowTable::remember_syn(Flow& flow, const Packet& packet, unsigned side) {
  flow.pending_syn = packet.seq;
  flow.flags = static_cast<uint16_t>(flow.flags & ~(FlowFlag::kPendingSyn * 3U) & ~unsigned{FlowFlag::kTimestampHeld});
  flow.set_of(FlowFlag::kPendingSyn, side);
}

void FlowTable::on_syn_ack(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  const uint32_t start = packet.seq + 1;
  if (flow.has(FlowFlag::kSynAck) && flow.has_of(FlowFlag::kStartKnown, side) && flow.start_seq[side] == start) {
    return;  // a copy, or the packet that began the flow
  }
  const bool answers_pending = flow.has_of(FlowFlag::kPendingSyn, side ^ 1) && packet.ack == flow.pending_syn + 1;
  if (flow.state == FlowState::kClosed || answers_pending) {
    restart(index, packet, side);
    return;
  }
  if (flow.state != FlowState::kOpening) return;
  if (check_tcp_checksum(packet) == ChecksumState::kRight) flow.set_of(FlowFlag::kRightSum, side);
  if (flow.has(FlowFlag::kSynAck)) {
    if (side != flow.initiator()) remember_syn(flow, packet, side);  // the client's ACK says which one it took
    return;
  }
  flow.set(FlowFlag::kSyn | FlowFlag::kSynAck);
  if (read_tcp_options(packet.tcp_header).has_timestamp) flow.set(FlowFlag::kTimestamps);
  flow.flags = static_cast<uint16_t>(flow.flags & ~FlowFlag::kUpperInitiates);
  if (side == 0) flow.set(FlowFlag::kUpperInitiates);
  flow.start_seq[side] = start;
  flow.start_seq[side ^ 1] = packet.ack;
  flow.set(FlowFlag::kStartKnown * 3);
}

void FlowTable::on_opening(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  const uint32_t ahead = packet.seq - flow.start_seq[side];
  const bool start_known = flow.has_of(FlowFlag::kStartKnown, side);
  if (has_flag(packet, TcpFlag::kRst)) {
    // No payload was sent, so the receiver waits for exactly this number; behind a FIN, for the one after it.
    const uint32_t fin = flow.has_of(FlowFlag::kFin, side) ? 1 : 0;
    if (!flow.has(FlowFlag::kSynAck) && side != flow.initiator()) {
      close(index, EndReason::kReset);  // refused; a SYN-ACK would begin it anew
    } else if (!start_known || ahead <= fin) {
      on_reset(index);
    }
    return;
  }
  if (!has_flag(packet, TcpFlag::kAck)) return;  // no receiver takes it
  if (flow.has(FlowFlag::kSyn) && !flow.has_of(FlowFlag::kStartKnown, side ^ 1)) {
    flow.start_seq[side ^ 1] = packet.ack;  // the SYN-ACK was not captured
    flow.set_of(FlowFlag::kStartKnown, side ^ 1);
  }
  if (flow.has_of(FlowFlag::kPendingSyn, side ^ 1) && packet.ack == flow.pending_syn + 1 && side == flow.initiator()) {
    flow.start_seq[side ^ 1] = packet.ack;  // of several SYN-ACKs the client took the last
  }
  note_opening(flow, packet, side);
  if (has_payload(packet)) {
    on_first_payload(index, packet, side);
  } else if (has_flag(packet, TcpFlag::kUrg) || (has_flag(packet, TcpFlag::kFin) && start_known && ahead != 0)) {
    if (make_body(index)) on_dissected(index, packet, side);  // what it says is of bytes that follow
  } else if (has_flag(packet, TcpFlag::kFin)) {
    flow.set_of(FlowFlag::kFin, side);
    if (flow.has_of(FlowFlag::kFin, side ^ 1)) close(index, EndReason::kFin);
  }
}

/// What the end of a handshake tells of its sides, for the receivers of the body that may come.
void FlowTable::note_opening(Flow& flow, const Packet& packet, unsigned side) {
  constexpr unsigned kEither = FlowFlag::kPendingSyn * 3U;
  if (has_payload(packet)) return;
  if (!flow.has_of(FlowFlag::kRightSum, side) && check_tcp_checksum(packet) == ChecksumState::kRight) {
    flow.set_of(FlowFlag::kRightSum, side);
  }
  if (flow.has_of(FlowFlag::kFin, side ^ 1) && flow.has(FlowFlag::kSyn) && packet.ack == flow.start_seq[side ^ 1] + 1) {
    flow.probes = static_cast<uint16_t>(flow.probes | (1U << (side ^ 1)));
  }
  if (side != flow.initiator() || !flow.has(FlowFlag::kTimestamps) || (flow.flags & kEither) != 0) return;
  if (const TcpOptions options = read_tcp_options(packet.tcp_header); options.has_timestamp) {
    flow.pending_syn = options.timestamp;
    flow.set(FlowFlag::kTimestampHeld);
  }
}

void FlowTable::on_first_payload(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  if (config_.contacts != nullptr) config_.contacts->on_first_payload(packet);
  ByteSpan payload = packet.payload;
  const bool start_known = flow.has_of(FlowFlag::kStartKnown, side);
  if (start_known) {
    const auto before = static_cast<int32_t>(flow.start_seq[side] - packet.seq);
    if (before < 0) {  // out of order: kept until what comes first has arrived
      if (make_body(index)) on_dissected(index, packet, side);
      return;
    }
    const auto old = static_cast<uint64_t>(before);
    if (old >= payload.size() + packet.payload_missing) return;  // a keep-alive
    payload = payload.subspan(std::min<size_t>(old, payload.size()));
  }
  // A payload of which nothing was captured shows as little as one that is something else.
  const Probe probe = payload.empty() ? Probe::kNo : protocols_.probe(payload);
  if (probe != Probe::kNo) {
    if (make_body(index)) on_dissected(index, packet, side);
    return;
  }
  // Without the beginning, a payload may begin anywhere in a message; a few more are looked at.
  if (!flow.has(FlowFlag::kSyn) && ++flow.probes < kMaxMidstreamProbes) return;
  if (start_known) {
    // What its receiver does not take decides nothing.
    const Refusal refusal =
        receiver_from(flow, side).judge(packet, read_tcp_options(packet.tcp_header), config_.checksums);
    if (refusal != Refusal::kNone) {
      ++counters_.refused[index_of(refusal)];
      return;
    }
  }
  flow.set_of(FlowFlag::kFirstLook, side);
  ignore(index);
  on_ignored(index, packet, side);
}

/// Does a packet of an ignored flow bring another copy of the bytes for which it is ignored?
bool FlowTable::covers_first_byte(const Flow& flow, const Packet& packet, unsigned side) const {
  const uint32_t before = flow.start_seq[side] - packet.seq;
  return before < packet.payload.size() && flow.has_of(FlowFlag::kFirstLook, side) &&
         flow.has_of(FlowFlag::kStartKnown, side) && flow.bytes[side] < UINT32_MAX / 2;
}

/// What a flow is ignored for may have been a decoy that its receiver never took.
void FlowTable::look_again(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  const ByteSpan payload = packet.payload.subspan(flow.start_seq[side] - packet.seq);
  if (!has_flag(packet, TcpFlag::kAck) || protocols_.probe(payload) == Probe::kNo) return;
  if (flow.state == FlowState::kIgnored) --counters_.ignored_flows;
  flow.flags = static_cast<uint16_t>(flow.flags & ~(FlowFlag::kFirstLook * 3U));
  if (!make_body(index)) return;
  bodies_[flow.body]->readings.note_conflict({flow.direction_from(side), 0, payload.size()});
  bodies_[flow.body]->is_second_copy = true;
  on_dissected(index, packet, side);
}

void FlowTable::on_ignored(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  if (has_flag(packet, TcpFlag::kRst)) {
    on_reset(index);
    return;
  }
  if (covers_first_byte(flow, packet, side)) {
    look_again(index, packet, side);
    if (flow.state != FlowState::kIgnored) return;
  }
  if (has_flag(packet, TcpFlag::kFin)) {
    flow.set_of(FlowFlag::kFin, side);
    if (flow.has_of(FlowFlag::kFin, side ^ 1)) close(index, EndReason::kFin);
  }
}

// --- the end, and what is told

void FlowTable::finish() {
  std::vector<std::pair<uint64_t, uint32_t>> by_start;
  by_start.reserve(index_.size());
  for (const uint32_t index : index_) by_start.emplace_back(slab_[index].flow_id, index);
  std::sort(by_start.begin(), by_start.end());
  for (const auto& [flow_id, index] : by_start) {
    end(slab_[index], EndReason::kCapture);
    remove(index);
  }
}

FlowTableCounters FlowTable::counters() const {
  FlowTableCounters counters = counters_;
  counters.body_bytes = counters.active_dissectors * kBodyBytes;
  // Of the index, what so many records need: its own count of slots depends on the secret seed, what is reported must not.
  constexpr uint64_t kSlotBytes = sizeof(uint32_t) + 1;
  counters.flow_memory_bytes = slab_.memory_bytes() + std::bit_ceil(uint64_t{slab_.used()}) * kSlotBytes;
  counters.out_of_order_bytes = pool_.used_bytes;
  counters.history_bytes = histories_.used_bytes;
  counters.history_dropped_bytes = histories_.dropped_bytes;
  counters.streams = pool_.counters;
  return counters;
}

}  // namespace pickletap
