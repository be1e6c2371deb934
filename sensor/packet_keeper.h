// The latest packets of flows that are dissected, for evidence: for each flow its first ones, which have the handshake,
// and its last ones. Kept as they came (kept_flow.h); frames are made of them only when somebody wants a file.
// Owned by a worker, used on its thread. Limits: `max_bytes` in all, bookkeeping included; the flow silent for longest
// makes room. kMaxFirst bytes of first and max_last() bytes of last packets a flow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>

#include "sensor/kept_flow.h"
#include "sensor/net/flow.h"
#include "sensor/net/packet.h"

namespace pickletap {

class PacketKeeper {
 public:
  static constexpr size_t kMaxFirst = size_t{16} << 10, kMaxLast = size_t{1} << 20;
  /// What one flow's bookkeeping is charged with.
  static constexpr size_t kFlowBytes = 1024;

  explicit PacketKeeper(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  /// Keeps `packet` of this flow.
  void keep(const Flow& flow, const Packet& packet);
  /// Lets go of what is beyond the limit.
  void trim();

  /// A copy of what is kept of a flow. `after`: only packets of a higher number. Without segments: nothing is.
  KeptFlow flow(uint64_t flow_id, uint64_t after = 0) const;

  /// Of one flow, at most: half of all, so that a second flow has its place beside it.
  uint64_t max_last() const { return std::min<uint64_t>(kMaxLast, max_bytes_ / 2); }
  uint64_t bytes() const { return bytes_; }
  uint64_t packets_let_go() const { return packets_let_go_; }

 private:
  struct Entry {
    KeptFlow flow;  // its segments are the first ones
    std::deque<KeptSegment> last;
    uint64_t first_bytes = 0, last_bytes = 0;
    std::list<uint64_t>::iterator age;
  };

  static uint64_t charge(const KeptSegment& one) { return one.bytes.size() + sizeof one; }
  void add(Entry& entry, KeptSegment&& one);

  const uint64_t max_bytes_;
  std::unordered_map<uint64_t, Entry> flows_;
  std::list<uint64_t> by_age_;  // silent for longest first
  uint64_t bytes_ = 0, packets_let_go_ = 0;
};

}  // namespace pickletap
