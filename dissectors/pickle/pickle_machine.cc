#include "dissectors/pickle/pickle_machine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "dissectors/pickle/literals.h"
#include "dissectors/pickle/pseudo_python.h"

namespace pickletap {

namespace {

constexpr int kHighestProtocol = 5;
constexpr size_t kKeepValues = 4096;  // larger stacks are given back between pickles
constexpr uint64_t kEndless = uint64_t{1} << 54;
constexpr size_t kKeepAboveMark = ValueStore::kMaxItems;

std::string_view as_text(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
ByteSpan as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

template <typename T>
void clear_and_trim(std::vector<T>& values) {
  values.clear();
  if (values.capacity() > kKeepValues) values = std::vector<T>();  // `= {}` would keep the memory
}

}  // namespace

PickleMachine::PickleMachine(const Policy& policy, const DissectorLimits& limits)
    : policy_(policy), limits_(limits), judge_(policy, store_, log_) {}

void PickleMachine::begin(uint64_t frame_bytes) {
  reader_.reset();
  store_.reset(limits_.pickle_text_bytes);
  log_.reset(policy_);
  clear_and_trim(stack_);
  clear_and_trim(marks_);
  has_floor_ = false;
  marks_let_go_ = 0;
  memo_.reset(limits_.pickle_memo_entries);
  root_ = Value();
  indicators_ = {};
  frame_bytes_ = frame_bytes;
  trailing_ = ops_ = 0;
  protocol_ = highest_protocol_ = 0;
  has_header_ = fetched_names_ = fetched_plausible_ = called_by_name_ = at_stop_ = ended_ = false;
  takeover_ = {};
  end_ = PickleEnd::kTruncated;
  end_reason_ = doubt_ = {};
}

void PickleMachine::feed(ByteSpan bytes) {
  Op op;
  while (!ended_ && !bytes.empty()) {
    switch (reader_.next(bytes, op)) {
      case OpReader::Result::kNeedMore: return;
      case OpReader::Result::kUnknown: refuse("unknown opcode"); break;
      case OpReader::Result::kNegative: refuse("negative byte count"); break;
      case OpReader::Result::kOp:
        ++ops_;
        step(op);
        break;
    }
  }
  trailing_ += bytes.size();
}

void PickleMachine::gap(uint64_t bytes) {
  if (ended_) {
    trailing_ += bytes;
  } else {
    stop_reading(PickleEnd::kGap, "bytes of it were not captured");
  }
}

void PickleMachine::finish() {
  Op op;
  if (!ended_ && reader_.finish(op)) {
    doubt("no newline after a name");
    ++ops_;
    step(op);
  }
  if (!ended_) stop_reading(PickleEnd::kTruncated, "ends before STOP");
}

void PickleMachine::stop_reading(PickleEnd end, std::string_view reason) {
  ended_ = true;
  const bool doubtful = !doubt_.empty() && end != PickleEnd::kGap;
  end_ = doubtful ? PickleEnd::kRefused : end;
  end_reason_ = doubtful ? doubt_ : reason;
}

// ---- stack

void PickleMachine::push(Value value) {
  if (stack_.size() >= limits_.pickle_stack_values) collapse();
  stack_.push_back(value);
}

// Lets go of the middle of a long run of values: those right above the last MARK (a container keeps its first items)
// and the latest ones stay. What was let go is one kOmitted entry that knows how many they were.
void PickleMachine::collapse() {
  const size_t first = fence() + kKeepAboveMark;
  const size_t tail = limits_.pickle_stack_values / 4;
  // A smaller part would not pay for moving the tail: the cost would grow with the square of the input.
  if (stack_.size() < first + tail + limits_.pickle_stack_values / 8) return let_go_below(stack_.size() / 2);
  const size_t last = stack_.size() - tail;
  uint64_t count = 0;
  bool callables = false;
  for (size_t i = first; i < last; ++i) {
    const Value value = stack_[i];
    count += value.is(ValueKind::kOmitted) ? value.payload() >> 1 : 1;
    callables = callables || may_be_callable(value) || (value.is(ValueKind::kOmitted) && (value.payload() & 1) != 0);
  }
  stack_[first] = Value(ValueKind::kOmitted, count << 1 | (callables ? 1 : 0));
  stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(first) + 1,
               stack_.begin() + static_cast<std::ptrdiff_t>(last));
}

// Forgets everything below `position`: one entry at the bottom stands for as many values as are asked for.
void PickleMachine::let_go_below(size_t position) {
  position = std::min(position, stack_.size());
  const auto end = stack_.begin() + static_cast<std::ptrdiff_t>(position);
  const bool callables = std::any_of(stack_.begin(), end, [](Value value) {
    return may_be_callable(value) || (value.is(ValueKind::kOmitted) && (value.payload() & 1) != 0);
  });
  const Value floor(ValueKind::kOmitted, kEndless << 1 | (callables ? 1 : 0));
  if (position == 0) {
    stack_.insert(stack_.begin(), floor);
  } else {
    stack_.erase(stack_.begin() + 1, end);
    stack_.front() = floor;
  }
  has_floor_ = true;
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
    stack_.pop_back();
    return value;
  }
  const uint64_t left = (value.payload() >> 1) - 1;
  const uint64_t callables = value.payload() & 1;
  if (left == 0) {
    stack_.pop_back();
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
  start = 1;
  stack_.resize(1);
  stack_.emplace_back(ValueKind::kOmitted, 1U << 1 | 1);
  return true;
}

/// A container of what stands above `start`; unknown when its first items were let go.
Value PickleMachine::container_above(ValueKind kind, size_t start) {
  const auto items = above(start);
  const bool known = items.empty() || !items.front().is(ValueKind::kOmitted);
  return known ? store_.add_container(kind, items) : Value(ValueKind::kLost);
}

void PickleMachine::replace_from_mark(ValueKind kind) {
  size_t start = 0;
  if (!pop_mark(start)) return;
  if (kind == ValueKind::kDict && (stack_.size() - start) % 2 != 0 &&
      std::none_of(stack_.begin() + static_cast<std::ptrdiff_t>(start), stack_.end(),
                   [](Value v) { return v.is(ValueKind::kOmitted); })) {
    doubt("odd number of items for DICT");
  }
  const Value made = container_above(kind, start);
  if (kind == ValueKind::kDict) note_attributes(made, above(start));
  stack_.resize(start);
  push(made);
}

// ---- memo

void PickleMachine::memo_put(uint64_t index, PickleMemo::Form form) {
  if (need(1)) memo_.put(index, top(), form);
}

void PickleMachine::memo_get(uint64_t index) {
  const auto value = memo_.get(index);
  if (!value) return refuse("memo value not found");
  push(*value);
}

void PickleMachine::memo_by_text(const Op& op) {
  const auto key = PickleMemo::parse_key(as_text(op.text));
  if (!key) return refuse("memo index is no number");
  if (!key->is_number) doubt("memo index is no number");
  return op.info->code == Opcode::kGet ? memo_get(key->index) : memo_put(key->index, key->form);
}

// ---- text

void PickleMachine::push_text(ValueKind kind, const Op& op) {
  takeover_.name_seen = takeover_.name_seen || is_takeover_name(as_text(op.text));
  push(store_.add_text(kind, op.text, op.number));
}

void PickleMachine::push_line_text(const Op& op) {
  std::string text;
  if (op.info->code == Opcode::kString) {
    auto unquoted = unquote_string_line(as_text(op.text));
    if (!unquoted && op.cut) unquoted = std::string(as_text(op.text));  // its closing quote is beyond what is kept
    if (!unquoted) {
      refuse("the STRING opcode argument must be quoted");
      return;
    }
    text = std::move(*unquoted);
  } else {
    text = decode_raw_unicode_line(as_text(op.text));
  }
  takeover_.name_seen = takeover_.name_seen || is_takeover_name(text);
  const ByteSpan kept = as_bytes(text).first(std::min(text.size(), OpReader::kMaxText));
  push(store_.add_text(ValueKind::kStr, kept, op.cut ? text.size() + 1 : text.size()));
}

// ---- opcodes

void PickleMachine::step(const Op& op) {
  switch (op.info->code) {
    case Opcode::kProto:
      protocol_ = static_cast<int>(op.number);
      highest_protocol_ = std::max(highest_protocol_, protocol_);
      if (protocol_ > kHighestProtocol) return refuse("unsupported pickle protocol");
      has_header_ = has_header_ || op.offset == 0;
      return;
    case Opcode::kFrame:
      if (op.number > frame_bytes_ - std::min(frame_bytes_, reader_.position())) doubt("FRAME beyond the end");
      return;
    case Opcode::kStop:
      if (!need(1)) return;
      root_ = pop();
      at_stop_ = true;
      return stop_reading(PickleEnd::kStop, {});

    case Opcode::kNone: return push(Value(ValueKind::kNone));
    case Opcode::kNewTrue: return push(Value::boolean(true));
    case Opcode::kNewFalse: return push(Value::boolean(false));
    case Opcode::kBinInt: return push(Value::integer(static_cast<int32_t>(op.number)));
    case Opcode::kBinInt1:
    case Opcode::kBinInt2: return push(Value::integer(static_cast<int64_t>(op.number)));
    case Opcode::kLong1:
    case Opcode::kLong4: return push(integer_from_bytes(op.text.data(), op.number));
    case Opcode::kInt:
    case Opcode::kLong: {
      const auto value = parse_integer_line(as_text(op.text), op.info->code == Opcode::kInt);
      if (!value) return refuse("could not convert string to int");
      return push(*value);
    }
    case Opcode::kFloat: {
      const auto value = parse_float_line(as_text(op.text));
      if (!value) return refuse("could not convert string to float");
      return push(*value);
    }
    case Opcode::kBinFloat: return push(Value::real(std::bit_cast<double>(__builtin_bswap64(op.number))));

    case Opcode::kString:
    case Opcode::kUnicode: return push_line_text(op);
    case Opcode::kBinString:
    case Opcode::kShortBinString:
    case Opcode::kBinUnicode:
    case Opcode::kShortBinUnicode:
    case Opcode::kBinUnicode8: return push_text(ValueKind::kStr, op);
    case Opcode::kBinBytes:
    case Opcode::kShortBinBytes:
    case Opcode::kBinBytes8: return push_text(ValueKind::kBytes, op);
    case Opcode::kByteArray8: return push_text(ValueKind::kByteArray, op);
    case Opcode::kNextBuffer: return push(Value(ValueKind::kBuffer));
    case Opcode::kReadOnlyBuffer: need(1); return;

    case Opcode::kPersId: return push(Value(ValueKind::kPersistent));
    case Opcode::kBinPersId:
      if (!need(1)) return;
      pop();
      return push(Value(ValueKind::kPersistent));

    case Opcode::kGlobal:
    case Opcode::kStackGlobal:
    case Opcode::kExt1:
    case Opcode::kExt2:
    case Opcode::kExt4:
    case Opcode::kReduce:
    case Opcode::kNewObj:
    case Opcode::kNewObjEx:
    case Opcode::kInst:
    case Opcode::kObj:
    case Opcode::kBuild: return step_call(op);

    case Opcode::kMark:
    case Opcode::kPop:
    case Opcode::kPopMark:
    case Opcode::kDup:
    case Opcode::kGet:
    case Opcode::kBinGet:
    case Opcode::kLongBinGet:
    case Opcode::kPut:
    case Opcode::kBinPut:
    case Opcode::kLongBinPut:
    case Opcode::kMemoize: return step_stack(op);

    default: return step_container(op);
  }
}

void PickleMachine::step_stack(const Op& op) {
  switch (op.info->code) {
    case Opcode::kMark:
      if (marks_.size() >= limits_.pickle_mark_depth) let_go_marks();
      marks_.push_back(static_cast<uint32_t>(stack_.size()));
      return;
    case Opcode::kPop:
      // A MARK right on top is what POP takes away (load_pop).
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else if (need(1)) {
        pop();
      }
      return;
    case Opcode::kPopMark: {
      size_t start = 0;
      if (pop_mark(start)) stack_.resize(start);
      return;
    }
    case Opcode::kDup:
      if (need(1)) push(top());
      return;
    case Opcode::kBinGet:
    case Opcode::kLongBinGet: return memo_get(op.number);
    case Opcode::kBinPut:
    case Opcode::kLongBinPut: return memo_put(op.number, PickleMemo::Form::kBinary);
    case Opcode::kMemoize:
      if (need(1)) memo_.memoize(top());
      return;
    default: return memo_by_text(op);
  }
}

void PickleMachine::step_container(const Op& op) {
  switch (op.info->code) {
    case Opcode::kEmptyTuple: return push(Value(ValueKind::kEmptyTuple));
    case Opcode::kEmptyList: return push(store_.add_container(ValueKind::kList, {}));
    case Opcode::kEmptyDict: return push(store_.add_container(ValueKind::kDict, {}));
    case Opcode::kEmptySet: return push(store_.add_container(ValueKind::kSet, {}));
    case Opcode::kTuple: return replace_from_mark(ValueKind::kTuple);
    case Opcode::kList: return replace_from_mark(ValueKind::kList);
    case Opcode::kDict: return replace_from_mark(ValueKind::kDict);
    case Opcode::kFrozenSet: return replace_from_mark(ValueKind::kFrozenSet);
    case Opcode::kTuple1:
    case Opcode::kTuple2:
    case Opcode::kTuple3: {
      const size_t count = static_cast<size_t>(op.info->code) - static_cast<size_t>(Opcode::kTuple1) + 1;
      if (!need(count)) return;
      std::array<Value, 3> items;
      for (size_t i = count; i-- > 0;) items[i] = pop();
      return push(store_.add_container(ValueKind::kTuple, {items.data(), count}));
    }
    case Opcode::kAppend: {
      if (!need(2)) return;
      const Value item = pop();
      store_.extend(top(), {&item, 1});
      return note_write(top(), op);
    }
    case Opcode::kSetItem: {
      if (!need(3)) return;
      std::array<Value, 2> pair;
      pair[1] = pop();
      pair[0] = pop();
      store_.extend(top(), pair);
      note_attributes(top(), pair);
      return note_write(top(), op);
    }
    default: {  // APPENDS, SETITEMS, ADDITEMS
      size_t start = 0;
      if (!pop_mark(start)) return;
      if (start == 0) return refuse("unexpected MARK");
      if (start <= fence()) doubt("unexpected MARK");
      const Value target = at(start - 1);
      store_.extend(target, above(start));
      if (op.info->code == Opcode::kSetItems) note_attributes(target, above(start));
      stack_.resize(start);
      return note_write(target, op);
    }
  }
}

std::unique_ptr<PickleMachine> PickleMachinePool::acquire() {
  if (idle_.empty()) return std::make_unique<PickleMachine>(policy_, limits_);
  auto machine = std::move(idle_.back());
  idle_.pop_back();
  return machine;
}

void PickleMachinePool::release(std::unique_ptr<PickleMachine> machine) {
  if (machine && idle_.size() < kMaxIdle) idle_.push_back(std::move(machine));
}

}  // namespace pickletap
