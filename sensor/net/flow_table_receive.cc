// FlowTable's dissected flows, packet by packet: what the receiver takes, what is kept beside it, and what the Dissector
// and the other readings are given of it.
#include <algorithm>
#include <utility>

#include "sensor/net/flow_table.h"

namespace pickletap {
namespace {

bool has_flag(const Packet& packet, uint8_t flag) { return (packet.flags & flag) != 0; }

bool has_payload(const Packet& packet) { return !packet.payload.empty() || packet.payload_missing != 0; }

uint64_t acked_of(const StreamReassembler& stream) {
  return stream.acknowledged_to() > 0 ? static_cast<uint64_t>(stream.acknowledged_to()) : 0;
}

/// No peer sends such by accident.
constexpr bool is_sign_of_attack(Refusal refusal) {
  return refusal != Refusal::kAfterReset && refusal != Refusal::kAckBeyondSent && refusal != Refusal::kNone;
}

}  // namespace

/// A RST that a receiver believes where it stands. Whether it came there shows in what the receiver does next, so the
/// flow stays for a while, and what follows waits for an ACK.
void FlowTable::on_reset(uint32_t index) {
  Flow& flow = slab_[index];
  if (flow.has(FlowFlag::kReset)) return;
  flow.set(FlowFlag::kReset);
  rehang(index);
}

void FlowTable::take_packet(uint32_t index, const Packet& packet, unsigned side) {
  Flow& flow = slab_[index];
  FlowBody& body = *bodies_[flow.body];
  body.last_ns = packet.time_ns;
  body.last_number = packet.number;
  body.last_source = source_index_;
  StreamReassembler& stream = body.streams[side];
  StreamReassembler& peer = body.streams[side ^ 1];
  TcpReceiver& receiver = body.receivers[side];
  const TcpOptions options = read_tcp_options(packet.tcp_header);
  if (has_flag(packet, TcpFlag::kRst)) {
    // Believed or not, it may come from one who has said more than the tap saw.
    const int64_t ahead = stream.offset_of(packet.seq) - static_cast<int64_t>(stream.delivered_bytes());
    if (!body.unseen_told && stream.started() && ahead > 1 && ahead < StreamReassembler::kResetWindow) {
      body.unseen_told = true;
      emit(flow, BytesUnseen{flow.direction_from(side)});
    }
    if (!receiver.heeds_reset(packet, options, config_.checksums) || !stream.accepts_reset(packet.seq)) return;
    stream.note_position(packet.seq);
    on_reset(index);
    return;
  }
  // Refused or not, it was sent: where the tap has the directions in the wrong order both may be refused for a while.
  body.receivers[side ^ 1].spoke(packet, options);
  Refusal refusal = receiver.judge(packet, options, config_.checksums);
  if (refusal == Refusal::kNone) {
    const bool in_order =
        !stream.started() || stream.offset_of(packet.seq) <= static_cast<int64_t>(stream.delivered_bytes());
    if (options.has_timestamp && in_order) receiver.took_timestamp(options.timestamp);
    if (!has_payload(packet)) stream.note_position(packet.seq);
    if (peer.started()) {
      peer.acknowledge(packet.ack, packet.time_ns);
      believe_acks(flow, body, side ^ 1);
    }
    if (flow.has(FlowFlag::kReset)) refusal = Refusal::kAfterReset;
    if (has_flag(packet, TcpFlag::kUrg)) note_urgent(flow, body, packet, side);
  }
  if (has_flag(packet, TcpFlag::kFin) || has_payload(packet)) take_segment(flow, body, packet, side, refusal);
  read_otherwise(flow, body);
  tell_unseen(flow, body, side ^ 1);
  if (!has_payload(packet)) tell_unseen(flow, body, side);  // it stands beyond what was seen of it
  if (!is_wanted(body)) {
    ignore(index);
    on_ignored(index, packet, side);
  } else if (stream.ended() && peer.ended()) {
    close(index, EndReason::kFin);
  }
}

void FlowTable::tell_unseen(const Flow& flow, FlowBody& body, unsigned side) {
  if (body.unseen_told || body.streams[side].unseen_bytes() <= 1) return;
  body.unseen_told = true;
  emit(flow, BytesUnseen{flow.direction_from(side)});
}

/// Offers a segment to its stream, or keeps it beside.
void FlowTable::take_segment(Flow& flow, FlowBody& body, const Packet& packet, unsigned side, Refusal refusal) {
  StreamReassembler& stream = body.streams[side];
  const Direction from = flow.direction_from(side);
  const bool fin = has_flag(packet, TcpFlag::kFin);
  if (refusal != Refusal::kNone) {
    ++counters_.refused[index_of(refusal)];
    const unsigned bit = 1U << index_of(refusal);
    if (is_sign_of_attack(refusal) && (body.refusals_told & bit) == 0) {
      body.refusals_told |= bit;
      tell_trouble(flow, body, to_text(refusal), packet.payload.size());
    }
  }
  // The other side's SYN is here and this one's is not: what it said first may be lost with it.
  if (!stream.started()) {
    if (refusal != Refusal::kNone) return;
    if (flow.has(FlowFlag::kSyn)) {
      observer_.flow = &flow;
      body.dissector->on_gap(from, 0, observer_);
    }
    stream.start(packet.seq);
  }
  const int64_t start = stream.offset_of(packet.seq);
  const auto next = static_cast<int64_t>(stream.delivered_bytes());
  const auto end = start + static_cast<int64_t>(packet.payload.size());
  if (start > next + StreamReassembler::kWindow || packet.payload.size() + packet.payload_missing == 0) {
    if (refusal == Refusal::kNone)
      stream.push({packet.seq, packet.payload, packet.payload_missing, fin}, packet.time_ns);
    drain(flow, side);
    return;
  }
  const int64_t whole = std::max(start, int64_t{0});
  const ByteSpan bytes = end > whole ? packet.payload.subspan(static_cast<size_t>(whole - start)) : ByteSpan{};
  const auto offset = static_cast<uint64_t>(whole);
  if (start < next && !bytes.empty()) {
    body.readings.compare(from, offset, bytes, acked_of(stream), *body.dissector);
  }
  if (refusal != Refusal::kNone) {
    if (end > next && !stream.ended()) body.readings.keep(from, offset, bytes, refusal, fin);
    return;
  }
  // Of copies that differ and wait in the queue one will win; the others are kept until then.
  bool differs = false;
  stream.visit_queued(start, end, [&](int64_t queued, ByteSpan had) {
    const int64_t low = std::max(start, queued);
    const int64_t high = std::min(end, queued + static_cast<int64_t>(had.size()));
    if (std::equal(had.begin() + (low - queued), had.begin() + (high - queued),
                   packet.payload.begin() + (low - start))) {
      return;
    }
    differs = true;
    body.readings.keep(from, static_cast<uint64_t>(queued), had, Refusal::kNone, false);
  });
  if (differs) body.readings.keep(from, offset, bytes, Refusal::kNone, false);
  stream.push({packet.seq, packet.payload, packet.payload_missing, fin}, packet.time_ns);
  drain(flow, side);
}

/// One byte leaves the stream: at seq + max(pointer, 1) - 1, if it was not delivered before (tcp_check_urg). A newer mark
/// puts the byte of an older one back, where the program has not read so far.
void FlowTable::note_urgent(Flow& flow, FlowBody& body, const Packet& packet, unsigned side) {
  StreamReassembler& stream = body.streams[side];
  if (!stream.started()) return;
  const int64_t at = stream.offset_of(packet.seq) + std::max<uint16_t>(packet.urgent, 1) - 1;
  int64_t& urgent = body.urgent[side];
  const auto next = static_cast<int64_t>(stream.delivered_bytes());
  if (at < next || at <= urgent) return;
  if (urgent >= 0 && urgent < next) {
    body.readings.put_back(flow.direction_from(side), static_cast<uint64_t>(urgent), *body.dissector);
  }
  urgent = at;
  tell_trouble(flow, body, "urgent_data", 1);
}

/// `side`'s peer has acknowledged: what it has need not be doubted, and what it must have taken is delivered.
void FlowTable::believe_acks(Flow& flow, FlowBody& body, unsigned side) {
  StreamReassembler& stream = body.streams[side];
  const Direction from = flow.direction_from(side);
  const uint64_t acked = acked_of(stream);
  if (body.readings.has_kept(from)) {
    while (auto kept = body.readings.take_confirmed(from, stream.delivered_bytes(), acked)) {
      const auto ahead = static_cast<uint32_t>(stream.delivered_bytes() - kept->start);
      // Whoever acknowledges what came behind a RST has not believed it. (The flow is looked at when it was due.)
      flow.flags = static_cast<uint16_t>(flow.flags & ~unsigned{FlowFlag::kReset});
      stream.push({stream.next_seq() - ahead, kept->bytes, 0, kept->fin}, now_ns_);
      drain(flow, side);
    }
  }
  drain(flow, side);
  body.readings.acknowledged(from, std::min(acked, stream.delivered_bytes()), *body.dissector);
}

/// The flow is over, and nobody said whether what was refused was taken.
void FlowTable::follow_unconfirmed(Flow& flow, FlowBody& body, unsigned side) {
  StreamReassembler& stream = body.streams[side];
  const Direction from = flow.direction_from(side);
  if (stream.acknowledged_to() < 0 && flow.packets[side ^ 1] == 0) {
    body.readings.read_kept(from, *body.dissector);
  }
  read_otherwise(flow, body);
}

/// Hands on what a stream has ready.
void FlowTable::drain(Flow& flow, unsigned side) {
  FlowBody& body = *bodies_[flow.body];
  StreamReassembler& stream = body.streams[side];
  const Direction from = flow.direction_from(side);
  observer_.flow = &flow;
  StreamPiece piece;
  while (stream.take(piece)) {
    const bool wanted = body.dissector->state() != Probe::kNo;
    switch (piece.kind) {
      case StreamPiece::Kind::kData:
        deliver(body, from, side, piece.data, stream.delivered_bytes() - piece.data.size());
        break;
      case StreamPiece::Kind::kHole:
      case StreamPiece::Kind::kCutOff:
        tell_gap(flow, body, side, piece);
        body.readings.flush(observer_);
        body.readings.lost(from, piece.bytes);
        if (wanted) body.dissector->on_gap(from, piece.bytes, observer_);
        break;
      case StreamPiece::Kind::kEnd:
        body.readings.flush(observer_);
        body.readings.ended(from, piece.reason);
        if (wanted) body.dissector->on_end(from, piece.reason, observer_);
        break;
    }
  }
  if (body.readings.has_kept(from)) body.readings.compare_kept(from, acked_of(stream), *body.dissector);
  if (const uint64_t bytes = stream.take_limit_bytes(); bytes != 0) {
    tell_trouble(flow, body, "out_of_order_limit", bytes);
  }
}

void FlowTable::deliver(FlowBody& body, Direction from, unsigned side, ByteSpan bytes, uint64_t offset) {
  body.readings.delivered(from, bytes);
  const int64_t urgent = body.urgent[side];
  if (urgent >= 0 && static_cast<uint64_t>(urgent) >= offset && static_cast<uint64_t>(urgent) < offset + bytes.size()) {
    const auto before = static_cast<size_t>(static_cast<uint64_t>(urgent) - offset);
    body.readings.leave_out(from, static_cast<uint64_t>(urgent));
    if (before != 0 && body.dissector->state() != Probe::kNo) {
      body.dissector->on_data(from, bytes.first(before), observer_);
    }
    bytes = bytes.subspan(before + 1);
  }
  if (!bytes.empty() && body.dissector->state() != Probe::kNo) body.dissector->on_data(from, bytes, observer_);
}

/// The other readings read on, and what they brought to light is told.
void FlowTable::read_otherwise(Flow& flow, FlowBody& body) {
  if (body.readings.has_readings()) {
    observer_.flow = &flow;
    body.readings.flush(observer_);
  }
  // Of a flow that is none of ours nobody wants to know.
  if (body.readings.has_conflict() && (body.dissector->state() == Probe::kYes || body.readings.is_ours())) {
    const OverlapConflict conflict = *body.readings.take_conflict();
    emit(flow, OverlapSeen{conflict.from, conflict.offset, conflict.bytes});
  }
  if (body.readings.take_not_followed()) tell_trouble(flow, body, "other_reading_not_followed", 0);
  if (body.readings.take_kept_limit()) tell_trouble(flow, body, "other_copies_limit", 0);
}

/// Is there still something to learn from this flow? A Dissector's no may come from a decoy: as long as another copy may
/// come, and while another reading goes on, the flow is followed.
bool FlowTable::is_wanted(FlowBody& body) const {
  if (body.dissector->state() != Probe::kNo || body.readings.has_readings()) return true;
  if (++body.packets_rejected > kMaxPacketsRejected) return false;
  bool open = false;
  for (const Direction from : {Direction::kToServer, Direction::kToClient}) open |= body.readings.has_kept(from);
  for (const unsigned side : {0U, 1U}) {
    const StreamReassembler& stream = body.streams[side];
    open |= stream.delivered_bytes() > acked_of(stream) || stream.queued_blocks() != 0;
  }
  return open;
}

}  // namespace pickletap
