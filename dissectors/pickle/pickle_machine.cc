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
constexpr size_t kKeepValues = 4096;  // larger stacks and memos are given back between pickles
constexpr size_t kMaxFarMemo = 4096;  // callables remembered beyond the direct memo
constexpr size_t kKeepAboveMark = ValueStore::kMaxItems;

std::string_view as_text(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
ByteSpan as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

template <typename T>
void clear_and_trim(std::vector<T>& values) {
  values.clear();
  if (values.capacity() > kKeepValues) values = {};
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
  clear_and_trim(memo_);
  if (!memo_far_.empty()) memo_far_ = {};
  memo_used_ = 0;
  memo_lost_callables_ = false;
  root_ = Value();
  indicators_ = {};
  frame_bytes_ = frame_bytes;
  trailing_ = ops_ = 0;
  protocol_ = highest_protocol_ = 0;
  has_header_ = fetched_names_ = called_by_name_ = ended_ = false;
  end_ = PickleEnd::kTruncated;
  end_reason_ = {};
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
  if (!ended_) stop_reading(PickleEnd::kTruncated, "ends before STOP");
}

void PickleMachine::stop_reading(PickleEnd end, std::string_view reason) {
  ended_ = true;
  end_ = end;
  end_reason_ = reason;
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
  if (stack_.size() < first + tail + limits_.pickle_stack_values / 8) {
    stop_reading(PickleEnd::kLimit, "stack deeper than the limit");
    return;
  }
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

bool PickleMachine::need(size_t count) {
  if (stack_.size() >= fence() + count) return true;
  // Entries that were let go count as well.
  if (stack_.size() > fence() && stack_.back().is(ValueKind::kOmitted) &&
      stack_.size() - fence() - 1 + (stack_.back().payload() >> 1) >= count) {
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

Value PickleMachine::top() const {
  const Value value = stack_.back();
  if (!value.is(ValueKind::kOmitted)) return value;
  return Value((value.payload() & 1) != 0 ? ValueKind::kLost : ValueKind::kForgotten);
}

bool PickleMachine::pop_mark(size_t& start) {
  if (marks_.empty()) {
    refuse("could not find MARK");
    return false;
  }
  start = marks_.back();
  marks_.pop_back();
  return true;
}

void PickleMachine::replace_from_mark(ValueKind kind) {
  size_t start = 0;
  if (!pop_mark(start)) return;
  if (kind == ValueKind::kDict && (stack_.size() - start) % 2 != 0 &&
      std::none_of(stack_.begin() + static_cast<std::ptrdiff_t>(start), stack_.end(),
                   [](Value v) { return v.is(ValueKind::kOmitted); })) {
    refuse("odd number of items for DICT");
    return;
  }
  const Value made = store_.add_container(kind, above(start));
  stack_.resize(start);
  push(made);
}

// ---- memo

void PickleMachine::memo_put(uint64_t index) {
  if (!need(1)) return;
  const Value value = top();
  if (index < limits_.pickle_memo_entries) {
    if (index >= memo_.size()) {
      memo_.resize(std::max<size_t>(index + 1, std::min<size_t>(memo_.size() * 2, limits_.pickle_memo_entries)),
                   Value(ValueKind::kOmitted));  // kOmitted: nothing was put here
    }
    if (memo_[index].is(ValueKind::kOmitted)) ++memo_used_;
    memo_[index] = value;
    return;
  }
  const auto known = memo_far_.find(index);
  if (known != memo_far_.end()) {
    known->second = value;
    return;
  }
  ++memo_used_;
  if (!may_be_callable(value)) return;
  if (memo_far_.size() >= kMaxFarMemo) {
    memo_lost_callables_ = true;
    return;
  }
  memo_far_.emplace(index, value);
}

void PickleMachine::memo_get(uint64_t index) {
  if (index < limits_.pickle_memo_entries) {
    if (index >= memo_.size() || memo_[index].is(ValueKind::kOmitted)) {
      refuse("memo value not found");
      return;
    }
    push(memo_[index]);
    return;
  }
  const auto known = memo_far_.find(index);
  if (known != memo_far_.end()) {
    push(known->second);
  } else {
    push(Value(memo_lost_callables_ ? ValueKind::kLost : ValueKind::kForgotten));
  }
}

// ---- text

void PickleMachine::push_text(ValueKind kind, const Op& op) { push(store_.add_text(kind, op.text, op.number)); }

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
      if (op.number > frame_bytes_ - std::min(frame_bytes_, reader_.position())) refuse("FRAME beyond the end");
      return;
    case Opcode::kStop:
      if (!need(1)) return;
      root_ = pop();
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
      if (marks_.size() >= limits_.pickle_mark_depth) {
        return stop_reading(PickleEnd::kLimit, "nested deeper than the limit");
      }
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
    case Opcode::kLongBinPut: return memo_put(op.number);
    case Opcode::kMemoize: return memo_put(memo_used_);
    default: {  // GET, PUT
      const auto index = parse_memo_index(as_text(op.text));
      if (!index) return refuse("memo index is no number");
      return op.info->code == Opcode::kGet ? memo_get(*index) : memo_put(*index);
    }
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
      return note_write(top(), op);
    }
    default: {  // APPENDS, SETITEMS, ADDITEMS
      size_t start = 0;
      if (!pop_mark(start)) return;
      if (start <= fence()) return refuse("unexpected MARK");
      const Value target = stack_[start - 1];
      store_.extend(target, above(start));
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
