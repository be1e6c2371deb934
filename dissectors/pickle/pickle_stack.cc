// The part of PickleMachine that keeps: its stack with MARKs, its containers, its memo, its texts.
#include <algorithm>
#include <string>
#include <utility>

#include "dissectors/byte_reader.h"
#include "dissectors/pickle/literals.h"
#include "dissectors/pickle/pickle_machine.h"

namespace pickletap {

namespace {

constexpr uint64_t kFirstFarIndex = 4096;
constexpr uint64_t kEndless = uint64_t{1} << 54;
constexpr size_t kKeepAboveMark = ValueStore::kMaxItems;

bool omits(std::span<const Value> values) {
  return std::any_of(values.begin(), values.end(), [](Value value) { return value.is(ValueKind::kOmitted); });
}

bool is_small_integer(Value value) { return value.is(ValueKind::kInt) || value.is(ValueKind::kBool); }

/// May this be an index of a sequence? What a call returned, or what was let go, may be a number.
bool may_be_index(Value value) {
  return is_small_integer(value) || value.is(ValueKind::kBigInt) || value.is(ValueKind::kForgotten) ||
         may_be_callable(value);
}

std::optional<int64_t> known_index(Value value) {
  return is_small_integer(value) ? std::optional(value.as_integer()) : std::nullopt;
}

std::optional<uint8_t> known_byte(Value value) {
  const bool is_byte = is_small_integer(value) && value.as_integer() >= 0 && value.as_integer() <= 0xff;
  return is_byte ? std::optional(static_cast<uint8_t>(value.as_integer())) : std::nullopt;
}

/// The rest of the line may change everything: it is blanks so far, or digits.
bool is_half_a_number(const Op& op) { return op.cut && as_text(op.text).find('\0') == std::string_view::npos; }

}  // namespace

// Lets go of the middle of a long run of values: those right above the last MARK (a container keeps its first items)
// and the latest ones stay. What was let go is one kOmitted entry that knows how many they were.
void PickleMachine::collapse() {
  const size_t first = fence() + kKeepAboveMark;
  const size_t tail = stack_limit_ / 4;
  // A smaller part would not pay for moving the tail: the cost would grow with the square of the input.
  if (stack_.size() < first + tail + stack_limit_ / 8) return let_go_below(stack_.size() / 2);
  const size_t last = stack_.size() - tail;
  uint64_t count = 0;
  bool callables = false;
  for (size_t i = first; i < last; ++i) {
    const Value value = stack_[i];
    count += value.is(ValueKind::kOmitted) ? value.payload() >> 1 : 1;
    callables = callables || may_be_callable(value) || (value.is(ValueKind::kOmitted) && (value.payload() & 1) != 0);
  }
  stack_[first] = Value(ValueKind::kOmitted, count << 1 | (callables ? 1 : 0));
  omits_ = true;
  stack_.cut(first + 1, last);
}

// Forgets everything below `position`: one entry at the bottom stands for as many values as are asked for.
void PickleMachine::let_go_below(size_t position) {
  position = std::min(position, stack_.size());
  const bool callables = std::any_of(stack_.begin(), stack_.begin() + position, [](Value value) {
    return may_be_callable(value) || (value.is(ValueKind::kOmitted) && (value.payload() & 1) != 0);
  });
  const Value floor(ValueKind::kOmitted, kEndless << 1 | (callables ? 1 : 0));
  if (position == 0) {
    if (!stack_.has_room()) stack_.grow(stack_.size() + 1);
    stack_.push_below(floor);
  } else {
    stack_.cut(1, position);
    stack_[0] = floor;
  }
  omits_ = has_floor_ = true;
  // Not always in order: what is taken from below a MARK leaves it in the air.
  const auto kept = std::find_if(marks_.rbegin(), marks_.rend(), [&](uint32_t mark) { return mark < position; }).base();
  marks_let_go_ += static_cast<uint64_t>(kept - marks_.begin());
  marks_.erase(marks_.begin(), kept);
  for (uint32_t& mark : marks_) mark = static_cast<uint32_t>(mark - position + 1);
}

/// Forgets the older half of the MARKs, and what stands below them.
void PickleMachine::let_go_marks() {
  const size_t before = marks_.size();
  const size_t half = (before + 1) / 2;
  let_go_below(marks_[std::min(half, before - 1)]);
  const size_t gone = before - marks_.size();
  if (gone >= half) return;
  // The rest stands at one place.
  marks_let_go_ += half - gone;
  marks_.erase(marks_.begin(), marks_.begin() + static_cast<std::ptrdiff_t>(half - gone));
}

bool PickleMachine::need(size_t count) {
  if (stack_.size() >= fence() + count) return true;
  // Entries that were let go count as well.
  if (stack_.size() > fence() && stack_.back().is(ValueKind::kOmitted) &&
      stack_.size() - fence() - 1 + (stack_.back().payload() >> 1) >= count) {
    return true;
  }
  // Python 2.7 takes what stands below the MARK.
  if (has_floor_ || stack_.size() >= count) {
    if (!marks_.empty()) doubt("unexpected MARK");
    return true;
  }
  refuse(marks_.empty() ? "stack underflow" : "unexpected MARK");
  return false;
}

Value PickleMachine::pop() {
  const Value value = stack_.back();
  if (!value.is(ValueKind::kOmitted)) {
    stack_.pop();
    return value;
  }
  const uint64_t left = (value.payload() >> 1) - 1;
  const uint64_t callables = value.payload() & 1;
  if (left == 0) {
    stack_.pop();
  } else {
    stack_.back() = Value(ValueKind::kOmitted, left << 1 | callables);
  }
  return Value(callables != 0 ? ValueKind::kLost : ValueKind::kForgotten);
}

Value PickleMachine::at(size_t position) const {
  const Value value = stack_[position];
  if (!value.is(ValueKind::kOmitted)) return value;
  return Value((value.payload() & 1) != 0 ? ValueKind::kLost : ValueKind::kForgotten);
}

bool PickleMachine::pop_mark(size_t& start) {
  if (!marks_.empty()) {
    start = std::min<size_t>(marks_.back(), stack_.size());
    marks_.pop_back();
    return true;
  }
  if (marks_let_go_ == 0) {
    refuse("could not find MARK");
    return false;
  }
  // It stood below the floor: what lies above it is not known but for its end.
  --marks_let_go_;
  // What it begins may hold what the last one began, and so on.
  HashCost cost = HashCost::of_leaf();
  cost.depth = static_cast<uint16_t>(std::min<uint64_t>(++marks_taken_unseen_, UINT16_MAX));
  watch_.made(cost, reader_.position());
  store_.note_heavy_hash();
  start = 1;
  stack_.resize(1);
  push(Value(ValueKind::kOmitted, 1U << 1 | 1));
  return true;
}

/// A container of what stands above `start`; unknown when its first items were let go.
Value PickleMachine::container_above(ValueKind kind, size_t start) {
  const auto items = above(start);
  const bool known = items.empty() || !items.front().is(ValueKind::kOmitted);
  return known ? store_.add_container(kind, items) : Value(ValueKind::kLost);
}

void PickleMachine::replace_from_mark(ValueKind kind, uint64_t offset) {
  size_t start = 0;
  if (!pop_mark(start)) return;
  if (kind == ValueKind::kDict && (stack_.size() - start) % 2 != 0 && !omits(above(start))) {
    doubt("odd number of items for DICT");
  }
  const Value made = container_above(kind, start);
  note_made(made, offset);
  if (kind == ValueKind::kDict) note_keys(above(start), 2, offset);
  if (kind == ValueKind::kFrozenSet) note_keys(above(start), 1, offset);
  if (kind == ValueKind::kDict) note_attributes(made, above(start), offset);
  stack_.resize(start);
  push(made);
}

// ---- containers

void PickleMachine::step_container(const Op& op) {
  switch (op.info->code) {
    case Opcode::kEmptyTuple: return push(Value(ValueKind::kEmptyTuple));
    case Opcode::kEmptyList: return push(store_.add_container(ValueKind::kList, {}));
    case Opcode::kEmptyDict: return push(store_.add_container(ValueKind::kDict, {}));
    case Opcode::kEmptySet: return push(store_.add_container(ValueKind::kSet, {}));
    case Opcode::kTuple: return replace_from_mark(ValueKind::kTuple, op.offset);
    case Opcode::kList: return replace_from_mark(ValueKind::kList, op.offset);
    case Opcode::kDict: return replace_from_mark(ValueKind::kDict, op.offset);
    case Opcode::kFrozenSet: return replace_from_mark(ValueKind::kFrozenSet, op.offset);
    case Opcode::kTuple1:
    case Opcode::kTuple2:
    case Opcode::kTuple3: {
      const size_t count = static_cast<size_t>(op.info->code) - static_cast<size_t>(Opcode::kTuple1) + 1;
      if (!need(count)) return;
      std::array<Value, 3> items;
      for (size_t i = count; i-- > 0;) items[i] = pop();
      const Value made = store_.add_container(ValueKind::kTuple, {items.data(), count});
      note_made(made, op.offset);
      return push(made);
    }
    case Opcode::kAppend: {
      if (!need(2)) return;
      const Value item = pop();
      append(top(), {&item, 1});
      return note_write(top(), op);
    }
    case Opcode::kSetItem: {
      if (!need(3)) return;
      std::array<Value, 2> pair;
      pair[1] = pop();
      pair[0] = pop();
      note_keys(pair, 2, op.offset);
      set_items(top(), pair);
      note_attributes(top(), pair, op.offset);
      return note_write(top(), op);
    }
    default: {  // APPENDS, SETITEMS, ADDITEMS
      size_t start = 0;
      if (!pop_mark(start)) return;
      if (start == 0) return refuse("unexpected MARK");
      if (start <= fence()) doubt("unexpected MARK");
      const Value target = at(start - 1);
      if (op.info->code == Opcode::kAppends) append(target, above(start));
      if (op.info->code == Opcode::kAddItems) store_.extend(target, above(start));
      if (op.info->code == Opcode::kSetItems) set_items(target, above(start));
      if (op.info->code != Opcode::kAppends) {
        note_keys(above(start), op.info->code == Opcode::kSetItems ? 2 : 1, op.offset);
      }
      if (op.info->code == Opcode::kSetItems) note_attributes(target, above(start), op.offset);
      // Lib/pickle.py raises behind the last pair.
      const bool is_odd = op.info->code == Opcode::kSetItems && above(start).size() % 2 != 0 && !omits(above(start));
      stack_.resize(start);
      note_write(target, op);
      if (is_odd) refuse("odd number of items for SETITEMS");
    }
  }
}

void PickleMachine::append(Value target, std::span<const Value> items) {
  if (!target.is(ValueKind::kByteArray)) return store_.extend(target, items);
  weighs_numbers_ = true;
  for (const Value item : items) store_.texts().write(target, TextLog::kEnd, known_byte(item));
}

/// target[key] = value: a dict, a list or a bytearray.
void PickleMachine::set_items(Value target, std::span<const Value> pairs) {
  const bool is_list = target.is(ValueKind::kList);
  if (!is_list && !target.is(ValueKind::kByteArray)) return store_.extend(target, pairs);
  weighs_numbers_ = true;
  if (omits(pairs)) return is_list ? store_.set_item(target, {}, {}) : store_.texts().lose(target);
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (!may_be_index(pairs[i])) return;  // TypeError
    auto index = known_index(pairs[i]);
    if (is_list) {
      store_.set_item(target, index, pairs[i + 1]);
      continue;
    }
    const auto text = store_.text(target);
    if (!index || !text) {
      store_.texts().lose(target);
      continue;
    }
    const auto size = static_cast<int64_t>(text->full_length);
    if (*index < 0) *index += size;
    if (*index >= 0 && *index < size) {
      store_.texts().write(target, static_cast<uint64_t>(*index), known_byte(pairs[i + 1]));
    }
  }
}

// ---- memo

void PickleMachine::memo_put(const Op& op, uint64_t index, PickleMemo::Form form) {
  if (index >= kFirstFarIndex && index > op.offset) watch_.memo_index(index, op.offset);
  if (need(1)) memo_.put(index, top(), form);
}

void PickleMachine::memo_get(uint64_t index) {
  const Value value = memo_.find(index);
  if (value.is(ValueKind::kOmitted)) return refuse("memo value not found");
  push(value);
}

void PickleMachine::memo_by_text(const Op& op) {
  if (is_half_a_number(op)) {
    log_.signs().note(OddSign::kMemoSpelling, op.offset);
    if (op.info->code == Opcode::kGet) return push(Value(ValueKind::kLost));
    if (need(1)) memo_.lose_track();
    return;
  }
  const auto key = PickleMemo::parse_key(as_text(op.text));
  if (!key) return refuse("memo index is no number");
  if (!key->is_number) doubt("memo index is no number");
  if (!is_usual_memo_index(as_text(op.text))) log_.signs().note(OddSign::kMemoSpelling, op.offset);
  return op.info->code == Opcode::kGet ? memo_get(key->index) : memo_put(op, key->index, key->form);
}

// ---- text

void PickleMachine::push_text(ValueKind kind, const Op& op) {
  takeover_.name_seen = takeover_.name_seen || is_takeover_name(as_text(op.text));
  const uint64_t place = op.offset - skipped_;
  const auto opcode = static_cast<uint8_t>(op.info->code);
  push(text_in_chunk_ ? Value(kind, place) : store_.texts().put(kind, place, opcode, op.text, op.number));
}

/// A number written as text; `trouble` as in literals.h.
void PickleMachine::push_number(std::optional<Value> value, std::string_view trouble, const Op& op) {
  if (is_half_a_number(op)) {
    const bool is_big = value && value->is(ValueKind::kBigInt);
    return push(is_big ? *value : Value(ValueKind::kForgotten));
  }
  if (!value) return refuse(trouble);
  if (!trouble.empty()) doubt(trouble);
  push(*value);
}

void PickleMachine::push_line_text(const Op& op) {
  std::string text;
  if (op.info->code == Opcode::kString) {
    std::string_view trouble;
    auto unquoted = unquote_string_line(as_text(op.text), &trouble);
    if (op.cut) {  // its closing quote is beyond what is kept
      if (!unquoted) unquoted = std::string(as_text(op.text));
    } else if (!unquoted) {
      return refuse(trouble);
    } else if (!trouble.empty()) {
      doubt(trouble);
    }
    text = std::move(*unquoted);
  } else {
    text = decode_raw_unicode_line(as_text(op.text));
  }
  takeover_.name_seen = takeover_.name_seen || is_takeover_name(text);
  const ByteSpan kept = as_bytes(text).first(std::min(text.size(), OpReader::kMaxText));
  push(store_.texts().add(ValueKind::kStr, kept, op.cut ? text.size() + 1 : text.size()));
}

}  // namespace pickletap
