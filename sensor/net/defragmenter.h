// Datagrams from fragments, IPv4 and IPv6, by the rules of a Linux receiver, so that what comes out is what the victim
// reads: fragments in any order; an exact copy, or one inside what came as one run in order, is dropped alone; any other
// overlap drops the whole datagram, and the same id starts afresh; so do two ends that contradict, an empty fragment, a
// mixture of ECN marks that no router makes, more than 65,535 bytes. An IPv4 source that sent more than kMaxDistance
// other fragments in between starts its datagram afresh (ipfrag_max_dist). Time-outs run from the first fragment.
// Identity: addresses, id, IPv4's protocol, VLANs or tunnel (place_bits of flow_key.h).
//
// Owned by a worker, used on its thread. Time is the packets' own. Limit: `budget_bytes` for everything held, the oldest
// datagram gives way. Every fragment that is not used is counted by reason. The bytes of a finished datagram live until
// the next add(). Tables are keyed by a secret.
// Sources: net/ipv4/ip_fragment.c, inet_fragment.c and net/ipv6/reassembly.c of Linux 6.18, tried with real packets
// (pcaps/make/ip_evasion.py); RFC 791, RFC 8200 4.5, RFC 3168 5.3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "sensor/net/flow_key.h"
#include "sensor/net/packet.h"

namespace pickletap {

/// Why fragments were not used.
enum class FragmentDrop : uint8_t {
  kDuplicate,      ///< this one alone: a copy of what is there
  kOverlap,        ///< with the whole datagram
  kContradiction,  ///< with the whole datagram: two ends, or nothing in it
  kTooLong,        ///< beyond 65,535 bytes
  kEcn,            ///< with the whole datagram: marks that do not go together
  kBadHeader,      ///< this one alone: checksum, odd length, first fragment of IPv6 without its upper-layer header
  kCutOff,         ///< this one alone: by the snap length
  kDistance,       ///< the fragments before it, given up by the receiver
  kTimeout,
  kEvicted,  ///< for want of memory
};
inline constexpr unsigned kFragmentDropCount = static_cast<unsigned>(FragmentDrop::kEvicted) + 1;
/// One word, stable: "duplicate", "overlap", …
std::string_view to_text(FragmentDrop reason);

struct DefragmenterLimits {
  uint64_t budget_bytes = uint64_t{16} << 20;
  int64_t ipv4_timeout_ns = 30'000'000'000;
  int64_t ipv6_timeout_ns = 60'000'000'000;
};

struct DefragmenterCounters {
  uint64_t fragments = 0;
  uint64_t datagrams = 0;                              ///< put together
  std::array<uint64_t, kFragmentDropCount> dropped{};  ///< fragments, by FragmentDrop
  uint64_t memory_bytes = 0;                           ///< gauge
};

class Defragmenter {
 public:
  static constexpr uint32_t kMaxDistance = 64;

  struct Datagram {
    std::span<const uint8_t> bytes;  ///< what follows the IP header, IPv6: the fragment header
    uint8_t protocol = 0;            ///< of the first fragment
    uint32_t wire_bytes = 0;         ///< of all its frames
  };

  Defragmenter(const DefragmenterLimits& limits, uint64_t hash_seed);

  /// A packet that decode_packet called kFragment, with its `tunnel` set if it is in one.
  std::optional<Datagram> add(const Packet& packet);
  /// The end of the input: what is left will never be whole.
  void finish();

  const DefragmenterCounters& counters() const { return counters_; }

 private:
  /// Bytes without a hole that came as they stand; by offset.
  using Runs = std::map<uint32_t, std::vector<uint8_t>>;

  struct Pending {
    FlowKey key;
    int64_t begun_ns = 0;
    Runs runs;
    uint64_t memory_bytes = 0;
    uint32_t held_bytes = 0;
    uint32_t end = 0;        ///< the furthest end seen
    uint32_t fragments = 0;  ///< held
    uint32_t wire_bytes = 0;
    uint32_t source_count = 0;  ///< of fragments of its source, at its latest
    uint8_t ecn_seen = 0;       ///< one bit for each of the four marks
    uint8_t protocol = 0;
    bool has_first = false, has_last = false;
  };
  using Queue = std::list<Pending>;  ///< the oldest first
  struct Source {
    uint32_t fragments = 0;
    uint32_t pending = 0;
  };
  struct KeyHash {
    using is_avalanching = void;
    FlowHash hash;
    size_t operator()(const FlowKey& key) const { return hash(key); }
  };
  enum class Placed : uint8_t { kTaken, kDuplicate, kOverlap };

  Queue& queue_of(const FlowKey& key) { return key.is_v6() ? ipv6_ : ipv4_; }
  Queue::iterator find_or_begin(const FlowKey& key, int64_t now_ns);
  void note_distance(Pending& pending, int64_t now_ns);
  bool note_end(Pending& pending, const Fragment& fragment, uint32_t& end);
  Placed place(Pending& pending, uint32_t begin, std::span<const uint8_t> bytes);
  std::optional<Datagram> finish_datagram(Queue::iterator at);
  void assemble(Pending& pending);
  void drop(FragmentDrop reason, uint64_t fragments = 1) {
    counters_.dropped[static_cast<unsigned>(reason)] += fragments;
  }
  void give_up(Queue::iterator at, FragmentDrop reason, uint64_t and_this_one);
  void forget(Queue::iterator at);
  void expire(Queue& queue, int64_t timeout_ns, int64_t now_ns);
  void make_room(uint64_t bytes);
  void charge(Pending& pending, uint64_t bytes);

  DefragmenterLimits limits_;
  Queue ipv4_, ipv6_;
  boost::unordered_flat_map<FlowKey, Queue::iterator, KeyHash> index_;
  boost::unordered_flat_map<FlowKey, Source, KeyHash> sources_;  ///< of IPv4 datagrams that are pending
  std::vector<uint8_t> datagram_;
  DefragmenterCounters counters_;
};

}  // namespace pickletap
