#include "dissectors/pickle/memo.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "dissectors/pickle/keyed_hash.h"
#include "dissectors/pickle/literals.h"

namespace pickletap {

namespace {
constexpr size_t kFirstValues = 32;
constexpr size_t kKeepValues = 4096;  // a larger memo is given back between pickles
}  // namespace

void PickleMemo::reset(uint32_t direct_entries) {
  if (entries() > std::min<size_t>(kKeepValues, direct_entries)) {
    direct_ = std::vector<Value>();  // `= {}` would keep the memory
  } else {
    std::fill_n(direct_.begin(), high_, Value(ValueKind::kOmitted));
  }
  if (direct_.empty()) direct_.resize(std::min<size_t>(kFirstValues, direct_entries) + 1, Value(ValueKind::kOmitted));
  high_ = 0;
  is_plain_ = true;
  if (!far_.empty()) far_ = {};
  if (!far_sparse_.empty()) far_sparse_ = {};
  recent_texts_.fill({});
  direct_limit_ = far_dense_end_ = direct_entries;
  far_limit_ = kMaxFar;
  used_ = next_recent_ = far_globals_ = far_others_ = far_names_ = 0;
  forms_ = 0;
  no_python2_ = false;
  lost_callables_ = count_uncertain_ = unreliable_ = false;
}

void PickleMemo::stop_growing() {
  far_limit_ = std::max({kFewFar, far_globals_, far_others_, far_sparse_.size()});
  if (entries() >= direct_limit_) return;
  count_uncertain_ = count_uncertain_ || far_dense_end_ > direct_limit_;
  // So far every entry that was put stands among the direct ones.
  direct_limit_ = far_dense_end_ = entries();
}

size_t PickleMemo::memory_bytes() const {
  static constexpr size_t kNode = 48;  // of the hash tables, with its share of their buckets
  return direct_.capacity() * sizeof(Value) + (far_.size() + far_sparse_.size()) * kNode;
}

std::optional<PickleMemo::Key> PickleMemo::parse_key(std::string_view line) {
  // As every pickler writes it.
  uint64_t plain = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), plain);
  const bool whole = error == std::errc() && end == line.data() + line.size() && (line[0] != '0' || line.size() == 1);
  if (whole && plain < kWord) return Key{plain, Form::kText, true};
  if (const auto number = parse_memo_index(line); number && *number < kWord) return Key{*number, Form::kOther, true};
  if (line.empty()) return std::nullopt;
  return Key{kWord | KeyedHash::of(line), Form::kOther, false};
}

void PickleMemo::memoize(Value value) {
  unreliable_ = unreliable_ || count_uncertain_;
  no_python2_ = true;
  put(used_, value, Form::kBinary);
}

void PickleMemo::put_slowly(uint64_t index, Value value, Form form) {
  if (is_plain_ && used_ > 0) forms_ |= static_cast<unsigned>(Form::kBinary);
  is_plain_ = is_plain_ && form == Form::kBinary && index <= used_;
  forms_ |= static_cast<unsigned>(form);
  // Text keys and numbers apart, or spellings apart: Python 2.7 still has the older value, too.
  const bool mixed =
      forms_ != static_cast<unsigned>(Form::kBinary) && forms_ != static_cast<unsigned>(Form::kText) && !no_python2_;
  if (mixed) {
    const auto older = get(index);
    if (older && *older != value) value = Value(ValueKind::kLost);
  }
  if (index >= direct_limit_) return put_far(index, value);
  if (index >= entries()) {
    const uint64_t more = std::min(std::max<uint64_t>(kFirstValues, direct_.size() * 2), direct_limit_);
    direct_.resize(std::max(index + 1, more) + 1, Value(ValueKind::kOmitted));
  }
  if (direct_[index].is(ValueKind::kOmitted)) ++used_;
  direct_[index] = value;
  high_ = std::max(high_, index + 1);
}

void PickleMemo::put_far(uint64_t index, Value value) {
  // At the end of them all, as a pickler puts: it cannot be there yet.
  const bool is_new = index == far_dense_end_ && far_sparse_.empty() && !count_uncertain_;
  if (index < kWord) count_far(index);
  if (const auto known = is_new ? far_.end() : far_.find(KeyedHash::permuted(index)); known != far_.end()) {
    known->second = value;
    return;
  }
  if (value.is(ValueKind::kStr)) remember_text(index, value);
  if (!may_be_callable(value) && index < kWord) return;
  // A pickle has few callables by name and may have any number of instances, which nobody calls.
  size_t& count = value.is(ValueKind::kGlobal) ? far_globals_ : far_others_;
  if (count >= far_limit_) {
    lost_callables_ = true;
    return;
  }
  ++count;
  far_.emplace(KeyedHash::permuted(index), value);
}

void PickleMemo::count_far(uint64_t index) {
  if (index < far_dense_end_) return;
  if (index > far_dense_end_) {
    if (far_sparse_.contains(KeyedHash::permuted(index))) return;
    if (far_sparse_.size() >= far_limit_) {
      count_uncertain_ = true;
    } else {
      far_sparse_.insert(KeyedHash::permuted(index));
    }
    ++used_;
    return;
  }
  ++used_;
  ++far_dense_end_;
  // Each turn takes away an entry that was put before.
  while (!far_sparse_.empty() && far_sparse_.erase(KeyedHash::permuted(far_dense_end_)) > 0) ++far_dense_end_;
}

Value PickleMemo::find_slowly(uint64_t index) const {
  if (unreliable_) return Value(ValueKind::kLost);
  const Value nothing(ValueKind::kOmitted);
  if (index < direct_limit_) return nothing;
  if (const auto known = far_.find(KeyedHash::permuted(index)); known != far_.end()) return known->second;
  const bool there = index < far_dense_end_ || far_sparse_.contains(KeyedHash::permuted(index));
  if (!there && !count_uncertain_ && !(index >= kWord && lost_callables_)) return nothing;
  return Value(lost_callables_ ? ValueKind::kLost : ValueKind::kForgotten);
}

void PickleMemo::keep_name(Value text) {
  for (const auto& [index, value] : recent_texts_) {
    if (value != text || !value.is(ValueKind::kStr) || far_names_ >= kMaxNames) continue;
    if (far_.emplace(KeyedHash::permuted(index), value).second) ++far_names_;
  }
}

}  // namespace pickletap
