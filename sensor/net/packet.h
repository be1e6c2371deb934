// A decoded packet as the rest of the sensor sees it: a view, trivially copyable, valid until its source's next read.
// Fields follow RFC 9293 (TCP), RFC 791 and RFC 8200 (IP). Numbers are in host byte order.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

namespace pickletap {

/// An IPv4 or IPv6 address; IPv4 stands in the first four bytes and the rest is zero.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};
  bool is_v6 = false;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

/// VLAN ids, outermost first; 0 (priority tag) counts as untagged (FACTS, layer 2).
struct VlanTags {
  std::array<uint16_t, 2> ids{};
  uint8_t count = 0;
  friend bool operator==(const VlanTags&, const VlanTags&) = default;
};

/// What a packet was carried in.
enum class TunnelKind : uint8_t { kIpInIp, kGre, kErspan, kVxlan, kGeneve, kGtpU };

/// One IP header around a packet, and what followed it.
struct TunnelLayer {
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;  ///< of UDP; else 0
  uint32_t id = 0;                                 ///< VNI, TEID, GRE key, ERSPAN session
  TunnelKind kind = TunnelKind::kIpInIp;
  uint8_t protocol = 0;  ///< of the IP header: 4, 17, 41, 47
  bool has_id = false;
  VlanTags vlan;  ///< of the frame that this header stood in
};

/// The tunnel an event's flow was in: the outermost header, and how many there were. `depth` 0: none.
struct TunnelInfo {
  TunnelLayer outermost;
  uint8_t depth = 0;
};

/// A piece of an IP datagram.
struct Fragment {
  std::span<const uint8_t> bytes;  ///< as captured; in the frame
  uint32_t id = 0;
  uint16_t offset = 0;         ///< in bytes
  uint16_t length = 0;         ///< on the wire
  uint8_t protocol = 0;        ///< IPv6: the next header
  uint8_t ecn = 0;             ///< 2 bits
  bool more = false;           ///< MF
  bool header_is_bad = false;  ///< IPv4: wrong checksum. IPv6: a first fragment without its upper-layer header
};

inline constexpr unsigned kMaxEncapsulations = 8;

/// What stands around a packet that is not a plain one. Filled by decode_packet, belongs to its caller.
struct Encapsulation {
  uint8_t levels = 0;  ///< ways into something, MPLS and PPPoE included; at most kMaxEncapsulations
  uint8_t depth = 0;   ///< IP headers around the packet's own: so many `layers` are right
  std::array<TunnelLayer, kMaxEncapsulations> layers;
  Fragment fragment;  ///< right on kFragment
};

inline constexpr uint32_t kNoTunnel = UINT32_MAX;

struct TcpFlag {
  static constexpr uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10, kUrg = 0x20;
};

struct Packet {
  int64_t time_ns = 0;      ///< since the Unix epoch, from the capture
  uint64_t number = 0;      ///< 1-based position in the whole input, as `pcap_cnt`
  uint32_t wire_bytes = 0;  ///< length on the wire, before any cut by the snap length
  uint32_t captured_bytes = 0;
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
  VlanTags vlan;                         ///< of the innermost frame
  const Encapsulation* outer = nullptr;  ///< fragments and tunnelled packets; null: a plain packet
  uint32_t tunnel = kNoTunnel;           ///< TunnelTable's name for what is around it
  uint32_t seq = 0, ack = 0;
  uint16_t window = 0;
  uint16_t urgent = 0;
  uint8_t flags = 0;                    ///< TcpFlag
  uint8_t ttl = 0;                      ///< or the hop limit
  uint8_t ip_header_bytes = 0;          ///< of the IPv4 header right before `tcp_header`; 0: there is none
  uint32_t payload_missing = 0;         ///< payload bytes the IP length promises and the snap length cut off
  std::span<const uint8_t> payload;     ///< TCP payload as captured, without link padding
  std::span<const uint8_t> tcp_header;  ///< with its options, as captured
};
static_assert(std::is_trivially_copyable_v<Packet>);

}  // namespace pickletap
