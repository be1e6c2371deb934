// Where the pickle machine keeps strings and the first items of containers: a ring of bounded size that forgets the
// oldest. A forgotten value keeps its kind (it stands in the handle) and loses its content. Names of callables that
// were once resolved are pinned, so that a module name memoized at the start of a huge pickle is still known at its
// end.
//
// One store a machine; `reset` between pickles keeps the memory. Spans and views are valid until the next add.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/pickle/value.h"

namespace pickletap {

class ValueStore {
 public:
  static constexpr uint32_t kMaxItems = 16;    ///< items kept of one container (a dict's key and value are two)
  static constexpr uint32_t kMaxPinned = 256;  ///< names pinned in one pickle

  /// Starts a new pickle. `max_bytes`: the ring's largest size; rounded down to a power of two, 8 KiB at least.
  void reset(uint32_t max_bytes);

  /// kStr, kBytes or kByteArray. `full_length` may exceed what is given.
  Value add_text(ValueKind kind, ByteSpan text, uint64_t full_length);
  /// The kept text; nothing when forgotten. `whole`: false when it was longer than what is kept.
  struct Text {
    std::string_view text;
    uint64_t full_length = 0;
    bool whole() const { return text.size() == full_length; }
  };
  std::optional<Text> text(Value value) const;
  /// Keeps this text for the rest of the pickle, even when the ring forgets it.
  void pin(Value value);

  /// kTuple, kList, kDict, kSet or kFrozenSet with these items (keys and values in turn for kDict).
  Value add_container(ValueKind kind, std::span<const Value> items);
  /// Adds items to a list, dict or set; only the first kMaxItems are kept, the rest counted.
  void extend(Value container, std::span<const Value> items);
  struct Items {
    std::span<const Value> kept;
    uint64_t total = 0;
  };
  std::optional<Items> items(Value container) const;

  size_t memory_bytes() const { return ring_.capacity() * sizeof(uint64_t); }

 private:
  // Records are made of 8-byte words. A text record: length word, then the bytes. A container record: one word
  // (total, kept, capacity), then `capacity` values; one that was outgrown has capacity kForwarded and the position
  // of its successor in the next word.
  static constexpr uint16_t kForwarded = 0xffff;
  struct ContainerHead {
    uint32_t total;
    uint16_t kept;
    uint16_t capacity;
  };

  uint64_t allocate(uint64_t words);
  bool alive(uint64_t position) const { return position + ring_.size() >= head_; }
  uint64_t& word(uint64_t position) { return ring_[position & (ring_.size() - 1)]; }
  uint64_t word(uint64_t position) const { return ring_[position & (ring_.size() - 1)]; }
  std::optional<uint64_t> find_container(Value container) const;

  std::vector<uint64_t> ring_;  // a power of two
  uint64_t head_ = 0;           // next free word, counted from the pickle's first; the ring holds the last size() words
  uint64_t max_words_ = 1024;
  std::vector<std::pair<uint64_t, std::string>> pinned_;  // position → text, at most kMaxPinned
};

}  // namespace pickletap
