// From the bytes of one captured frame to a Packet: link layer, VLAN tags, tunnels (MPLS, PPPoE, IP in IP, GRE, ERSPAN,
// VXLAN, GENEVE, GTP-U, in any order), IPv4 or IPv6 with its extension headers, TCP or UDP. Pure functions: they keep nothing,
// allocate nothing, read only inside the captured bytes and never throw. One loop, no recursion. The payload of the
// Packet points into the frame and lives as long as that; `outer` points to the caller's Encapsulation. What is neither
// is told apart from what is broken, so that both can be counted; TCP checksums are not looked at. Fragments are named,
// for the defragmenter (defragmenter.h), whose datagrams go on in decode_reassembled. AH and ESP are not followed.
// Extension headers and options that a Linux receiver drops a packet for are errors here, too.
// Limits: kMaxVlanTags tags in a row, kMaxExtensionHeaders, kMaxMplsLabels, kMaxEncapsulations (packet.h).
// Sources: IEEE 802.1Q, RFC 791, RFC 8200 (4: extension headers), RFC 6946 (atomic fragments), RFC 9293 (3.1),
// https://www.tcpdump.org/linktypes.html; for tunnels see decode_tunnels.cc; net/ipv6/exthdrs.c of Linux 6.18.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "sensor/net/packet.h"

namespace pickletap {

/// What stands in front of the IP header.
enum class LinkType : uint8_t {
  kEthernet,
  kLinuxSll,
  kLinuxSll2,
  kRawIp,        ///< version told by the first nibble
  kNullLoopback  ///< BSD: an address family in four bytes, of either byte order
};

/// The LinkType of a libpcap DLT_ or LINKTYPE_ number, nothing when it is not read by this version.
std::optional<LinkType> link_type_of(int dlt);

/// What became of a frame. From kTruncatedLink on: broken, and counted as a decode error.
enum class DecodeResult : uint8_t {
  kTcp,
  kOther,     ///< fine, but neither TCP nor UDP
  kFragment,  ///< a fragment of an IP datagram that may carry TCP
  kUdp,       ///< UDP that is no tunnel
  kTruncatedLink,
  kUnknownLinkType,  ///< of an interface in a file that has others, too
  kTooManyVlanTags,
  kTruncatedTunnel,
  kTooManyEncapsulations,
  kTruncatedIp,
  kBadIpVersion,
  kBadIpHeaderLength,
  kBadIpLength,  ///< shorter than its header, or longer than the frame was on the wire
  kTooManyExtensionHeaders,
  kBadExtensionHeader,  ///< no Linux receiver takes the packet
  kTruncatedTcp,
  kBadTcpHeaderLength,
};
inline constexpr unsigned kDecodeResultCount = static_cast<unsigned>(DecodeResult::kBadTcpHeaderLength) + 1;

constexpr unsigned index_of(DecodeResult result) { return static_cast<unsigned>(result); }
constexpr bool is_error(DecodeResult result) { return result >= DecodeResult::kTruncatedLink; }

/// One word, stable: "tcp", "other", "fragment", "truncated_link", …
std::string_view to_text(DecodeResult result);
/// Label of `pickletap_decode_errors_total{layer}`: "link", "tunnel", "ip" or "tcp"; empty when it is no error.
std::string_view layer_of(DecodeResult result);

inline constexpr unsigned kMaxVlanTags = 8;  ///< skipped; the first two with an id other than 0 are recorded
/// Linux has no limit of its own.
inline constexpr unsigned kMaxExtensionHeaders = 256;
inline constexpr unsigned kMaxMplsLabels = 32;

inline uint16_t load_be16(const uint8_t* p) { return static_cast<uint16_t>((unsigned{p[0]} << 8) | p[1]); }
inline uint32_t load_be32(const uint8_t* p) {
  return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | uint32_t{p[3]};
}

namespace decode_detail {

DecodeResult decode_any(LinkType link, std::span<const uint8_t> frame, uint32_t wire_bytes, Packet& packet,
                        Encapsulation& outer);

/// Written as two words, so that the flow key's loads of two words are forwarded from these stores.
inline void set_ipv4(IpAddress& address, const uint8_t* p) {
  std::array<uint64_t, 2> words{0, 0};
  if constexpr (std::endian::native == std::endian::little) {
    words[0] = uint64_t{p[0]} | (uint64_t{p[1]} << 8) | (uint64_t{p[2]} << 16) | (uint64_t{p[3]} << 24);
  } else {
    words[0] = uint64_t{load_be32(p)} << 32;
  }
  std::memcpy(address.bytes.data(), words.data(), sizeof words);
  address.is_v6 = false;
}

/// `tcp` has at least 20 readable bytes.
inline void set_tcp_fields(Packet& packet, const uint8_t* tcp) {
  packet.source_port = load_be16(tcp);
  packet.destination_port = load_be16(tcp + 2);
  packet.seq = load_be32(tcp + 4);
  packet.ack = load_be32(tcp + 8);
  packet.flags = tcp[13];
  packet.window = load_be16(tcp + 14);
  packet.urgent = load_be16(tcp + 18);
}

}  // namespace decode_detail

/// Decodes one frame. `frame` is what was captured, `wire_bytes` its length on the wire (at least as much). Fills
/// everything of `packet` but `time_ns`, `number` and `tunnel` on kTcp; on kUdp all that is not TCP's own; addresses,
/// VLANs and `outer` on kFragment; and only the two lengths otherwise.
inline DecodeResult decode_packet(LinkType link, std::span<const uint8_t> frame, uint32_t wire_bytes, Packet& packet,
                                  Encapsulation& outer) {
  // The common case, Ethernet + IPv4 without options + TCP, in one go; everything else takes the careful way, which
  // gives the same answer for these frames too.
  const uint8_t* data = frame.data();
  if (link == LinkType::kEthernet && frame.size() >= 54 && load_be16(data + 12) == 0x0800 && data[14] == 0x45 &&
      data[23] == 6 && (load_be16(data + 20) & 0x3fff) == 0) [[likely]] {
    const size_t ip_length = load_be16(data + 16);
    const size_t tcp_header = (size_t{data[46]} >> 4) * 4;
    const size_t begin = 34 + tcp_header;
    const size_t end = 14 + ip_length;
    if (tcp_header >= 20 && begin <= end && end <= wire_bytes && begin <= frame.size()) [[likely]] {
      const size_t captured_end = end < frame.size() ? end : frame.size();
      packet.wire_bytes = wire_bytes;
      packet.captured_bytes = static_cast<uint32_t>(frame.size());
      decode_detail::set_ipv4(packet.source, data + 26);
      decode_detail::set_ipv4(packet.destination, data + 30);
      packet.vlan = VlanTags{};
      packet.outer = nullptr;
      decode_detail::set_tcp_fields(packet, data + 34);
      packet.payload_missing = static_cast<uint32_t>(end - captured_end);
      packet.payload = frame.subspan(begin, captured_end - begin);
      packet.tcp_header = frame.subspan(34, tcp_header);
      packet.ttl = data[22];
      packet.ip_header_bytes = 20;
      return DecodeResult::kTcp;
    }
  }
  return decode_detail::decode_any(link, frame, wire_bytes, packet, outer);
}

/// Goes on with the datagram that the defragmenter made of the fragment `packet` and `outer` came from: kFragment gave
/// both, and `outer.fragment.protocol` says what the datagram begins with. Fills them as decode_packet does.
DecodeResult decode_reassembled(std::span<const uint8_t> datagram, Packet& packet, Encapsulation& outer);

}  // namespace pickletap
