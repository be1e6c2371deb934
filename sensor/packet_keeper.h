// The latest packets of flows that are dissected, for evidence: for each flow its first ones, which have the handshake,
// and its last ones. Kept as rebuilt Ethernet frames (VLAN tags, IP and TCP headers without options, payload as captured),
// so that what came in tunnels, fragments or over another link layer is one kind of packet. A SYN and a SYN-ACK that the
// flow table saw are made anew from its numbers.
// Owned by a worker, used on its thread. Limits: `max_bytes` in all; the flow silent for longest makes room. kMaxFirst
// bytes of first and kMaxLast bytes of last packets a flow.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sensor/net/flow.h"
#include "sensor/net/packet.h"
#include "sensor/output/evidence.h"

namespace pickletap {

class PacketKeeper {
 public:
  static constexpr size_t kMaxFirst = size_t{16} << 10, kMaxLast = size_t{1} << 20;

  explicit PacketKeeper(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  /// Keeps `packet` of this flow.
  void keep(const Flow& flow, const Packet& packet);
  /// Lets go of what is beyond the limit.
  void trim();

  std::vector<EvidencePacket> packets_of(uint64_t flow_id) const;
  /// `length` bytes of one direction of the stream, if all of them were kept.
  std::optional<std::string> bytes_of(uint64_t flow_id, Direction from, uint64_t offset, uint64_t length) const;

  uint64_t bytes() const { return bytes_; }
  uint64_t packets_let_go() const { return packets_let_go_; }

 private:
  struct Kept {
    EvidencePacket packet;
    uint32_t seq = 0;
    uint32_t payload_at = 0;
    Direction from = Direction::kToServer;
  };
  struct KeptFlow {
    std::vector<Kept> first;
    std::deque<Kept> last;
    size_t first_bytes = 0, last_bytes = 0;
    std::array<uint32_t, 2> start_seq{};  // by Direction
    std::array<bool, 2> start_known{};
    std::list<uint64_t>::iterator age;
  };

  void begin(KeptFlow& kept, const Flow& flow, const Packet& packet);
  void add(KeptFlow& kept, Kept&& one);
  static size_t charge(const Kept& one) { return one.packet.bytes.size() + sizeof(Kept); }

  const uint64_t max_bytes_;
  std::unordered_map<uint64_t, KeptFlow> flows_;
  std::list<uint64_t> by_age_;  // silent for longest first
  uint64_t bytes_ = 0, packets_let_go_ = 0;
};

}  // namespace pickletap
