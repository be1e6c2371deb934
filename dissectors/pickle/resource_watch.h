// Resource bombs: does loading the pickle cost memory, time or stack out of all proportion to its bytes? The machine
// tells what it reads; the watch adds up what CPython would spend and remembers the first thing that is too much.
//
// Owned by a PickleMachine, reset with it. Constant time and no allocation a call; less than 2 KiB. What a call costs by
// its arguments (`bytes(10**9)`) is not told here but judged with the call.
// Sources: CPython 3.13 Modules/_pickle.c (load_counted_binbytes, _Unpickler_ResizeMemoList, load_long),
// Objects/tupleobject.c tuplehash, Objects/setobject.c frozenset_hash, Objects/longobject.c long_hash; what each bomb
// costs on Python 2.7 to 3.13 is in tests/pickles/bombs.md. Times in the comments are of those measurements.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dissectors/pickle/opcodes.h"

namespace pickletap {

/// What a value costs as a key of a dict or a member of a set. A leaf; containers are leaves that `combine` their
/// items. Numbers saturate. `hash` and `exact` tell values apart that CPython gives one hash: see of_integer.
struct HashCost {
  float nodes = 1;     ///< values that hashing visits: a tuple hashes its items each time
  float compared = 1;  ///< values that comparing with an equal twin visits
  uint16_t depth = 0;  ///< how deep hashing recurses, on the C stack
  uint16_t hash = 0;   ///< equal where CPython's hashes are sure to be equal; 0: it cannot collide
  uint32_t exact = 0;  ///< equal for equal values

  /// The hash of what was forgotten, and made of it, where many were made alike; those of known values are odd.
  static constexpr uint16_t kAlike = 2;

  static constexpr HashCost of_leaf() { return {}; }
  /// INT, BININT … and what else fits 56 bits: hash(-1) is hash(-2), no other two of them collide.
  static HashCost of_integer(int64_t value);
  /// A longer one, hashed modulo 2**61-1; its first bytes at least. Its hash is not kept: each use reads it all.
  static HashCost of_integer_bytes(const uint8_t* bytes, uint64_t kept, uint64_t length);
  /// Text: its hash is random and kept, so only `exact` matters.
  static constexpr HashCost of_text(uint32_t exact) { return {1, 1, 0, 0, exact}; }

  /// Adds an item to this container.
  constexpr void combine(const HashCost& item) {
    nodes += item.nodes;
    compared += item.compared;
    depth = std::max<uint16_t>(depth, item.depth == UINT16_MAX ? item.depth : static_cast<uint16_t>(item.depth + 1));
    // What cannot collide is told apart by `exact`, whatever stands beside it.
    const uint32_t before = hash != 0 ? hash : exact;
    const uint32_t added = item.hash != 0 ? item.hash * 0x9e3779b1U : item.exact * 0x27d4eb2fU + 1;
    const uint32_t mixed = (std::rotl(before, 7) ^ added) * 0x85ebca6bU;
    const bool alike = hash == kAlike || item.hash == kAlike, collides = hash != 0 || item.hash != 0;
    hash = alike ? kAlike : collides ? static_cast<uint16_t>(mixed >> 16 | 1) : uint16_t{0};
    exact = (exact ^ (item.exact + 0x9e3779b9U + (exact << 6) + (exact >> 2))) * 0xc2b2ae35U;
  }
  /// The same items in a frozenset, which keeps its hash; being compared costs what it costs.
  constexpr HashCost as_frozenset() const { return {1, compared, 0, hash, exact}; }
};
static_assert(sizeof(HashCost) == 16);

class ResourceWatch {
 public:
  struct Bomb {
    std::string_view reason;  ///< static text, a human half-sentence
    uint64_t offset = 0;      ///< of the opcode that made it one
  };

  /// `frame_bytes`: UINT64_MAX where it is not known.
  void reset(uint64_t frame_bytes);

  /// An opcode announces more bytes than the frame has left, or more than 1 MiB.
  void announced(Opcode code, uint64_t size, uint64_t offset, uint64_t bytes_left_in_frame);
  /// A memo index of PUT, BINPUT or LONG_BINPUT that is at least 4096 and more than the bytes read so far.
  void memo_index(uint64_t index, uint64_t offset);
  /// An INT or LONG line of so many decimal digits, more than 1000.
  void digits(uint64_t count, uint64_t offset);
  /// A tuple, frozenset or long integer is used as a key of a dict or a member of a set.
  void hashed(const HashCost& cost, uint64_t offset) {
    hash_work_ += static_cast<double>(cost.nodes);
    if (cost.hash != 0 || cost.compared > kFreeComparison || cost.depth > kMaxHashDepth || hash_work_ > kFreeHashWork) {
      hashed_slowly(cost, offset);
    }
  }
  /// A container was made that may be forgotten before it is used.
  void made(const HashCost& cost, uint64_t offset) {
    if (cost.compared > kFreeComparison || cost.depth > kMaxHashDepth || cost.hash != 0) note_costly(cost, offset);
  }
  /// What a tuple or frozenset that was forgotten may cost: a leaf, unless one was made that is out of proportion,
  /// or many were made that have one hash.
  const HashCost& lost() const { return lost_; }
  /// Containers inside each other: harmless on every Python measured, so nothing is done with it.
  void nested(uint64_t /*depth*/, uint64_t /*offset*/) {}

  /// The first that was too much.
  std::optional<Bomb> bomb() const { return bomb_; }

 private:
  static constexpr float kFreeComparison = 1e6F;
  static constexpr double kFreeHashWork = 1e7;
  static constexpr uint16_t kMaxHashDepth = 8000;

  // One hash that many distinct keys share.
  struct Collision {
    uint16_t hash = 0;
    uint16_t weight = 0;              // how often it was seen, less how often another one wanted the place
    uint32_t last = 0;                // the latest key, which often comes again
    std::array<uint8_t, 16> ranks{};  // HyperLogLog: the longest run of zeros among the keys, in 16 parts
  };

  void note_costly(const HashCost& cost, uint64_t offset);
  void hashed_slowly(const HashCost& cost, uint64_t offset);
  void compared(const HashCost& cost, uint64_t offset);
  using Collisions = std::array<Collision, 16>;
  /// About how many distinct ones of this hash there were; 0 where that is no more than the last time.
  static double count_alike(Collisions& collisions, const HashCost& cost);
  void report(std::string_view reason, uint64_t offset) {
    if (!bomb_) bomb_ = Bomb{reason, offset};
  }

  uint64_t frame_bytes_ = 0;
  HashCost lost_;
  double hash_work_ = 0;                    // nodes visited, of all keys
  double compare_work_ = 0;                 // and by comparing equal ones
  double digit_work_ = 0;                   // squares of numbers of digits
  Collisions collisions_{};                 // of keys
  Collisions alike_{};                      // and of tuples that may be keys when they are forgotten
  uint32_t lost_keys_ = 0;                  // keys that may be of those
  std::array<uint64_t, 64> costly_keys_{};  // a bit for each size seen of keys that are dear to compare
  bool used_slowly_ = false;                // the arrays are not empty
  std::optional<Bomb> bomb_;
};

}  // namespace pickletap
