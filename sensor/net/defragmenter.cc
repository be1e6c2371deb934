#include "sensor/net/defragmenter.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace pickletap {
namespace {

constexpr uint32_t kMaxDatagramBytes = 65535;
constexpr uint32_t kIpv4HeaderBytes = 20;
/// What a datagram and a run cost beyond their bytes: list, map and hash table entries.
constexpr uint64_t kPendingBytes = 320, kRunBytes = 96;

/// Both directions of a pair are datagrams of their own: the addresses stay in their order.
FlowKey key_of(const Packet& packet) {
  const Fragment& fragment = packet.outer->fragment;
  FlowKey key;
  std::memcpy(key.words.data(), packet.source.bytes.data(), 16);
  std::memcpy(&key.words[2], packet.destination.bytes.data(), 16);
  // An IPv4 id has 16 bits, and the protocol belongs to it; an IPv6 id has 32 and stands alone.
  const uint64_t protocol = packet.source.is_v6 ? 0 : uint64_t{fragment.protocol} << 16;
  key.words[4] = fragment.id | protocol | place_bits(packet);
  return key;
}

FlowKey source_of(FlowKey key) {
  key.words[2] = key.words[3] = 0;
  key.words[4] &= ~uint64_t{0xffffffff};
  return key;
}

}  // namespace

std::string_view to_text(FragmentDrop reason) {
  switch (reason) {
    case FragmentDrop::kDuplicate: return "duplicate";
    case FragmentDrop::kOverlap: return "overlap";
    case FragmentDrop::kContradiction: return "contradiction";
    case FragmentDrop::kTooLong: return "too_long";
    case FragmentDrop::kEcn: return "ecn";
    case FragmentDrop::kBadHeader: return "bad_header";
    case FragmentDrop::kCutOff: return "cut_off";
    case FragmentDrop::kDistance: return "distance";
    case FragmentDrop::kTimeout: return "timeout";
    case FragmentDrop::kEvicted: return "evicted";
  }
  return "unknown";
}

Defragmenter::Defragmenter(const DefragmenterLimits& limits, uint64_t hash_seed)
    : limits_(limits), index_(0, KeyHash{FlowHash(hash_seed)}), sources_(0, KeyHash{FlowHash(~hash_seed)}) {}

std::optional<Defragmenter::Datagram> Defragmenter::add(const Packet& packet) {
  const Fragment& fragment = packet.outer->fragment;
  ++counters_.fragments;
  expire(ipv4_, limits_.ipv4_timeout_ns, packet.time_ns);
  expire(ipv6_, limits_.ipv6_timeout_ns, packet.time_ns);
  if (fragment.header_is_bad) {
    drop(FragmentDrop::kBadHeader);
    return std::nullopt;
  }
  const FlowKey key = key_of(packet);
  const bool is_v6 = key.is_v6();
  uint32_t end = uint32_t{fragment.offset} + fragment.length;
  if (is_v6 && (end > kMaxDatagramBytes || (fragment.more && end % 8 != 0))) {
    drop(end > kMaxDatagramBytes ? FragmentDrop::kTooLong : FragmentDrop::kBadHeader);
    return std::nullopt;
  }
  make_room(kPendingBytes + kRunBytes + fragment.length);
  const auto at = find_or_begin(key, packet.time_ns);
  if (!is_v6) note_distance(*at, packet.time_ns);
  if (fragment.more) end &= ~uint32_t{7};
  if (!note_end(*at, fragment, end) || end == fragment.offset) {
    give_up(at, FragmentDrop::kContradiction, 1);
    return std::nullopt;
  }
  const uint32_t length = end - fragment.offset;
  if (fragment.bytes.size() < length) {
    // Without its bytes nothing can be put together; what the others would become is not known.
    drop(FragmentDrop::kCutOff);
    if (at->fragments == 0) forget(at);
    return std::nullopt;
  }
  switch (place(*at, fragment.offset, fragment.bytes.first(length))) {
    case Placed::kDuplicate: drop(FragmentDrop::kDuplicate); return std::nullopt;
    case Placed::kOverlap: give_up(at, FragmentDrop::kOverlap, 1); return std::nullopt;
    case Placed::kTaken: break;
  }
  Pending& pending = *at;
  ++pending.fragments;
  pending.held_bytes += length;
  pending.wire_bytes += packet.wire_bytes;
  pending.ecn_seen = static_cast<uint8_t>(pending.ecn_seen | (1U << fragment.ecn));
  if (fragment.offset == 0) {
    pending.has_first = true;
    pending.protocol = fragment.protocol;
  }
  if (!pending.has_first || !pending.has_last || pending.held_bytes != pending.end) return std::nullopt;
  return finish_datagram(at);
}

Defragmenter::Queue::iterator Defragmenter::find_or_begin(const FlowKey& key, int64_t now_ns) {
  const auto found = index_.find(key);
  if (found != index_.end()) return found->second;
  Queue& queue = queue_of(key);
  const auto at = queue.emplace(queue.end());
  at->key = key;
  at->begun_ns = now_ns;
  index_.emplace(key, at);
  if (!key.is_v6()) ++sources_[source_of(key)].pending;
  charge(*at, kPendingBytes);
  return at;
}

/// ip_frag_too_far() and ip_frag_reinit().
void Defragmenter::note_distance(Pending& pending, int64_t now_ns) {
  const uint32_t count = ++sources_[source_of(pending.key)].fragments;
  const uint32_t distance = count - pending.source_count;
  pending.source_count = count;
  if (pending.fragments == 0 || distance <= kMaxDistance) return;
  drop(FragmentDrop::kDistance, pending.fragments);
  counters_.memory_bytes -= pending.memory_bytes - kPendingBytes;
  Pending fresh;
  fresh.key = pending.key;
  fresh.begun_ns = now_ns;
  fresh.memory_bytes = kPendingBytes;
  fresh.source_count = count;
  pending = std::move(fresh);
  // Younger than all others now.
  ipv4_.splice(ipv4_.end(), ipv4_, index_.find(pending.key)->second);
}

/// What the fragment says of the datagram's length. False: it contradicts what others said.
bool Defragmenter::note_end(Pending& pending, const Fragment& fragment, uint32_t& end) {
  if (!fragment.more) {
    if (end < pending.end || (pending.has_last && end != pending.end)) return false;
    pending.has_last = true;
    pending.end = end;
  } else if (end > pending.end) {
    if (pending.has_last) return false;
    pending.end = end;
  }
  return true;
}

/// inet_frag_queue_insert(): only what goes on at the far end joins a run.
Defragmenter::Placed Defragmenter::place(Pending& pending, uint32_t begin, std::span<const uint8_t> bytes) {
  Runs& runs = pending.runs;
  const auto end = begin + static_cast<uint32_t>(bytes.size());
  const auto end_of = [](const Runs::value_type& run) { return run.first + static_cast<uint32_t>(run.second.size()); };
  if (!runs.empty() && end_of(*runs.rbegin()) < end) {
    auto& last = *runs.rbegin();
    if (begin < end_of(last)) return Placed::kOverlap;
    if (begin == end_of(last)) {
      last.second.insert(last.second.end(), bytes.begin(), bytes.end());
      charge(pending, bytes.size());
      return Placed::kTaken;
    }
  } else if (!runs.empty()) {
    // The one run that may hold the beginning, and the one after it.
    const auto after = runs.upper_bound(begin);
    if (after != runs.begin()) {
      const auto before = std::prev(after);
      if (begin < end_of(*before)) return end <= end_of(*before) ? Placed::kDuplicate : Placed::kOverlap;
    }
    if (after != runs.end() && end > after->first) return Placed::kOverlap;
  }
  runs.emplace(begin, std::vector<uint8_t>(bytes.begin(), bytes.end()));
  charge(pending, kRunBytes + bytes.size());
  return Placed::kTaken;
}

std::optional<Defragmenter::Datagram> Defragmenter::finish_datagram(Queue::iterator at) {
  // Not-ECT goes with no other mark; ECT(0), ECT(1) and CE go together.
  constexpr uint8_t kNotEct = 1;
  if ((at->ecn_seen & kNotEct) != 0 && at->ecn_seen != kNotEct) {
    give_up(at, FragmentDrop::kEcn, 0);
    return std::nullopt;
  }
  const uint32_t header = at->key.is_v6() ? 0 : kIpv4HeaderBytes;
  if (at->end + header > kMaxDatagramBytes) {
    give_up(at, FragmentDrop::kTooLong, 0);
    return std::nullopt;
  }
  assemble(*at);
  const Datagram datagram{datagram_, at->protocol, at->wire_bytes};
  ++counters_.datagrams;
  forget(at);
  return datagram;
}

void Defragmenter::assemble(Pending& pending) {
  auto& first = pending.runs.begin()->second;
  if (pending.runs.size() == 1) {
    datagram_.swap(first);
    return;
  }
  datagram_.clear();
  for (const auto& [begin, bytes] : pending.runs) datagram_.insert(datagram_.end(), bytes.begin(), bytes.end());
}

void Defragmenter::give_up(Queue::iterator at, FragmentDrop reason, uint64_t and_this_one) {
  drop(reason, at->fragments + and_this_one);
  forget(at);
}

void Defragmenter::forget(Queue::iterator at) {
  counters_.memory_bytes -= at->memory_bytes;
  index_.erase(at->key);
  if (!at->key.is_v6()) {
    const auto source = sources_.find(source_of(at->key));
    if (--source->second.pending == 0) sources_.erase(source);
  }
  queue_of(at->key).erase(at);
}

void Defragmenter::expire(Queue& queue, int64_t timeout_ns, int64_t now_ns) {
  while (!queue.empty() && now_ns - queue.front().begun_ns > timeout_ns) {
    give_up(queue.begin(), FragmentDrop::kTimeout, 0);
  }
}

void Defragmenter::make_room(uint64_t bytes) {
  while (counters_.memory_bytes + bytes > limits_.budget_bytes && !(ipv4_.empty() && ipv6_.empty())) {
    Queue& oldest =
        ipv6_.empty() || (!ipv4_.empty() && ipv4_.front().begun_ns <= ipv6_.front().begun_ns) ? ipv4_ : ipv6_;
    give_up(oldest.begin(), FragmentDrop::kEvicted, 0);
  }
}

void Defragmenter::charge(Pending& pending, uint64_t bytes) {
  pending.memory_bytes += bytes;
  counters_.memory_bytes += bytes;
}

void Defragmenter::finish() {
  for (Queue* queue : {&ipv4_, &ipv6_}) {
    while (!queue->empty()) give_up(queue->begin(), FragmentDrop::kTimeout, 0);
  }
}

}  // namespace pickletap
