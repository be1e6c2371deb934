// Between decoding and the flow table, for the packets that are not plain: names their tunnels (tunnel_table.h), puts
// fragments together (defragmenter.h), and decodes what comes of it, in whatever order they are nested: each time round
// the packet lies one level deeper, and kMaxEncapsulations ends it. Owned by a worker, used on its thread. What it
// returns lives until the next call.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sensor/event.h"
#include "sensor/net/decode.h"
#include "sensor/net/defragmenter.h"
#include "sensor/net/packet.h"
#include "sensor/net/tunnel_table.h"

namespace pickletap {

struct UnwrapCounters {
  DefragmenterCounters fragments;
  TunnelTable::Counters tunnels;
  std::array<uint64_t, kDecodeResultCount> by_result{};  ///< of datagrams put together: index_of(DecodeResult)
};

class Unwrapper {
 public:
  /// `tunnel_idle_s`: longer than any flow lives in silence.
  Unwrapper(const DefragmenterLimits& limits, int64_t tunnel_idle_s, uint64_t hash_seed)
      : defragmenter_(limits, hash_seed), tunnels_(kMaxTunnels, tunnel_idle_s, hash_seed) {}

  /// `packet` has an `outer`: it was tunnelled, or is a fragment. The TCP packet that comes of it; null: none, or not
  /// yet.
  const Packet* unwrap(const Packet& packet, DecodeResult result);
  /// The UDP packet that came of it instead; null: none.
  const Packet* datagram() const { return has_datagram_ ? &packet_ : nullptr; }
  /// The end of the input: pieces that are left will never be a whole.
  void finish() { defragmenter_.finish(); }

  /// A kind of trouble that came up since the last call: "fragment_overlap" and so on, and how often so far. Told at
  /// its first, second, fourth, … time, so that a flood of it is a few lines. False: none.
  bool take_trouble(StreamTrouble& trouble);

  const TunnelTable& tunnels() const { return tunnels_; }
  UnwrapCounters counters() const { return {defragmenter_.counters(), tunnels_.counters(), by_result_}; }

 private:
  static constexpr uint32_t kMaxTunnels = 65536;
  static constexpr unsigned kTroubles = kFragmentDropCount + 1;

  Defragmenter defragmenter_;
  TunnelTable tunnels_;
  Packet packet_;
  Encapsulation outer_;
  bool has_datagram_ = false;
  std::array<uint64_t, kDecodeResultCount> by_result_{};
  std::array<uint64_t, kTroubles> told_{};  ///< by FragmentDrop, then tunnels without a name
};

}  // namespace pickletap
