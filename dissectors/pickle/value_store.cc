#include "dissectors/pickle/value_store.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pickletap {

namespace {
constexpr uint64_t kMinWords = 1024;
constexpr uint64_t kFirstWords = 128;  // grows as it is used: most pickles are small, and many may be open
constexpr uint64_t kKeepWords = 8192;  // a larger ring is given back between pickles
constexpr float kHeavyHash = 64;

uint32_t count_of(uint64_t total) {
  return static_cast<uint32_t>(std::min<uint64_t>(total, std::numeric_limits<uint32_t>::max()));
}

/// Of its first bytes: a long text may stand in many keys.
uint32_t fingerprint(std::string_view text) {
  uint64_t hash = text.size();
  for (const char c : text.substr(0, 32)) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
  return static_cast<uint32_t>(hash ^ hash >> 32);
}
}  // namespace

void ValueStore::reset(uint32_t max_bytes) {
  texts_.reset(max_bytes);
  max_words_ = std::max(kMinWords, std::bit_floor(uint64_t{max_bytes} / 4 / sizeof(uint64_t)));
  if (mask_ + 1 > std::min(kKeepWords, max_words_)) ring_ = std::vector<uint64_t>();  // `= {}` would keep the memory
  if (ring_.empty()) {
    ring_.resize(kFirstWords + kMaxItems);
    mask_ = kFirstWords - 1;
  }
  head_ = 0;
  has_heavy_hashes_ = false;
}

void ValueStore::stop_growing() {
  max_words_ = std::min(max_words_, std::max(kMinWords, mask_ + 1));
  texts_.stop_growing();
}

ValueStore ValueStore::snapshot() const {
  ValueStore copy;
  copy.texts_.reset(0);
  copy.ring_.assign(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(std::min(head_, mask_ + 1) + kMaxItems));
  copy.mask_ = mask_;
  copy.head_ = head_;
  copy.max_words_ = max_words_;
  return copy;
}

// A record is contiguous: one that would straddle the ring's end starts at its beginning. While the ring has not
// wrapped it may grow, because positions and indices are then the same.
uint64_t ValueStore::allocate_slowly(uint64_t words) {
  uint64_t size = mask_ + 1;
  const bool wrapped = head_ > size;
  while (head_ + words > size && size < max_words_ && !wrapped) size *= 2;
  if (size > mask_ + 1) ring_.resize(size + kMaxItems);
  mask_ = size - 1;
  const uint64_t at = head_ & mask_;
  if (at + words > size) head_ += size - at;
  const uint64_t position = head_;
  head_ += words;
  return position;
}

HashCost ValueStore::hash_cost(Value value) const {
  const HashCost lost = lost_ != nullptr ? *lost_ : HashCost::of_leaf();
  switch (value.kind()) {
    case ValueKind::kInt: return HashCost::of_integer(value.as_integer());
    case ValueKind::kBigInt: {
      HashCost cost = HashCost::of_leaf();
      cost.nodes = cost.compared = std::ldexp(1.0F, static_cast<int>(value.payload() >> 48));
      cost.hash = static_cast<uint16_t>(value.payload() >> 32);
      cost.exact = static_cast<uint32_t>(value.payload());
      return cost;
    }
    case ValueKind::kStr:
    case ValueKind::kBytes: {
      const auto found = text(value);
      return HashCost::of_text(found ? fingerprint(found->text) : 0);
    }
    case ValueKind::kTuple:
    case ValueKind::kFrozenSet: {
      const uint64_t position = value.payload();
      if (!alive(position)) return lost;
      const Head head = head_at(position);
      if (const auto stored = stored_cost(value)) return *stored;
      return sum_of_costs(items(value)->kept, head.total);
    }
    case ValueKind::kLost:
    case ValueKind::kForgotten: return lost;
    default:
      return HashCost::of_text(static_cast<uint32_t>(std::bit_cast<uint64_t>(value) * 0x9e3779b97f4a7c15U >> 32));
  }
}

// Texts are only looked at beside something that collides: keys with different ones have different hashes anyway.
HashCost ValueStore::sum_of_costs(std::span<const Value> items, uint64_t total) const {
  HashCost cost = HashCost::of_leaf();
  bool collides = false;
  for (const Value item : items) {
    if (!is_costly_key(item)) {
      ++cost.nodes;
      ++cost.compared;
      cost.depth = std::max<uint16_t>(cost.depth, 1);
      continue;
    }
    const HashCost one = hash_cost(item);
    collides = collides || one.hash != 0;
    cost.combine(one);
  }
  if (collides) {
    cost = HashCost::of_leaf();
    for (const Value item : items) cost.combine(hash_cost(item));
  }
  cost.nodes += static_cast<float>(total - items.size());
  return cost;
}

Value ValueStore::add_container(ValueKind kind, std::span<const Value> items) {
  if (kind == ValueKind::kTuple && items.empty()) return Value(ValueKind::kEmptyTuple);
  if (kind != ValueKind::kTuple && kind != ValueKind::kFrozenSet) {
    const Value made = add_empty(kind);
    if (!items.empty()) extend(made, items);
    return made;
  }
  const std::span<const Value> kept = items.first(std::min<size_t>(items.size(), kMaxItems));
  Head head{count_of(items.size()), static_cast<uint8_t>(kept.size()), 0, 0};
  const bool nested = std::any_of(items.begin(), items.end(), is_costly_key);
  if (nested && kind == ValueKind::kTuple && is_cheap_nest(items)) {
    head.flags = kNested;
  } else if (nested) {
    HashCost cost = sum_of_costs(items, items.size());
    if (kind == ValueKind::kFrozenSet) cost = cost.as_frozenset();
    has_heavy_hashes_ = has_heavy_hashes_ || cost.nodes > kHeavyHash || cost.compared > kHeavyHash ||
                        static_cast<float>(cost.depth) > kHeavyHash || cost.hash != 0;
    head.flags = kHasCost;
    const uint64_t position = allocate(3 + kept.size());
    const auto words = std::bit_cast<CostWords>(cost);
    word(position) = std::bit_cast<uint64_t>(head);
    word(position + 1) = words.first;
    word(position + 2) = words.second;
    write_items(position + 3, kept);
    return Value(kind, position);
  }
  has_heavy_hashes_ = has_heavy_hashes_ || static_cast<float>(items.size()) > kHeavyHash;
  const uint64_t position = allocate(1 + kept.size());
  word(position) = std::bit_cast<uint64_t>(head);
  write_items(position + 1, kept);
  return Value(kind, position);
}

void ValueStore::extend(Value container, std::span<const Value> items) {
  const bool grows = container.is(ValueKind::kList) || container.is(ValueKind::kDict) || container.is(ValueKind::kSet);
  const uint64_t own = container.payload();
  if (!grows || !alive(own)) return;
  Head head = head_at(own);
  const std::span<const Value> more = items.first(std::min<size_t>(items.size(), kMaxItems - head.kept));
  const uint64_t old = word(own + 1);
  head.total = count_of(uint64_t{head.total} + items.size());
  if (more.empty()) {
    word(own) = std::bit_cast<uint64_t>(head);
    return;
  }
  uint64_t place = old;
  if (head.kept + more.size() > head.capacity) {
    // The first items, as `fill` does: no more room than they need.
    head.capacity = static_cast<uint8_t>(head.kept == 0 ? more.size() : std::bit_ceil(head.kept + more.size()));
    place = allocate(head.capacity);
    if (!alive(own)) return;  // so full a ring that the new record took its place
    for (uint64_t i = 0; i < head.kept; ++i) word(place + i) = word(old + i);
    word(own + 1) = place;
  }
  write_items(place + head.kept, more);
  head.kept = static_cast<uint8_t>(head.kept + more.size());
  head.flags = kElsewhere;
  word(own) = std::bit_cast<uint64_t>(head);
}

void ValueStore::set_item(Value list, std::optional<int64_t> index, Value value) {
  const uint64_t own = list.payload();
  if (!list.is(ValueKind::kList) || !alive(own)) return;
  const Head head = head_at(own);
  const uint64_t first = word(own + 1);
  // How many there are is sure only where all of them are kept.
  if (index && *index < 0 && head.total == head.kept) {
    *index += head.kept;
    if (*index < 0) return;
  }
  if (index && *index >= 0) {
    if (*index < head.kept) word(first + static_cast<uint64_t>(*index)) = std::bit_cast<uint64_t>(value);
    return;
  }
  for (uint64_t i = 0; i < head.kept; ++i) word(first + i) = std::bit_cast<uint64_t>(Value(ValueKind::kLost));
}

std::optional<ValueStore::Items> ValueStore::items(Value container) const {
  if (container.is(ValueKind::kEmptyTuple)) return Items{};
  if (!is_container(container) || !alive(container.payload())) return std::nullopt;
  const Head head = head_at(container.payload());
  if (head.kept == 0) return Items{{}, head.total};
  uint64_t first = container.payload() + ((head.flags & kHasCost) != 0 ? 3 : 1);
  if ((head.flags & kElsewhere) != 0) first = word(container.payload() + 1);  // younger, so it is there as well
  return Items{{reinterpret_cast<const Value*>(&ring_[first & mask_]), head.kept}, head.total};
}

}  // namespace pickletap
