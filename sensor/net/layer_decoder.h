// The careful way of decode.h: one object for one frame, which strips layer after layer and says after each what comes
// next. Internal to decode*.cc; lives as long as the call. Every way back to an earlier layer passes through enter(),
// which counts, so the loop ends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "sensor/net/decode.h"

namespace pickletap {

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
  /// What follows is padding.
  void limit(size_t bytes) {
    wire = std::min(wire, bytes);
    captured = std::min(captured, bytes);
  }
};

class LayerDecoder {
 public:
  LayerDecoder(Rest rest, Packet& packet, Encapsulation& outer) : rest_(rest), packet_(packet), outer_(outer) {}

  DecodeResult decode(LinkType link);
  DecodeResult decode_datagram();

 private:
  enum class Next : uint8_t { kDone, kEthernet, kEtherType, kIpv4, kIpv6, kExtension, kTransport };

  DecodeResult run(Next next);
  Next done(DecodeResult result) {
    result_ = result;
    return Next::kDone;
  }

  // Links.
  Next begin(LinkType link);
  Next ethernet();
  Next ether_type();
  Next cooked(size_t bytes, size_t protocol_at, size_t hardware_at);
  Next null_loopback();
  Next ip_by_version();

  // IP and TCP.
  Next ipv4();
  Next ipv4_fragment(const uint8_t* ip, size_t header);
  Next ipv6();
  Next extension();
  Next ipv6_fragment();
  Next transport();
  DecodeResult tcp();

  // Tunnels: decode_tunnels.cc.
  bool enter();
  bool enter_ip(TunnelKind kind, bool has_id = false, uint32_t id = 0);
  Next mpls();
  Next pppoe();
  Next gre();
  Next erspan2();
  Next erspan3();
  Next udp();
  Next vxlan();
  Next geneve();
  Next gtp_u();
  bool looks_like_ethernet(size_t skipped) const;
  bool looks_like_ipv4() const;
  Next plain_udp();
  Next truncated_tunnel() { return done(DecodeResult::kTruncatedTunnel); }

  Rest rest_;
  Packet& packet_;
  Encapsulation& outer_;
  DecodeResult result_ = DecodeResult::kOther;
  uint16_t type_ = 0;        // EtherType of what rest_ begins with
  uint8_t protocol_ = 0;     // IP protocol or next header of what rest_ begins with
  unsigned extensions_ = 0;  // of the current IPv6 header
  bool is_first_extension_ = false;
  bool was_fragment_ = false;  // this IPv6 header had a fragment header
  bool is_routed_ = false;     // a routing header names further stations
  uint8_t traffic_class_ = 0;
  uint16_t source_port_ = 0, destination_port_ = 0;  // of the UDP header just stripped
};

}  // namespace pickletap
