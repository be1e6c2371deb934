#include "sensor/packet_keeper.h"

#include <utility>

#include "sensor/net/flow_key.h"

namespace pickletap {

namespace {

/// What the flow table knows of a flow's opening when its first packet is kept.
KeptFlow begin(const Flow& flow, const Packet& packet) {
  KeptFlow kept;
  kept.flow_id = flow.flow_id;
  kept.vlan = packet.vlan;
  kept.start_ns = flow.start_ns;
  kept.initiator = flow.initiator();
  kept.has_syn = flow.has(FlowFlag::kSyn);
  kept.has_syn_ack = flow.has(FlowFlag::kSynAck);
  kept.has_timestamps = flow.has(FlowFlag::kTimestamps);
  if (flow.has(FlowFlag::kTimestampHeld)) kept.opening_timestamp = flow.pending_syn;
  kept.start_seq = flow.start_seq;
  for (const unsigned side : {0U, 1U}) {
    kept.ends[side] = endpoint_of(flow.key, side);
    kept.start_known[side] = flow.has_of(FlowFlag::kStartKnown, side);
    kept.right_sum[side] = flow.has_of(FlowFlag::kRightSum, side);
  }
  return kept;
}

}  // namespace

void PacketKeeper::add(Entry& entry, KeptSegment&& one) {
  const uint64_t bytes = charge(one);
  bytes_ += bytes;
  if (entry.last.empty() && entry.first_bytes + bytes <= kMaxFirst) {
    entry.first_bytes += bytes;
    entry.flow.segments.push_back(std::move(one));
    return;
  }
  entry.last_bytes += bytes;
  entry.last.push_back(std::move(one));
  while (entry.last_bytes > max_last() && entry.last.size() > 1) {
    const uint64_t oldest = charge(entry.last.front());
    entry.last.pop_front();
    entry.last_bytes -= oldest;
    bytes_ -= oldest;
    ++packets_let_go_;
  }
}

void PacketKeeper::keep(const Flow& flow, const Packet& packet) {
  const auto [at, is_new] = flows_.try_emplace(flow.flow_id);
  Entry& entry = at->second;
  if (is_new) {
    entry.age = by_age_.insert(by_age_.end(), flow.flow_id);
    entry.flow = begin(flow, packet);
    bytes_ += kFlowBytes;
  } else {
    by_age_.splice(by_age_.end(), by_age_, entry.age);
    entry.flow.initiator = flow.initiator();
  }
  if ((packet.flags & TcpFlag::kSyn) != 0) return;  // made anew
  KeptSegment one;
  one.time_ns = packet.time_ns;
  one.number = packet.number;
  one.payload_missing = packet.payload_missing;
  one.side = static_cast<uint8_t>(make_flow_key(packet).side);
  one.ttl = packet.ttl;
  one.header_bytes = static_cast<uint8_t>(packet.tcp_header.size());
  one.bytes.reserve(packet.tcp_header.size() + packet.payload.size());
  one.bytes.append(reinterpret_cast<const char*>(packet.tcp_header.data()), packet.tcp_header.size());
  one.bytes.append(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size());
  add(entry, std::move(one));
}

void PacketKeeper::trim() {
  while (bytes_ > max_bytes_ && flows_.size() > 1) {
    const auto at = flows_.find(by_age_.front());
    by_age_.pop_front();
    bytes_ -= kFlowBytes + at->second.first_bytes + at->second.last_bytes;
    packets_let_go_ += at->second.flow.segments.size() + at->second.last.size();
    flows_.erase(at);
  }
}

KeptFlow PacketKeeper::flow(uint64_t flow_id, uint64_t after) const {
  const auto at = flows_.find(flow_id);
  if (at == flows_.end()) return {};
  const Entry& entry = at->second;
  KeptFlow kept = entry.flow;
  std::erase_if(kept.segments, [after](const KeptSegment& one) { return one.number <= after; });
  for (const KeptSegment& one : entry.last) {
    if (one.number > after) kept.segments.push_back(one);
  }
  return kept;
}

}  // namespace pickletap
