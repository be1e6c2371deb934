// The unpickler's memo: values by number, in bounded memory. The first entries are kept directly; of those beyond only
// what may be called, what was used as a name, and how many there are (MEMOIZE puts at that number).
//
// Numbers are written in two forms, text (PUT) and binary (BINPUT, MEMOIZE). Python 3 has one memo for both; Python 2.7
// one for each, where any text is a key of its own. A pickler writes one form and no entry twice; where both forms or
// other spellings meet in one entry with different values the two Pythons disagree, and the entry is kLost.
// Sources: CPython 3.13 Modules/_pickle.c `_Unpickler_MemoPut`, load_put, load_memoize; 2.7 Modules/cPickle.c load_put.
#pragma once

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

  static constexpr size_t kMaxFar = 4096;  ///< callables, results and holes remembered beyond the direct entries, each

  void reset(uint32_t direct_entries);
  void put(uint64_t index, Value value, Form form) {
    if (index >= direct_.size() || forms_ != static_cast<unsigned>(form) || form == Form::kOther) {
      return put_slowly(index, value, form);
    }
    if (direct_[index].is(ValueKind::kOmitted)) ++used_;
    direct_[index] = value;
  }
  /// MEMOIZE: at the number of entries there are.
  void memoize(Value value) {
    unreliable_ = unreliable_ || count_uncertain_;
    put(used_, value, Form::kBinary);
  }
  /// kOmitted when no such entry was put.
  Value find(uint64_t index) const {
    return unreliable_ || index >= direct_.size() ? find_slowly(index) : direct_[index];
  }
  std::optional<Value> get(uint64_t index) const {
    const Value value = find(index);
    return value.is(ValueKind::kOmitted) ? std::nullopt : std::optional(value);
  }
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

  void put_slowly(uint64_t index, Value value, Form form);
  Value find_slowly(uint64_t index) const;
  void put_far(uint64_t index, Value value);
  void count_far(uint64_t index);

  std::vector<Value> direct_;                                 // kOmitted: nothing was put here
  std::unordered_map<uint64_t, Value> far_;                   // callables, results, names
  std::unordered_set<uint64_t> far_sparse_;                   // entries behind a hole
  std::array<std::pair<uint64_t, Value>, 8> recent_texts_{};  // the latest beyond the direct entries
  size_t next_recent_ = 0;
  uint64_t direct_limit_ = 0;
  uint64_t far_dense_end_ = 0;  // everything from the limit up to here was put
  uint64_t used_ = 0;
  size_t far_globals_ = 0, far_others_ = 0, far_names_ = 0;
  unsigned forms_ = 0;  // Form bits seen
  bool lost_callables_ = false;
  bool count_uncertain_ = false;  // more holes than are remembered
  bool unreliable_ = false;       // and then MEMOIZE: any entry may be another
};

}  // namespace pickletap
