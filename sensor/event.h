// What crosses from a worker to the detection thread: a dissector's fact with the context of its flow, by value and
// bounded, so that the detection thread never touches packets, flows or dissectors.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "dissectors/observation.h"
#include "sensor/net/packet.h"

namespace pickletap {

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Packets and bytes (on the wire) seen in each Direction so far.
struct FlowCounts {
  uint64_t packets[2] = {0, 0};
  uint64_t bytes[2] = {0, 0};
};

/// The flow an event belongs to, as it was when the event happened. "initiator" is who sent the SYN, or who is taken
/// for it; Observation::server_is_initiator says when the protocol showed the guess wrong.
struct FlowContext {
  uint64_t flow_id = 0;  ///< below 2^51; unique in one run
  Endpoint initiator, responder;
  VlanTags vlan;      ///< around a tunnel and in it, from the outside
  TunnelInfo tunnel;  ///< as of its latest packet
  int64_t start_ns = 0;
  FlowCounts counts;
  bool midstream = false;  ///< the SYN was not captured
  bool is_udp = false;     ///< of a ContactSeen; all else is TCP
  /// By Direction: bytes that the receiver acknowledged and the capture does not have (yet).
  /// kUnknownBytes where the capture does not have that side's SYN or SYN-ACK.
  uint64_t unseen_bytes[2] = {0, 0};
  static constexpr uint64_t kUnknownBytes = UINT64_MAX;
};

/// Why a flow ended; its last event.
struct FlowEnded {
  EndReason reason = EndReason::kCapture;
  int64_t last_ns = 0;
  bool dissected = false;  ///< it was a multiprocessing flow or a look-alike
};

/// Trouble outside any dissector: a reassembly bound reached, a packet that could not be decoded. Static text.
struct StreamTrouble {
  std::string_view layer;  ///< "decode" or "stream"
  std::string_view what;   ///< a word such as "gap", "out_of_order_limit", "truncated_header"
  uint64_t count = 0;      ///< bytes for stream trouble, else packets
};

/// A side acknowledged bytes that the capture does not have, at least not yet: what its peer said is not all known.
/// Once a flow.
struct BytesUnseen {
  Direction from = Direction::kToServer;  ///< who sent them
};

/// Two copies of the same stream bytes differed. Once a flow.
struct OverlapSeen {
  Direction from = Direction::kToServer;
  uint64_t offset = 0;  ///< of the first byte that differs, in the direction's stream
  uint64_t bytes = 0;   ///< from there to the last one
};

/// A host turned to another: what a call-back is told by. Only of hosts and names that are watched (armed_list.h); the
/// event's time, packet and flow are those of its first packet, and the host that asked is the flow's initiator.
struct ContactSeen {
  enum class Kind : uint8_t {
    kConnection,  ///< the SYN of a new TCP flow
    kDatagram,    ///< the first UDP packet to that endpoint
    kQuery,       ///< it asked DNS, mDNS or LLMNR for `name`
    kAnswer,      ///< it was told `addresses` for `name`
  };
  static constexpr unsigned kMaxAddresses = 16;
  Kind kind = Kind::kConnection;
  std::string name;  ///< printable, lower case, at most 1023 bytes
  std::vector<IpAddress> addresses;
};

/// One fact on its way to the Detector.
struct Event {
  int64_t time_ns = 0;         ///< of the packet that brought it
  uint64_t packet_number = 0;  ///< `pcap_cnt`
  uint16_t source_index = 0;   ///< which FILE or interface, in the order given
  FlowContext flow;
  std::variant<Observation, FlowEnded, StreamTrouble, BytesUnseen, OverlapSeen, ContactSeen> what;
};

/// Where a worker puts events. Implemented by the Detector's side; one caller, on the worker's thread.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void put(Event&& event) = 0;
  /// The packet clock reached `time_ns` and no event before it will follow. Called at most once a packet second.
  virtual void tick(int64_t time_ns) = 0;
};

}  // namespace pickletap
