// Where the pickle machine keeps what its Values are handles of: texts in a TextLog, the first items of containers in a
// ring of bounded size that forgets the oldest. A forgotten value keeps its kind (it stands in the handle) and loses its
// content.
//
// One store a machine; `reset` between pickles keeps the memory. Spans are valid until the next add, views as TextLog says.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/pickle/resource_watch.h"
#include "dissectors/pickle/text_log.h"
#include "dissectors/pickle/value.h"

namespace pickletap {

class ValueStore {
 public:
  static constexpr uint32_t kMaxItems = 16;  ///< items kept of one container (a dict's key and value are two)

  /// `lost`: what a tuple or frozenset that was forgotten may take as a key; outlives the store. Null: a leaf.
  explicit ValueStore(const HashCost* lost = nullptr) : lost_(lost) {}

  /// What the rings take beyond their size, so that a record can be read and written in one piece.
  static constexpr size_t kSlackBytes = TextLog::kSlackBytes + kMaxItems * sizeof(uint64_t);

  /// Starts a new pickle. `max_bytes`: of the texts' window; all together take kMaxShare of it, and no less than
  /// kLeastBytes, and kSlackBytes.
  static constexpr double kMaxShare = 1.375;
  static constexpr size_t kLeastBytes = size_t{24} << 10;
  void reset(uint32_t max_bytes);

  /// For the rest of the pickle the rings stay as large as they are (or kLeastBytes in all).
  void stop_growing();

  TextLog& texts() { return texts_; }
  const TextLog& texts() const { return texts_; }
  using Text = TextLog::Text;
  std::optional<Text> text(Value value) const { return texts_.find(value); }
  void pin(Value value) { texts_.pin(value); }

  /// kTuple, kList, kDict, kSet or kFrozenSet with these items (keys and values in turn for kDict).
  Value add_container(ValueKind kind, std::span<const Value> items);
  /// An empty kList, kDict or kSet.
  Value add_empty(ValueKind kind) {
    const uint64_t position = allocate(2);
    word(position) = std::bit_cast<uint64_t>(Head{});
    return Value(kind, position);
  }
  /// A kTuple of one to three.
  Value add_tuple(const Value* items, size_t count) {
    unsigned nested = 0;
    for (size_t i = 0; i < count; ++i) nested |= is_costly_key(items[i]) ? 1U : 0U;
    if (nested != 0 && !is_cheap_nest({items, count})) return add_container(ValueKind::kTuple, {items, count});
    const uint64_t position = allocate(1 + count);
    const uint16_t flags = nested != 0 ? kNested : uint16_t{0};
    word(position) = std::bit_cast<uint64_t>(Head{static_cast<uint32_t>(count), static_cast<uint8_t>(count), 0, flags});
    for (size_t i = 0; i < count; ++i) word(position + 1 + i) = std::bit_cast<uint64_t>(items[i]);
    return Value(ValueKind::kTuple, position);
  }
  /// As extend, for a container that is likely empty; kMaxItems values must be readable at `items`.
  void fill(Value container, const Value* items, size_t count) {
    const uint64_t own = container.payload();
    if (count == 0) return;
    if (!alive(own) || head_at(own).total != 0) return extend(container, {items, count});
    const auto kept = static_cast<uint8_t>(std::min<size_t>(count, kMaxItems));
    const uint64_t place = allocate(kept);
    if (!alive(own)) return;                                      // so full a ring that the items took its place
    std::memcpy(&word(place), items, kMaxItems * sizeof(Value));  // all of them: a fixed size takes no branch
    word(own) = std::bit_cast<uint64_t>(
        Head{static_cast<uint32_t>(std::min<size_t>(count, UINT32_MAX)), kept, kept, kElsewhere});
    word(own + 1) = place;
  }
  /// Adds items to a list, dict or set; only the first kMaxItems are kept, the rest counted.
  void extend(Value container, std::span<const Value> items);
  /// list[index] = value. Where it cannot be told which one that is, any of those that are kept may be something else now.
  void set_item(Value list, std::optional<int64_t> index, Value value);
  struct Items {
    std::span<const Value> kept;
    uint64_t total = 0;
  };
  std::optional<Items> items(Value container) const;

  /// What a value takes as a key; `*lost` (see the constructor) where it was forgotten.
  HashCost hash_cost(Value value) const;
  /// The same of a tuple or frozenset that holds what takes more than a leaf; nothing for all else.
  std::optional<HashCost> stored_cost(Value value) const {
    if (!value.is(ValueKind::kTuple) && !value.is(ValueKind::kFrozenSet)) return std::nullopt;
    const uint64_t position = value.payload();
    if (!alive(position) || (head_at(position).flags & kHasCost) == 0) return std::nullopt;
    return std::bit_cast<HashCost>(CostWords{word(position + 1), word(position + 2)});
  }
  /// May it take more than a leaf, or collide? -1 and -2 have one hash.
  static bool is_costly_key(Value value) {
    const bool minus = (std::bit_cast<uint64_t>(value) | 1) == std::bit_cast<uint64_t>(Value::integer(-1));
    return minus || value.is(ValueKind::kTuple) || value.is(ValueKind::kFrozenSet) || value.is(ValueKind::kBigInt);
  }
  /// Has a value been made whose hash takes more than a few dozen steps, or that may collide?
  bool has_heavy_hashes() const { return has_heavy_hashes_; }
  void note_heavy_hash() { has_heavy_hashes_ = true; }

  /// What a pickle left, in no more memory than that takes, for reading. All its texts stand in the pickle itself
  /// (TextLog::is_all_in_chunk), which must be opened again; it is so small that nothing was forgotten.
  ValueStore snapshot() const;

  size_t memory_bytes() const { return ring_.capacity() * sizeof(uint64_t) + texts_.memory_bytes(); }

 private:
  // A record of the ring: the head, then two words with the HashCost when kHasCost is set, then the items. A list, dict or
  // set is a head and one word more; its items stand in a record of their own, whose position is in that word, and which
  // is replaced by a larger one when it is full.
  static constexpr uint16_t kHasCost = 1;
  static constexpr uint16_t kElsewhere = 2;
  static constexpr uint16_t kNested = 4;  // holds tuples of leaves, so few that its cost is added up when asked for
  struct Head {
    uint32_t total = 0;
    uint8_t kept = 0;
    uint8_t capacity = 0;
    uint16_t flags = 0;
  };
  struct CostWords {
    uint64_t first, second;
  };
  static_assert(sizeof(Head) == 8 && sizeof(HashCost) == sizeof(CostWords));
  HashCost sum_of_costs(std::span<const Value> items, uint64_t total) const;

  /// Are those that are no leaves tuples of leaves, and all of them together few? What is forgotten counts as one, while
  /// nothing was made that is worse.
  bool is_cheap_nest(std::span<const Value> items) const {
    uint64_t nodes = items.size();
    for (const Value item : items) {
      if (!is_costly_key(item)) continue;
      if (!item.is(ValueKind::kTuple)) return false;
      if (!alive(item.payload())) {
        if (lost_ != nullptr && (lost_->nodes > 1 || lost_->hash != 0)) return false;
        continue;
      }
      const Head head = head_at(item.payload());
      if (head.flags != 0) return false;
      nodes += head.total;
    }
    return nodes <= kMaxItems;
  }

  uint64_t allocate(uint64_t words) {
    const uint64_t at = head_ & mask_;
    if (at + words > mask_ + 1 || (head_ + words > mask_ + 1 && mask_ + 1 < max_words_)) return allocate_slowly(words);
    const uint64_t position = head_;
    head_ += words;
    return position;
  }
  uint64_t allocate_slowly(uint64_t words);
  /// Once the ring has wrapped, the kMaxItems words in front of the head may have been written over.
  bool alive(uint64_t position) const { return head_ <= mask_ + 1 || position + mask_ + 1 >= head_ + kMaxItems; }
  uint64_t& word(uint64_t position) { return ring_[position & mask_]; }
  uint64_t word(uint64_t position) const { return ring_[position & mask_]; }
  Head head_at(uint64_t position) const { return std::bit_cast<Head>(word(position)); }
  void write_items(uint64_t position, std::span<const Value> items) {
    for (size_t i = 0; i < items.size(); ++i) word(position + i) = std::bit_cast<uint64_t>(items[i]);
  }

  const HashCost* lost_;
  TextLog texts_;
  std::vector<uint64_t> ring_;  // a power of two, and kMaxItems words more, which mean nothing
  uint64_t mask_ = 0;           // that power less one
  uint64_t head_ = 0;  // next free word, counted from the pickle's first; the ring holds the last mask_ + 1 words
  uint64_t max_words_ = 1024;
  bool has_heavy_hashes_ = false;
};

}  // namespace pickletap
