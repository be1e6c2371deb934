#include "sensor/net/decode.h"

#include <algorithm>
#include <utility>

#include "sensor/net/layer_decoder.h"

namespace pickletap {
namespace {

constexpr uint16_t kEtherIpv4 = 0x0800, kEtherIpv6 = 0x86dd, kEtherMpls = 0x8847, kEtherMplsMulticast = 0x8848,
                   kEtherPppoeSession = 0x8864, kEtherBridging = 0x6558;
constexpr uint8_t kProtocolIpv4 = 4, kProtocolTcp = 6, kProtocolUdp = 17, kProtocolIpv6 = 41, kProtocolGre = 47,
                  kProtocolMpls = 137;

constexpr bool is_vlan_ether_type(uint16_t type) {
  return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200;
}

/// What may hold a TCP segment, and so is worth putting together from fragments.
constexpr bool is_followed(uint8_t protocol) {
  return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kProtocolIpv4 ||
         protocol == kProtocolIpv6 || protocol == kProtocolGre || protocol == kProtocolMpls;
}

// IPv6 extension headers that are walked through (RFC 8200, 4.1).
constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragmentHeader = 44, kDestinationOptions = 60;
constexpr bool is_extension(uint8_t next) {
  return next == kHopByHop || next == kRouting || next == kFragmentHeader || next == kDestinationOptions;
}

/// Bytes of the extension header `rest` begins with, 0 when it is not whole.
size_t extension_bytes(uint8_t type, const Rest& rest) {
  if (rest.captured < 8) return 0;
  const size_t bytes = type == kFragmentHeader ? 8 : (size_t{rest.data[1]} + 1) * 8;
  return bytes <= rest.captured ? bytes : 0;
}

/// Whether Linux accepts the options of a hop-by-hop or destination options header (ip6_parse_tlv): at most seven bytes
/// of padding in a row, all zero, at most eight other options, and none that asks to be dropped when it is unknown.
bool has_good_options(const uint8_t* header, size_t bytes, bool hop_by_hop) {
  constexpr uint8_t kPad1 = 0, kPadN = 1, kJumbo = 0xc2;
  constexpr unsigned kMaxPadding = 7, kMaxOptions = 8;
  unsigned padding = 0, options = 0;
  for (size_t at = 2; at < bytes;) {
    if (header[at] == kPad1) {
      if (++padding > kMaxPadding) return false;
      ++at;
      continue;
    }
    if (bytes - at < 2) return false;
    const size_t length = size_t{header[at + 1]} + 2;
    if (length > bytes - at) return false;
    if (header[at] == kPadN) {
      padding += static_cast<unsigned>(length);
      if (padding > kMaxPadding) return false;
      if (std::any_of(header + at + 2, header + at + length, [](uint8_t byte) { return byte != 0; })) return false;
    } else {
      padding = 0;
      if (++options > kMaxOptions) return false;
      const bool is_known = hop_by_hop && header[at] == kJumbo;
      if (!is_known && (header[at] & 0xc0) != 0) return false;
    }
    at += length;
  }
  return true;
}

/// Whether a first fragment of IPv6 has the upper-layer header whole; Linux drops one that has not
/// (ipv6frag_thdr_truncated, RFC 8200 4.5).
bool holds_upper_header(uint8_t next, Rest rest) {
  for (unsigned count = 0; is_extension(next) && count < kMaxExtensionHeaders; ++count) {
    const size_t bytes = extension_bytes(next, rest);
    if (bytes == 0) return false;
    next = rest.data[0];
    rest.strip(bytes);
  }
  if (next == kProtocolTcp) return rest.wire >= 20;
  if (next == kProtocolUdp) return rest.wire >= 8;
  return rest.wire >= 1;
}

bool has_right_checksum(const uint8_t* ip, size_t header) {
  uint32_t sum = 0;
  for (size_t at = 0; at < header; at += 2) sum += load_be16(ip + at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

}  // namespace

// --- links

DecodeResult LayerDecoder::decode(LinkType link) { return run(begin(link)); }

DecodeResult LayerDecoder::decode_datagram() {
  protocol_ = outer_.fragment.protocol;
  was_fragment_ = true;
  return run(packet_.source.is_v6 ? Next::kExtension : Next::kTransport);
}

DecodeResult LayerDecoder::run(Next next) {
  for (;;) {
    switch (next) {
      case Next::kDone: return result_;
      case Next::kEthernet: next = ethernet(); break;
      case Next::kEtherType: next = ether_type(); break;
      case Next::kIpv4: next = ipv4(); break;
      case Next::kIpv6: next = ipv6(); break;
      case Next::kExtension: next = extension(); break;
      case Next::kTransport: next = transport(); break;
    }
  }
}

LayerDecoder::Next LayerDecoder::begin(LinkType link) {
  switch (link) {
    case LinkType::kEthernet: return Next::kEthernet;
    case LinkType::kLinuxSll: return cooked(16, 14, 2);
    case LinkType::kLinuxSll2: return cooked(20, 0, 8);
    case LinkType::kRawIp: return rest_.captured < 1 ? done(DecodeResult::kTruncatedIp) : ip_by_version();
    case LinkType::kNullLoopback: return null_loopback();
  }
  return done(DecodeResult::kOther);
}

LayerDecoder::Next LayerDecoder::ethernet() {
  if (rest_.captured < 14) return done(DecodeResult::kTruncatedLink);
  type_ = load_be16(rest_.data + 12);
  rest_.strip(14);
  return Next::kEtherType;
}

/// rest_ begins behind an EtherType.
LayerDecoder::Next LayerDecoder::ether_type() {
  for (unsigned count = 0; is_vlan_ether_type(type_); ++count) {
    if (count == kMaxVlanTags) return done(DecodeResult::kTooManyVlanTags);
    if (rest_.captured < 4) return done(DecodeResult::kTruncatedLink);
    const uint16_t id = load_be16(rest_.data) & 0x0fff;
    VlanTags& vlan = packet_.vlan;
    if (id != 0 && vlan.count < vlan.ids.size()) vlan.ids[vlan.count++] = id;
    type_ = load_be16(rest_.data + 2);
    rest_.strip(4);
  }
  switch (type_) {
    case kEtherIpv4: return Next::kIpv4;
    case kEtherIpv6: return Next::kIpv6;
    case kEtherMpls:
    case kEtherMplsMulticast: return mpls();
    case kEtherPppoeSession: return pppoe();
    case kEtherBridging: return enter() ? Next::kEthernet : Next::kDone;
    default: return done(DecodeResult::kOther);
  }
}

/// Linux cooked headers: SLL and SLL2.
LayerDecoder::Next LayerDecoder::cooked(size_t bytes, size_t protocol_at, size_t hardware_at) {
  if (rest_.captured < bytes) return done(DecodeResult::kTruncatedLink);
  const uint16_t hardware = load_be16(rest_.data + hardware_at);
  type_ = load_be16(rest_.data + protocol_at);
  // Netlink, frame relay and 802.11 put something other than an EtherType there; a GRE device puts what is inside.
  if (hardware == 824 || hardware == 770 || (hardware >= 801 && hardware <= 803)) return done(DecodeResult::kOther);
  rest_.strip(bytes);
  return Next::kEtherType;
}

LayerDecoder::Next LayerDecoder::ip_by_version() { return rest_.data[0] >> 4 == 6 ? Next::kIpv6 : Next::kIpv4; }

LayerDecoder::Next LayerDecoder::null_loopback() {
  if (rest_.captured < 4) return done(DecodeResult::kTruncatedLink);
  uint32_t family = load_be32(rest_.data);
  if (family > 0xffff) {  // families are small: this one was written in the other byte order
    family = (family >> 24) | ((family >> 8) & 0xff00) | ((family & 0xff00) << 8) | (family << 24);
  }
  rest_.strip(4);
  switch (family) {
    case 2: return Next::kIpv4;
    case 10:  // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin
    case 24:
    case 28:
    case 30: return Next::kIpv6;
    default: return done(DecodeResult::kOther);
  }
}

// --- IP and TCP

LayerDecoder::Next LayerDecoder::ipv4() {
  if (rest_.captured < 20) return done(DecodeResult::kTruncatedIp);
  const uint8_t* ip = rest_.data;
  if (ip[0] >> 4 != 4) return done(DecodeResult::kBadIpVersion);
  const size_t header = size_t{ip[0] & 0x0fU} * 4;
  if (header < 20) return done(DecodeResult::kBadIpHeaderLength);
  size_t total = load_be16(ip + 2);
  if (total == 0) total = rest_.wire;  // segmentation offload: the capture saw it before the length was set
  if (total < header || total > rest_.wire) return done(DecodeResult::kBadIpLength);
  if (!is_followed(ip[9])) return done(DecodeResult::kOther);
  if (rest_.captured < header) return done(DecodeResult::kTruncatedIp);
  protocol_ = ip[9];
  is_routed_ = false;
  packet_.ttl = ip[8];
  packet_.ip_header_bytes = static_cast<uint8_t>(header);
  decode_detail::set_ipv4(packet_.source, ip + 12);
  decode_detail::set_ipv4(packet_.destination, ip + 16);
  rest_.limit(total);
  rest_.strip(header);
  return (load_be16(ip + 6) & 0x3fff) != 0 ? ipv4_fragment(ip, header) : Next::kTransport;
}

LayerDecoder::Next LayerDecoder::ipv4_fragment(const uint8_t* ip, size_t header) {
  const uint16_t word = load_be16(ip + 6);
  Fragment& fragment = outer_.fragment;
  fragment.bytes = {rest_.data, rest_.captured};
  fragment.id = load_be16(ip + 4);
  fragment.offset = static_cast<uint16_t>((word & 0x1fff) * 8);
  fragment.length = static_cast<uint16_t>(std::min<size_t>(rest_.wire, UINT16_MAX));
  fragment.protocol = protocol_;
  fragment.ecn = ip[1] & 3;
  fragment.more = (word & 0x2000) != 0;
  fragment.header_is_bad = !has_right_checksum(ip, header);
  packet_.outer = &outer_;
  return done(DecodeResult::kFragment);
}

LayerDecoder::Next LayerDecoder::ipv6() {
  if (rest_.captured < 40) return done(DecodeResult::kTruncatedIp);
  const uint8_t* ip = rest_.data;
  if (ip[0] >> 4 != 6) return done(DecodeResult::kBadIpVersion);
  const size_t length = load_be16(ip + 4);
  if (length + 40 > rest_.wire) return done(DecodeResult::kBadIpLength);
  std::memcpy(packet_.source.bytes.data(), ip + 8, 16);
  std::memcpy(packet_.destination.bytes.data(), ip + 24, 16);
  packet_.source.is_v6 = packet_.destination.is_v6 = true;
  packet_.ttl = ip[7];
  packet_.ip_header_bytes = 0;
  protocol_ = ip[6];
  traffic_class_ = static_cast<uint8_t>(((ip[0] & 0x0fU) << 4) | (ip[1] >> 4));
  if (length != 0) rest_.limit(length + 40);  // 0: a jumbogram or segmentation offload, what is there counts
  rest_.strip(40);
  extensions_ = 0;
  is_first_extension_ = true;
  was_fragment_ = is_routed_ = false;
  return Next::kExtension;
}

/// Extension headers, as many as there are, up to what they precede.
LayerDecoder::Next LayerDecoder::extension() {
  for (; is_extension(protocol_); ++extensions_) {
    if (extensions_ == kMaxExtensionHeaders) return done(DecodeResult::kTooManyExtensionHeaders);
    const size_t bytes = extension_bytes(protocol_, rest_);
    if (bytes == 0) return done(DecodeResult::kTruncatedIp);
    const bool is_first = std::exchange(is_first_extension_, false);
    switch (protocol_) {
      case kHopByHop:
        // Nowhere but behind the IPv6 header itself.
        if (!is_first || !has_good_options(rest_.data, bytes, true)) return done(DecodeResult::kBadExtensionHeader);
        break;
      case kDestinationOptions:
        if (!has_good_options(rest_.data, bytes, false)) return done(DecodeResult::kBadExtensionHeader);
        break;
      case kRouting: is_routed_ = is_routed_ || rest_.data[3] != 0; break;
      default:
        if (std::exchange(was_fragment_, true)) return done(DecodeResult::kBadExtensionHeader);  // the second one
        if ((load_be16(rest_.data + 2) & 0xfff9) != 0) return ipv6_fragment();
        break;
    }
    protocol_ = rest_.data[0];
    rest_.strip(bytes);
  }
  return Next::kTransport;
}

LayerDecoder::Next LayerDecoder::ipv6_fragment() {
  const uint8_t next = rest_.data[0];
  if (!is_followed(next) && !is_extension(next)) return done(DecodeResult::kOther);
  const uint16_t word = load_be16(rest_.data + 2);
  Fragment& fragment = outer_.fragment;
  fragment.id = load_be32(rest_.data + 4);
  rest_.strip(8);
  fragment.bytes = {rest_.data, rest_.captured};
  fragment.offset = word & 0xfff8;
  fragment.length = static_cast<uint16_t>(std::min<size_t>(rest_.wire, UINT16_MAX));
  fragment.protocol = next;
  fragment.ecn = traffic_class_ & 3;
  fragment.more = (word & 1) != 0;
  fragment.header_is_bad = fragment.offset == 0 && !holds_upper_header(next, rest_);
  packet_.outer = &outer_;
  return done(DecodeResult::kFragment);
}

/// rest_ begins behind the IP headers.
LayerDecoder::Next LayerDecoder::transport() {
  switch (protocol_) {
    case kProtocolTcp:
      // A receiver that is not the last station of a routing header does not hand the segment to TCP.
      return done(is_routed_ ? DecodeResult::kBadExtensionHeader : tcp());
    case kProtocolUdp: return udp();
    case kProtocolIpv4: return enter_ip(TunnelKind::kIpInIp) ? Next::kIpv4 : Next::kDone;
    case kProtocolIpv6: return enter_ip(TunnelKind::kIpInIp) ? Next::kIpv6 : Next::kDone;
    case kProtocolGre: return gre();
    case kProtocolMpls: return enter_ip(TunnelKind::kIpInIp) ? mpls() : Next::kDone;
    default: return done(DecodeResult::kOther);
  }
}

DecodeResult LayerDecoder::tcp() {
  const Rest rest = rest_;
  if (rest.captured < 20) return DecodeResult::kTruncatedTcp;
  const size_t header = (size_t{rest.data[12]} >> 4) * 4;
  if (header < 20 || header > rest.wire) return DecodeResult::kBadTcpHeaderLength;
  decode_detail::set_tcp_fields(packet_, rest.data);
  const size_t payload = rest.wire - header;
  const size_t captured = rest.captured > header ? rest.captured - header : 0;
  packet_.payload_missing = static_cast<uint32_t>(payload - captured);
  packet_.tcp_header = std::span(rest.data, std::min(header, rest.captured));
  // The options may be cut off by the snap length; then there is no payload to point at.
  packet_.payload = captured == 0 ? std::span<const uint8_t>{} : std::span(rest.data + header, captured);
  packet_.outer = outer_.depth != 0 ? &outer_ : nullptr;
  return DecodeResult::kTcp;
}

// --- the ways in

DecodeResult decode_detail::decode_any(LinkType link, std::span<const uint8_t> frame, uint32_t wire_bytes,
                                       Packet& packet, Encapsulation& outer) {
  const uint32_t captured = static_cast<uint32_t>(std::min<size_t>(frame.size(), UINT32_MAX));
  packet.captured_bytes = captured;
  packet.wire_bytes = std::max(wire_bytes, captured);
  packet.vlan = VlanTags{};
  packet.outer = nullptr;
  outer.levels = outer.depth = 0;
  return LayerDecoder({frame.data(), captured, packet.wire_bytes}, packet, outer).decode(link);
}

DecodeResult decode_reassembled(std::span<const uint8_t> datagram, Packet& packet, Encapsulation& outer) {
  packet.ip_header_bytes = 0;  // the fragments' headers were looked at one by one
  return LayerDecoder({datagram.data(), datagram.size(), datagram.size()}, packet, outer).decode_datagram();
}

}  // namespace pickletap
