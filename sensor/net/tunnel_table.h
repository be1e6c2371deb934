// Names for tunnels: the place in a flow's identity that VLAN ids take for plain packets is 24 bits, so a tunnel (all IP
// headers around a packet, with their VLANs and ids) is interned here and named by an index. Two packets have the same
// index when kind, address pair, VLANs and id of every layer are the same. Directions count as one: the addresses of a
// layer are taken in a fixed order, UDP ports are not looked at (their source is a hash in VXLAN and GENEVE), nor are
// GTP's endpoint ids and MPLS labels, which each direction has of its own, nor PPPoE's.
// Owned by a worker, one thread. Limit: `max_tunnels`, at most kUntracked. When the table is full, a tunnel that was
// silent for `idle_s` gives way (all flows in it have timed out by then); when there is none, further tunnels share the
// index kUntracked, which is counted: flows in them that have the same addresses and ports cannot be told apart then.
// The table is keyed by a secret, like the flow table's.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "sensor/net/flow_key.h"
#include "sensor/net/packet.h"

namespace pickletap {

class TunnelTable {
 public:
  static constexpr uint32_t kUntracked = 0xffffff;

  struct Entry {
    TunnelInfo info;  ///< as of the latest packet, whose direction it has
    VlanTags vlan;    ///< the first two from the outside, inner ones included
    int64_t last_s = 0;
  };
  struct Counters {
    uint64_t tunnels = 0;            ///< ever named
    uint64_t untracked_packets = 0;  ///< in tunnels without a name
  };

  TunnelTable(uint32_t max_tunnels, int64_t idle_s, uint64_t hash_seed);

  /// The index of the tunnel around `packet`, which has one (outer->depth is not 0).
  uint32_t name_of(const Packet& packet);
  /// Null for kUntracked.
  const Entry* find(uint32_t index) const { return index < slots_.size() ? &slots_[index].entry : nullptr; }
  const Counters& counters() const { return counters_; }
  size_t size() const { return slots_.size(); }

 private:
  struct Slot {
    Entry entry;
    std::string key;
    std::list<uint32_t>::iterator place;
  };
  struct Hash {
    using is_avalanching = void;
    FlowHash hash;
    size_t operator()(const std::string& key) const {
      return hash(reinterpret_cast<const uint8_t*>(key.data()), key.size());
    }
  };

  uint32_t add(int64_t now_s);

  size_t max_tunnels_;
  int64_t idle_s_;
  boost::unordered_flat_map<std::string, uint32_t, Hash> index_;
  std::vector<Slot> slots_;
  std::list<uint32_t> by_use_;  ///< the longest silent first
  std::string key_;             ///< of the packet at hand
  Counters counters_;
};

}  // namespace pickletap
