#include "sensor/packet_keeper.h"

#include <algorithm>
#include <utility>

#include "sensor/net/flow_key.h"

namespace pickletap {

namespace {

constexpr unsigned kIpv4Bytes = 20, kIpv6Bytes = 40, kTcpBytes = 20;
constexpr uint8_t kTcp = 6, kHops = 64;

void put16(std::string& out, uint32_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}
void put32(std::string& out, uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

/// RFC 1071, the sum before it is folded.
uint64_t sum_of(std::string_view bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += uint64_t{static_cast<uint8_t>(bytes[i])} << (i % 2 == 0 ? 8 : 0);
  return sum;
}
uint32_t checksum(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint32_t>(~sum & 0xffff);
}
void set16(std::string& out, size_t at, uint32_t value) {
  out[at] = static_cast<char>(value >> 8 & 0xff);
  out[at + 1] = static_cast<char>(value & 0xff);
}

std::string address_bytes(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.is_v6 ? 16U : 4U};
}

/// The frame of a packet, up to its TCP header's end.
std::string headers_of(const Packet& packet) {
  const bool v6 = packet.source.is_v6;
  std::string out(12, '\0');
  const size_t tags = std::min<size_t>(packet.vlan.count, packet.vlan.ids.size());
  for (size_t i = 0; i < tags; ++i) {
    put16(out, 0x8100);
    put16(out, packet.vlan.ids[i]);
  }
  put16(out, v6 ? 0x86dd : 0x0800);
  // Larger than 64 KiB (segmentation offload): the length says 0, as the kernel writes it (BIG TCP).
  const size_t tcp_bytes = kTcpBytes + packet.payload.size() + packet.payload_missing;
  const size_t at = out.size();
  const std::string source = address_bytes(packet.source), destination = address_bytes(packet.destination);
  if (v6) {
    put32(out, 0x60000000);
    put16(out, tcp_bytes > 0xffff ? 0 : static_cast<uint32_t>(tcp_bytes));
    out += static_cast<char>(kTcp);
    out += static_cast<char>(kHops);
  } else {
    put16(out, 0x4500);
    put16(out, tcp_bytes + kIpv4Bytes > 0xffff ? 0 : static_cast<uint32_t>(tcp_bytes + kIpv4Bytes));
    put32(out, 0x00004000);
    out += static_cast<char>(kHops);
    out += static_cast<char>(kTcp);
    put16(out, 0);
  }
  out += source + destination;
  if (!v6) set16(out, at + 10, checksum(sum_of(std::string_view(out).substr(at, kIpv4Bytes))));
  const size_t tcp = out.size();
  put16(out, packet.source_port);
  put16(out, packet.destination_port);
  put32(out, packet.seq);
  put32(out, packet.ack);
  out += '\x50';
  out += static_cast<char>(packet.flags & 0x3f);
  put16(out, packet.window);
  put16(out, 0);
  put16(out, packet.urgent);
  const std::string_view payload(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size());
  const uint64_t pseudo = sum_of(source + destination) + kTcp + tcp_bytes;
  set16(out, tcp + 16, checksum(pseudo + sum_of(std::string_view(out).substr(tcp)) + sum_of(payload)));
  return out;
}

}  // namespace

void PacketKeeper::add(KeptFlow& kept, Kept&& one) {
  const size_t bytes = charge(one);
  bytes_ += bytes;
  if (kept.last.empty() && kept.first_bytes + bytes <= kMaxFirst) {
    kept.first_bytes += bytes;
    kept.first.push_back(std::move(one));
    return;
  }
  kept.last_bytes += bytes;
  kept.last.push_back(std::move(one));
  while (kept.last_bytes > kMaxLast && kept.last.size() > 1) {
    const size_t oldest = charge(kept.last.front());
    kept.last.pop_front();
    kept.last_bytes -= oldest;
    bytes_ -= oldest;
    ++packets_let_go_;
  }
}

/// The SYN and the SYN-ACK, where there were any.
void PacketKeeper::begin(KeptFlow& kept, const Flow& flow, const Packet& packet) {
  const unsigned initiator = flow.initiator();
  for (const unsigned side : {0U, 1U}) {
    const unsigned direction = index_of(flow.direction_from(side));
    kept.start_seq[direction] = flow.start_seq[side];
    kept.start_known[direction] = flow.has_of(FlowFlag::kStartKnown, side);
  }
  if (!flow.has(FlowFlag::kSyn)) return;
  Packet opening;
  opening.vlan = packet.vlan;
  opening.window = 65535;
  const Endpoint client = endpoint_of(flow.key, initiator), server = endpoint_of(flow.key, initiator ^ 1);
  const auto make = [&](const Endpoint& from, const Endpoint& to, Direction direction, uint32_t ack, uint8_t flags) {
    opening.source = from.address;
    opening.source_port = from.port;
    opening.destination = to.address;
    opening.destination_port = to.port;
    opening.seq = kept.start_seq[index_of(direction)] - 1;
    opening.ack = ack;
    opening.flags = flags;
    std::string bytes = headers_of(opening);
    const auto length = static_cast<uint32_t>(bytes.size());
    add(kept, Kept{{flow.start_ns, length, std::move(bytes)}, opening.seq + 1, length, direction});
  };
  if (kept.start_known[0]) make(client, server, Direction::kToServer, 0, TcpFlag::kSyn);
  if (kept.start_known[0] && kept.start_known[1] && flow.has(FlowFlag::kSynAck)) {
    make(server, client, Direction::kToClient, kept.start_seq[0], TcpFlag::kSyn | TcpFlag::kAck);
  }
}

void PacketKeeper::keep(const Flow& flow, const Packet& packet) {
  const auto [at, is_new] = flows_.try_emplace(flow.flow_id);
  KeptFlow& kept = at->second;
  if (is_new) {
    kept.age = by_age_.insert(by_age_.end(), flow.flow_id);
    begin(kept, flow, packet);
  } else {
    by_age_.splice(by_age_.end(), by_age_, kept.age);
  }
  if ((packet.flags & TcpFlag::kSyn) != 0) return;  // made anew above
  std::string bytes = headers_of(packet);
  const auto payload_at = static_cast<uint32_t>(bytes.size());
  const auto wire = static_cast<uint32_t>(bytes.size() + packet.payload.size() + packet.payload_missing);
  bytes.append(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size());
  const Direction from = flow.direction_from(make_flow_key(packet).side);
  add(kept, Kept{{packet.time_ns, wire, std::move(bytes)}, packet.seq, payload_at, from});
}

void PacketKeeper::trim() {
  while (bytes_ > max_bytes_ && flows_.size() > 1) {
    const auto at = flows_.find(by_age_.front());
    by_age_.pop_front();
    bytes_ -= at->second.first_bytes + at->second.last_bytes;
    packets_let_go_ += at->second.first.size() + at->second.last.size();
    flows_.erase(at);
  }
}

std::vector<EvidencePacket> PacketKeeper::packets_of(uint64_t flow_id) const {
  std::vector<EvidencePacket> packets;
  const auto at = flows_.find(flow_id);
  if (at == flows_.end()) return packets;
  for (const Kept& one : at->second.first) packets.push_back(one.packet);
  for (const Kept& one : at->second.last) packets.push_back(one.packet);
  return packets;
}

std::optional<std::string> PacketKeeper::bytes_of(uint64_t flow_id, Direction from, uint64_t offset,
                                                  uint64_t length) const {
  const auto at = flows_.find(flow_id);
  if (at == flows_.end() || length > kMaxFirst + kMaxLast || !at->second.start_known[index_of(from)]) {
    return std::nullopt;
  }
  const uint32_t start = at->second.start_seq[index_of(from)] + static_cast<uint32_t>(offset);
  std::string out(length, '\0');
  std::vector<bool> have(length);
  uint64_t missing = length;
  const auto take = [&](const Kept& one) {
    if (one.from != from) return;
    const std::string_view payload = std::string_view(one.packet.bytes).substr(one.payload_at);
    const auto ahead = int64_t{static_cast<int32_t>(one.seq - start)};  // of the packet, from the wanted bytes' first
    for (int64_t i = std::max<int64_t>(0, -ahead); i < static_cast<int64_t>(payload.size()); ++i) {
      const auto place = static_cast<uint64_t>(ahead + i);
      if (place >= length) break;
      if (have[place]) continue;  // the first copy stands
      have[place] = true;
      out[place] = payload[static_cast<size_t>(i)];
      --missing;
    }
  };
  for (const Kept& one : at->second.first) take(one);
  for (const Kept& one : at->second.last) take(one);
  return missing == 0 ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace pickletap
