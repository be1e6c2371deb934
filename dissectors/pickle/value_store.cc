#include "dissectors/pickle/value_store.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace pickletap {

namespace {
constexpr uint64_t kMinWords = 1024;   // holds the longest text an opcode leaves
constexpr uint64_t kFirstWords = 128;  // grows as it is used: most pickles are small, and many may be open
constexpr uint64_t kKeepWords = 8192;  // a larger ring is given back between pickles

constexpr uint64_t words_for(uint64_t bytes) { return (bytes + 7) / 8; }
}  // namespace

void ValueStore::reset(uint32_t max_bytes) {
  max_words_ = std::max(kMinWords, std::bit_floor(uint64_t{max_bytes} / 8));
  if (ring_.size() > std::min(kKeepWords, max_words_)) {
    ring_ = std::vector<uint64_t>();  // `= {}` would keep the memory
  }
  if (ring_.empty()) ring_.resize(kFirstWords);
  head_ = 0;
  pinned_.clear();
}

// A record is contiguous: one that would straddle the ring's end starts at its beginning. While the ring has not
// wrapped it may grow, because positions and indices are then the same.
uint64_t ValueStore::allocate(uint64_t words) {
  while (head_ + words > ring_.size() && ring_.size() < max_words_) ring_.resize(ring_.size() * 2);
  const uint64_t at = head_ & (ring_.size() - 1);
  if (at + words > ring_.size()) head_ += ring_.size() - at;
  const uint64_t position = head_;
  head_ += words;
  return position;
}

Value ValueStore::add_text(ValueKind kind, ByteSpan text, uint64_t full_length) {
  const uint64_t position = allocate(1 + words_for(text.size()));
  word(position) = std::min<uint64_t>(full_length, std::numeric_limits<uint32_t>::max()) << 32 | text.size();
  if (!text.empty()) std::memcpy(&word(position + 1), text.data(), text.size());
  return Value(kind, position);
}

std::optional<ValueStore::Text> ValueStore::text(Value value) const {
  if (!is_text(value) && !is_bytes(value)) return std::nullopt;
  const uint64_t position = value.payload();
  if (!alive(position)) {
    for (const auto& [where, name] : pinned_) {
      if (where == position) return Text{name, name.size()};
    }
    return std::nullopt;
  }
  const uint64_t lengths = word(position);
  const size_t kept = lengths & 0xffffffffU;
  // With nothing kept the record is its one length word, which may be the ring's last.
  if (kept == 0) return Text{{}, lengths >> 32};
  return Text{{reinterpret_cast<const char*>(&ring_[(position + 1) & (ring_.size() - 1)]), kept}, lengths >> 32};
}

void ValueStore::pin(Value value) {
  const auto found = text(value);
  if (!found || !found->whole() || pinned_.size() >= kMaxPinned) return;
  const uint64_t position = value.payload();
  const bool there = std::any_of(pinned_.begin(), pinned_.end(), [&](const auto& p) { return p.first == position; });
  if (!there) pinned_.emplace_back(position, std::string(found->text));
}

Value ValueStore::add_container(ValueKind kind, std::span<const Value> items) {
  if (kind == ValueKind::kTuple && items.empty()) return Value(ValueKind::kEmptyTuple);
  const bool grows = kind != ValueKind::kTuple && kind != ValueKind::kFrozenSet;
  const size_t kept = std::min<size_t>(items.size(), kMaxItems);
  const size_t capacity = grows ? std::max<size_t>(kept, 2) : kept;
  const uint64_t position = allocate(1 + capacity);
  const ContainerHead head{static_cast<uint32_t>(std::min<size_t>(items.size(), UINT32_MAX)),
                           static_cast<uint16_t>(kept), static_cast<uint16_t>(capacity)};
  word(position) = std::bit_cast<uint64_t>(head);
  for (size_t i = 0; i < kept; ++i) word(position + 1 + i) = std::bit_cast<uint64_t>(items[i]);
  return Value(kind, position);
}

// A container is outgrown at most twice (2 → some → kMaxItems), so there are at most two steps to follow.
std::optional<uint64_t> ValueStore::find_container(Value container) const {
  if (!is_container(container)) return std::nullopt;
  uint64_t position = container.payload();
  for (int step = 0; step < 4 && alive(position); ++step) {
    const auto head = std::bit_cast<ContainerHead>(word(position));
    if (head.capacity != kForwarded) return position;
    position = word(position + 1);
  }
  return std::nullopt;
}

void ValueStore::extend(Value container, std::span<const Value> items) {
  auto found = find_container(container);
  if (!found) return;
  auto head = std::bit_cast<ContainerHead>(word(*found));
  const size_t add = std::min<size_t>(items.size(), kMaxItems - head.kept);
  if (head.kept + add > head.capacity) {
    const uint16_t capacity = head.capacity > 2 || head.kept + add > 8 ? kMaxItems : 8;
    const uint64_t old = *found;
    const uint64_t larger = allocate(1U + capacity);
    if (!alive(old)) return;  // the ring is so small that the new record took the old one's place
    for (uint64_t i = 1; i <= head.kept; ++i) word(larger + i) = word(old + i);
    head.capacity = capacity;
    word(old) = std::bit_cast<uint64_t>(ContainerHead{0, 0, kForwarded});
    word(old + 1) = larger;
    found = larger;
  }
  for (size_t i = 0; i < add; ++i) word(*found + 1 + head.kept + i) = std::bit_cast<uint64_t>(items[i]);
  head.kept = static_cast<uint16_t>(head.kept + add);
  head.total = static_cast<uint32_t>(std::min<uint64_t>(uint64_t{head.total} + items.size(), UINT32_MAX));
  word(*found) = std::bit_cast<uint64_t>(head);
}

std::optional<ValueStore::Items> ValueStore::items(Value container) const {
  if (container.is(ValueKind::kEmptyTuple)) return Items{};
  const auto found = find_container(container);
  if (!found) return std::nullopt;
  const auto head = std::bit_cast<ContainerHead>(word(*found));
  if (head.kept == 0) return Items{{}, head.total};
  return Items{{reinterpret_cast<const Value*>(&ring_[(*found + 1) & (ring_.size() - 1)]), head.kept}, head.total};
}

}  // namespace pickletap
