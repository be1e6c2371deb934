#include "sensor/kept_flow.h"

#include <algorithm>
#include <utility>

#include "sensor/net/tcp_options.h"

namespace pickletap {

namespace {

constexpr unsigned kIpv4Bytes = 20, kTcpBytes = 20;
constexpr uint8_t kTcp = 6, kHops = 64;

void put16(std::string& out, uint32_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}
void put32(std::string& out, uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
void set16(std::string& out, size_t at, uint32_t value) {
  out[at] = static_cast<char>(value >> 8 & 0xff);
  out[at + 1] = static_cast<char>(value & 0xff);
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

std::string address_bytes(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.is_v6 ? 16U : 4U};
}

/// From the link layer up to the TCP header, of a segment that had `tcp_bytes` on the wire.
std::string headers_of(const KeptFlow& flow, unsigned side, uint8_t ttl, size_t tcp_bytes) {
  const IpAddress &source = flow.ends[side].address, &destination = flow.ends[side ^ 1].address;
  std::string out(12, '\0');
  const size_t tags = std::min<size_t>(flow.vlan.count, flow.vlan.ids.size());
  for (size_t i = 0; i < tags; ++i) {
    put16(out, 0x8100);
    put16(out, flow.vlan.ids[i]);
  }
  put16(out, source.is_v6 ? 0x86dd : 0x0800);
  // Larger than 64 KiB (segmentation offload): the length says 0, as the kernel writes it (BIG TCP).
  const size_t at = out.size();
  if (source.is_v6) {
    put32(out, 0x60000000);
    put16(out, tcp_bytes > 0xffff ? 0 : static_cast<uint32_t>(tcp_bytes));
    out += static_cast<char>(kTcp);
    out += static_cast<char>(ttl);
  } else {
    put16(out, 0x4500);
    put16(out, tcp_bytes + kIpv4Bytes > 0xffff ? 0 : static_cast<uint32_t>(tcp_bytes + kIpv4Bytes));
    put32(out, 0x00004000);
    out += static_cast<char>(ttl);
    out += static_cast<char>(kTcp);
    put16(out, 0);
  }
  out += address_bytes(source) + address_bytes(destination);
  if (!source.is_v6) set16(out, at + 10, checksum(sum_of(std::string_view(out).substr(at, kIpv4Bytes))));
  return out;
}

EvidencePacket frame_of(const KeptFlow& flow, const KeptSegment& segment) {
  // What the header says of its own length; a snap length may have cut it.
  const size_t header_bytes = size_t{static_cast<uint8_t>(segment.bytes[12])} / 16 * 4;
  const size_t payload = segment.bytes.size() - segment.header_bytes + segment.payload_missing;
  const size_t tcp_bytes = std::max<size_t>(header_bytes, segment.header_bytes) + payload;
  EvidencePacket packet;
  packet.time_ns = segment.time_ns;
  packet.bytes = headers_of(flow, segment.side, segment.ttl, tcp_bytes);
  packet.wire_bytes = static_cast<uint32_t>(packet.bytes.size() + tcp_bytes);
  packet.bytes += segment.bytes;
  return packet;
}

/// A segment of the handshake. `right_sum`: its checksum was right; a capture made on the sending host has others, and
/// one right sum would make all the others wrong.
EvidencePacket opening_of(const KeptFlow& flow, unsigned side, uint32_t seq, uint32_t ack, uint8_t flags,
                          std::optional<uint32_t> timestamp, bool right_sum) {
  KeptSegment segment;
  segment.time_ns = flow.start_ns;
  segment.side = static_cast<uint8_t>(side);
  segment.ttl = kHops;
  std::string& tcp = segment.bytes;
  put16(tcp, flow.ends[side].port);
  put16(tcp, flow.ends[side ^ 1].port);
  put32(tcp, seq);
  put32(tcp, ack);
  tcp += timestamp ? '\x80' : '\x50';
  tcp += static_cast<char>(flags);
  put32(tcp, 0xffff0000);  // window, and the checksum's place
  put16(tcp, 0);
  if (timestamp) {
    put32(tcp, 0x0101080a);
    put32(tcp, *timestamp);
    put32(tcp, 0);
  }
  segment.header_bytes = static_cast<uint8_t>(tcp.size());
  const uint64_t pseudo = sum_of(address_bytes(flow.ends[0].address) + address_bytes(flow.ends[1].address));
  const uint32_t right = checksum(pseudo + kTcp + tcp.size() + sum_of(tcp));
  set16(tcp, 16, right_sum ? right : right ^ 0x5555);
  return frame_of(flow, segment);
}

void add_opening(const KeptFlow& flow, std::vector<EvidencePacket>& out) {
  const unsigned client = flow.initiator, server = client ^ 1;
  if (!flow.has_syn || !flow.start_known[client]) return;
  const uint32_t client_start = flow.start_seq[client], server_start = flow.start_seq[server];
  std::optional<uint32_t> timestamp;
  if (flow.has_timestamps) timestamp = flow.opening_timestamp;
  for (const KeptSegment& one : flow.segments) {
    if (!flow.has_timestamps || timestamp || one.side != client) continue;
    const auto* bytes = reinterpret_cast<const uint8_t*>(one.bytes.data());
    const TcpOptions options = read_tcp_options({bytes, one.header_bytes});
    if (options.has_timestamp) timestamp = options.timestamp;
  }
  out.push_back(opening_of(flow, client, client_start - 1, 0, TcpFlag::kSyn, timestamp, true));
  if (!flow.has_syn_ack || !flow.start_known[server]) return;
  const auto agreed = flow.has_timestamps ? std::optional<uint32_t>(0) : std::nullopt;
  out.push_back(opening_of(flow, server, server_start - 1, client_start, TcpFlag::kSyn | TcpFlag::kAck, agreed,
                           flow.right_sum[server]));
  if (flow.opening_timestamp || flow.right_sum[client]) {
    out.push_back(
        opening_of(flow, client, client_start, server_start, TcpFlag::kAck, timestamp, flow.right_sum[client]));
  }
}

}  // namespace

uint32_t KeptSegment::seq() const { return load_be32(reinterpret_cast<const uint8_t*>(bytes.data()) + 4); }

uint64_t KeptFlow::bytes() const {
  uint64_t sum = sizeof *this;
  for (const KeptSegment& one : segments) sum += sizeof one + one.bytes.capacity();
  return sum;
}

std::vector<EvidencePacket> frames_of(const KeptFlow& flow) {
  std::vector<EvidencePacket> out;
  out.reserve(flow.segments.size() + 3);
  add_opening(flow, out);
  for (const KeptSegment& segment : flow.segments) out.push_back(frame_of(flow, segment));
  return out;
}

std::vector<EvidencePacket> frames_of(std::span<const KeptFlow> flows) {
  std::vector<EvidencePacket> out;
  for (const KeptFlow& flow : flows) {
    const size_t so_far = out.size();
    for (EvidencePacket& packet : frames_of(flow)) out.push_back(std::move(packet));
    // A flow's own packets stay in their order, whatever their times are.
    std::inplace_merge(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(so_far), out.end(),
                       [](const EvidencePacket& a, const EvidencePacket& b) { return a.time_ns < b.time_ns; });
  }
  return out;
}

std::optional<std::string> message_of(const KeptFlow& flow, Direction from, uint64_t offset, uint64_t length) {
  const unsigned side = from == Direction::kToServer ? flow.initiator : flow.initiator ^ 1;
  uint64_t kept = 0;
  for (const KeptSegment& one : flow.segments) kept += one.bytes.size();
  if (length > kept || !flow.start_known[side]) return std::nullopt;  // no allocation by the wire
  const uint32_t start = flow.start_seq[side] + static_cast<uint32_t>(offset);
  std::string out(length, '\0');
  std::vector<bool> have(length);
  uint64_t missing = length;
  for (const KeptSegment& one : flow.segments) {
    if (one.side != side) continue;
    const std::string_view payload = std::string_view(one.bytes).substr(one.header_bytes);
    const auto ahead = int64_t{static_cast<int32_t>(one.seq() - start)};  // of the packet, from the wanted bytes' first
    for (int64_t i = std::max<int64_t>(0, -ahead); i < static_cast<int64_t>(payload.size()); ++i) {
      const auto place = static_cast<uint64_t>(ahead + i);
      if (place >= length) break;
      if (have[place]) continue;
      have[place] = true;
      out[place] = payload[static_cast<size_t>(i)];
      --missing;
    }
  }
  return missing == 0 ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace pickletap
