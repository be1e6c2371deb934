// FlowTable's order between the two directions of a flow. A tap may show an answer before what it answers (two mirror
// ports, a switch, a capture of several queues); the Dissector needs them in the order in which the peers spoke. The ACK
// number tells: who sent a segment had received all that it acknowledges. So a segment waits until its peer's stream has
// been read that far, as long as a hole in that stream may wait, and no longer.
#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "sensor/net/flow_table.h"

namespace pickletap {

namespace {

/// One number more may be the peer's FIN.
bool waits_for_peer(const Flow& flow, const FlowBody& body, const Packet& packet, unsigned side) {
  if (packet.payload.empty() || (packet.flags & TcpFlag::kAck) == 0 || (packet.flags & TcpFlag::kRst) != 0)
    return false;
  const StreamReassembler& peer = body.streams[side ^ 1];
  if (!peer.started() || peer.ended()) return false;
  // What was refused there is what this may acknowledge: nothing else shows that it was taken.
  if (body.readings.has_kept(flow.direction_from(side ^ 1))) return false;
  const int64_t ahead = peer.offset_of(packet.ack) - static_cast<int64_t>(peer.delivered_bytes());
  return ahead > 1 && ahead <= StreamReassembler::kWindow;
}

}  // namespace

void FlowTable::on_dissected(uint32_t index, const Packet& packet, unsigned side) {
  FlowBody& body = *bodies_[slab_[index].body];
  if (waits_for_peer(slab_[index], body, packet, side) && hold(body, packet, side)) return;
  take_packet(index, packet, side);
  release_held(index, packet.time_ns);
}

FlowBody* FlowTable::body_of(uint32_t index) const {
  const Flow& flow = slab_[index];
  return flow.body == kNoBody ? nullptr : bodies_[flow.body].get();
}

/// False where there is no room for it.
bool FlowTable::hold(FlowBody& body, const Packet& packet, unsigned side) {
  const size_t ip_header = packet.ip_header_bytes;
  const auto size = static_cast<uint32_t>(ip_header + packet.tcp_header.size() + packet.payload.size());
  const uint64_t cost = size + sizeof(HeldSegment);
  if (body.held.size() >= kMaxHeld || pool_.used_bytes + cost > pool_.budget_bytes) {
    ++counters_.held_limit_segments;
    return false;
  }
  HeldSegment held;
  held.packet = packet;
  held.packet.outer = nullptr;
  held.size = size;
  held.side = side;
  held.source = source_index_;
  held.bytes = std::make_unique_for_overwrite<uint8_t[]>(size);
  const size_t header = packet.tcp_header.size();
  uint8_t* const tcp = held.bytes.get() + ip_header;
  if (header != 0) std::memcpy(held.bytes.get(), packet.tcp_header.data() - ip_header, ip_header + header);
  std::memcpy(tcp + header, packet.payload.data(), packet.payload.size());
  held.packet.tcp_header = {tcp, header};
  held.packet.payload = {tcp + header, packet.payload.size()};
  pool_.used_bytes += cost;
  ++counters_.held_segments;
  body.held.push_back(std::move(held));
  return true;
}

/// What waits no more, or has waited long enough, is taken as if it came now; what it brings is told with its own number.
void FlowTable::release_held(uint32_t index, int64_t now_ns) {
  for (FlowBody* body = body_of(index); body != nullptr && !body->held.empty(); body = body_of(index)) {
    const auto ready = std::find_if(body->held.begin(), body->held.end(), [&](const HeldSegment& held) {
      return now_ns - held.packet.time_ns >= config_.stream.acked_hole_ns ||
             !waits_for_peer(slab_[index], *body, held.packet, held.side);
    });
    if (ready == body->held.end()) return;
    const HeldSegment held = std::move(*ready);
    body->held.erase(ready);
    pool_.used_bytes -= held.size + sizeof(HeldSegment);
    const auto now = std::tuple(now_ns_, now_number_, source_index_);
    std::tie(now_ns_, now_number_, source_index_) = std::tuple(held.packet.time_ns, held.packet.number, held.source);
    take_packet(index, held.packet, held.side);
    std::tie(now_ns_, now_number_, source_index_) = now;
  }
}

/// The flow is over: what waits is read without the rest.
void FlowTable::take_held(Flow& flow, FlowBody& body) {
  const auto now = std::tuple(now_ns_, now_number_, source_index_);
  for (const HeldSegment& held : std::exchange(body.held, {})) {
    pool_.used_bytes -= held.size + sizeof(HeldSegment);
    std::tie(now_ns_, now_number_, source_index_) = std::tuple(held.packet.time_ns, held.packet.number, held.source);
    StreamReassembler& peer = body.streams[held.side ^ 1];
    peer.acknowledge(held.packet.ack, held.packet.time_ns);
    tell_unseen(flow, body, held.side ^ 1);
    take_segment(flow, body, held.packet, held.side, Refusal::kNone);
  }
  std::tie(now_ns_, now_number_, source_index_) = now;
}

/// The body goes: what waits in it was charged to the pool.
void FlowTable::forget_held(FlowBody& body) {
  for (const HeldSegment& held : body.held) pool_.used_bytes -= held.size + sizeof(HeldSegment);
  body.held.clear();
}

}  // namespace pickletap
