#include "sensor/net/decode.h"

#include <algorithm>

namespace pickletap {
namespace {

/// What is left of the frame: captured bytes, and how many there were on the wire.
struct Rest {
  const uint8_t* data;
  size_t captured;
  size_t wire;

  /// `bytes` is at most `captured`.
  void strip(size_t bytes) {
    data += bytes;
    captured -= bytes;
    wire -= bytes;
  }
  /// What follows the datagram is padding of the link.
  void limit(size_t bytes) {
    wire = std::min(wire, bytes);
    captured = std::min(captured, bytes);
  }
};

constexpr uint16_t kEtherIpv4 = 0x0800, kEtherIpv6 = 0x86dd;
constexpr uint8_t kProtocolTcp = 6;

constexpr bool is_vlan_ether_type(uint16_t type) {
  return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200;
}

// IPv6 extension headers that are walked through (RFC 8200, 4.1).
constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragmentHeader = 44, kDestinationOptions = 60;
constexpr bool is_extension(uint8_t next) {
  return next == kHopByHop || next == kRouting || next == kFragmentHeader || next == kDestinationOptions;
}

DecodeResult decode_tcp(Rest rest, Packet& packet) {
  if (rest.captured < 20) return DecodeResult::kTruncatedTcp;
  const size_t header = (size_t{rest.data[12]} >> 4) * 4;
  if (header < 20 || header > rest.wire) return DecodeResult::kBadTcpHeaderLength;
  decode_detail::set_tcp_fields(packet, rest.data);
  const size_t payload = rest.wire - header;
  const size_t captured = rest.captured > header ? rest.captured - header : 0;
  packet.payload_missing = static_cast<uint32_t>(payload - captured);
  packet.tcp_header = std::span(rest.data, std::min(header, rest.captured));
  // The options may be cut off by the snap length; then there is no payload to point at.
  packet.payload = captured == 0 ? std::span<const uint8_t>{} : std::span(rest.data + header, captured);
  return DecodeResult::kTcp;
}

DecodeResult decode_ipv4(Rest rest, Packet& packet) {
  if (rest.captured < 20) return DecodeResult::kTruncatedIp;
  const uint8_t* ip = rest.data;
  if (ip[0] >> 4 != 4) return DecodeResult::kBadIpVersion;
  const size_t header = size_t{ip[0] & 0x0fU} * 4;
  if (header < 20) return DecodeResult::kBadIpHeaderLength;
  size_t total = load_be16(ip + 2);
  if (total == 0) total = rest.wire;  // segmentation offload: the capture saw it before the length was set
  if (total < header || total > rest.wire) return DecodeResult::kBadIpLength;
  if (ip[9] != kProtocolTcp) return DecodeResult::kOther;
  if ((load_be16(ip + 6) & 0x3fff) != 0) return DecodeResult::kFragment;
  if (rest.captured < header) return DecodeResult::kTruncatedIp;
  packet.ttl = ip[8];
  decode_detail::set_ipv4(packet.source, ip + 12);
  decode_detail::set_ipv4(packet.destination, ip + 16);
  rest.limit(total);
  rest.strip(header);
  return decode_tcp(rest, packet);
}

/// Bytes of the extension header `rest` begins with, 0 when it is not whole.
size_t extension_bytes(uint8_t type, const Rest& rest) {
  if (rest.captured < 8) return 0;
  const size_t bytes = type == kFragmentHeader ? 8 : (size_t{rest.data[1]} + 1) * 8;
  return bytes <= rest.captured ? bytes : 0;
}

DecodeResult decode_ipv6(Rest rest, Packet& packet) {
  if (rest.captured < 40) return DecodeResult::kTruncatedIp;
  const uint8_t* ip = rest.data;
  if (ip[0] >> 4 != 6) return DecodeResult::kBadIpVersion;
  const size_t length = load_be16(ip + 4);
  if (length + 40 > rest.wire) return DecodeResult::kBadIpLength;
  std::memcpy(packet.source.bytes.data(), ip + 8, 16);
  std::memcpy(packet.destination.bytes.data(), ip + 24, 16);
  packet.source.is_v6 = packet.destination.is_v6 = true;
  packet.ttl = ip[7];
  uint8_t next = ip[6];
  if (length != 0) rest.limit(length + 40);  // 0: a jumbogram or segmentation offload, what is there counts
  rest.strip(40);
  for (unsigned count = 0; is_extension(next); ++count) {
    if (count == kMaxExtensionHeaders) return DecodeResult::kTooManyExtensionHeaders;
    const size_t bytes = extension_bytes(next, rest);
    if (bytes == 0) return DecodeResult::kTruncatedIp;
    const uint8_t following = rest.data[0];
    if (next == kFragmentHeader && (load_be16(rest.data + 2) & 0xfff9) != 0) {
      return following == kProtocolTcp || is_extension(following) ? DecodeResult::kFragment : DecodeResult::kOther;
    }
    next = following;
    rest.strip(bytes);
  }
  return next == kProtocolTcp ? decode_tcp(rest, packet) : DecodeResult::kOther;
}

/// `rest` begins behind an EtherType.
DecodeResult decode_ether_type(uint16_t type, Rest rest, Packet& packet) {
  for (unsigned count = 0; is_vlan_ether_type(type); ++count) {
    if (count == kMaxVlanTags) return DecodeResult::kTooManyVlanTags;
    if (rest.captured < 4) return DecodeResult::kTruncatedLink;
    const uint16_t id = load_be16(rest.data) & 0x0fff;
    if (id != 0 && packet.vlan.count < packet.vlan.ids.size()) packet.vlan.ids[packet.vlan.count++] = id;
    type = load_be16(rest.data + 2);
    rest.strip(4);
  }
  if (type == kEtherIpv4) return decode_ipv4(rest, packet);
  if (type == kEtherIpv6) return decode_ipv6(rest, packet);
  return DecodeResult::kOther;
}

DecodeResult decode_sll(Rest rest, Packet& packet) {
  if (rest.captured < 16) return DecodeResult::kTruncatedLink;
  const uint16_t hardware = load_be16(rest.data + 2);
  const uint16_t protocol = load_be16(rest.data + 14);
  // Netlink, frame relay and 802.11 put something other than an EtherType there.
  if (hardware == 824 || hardware == 770 || (hardware >= 801 && hardware <= 803)) return DecodeResult::kOther;
  rest.strip(16);
  return decode_ether_type(protocol, rest, packet);
}

DecodeResult decode_sll2(Rest rest, Packet& packet) {
  if (rest.captured < 20) return DecodeResult::kTruncatedLink;
  const uint16_t protocol = load_be16(rest.data);
  const uint16_t hardware = load_be16(rest.data + 8);
  if (hardware == 824 || hardware == 770 || (hardware >= 801 && hardware <= 803)) return DecodeResult::kOther;
  rest.strip(20);
  return decode_ether_type(protocol, rest, packet);
}

DecodeResult decode_raw(Rest rest, Packet& packet) {
  if (rest.captured < 1) return DecodeResult::kTruncatedIp;
  return rest.data[0] >> 4 == 6 ? decode_ipv6(rest, packet) : decode_ipv4(rest, packet);
}

DecodeResult decode_null(Rest rest, Packet& packet) {
  if (rest.captured < 4) return DecodeResult::kTruncatedLink;
  uint32_t family = load_be32(rest.data);
  if (family > 0xffff) {  // families are small: this one was written in the other byte order
    family = (family >> 24) | ((family >> 8) & 0xff00) | ((family & 0xff00) << 8) | (family << 24);
  }
  rest.strip(4);
  switch (family) {
    case 2: return decode_ipv4(rest, packet);
    case 10:  // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin
    case 24:
    case 28:
    case 30: return decode_ipv6(rest, packet);
    default: return DecodeResult::kOther;
  }
}

}  // namespace

DecodeResult decode_detail::decode_any(LinkType link, std::span<const uint8_t> frame, uint32_t wire_bytes,
                                       Packet& packet) {
  const uint32_t captured = static_cast<uint32_t>(std::min<size_t>(frame.size(), UINT32_MAX));
  packet.captured_bytes = captured;
  packet.wire_bytes = std::max(wire_bytes, captured);
  packet.vlan = VlanTags{};
  Rest rest{frame.data(), captured, packet.wire_bytes};
  switch (link) {
    case LinkType::kEthernet: {
      if (rest.captured < 14) return DecodeResult::kTruncatedLink;
      const uint16_t type = load_be16(rest.data + 12);
      rest.strip(14);
      return decode_ether_type(type, rest, packet);
    }
    case LinkType::kLinuxSll: return decode_sll(rest, packet);
    case LinkType::kLinuxSll2: return decode_sll2(rest, packet);
    case LinkType::kRawIp: return decode_raw(rest, packet);
    case LinkType::kNullLoopback: return decode_null(rest, packet);
  }
  return DecodeResult::kOther;
}

std::optional<LinkType> link_type_of(int dlt) {
  switch (dlt) {
    case 0:    // DLT_NULL
    case 108:  // DLT_LOOP
      return LinkType::kNullLoopback;
    case 1: return LinkType::kEthernet;
    case 12:   // DLT_RAW
    case 14:   // DLT_RAW of OpenBSD
    case 101:  // LINKTYPE_RAW
    case 228:  // LINKTYPE_IPV4
    case 229:  // LINKTYPE_IPV6
      return LinkType::kRawIp;
    case 113: return LinkType::kLinuxSll;
    case 276: return LinkType::kLinuxSll2;
    default: return std::nullopt;
  }
}

std::string_view to_text(DecodeResult result) {
  switch (result) {
    case DecodeResult::kTcp: return "tcp";
    case DecodeResult::kOther: return "other";
    case DecodeResult::kFragment: return "fragment";
    case DecodeResult::kTruncatedLink: return "truncated_link";
    case DecodeResult::kTooManyVlanTags: return "too_many_vlan_tags";
    case DecodeResult::kTruncatedIp: return "truncated_ip";
    case DecodeResult::kBadIpVersion: return "bad_ip_version";
    case DecodeResult::kBadIpHeaderLength: return "bad_ip_header_length";
    case DecodeResult::kBadIpLength: return "bad_ip_length";
    case DecodeResult::kTooManyExtensionHeaders: return "too_many_extension_headers";
    case DecodeResult::kTruncatedTcp: return "truncated_tcp";
    case DecodeResult::kBadTcpHeaderLength: return "bad_tcp_header_length";
  }
  return "unknown";
}

std::string_view layer_of(DecodeResult result) {
  switch (result) {
    case DecodeResult::kTcp:
    case DecodeResult::kOther:
    case DecodeResult::kFragment: return "";
    case DecodeResult::kTruncatedLink:
    case DecodeResult::kTooManyVlanTags: return "link";
    case DecodeResult::kTruncatedIp:
    case DecodeResult::kBadIpVersion:
    case DecodeResult::kBadIpHeaderLength:
    case DecodeResult::kBadIpLength:
    case DecodeResult::kTooManyExtensionHeaders: return "ip";
    case DecodeResult::kTruncatedTcp:
    case DecodeResult::kBadTcpHeaderLength: return "tcp";
  }
  return "";
}

}  // namespace pickletap
