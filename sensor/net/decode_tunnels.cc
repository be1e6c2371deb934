// The layers of decode.h that have another packet inside. What a header does not allow (a version, a flag, a type that
// is not known) makes the packet something else, kOther, for a UDP port or an EtherType is no proof of a tunnel.
// Sources: RFC 3032 (MPLS), RFC 4385 (pseudo-wire control word), RFC 2516 (PPPoE), RFC 1661 (PPP), RFC 2784 and 2890
// (GRE), draft-foschiano-erspan (ERSPAN I to III), RFC 7348 (VXLAN), RFC 8926 (GENEVE), 3GPP TS 29.281 (GTP-U); what
// receivers accept: net/ipv4/gre_demux.c, drivers/net/{vxlan,geneve}.c of Linux 6.18.
#include "sensor/net/layer_decoder.h"

namespace pickletap {
namespace {

constexpr uint16_t kEtherIpv4 = 0x0800, kEtherIpv6 = 0x86dd, kEtherBridging = 0x6558, kEtherErspan = 0x88be,
                   kEtherErspan3 = 0x22eb, kEtherWccp = 0x883e;
constexpr uint16_t kPortVxlan = 4789, kPortVxlanLinux = 8472, kPortGeneve = 6081, kPortGtpU = 2152;

uint32_t load_be24(const uint8_t* p) { return load_be32(p) >> 8; }

/// What an Ethernet frame in a pseudo-wire may be expected to carry.
constexpr bool is_usual_ether_type(uint16_t type) {
  return type == kEtherIpv4 || type == kEtherIpv6 || type == 0x0806 || type == 0x8100 || type == 0x88a8 ||
         type == 0x8847 || type == 0x8864;
}

}  // namespace

/// One level deeper; false at the limit, with the result set.
bool LayerDecoder::enter() {
  if (outer_.levels >= kMaxEncapsulations) {
    result_ = DecodeResult::kTooManyEncapsulations;
    return false;
  }
  ++outer_.levels;
  return true;
}

/// The IP header just read is a tunnel's. What follows has addresses and VLANs of its own.
bool LayerDecoder::enter_ip(TunnelKind kind, bool has_id, uint32_t id) {
  if (!enter()) return false;
  TunnelLayer& layer = outer_.layers[outer_.depth++];
  layer.source = packet_.source;
  layer.destination = packet_.destination;
  const bool is_udp = kind == TunnelKind::kVxlan || kind == TunnelKind::kGeneve || kind == TunnelKind::kGtpU;
  layer.source_port = is_udp ? source_port_ : uint16_t{0};
  layer.destination_port = is_udp ? destination_port_ : uint16_t{0};
  layer.kind = kind;
  layer.has_id = has_id;
  layer.id = id;
  layer.protocol = protocol_;
  layer.vlan = packet_.vlan;
  packet_.vlan = VlanTags{};
  return true;
}

// --- below IP

/// The label stack, and then what its bottom does not say: told by the first nibble, as routers do.
LayerDecoder::Next LayerDecoder::mpls() {
  if (!enter()) return Next::kDone;
  for (unsigned count = 0;; ++count) {
    if (count == kMaxMplsLabels) return done(DecodeResult::kTooManyEncapsulations);
    if (rest_.captured < 4) return truncated_tunnel();
    const bool is_bottom = (rest_.data[2] & 1) != 0;
    rest_.strip(4);
    if (is_bottom) break;
  }
  if (rest_.captured < 1) return truncated_tunnel();
  const unsigned nibble = rest_.data[0] >> 4;
  // A pseudo-wire may carry the frame as it is, and an address may begin with any nibble.
  if (nibble == 4 && (looks_like_ipv4() || !looks_like_ethernet(0))) return Next::kIpv4;
  if (nibble == 6 && !looks_like_ethernet(0)) return Next::kIpv6;
  constexpr size_t kControlWord = 4;
  if (nibble == 0 && looks_like_ethernet(kControlWord)) {
    rest_.strip(kControlWord);
    return Next::kEthernet;
  }
  return looks_like_ethernet(0) ? Next::kEthernet : done(DecodeResult::kOther);
}

bool LayerDecoder::looks_like_ipv4() const {
  if (rest_.captured < 20) return false;
  const size_t header = size_t{rest_.data[0] & 0x0fU} * 4;
  const size_t total = load_be16(rest_.data + 2);
  return header >= 20 && total >= header && total <= rest_.wire;
}

bool LayerDecoder::looks_like_ethernet(size_t skipped) const {
  return rest_.captured >= skipped + 14 && is_usual_ether_type(load_be16(rest_.data + skipped + 12));
}

LayerDecoder::Next LayerDecoder::pppoe() {
  if (!enter()) return Next::kDone;
  if (rest_.captured < 8) return truncated_tunnel();
  constexpr uint8_t kVersionAndType = 0x11;
  if (rest_.data[0] != kVersionAndType || rest_.data[1] != 0) return done(DecodeResult::kOther);
  const size_t length = load_be16(rest_.data + 4);
  if (length < 2) return done(DecodeResult::kOther);
  rest_.strip(6);
  rest_.limit(length);
  // The protocol field may be compressed to one byte; all first bytes of long ones are even.
  const bool is_short = (rest_.data[0] & 1) != 0;
  const uint16_t protocol = is_short ? rest_.data[0] : load_be16(rest_.data);
  rest_.strip(is_short ? 1 : 2);
  switch (protocol) {
    case 0x0021: return Next::kIpv4;
    case 0x0057: return Next::kIpv6;
    case 0x0281: return mpls();
    default: return done(DecodeResult::kOther);
  }
}

// --- GRE

LayerDecoder::Next LayerDecoder::gre() {
  if (rest_.captured < 4) return truncated_tunnel();
  constexpr uint16_t kChecksum = 0x8000, kRouting = 0x4000, kKey = 0x2000, kSequence = 0x1000, kVersion = 0x0007;
  const uint16_t flags = load_be16(rest_.data);
  const uint16_t type = load_be16(rest_.data + 2);
  if ((flags & (kVersion | kRouting)) != 0) return done(DecodeResult::kOther);
  const bool has_key = (flags & kKey) != 0;
  const bool has_sequence = (flags & kSequence) != 0;
  size_t header = 4;
  if ((flags & kChecksum) != 0) header += 4;
  const size_t key_at = header;
  if (has_key) header += 4;
  if (has_sequence) header += 4;
  if (rest_.captured < header) return truncated_tunnel();
  const uint32_t key = has_key ? load_be32(rest_.data + key_at) : 0;
  rest_.strip(header);
  if (type == kEtherErspan && has_sequence) return erspan2();
  if (type == kEtherErspan3) return erspan3();
  if (!enter_ip(type == kEtherErspan ? TunnelKind::kErspan : TunnelKind::kGre, has_key, key)) return Next::kDone;
  if (type == kEtherErspan || type == kEtherBridging) return Next::kEthernet;  // the first ERSPAN has no header
  type_ = type;
  if (type == kEtherWccp) {
    type_ = kEtherIpv4;
    // WCCPv2 has a header of four bytes, WCCPv1 has none.
    if (rest_.captured >= 4 && rest_.data[0] >> 4 != 4) rest_.strip(4);
  }
  return Next::kEtherType;
}

LayerDecoder::Next LayerDecoder::erspan2() {
  constexpr size_t kHeader = 8;
  if (rest_.captured < kHeader) return truncated_tunnel();
  if (rest_.data[0] >> 4 != 1) return done(DecodeResult::kOther);
  const uint32_t session = load_be16(rest_.data + 2) & 0x3ffU;
  rest_.strip(kHeader);
  return enter_ip(TunnelKind::kErspan, true, session) ? Next::kEthernet : Next::kDone;
}

LayerDecoder::Next LayerDecoder::erspan3() {
  size_t header = 12;
  if (rest_.captured < header) return truncated_tunnel();
  if (rest_.data[0] >> 4 != 2) return done(DecodeResult::kOther);
  const uint32_t session = load_be16(rest_.data + 2) & 0x3ffU;
  const uint16_t word = load_be16(rest_.data + 10);
  const unsigned frame_type = (word >> 10) & 0x1f;
  if ((word & 1) != 0) header += 8;  // the platform-specific subheader
  if (rest_.captured < header) return truncated_tunnel();
  rest_.strip(header);
  if (!enter_ip(TunnelKind::kErspan, true, session)) return Next::kDone;
  constexpr unsigned kEthernetFrame = 0, kIpPacket = 2;
  if (frame_type == kEthernetFrame) return Next::kEthernet;
  if (frame_type != kIpPacket) return done(DecodeResult::kOther);
  return rest_.captured == 0 ? truncated_tunnel() : ip_by_version();
}

// --- UDP

/// A tunnel, by its destination port, or a datagram.
LayerDecoder::Next LayerDecoder::udp() {
  constexpr size_t kHeader = 8;
  if (rest_.captured < kHeader) return rest_.wire < kHeader ? done(DecodeResult::kOther) : truncated_tunnel();
  source_port_ = load_be16(rest_.data);
  destination_port_ = load_be16(rest_.data + 2);
  const size_t length = load_be16(rest_.data + 4);
  const bool is_tunnel = destination_port_ == kPortVxlan || destination_port_ == kPortVxlanLinux ||
                         destination_port_ == kPortGeneve || destination_port_ == kPortGtpU;
  if (length != 0) {  // 0: segmentation offload
    if (length < kHeader || length > rest_.wire) return done(DecodeResult::kOther);
    rest_.limit(length);
  }
  rest_.strip(kHeader);
  if (!is_tunnel) return plain_udp();
  if (rest_.captured < kHeader) return rest_.wire < kHeader ? plain_udp() : truncated_tunnel();
  switch (destination_port_) {
    case kPortGeneve: return geneve();
    case kPortGtpU: return gtp_u();
    default: return vxlan();
  }
}

/// rest_ begins behind the UDP header.
LayerDecoder::Next LayerDecoder::plain_udp() {
  packet_.source_port = source_port_;
  packet_.destination_port = destination_port_;
  packet_.flags = 0;
  packet_.tcp_header = {};
  packet_.payload = {rest_.data, rest_.captured};
  packet_.payload_missing = static_cast<uint32_t>(rest_.wire - rest_.captured);
  packet_.outer = outer_.depth != 0 ? &outer_ : nullptr;
  return done(DecodeResult::kUdp);
}

LayerDecoder::Next LayerDecoder::vxlan() {
  constexpr uint8_t kHasNetwork = 0x08;
  if ((rest_.data[0] & kHasNetwork) == 0) return plain_udp();
  const uint32_t network = load_be24(rest_.data + 4);
  rest_.strip(8);
  return enter_ip(TunnelKind::kVxlan, true, network) ? Next::kEthernet : Next::kDone;
}

LayerDecoder::Next LayerDecoder::geneve() {
  if (rest_.data[0] >> 6 != 0) return plain_udp();
  const size_t header = 8 + size_t{rest_.data[0] & 0x3fU} * 4;
  type_ = load_be16(rest_.data + 2);
  const uint32_t network = load_be24(rest_.data + 4);
  if (rest_.wire < header) return plain_udp();
  if (rest_.captured < header) return truncated_tunnel();
  rest_.strip(header);
  if (!enter_ip(TunnelKind::kGeneve, true, network)) return Next::kDone;
  return type_ == kEtherBridging ? Next::kEthernet : Next::kEtherType;
}

LayerDecoder::Next LayerDecoder::gtp_u() {
  constexpr uint8_t kVersionAndType = 0x30, kUserPacket = 255, kExtension = 0x04, kAnyOptional = 0x07;
  const uint8_t flags = rest_.data[0];
  if ((flags & 0xf0) != kVersionAndType || rest_.data[1] != kUserPacket) return plain_udp();
  const size_t length = load_be16(rest_.data + 2);
  const uint32_t endpoint = load_be32(rest_.data + 4);
  rest_.strip(8);
  if (length != 0) rest_.limit(length);
  if ((flags & kAnyOptional) != 0) {
    constexpr size_t kOptional = 4;
    if (rest_.captured < kOptional) return truncated_tunnel();
    uint8_t following = (flags & kExtension) != 0 ? rest_.data[3] : uint8_t{0};
    rest_.strip(kOptional);
    while (following != 0) {  // each takes four bytes or more
      if (rest_.captured < 4) return truncated_tunnel();
      const size_t bytes = size_t{rest_.data[0]} * 4;
      if (bytes == 0) return plain_udp();
      if (rest_.captured < bytes) return truncated_tunnel();
      following = rest_.data[bytes - 1];
      rest_.strip(bytes);
    }
  }
  if (rest_.captured < 1) return truncated_tunnel();
  const unsigned version = rest_.data[0] >> 4;
  if (version != 4 && version != 6) return plain_udp();
  return enter_ip(TunnelKind::kGtpU, true, endpoint) ? ip_by_version() : Next::kDone;
}

}  // namespace pickletap
