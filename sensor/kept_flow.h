// What was kept of one flow for evidence: its TCP segments as captured (header with options, payload), and what the flow
// table knew of its opening. By value: made by a PacketKeeper on a worker's thread, read on whatever thread it is given
// to. frames_of() puts Ethernet and IP headers around the segments, so that what came in tunnels, fragments or over
// another link layer is one kind of packet, which any reader takes: a file of mixed link types no libpcap opens, and a
// fragment that never became a datagram has no flow. SYN, SYN-ACK and the ACK that follows come before a flow is known to
// be worth keeping and are made anew from what the flow table knew of them; their options are timestamps or none.
// No limits of its own but the PacketKeeper's. Sources: RFC 9293, 3.1; RFC 7323, 3.2; RFC 791; RFC 8200.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sensor/event.h"
#include "sensor/net/packet.h"
#include "sensor/output/evidence.h"

namespace pickletap {

/// One packet of a flow.
struct KeptSegment {
  int64_t time_ns = 0;
  uint64_t number = 0;  ///< of the packet
  uint32_t payload_missing = 0;
  uint8_t side = 0;
  uint8_t ttl = 0;
  uint8_t header_bytes = 0;  ///< of `bytes`, as captured
  std::string bytes;         ///< TCP header and payload

  uint32_t seq() const;
};

struct KeptFlow {
  uint64_t flow_id = 0;
  std::array<Endpoint, 2> ends;  ///< by side, as everything below that has two
  VlanTags vlan;
  int64_t start_ns = 0;
  unsigned initiator = 0;  ///< side
  bool has_syn = false, has_syn_ack = false, has_timestamps = false;
  std::optional<uint32_t> opening_timestamp;  ///< of the ACK that ended the handshake
  std::array<bool, 2> right_sum{};            ///< in the handshake
  std::array<bool, 2> start_known{};
  std::array<uint32_t, 2> start_seq{};  ///< of the first byte after the SYN
  std::vector<KeptSegment> segments;    ///< in the order of their packets

  uint64_t bytes() const;
};

/// The flow's packets from the link layer on, its opening included.
std::vector<EvidencePacket> frames_of(const KeptFlow& flow);
/// Of several flows, in the order of their times.
std::vector<EvidencePacket> frames_of(std::span<const KeptFlow> flows);

/// `length` bytes of one direction of the stream, if all of them were kept. The first copy of a byte stands.
std::optional<std::string> message_of(const KeptFlow& flow, Direction from, uint64_t offset, uint64_t length);

}  // namespace pickletap
