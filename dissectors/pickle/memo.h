// The unpickler's memo: values by number, in bounded memory. The first entries are kept directly; of those beyond only
// what may be called, what was used as a name, and how many there are (MEMOIZE puts at that number).
//
// Numbers are written in two forms, text (PUT) and binary (BINPUT, MEMOIZE). Python 3 has one memo for both; Python 2.7
// one for each, where any text is a key of its own. A pickler writes one form and no entry twice; where both forms or
// other spellings meet in one entry with different values the two Pythons disagree, and the entry is kLost.
// Sources: CPython 3.13 Modules/_pickle.c `_Unpickler_MemoPut`, load_put, load_memoize; 2.7 Modules/cPickle.c load_put.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dissectors/pickle/value.h"

namespace pickletap {

class PickleMemo {
 public:
  enum class Form : uint8_t { kBinary = 1, kText = 2, kOther = 4 };

  static constexpr size_t kMaxFar = 3840;  ///< callables, results and holes remembered beyond the direct entries, each

  void reset(uint32_t direct_entries);
  void put(uint64_t index, Value value, Form form) {
    if (index >= entries() || forms_ != static_cast<unsigned>(form) || form == Form::kOther) {
      return put_slowly(index, value, form);
    }
    is_plain_ = is_plain_ && index <= used_;
    if (direct_[index].is(ValueKind::kOmitted)) ++used_;
    direct_[index] = value;
    high_ = std::max(high_, index + 1);
  }
  /// A put whose index is not known: from now on any entry may be another.
  void lose_track() {
    unreliable_ = true;
    is_plain_ = false;
    ++used_;
  }
  /// Python 2.7 reads no further: from here on there is one memo.
  void leave_python2() { no_python2_ = true; }
  /// MEMOIZE: at the number of entries there are.
  void memoize(Value value);
  /// kOmitted when no such entry was put.
  Value find(uint64_t index) const { return unreliable_ || index >= entries() ? find_slowly(index) : direct_[index]; }

  /// Only binary puts so far, each at the number of entries there were or at one that was there: what picklers do.
  bool is_plain() const { return is_plain_; }
  /// For the machine's inner loop, which puts at the end of a plain memo and keeps the count in a register. `slots` may be
  /// written at `used` whether that becomes an entry or not; from `spare` on there is one slot for all, which keeps
  /// nothing. What may be called is not put this way.
  struct Tail {
    Value* slots = nullptr;
    uint64_t used = 0;
    uint64_t spare = 0;
    uint64_t room = 0;  ///< beyond so many entries put() must make room
  };
  Tail tail() { return {direct_.data(), used_, entries(), entries() < direct_limit_ ? entries() : UINT64_MAX}; }
  void set_tail(uint64_t used) {
    used_ = used;
    high_ = std::min<uint64_t>(used, entries());
    direct_[high_] = Value(ValueKind::kOmitted);
    far_dense_end_ = std::max(direct_limit_, used);
  }
  /// A text beyond the direct entries: the latest few can still be kept when they turn out to be names.
  void remember_text(uint64_t index, Value text) {
    recent_texts_[next_recent_++ % recent_texts_.size()] = {index, text};
  }
  std::optional<Value> get(uint64_t index) const {
    const Value value = find(index);
    return value.is(ValueKind::kOmitted) ? std::nullopt : std::optional(value);
  }
  /// From now on the direct entries are those for which there is room, and few are remembered beyond.
  void stop_growing();
  size_t memory_bytes() const;
  /// This text was used as a name, and will be again.
  void keep_name(Value text);
  bool empty() const { return used_ == 0; }

  /// The argument of PUT and GET; nothing when not even Python 2.7 takes it for a key.
  struct Key {
    uint64_t index = 0;
    Form form = Form::kText;
    bool is_number = true;  ///< false: Python 3 refuses it
  };
  static std::optional<Key> parse_key(std::string_view line);

 private:
  static constexpr uint64_t kWord = uint64_t{1} << 63;  // keys that are no numbers: their hash
  static constexpr size_t kMaxNames = 256;
  static constexpr size_t kFewFar = 64;

  uint64_t entries() const { return direct_.size() - 1; }
  void put_slowly(uint64_t index, Value value, Form form);
  Value find_slowly(uint64_t index) const;
  void put_far(uint64_t index, Value value);
  void count_far(uint64_t index);

  std::vector<Value> direct_;                // kOmitted: nothing was put here; the last is the spare
  uint64_t high_ = 0;                        // beyond this there are no others in direct_
  bool is_plain_ = false;                    // only binary puts, each at the number of entries there were
  std::unordered_map<uint64_t, Value> far_;  // by KeyedHash::permuted index: callables, results, names
  std::unordered_set<uint64_t> far_sparse_;  // so, too: entries behind a hole
  std::array<std::pair<uint64_t, Value>, 8> recent_texts_{};  // the latest beyond the direct entries
  size_t next_recent_ = 0;
  uint64_t direct_limit_ = 0;
  size_t far_limit_ = kMaxFar;
  uint64_t far_dense_end_ = 0;  // everything from the limit up to here was put
  uint64_t used_ = 0;
  size_t far_globals_ = 0, far_others_ = 0, far_names_ = 0;
  unsigned forms_ = 0;       // Form bits seen
  bool no_python2_ = false;  // what was read so far no Python 2.7 reads
  bool lost_callables_ = false;
  bool count_uncertain_ = false;  // more holes than are remembered
  bool unreliable_ = false;       // and then MEMOIZE: any entry may be another
};

}  // namespace pickletap
