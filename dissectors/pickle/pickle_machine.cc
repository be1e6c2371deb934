#include "dissectors/pickle/pickle_machine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "dissectors/byte_reader.h"
#include "dissectors/pickle/literals.h"
#include "dissectors/pickle/pseudo_python.h"

namespace pickletap {

namespace {

constexpr int kHighestProtocol = 5;
constexpr size_t kKeepValues = 4096;  // larger stacks are given back between pickles

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
  fed_ = ops_ = 0;
  protocol_ = highest_protocol_ = 0;
  has_header_ = fetched_names_ = called_by_name_ = at_stop_ = ended_ = false;
  takeover_ = {};
  end_ = PickleEnd::kTruncated;
  end_reason_ = doubt_ = {};
}

void PickleMachine::feed(ByteSpan bytes) {
  fed_ += bytes.size();
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
}

void PickleMachine::gap(uint64_t bytes) {
  fed_ += bytes;
  if (!ended_) stop_reading(PickleEnd::kGap, "bytes of it were not captured");
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

void PickleMachinePool::set_policy(const Policy& policy) {
  policy_ = &policy;
  idle_.clear();
}

std::unique_ptr<PickleMachine> PickleMachinePool::acquire() {
  if (idle_.empty()) return std::make_unique<PickleMachine>(*policy_, limits_);
  auto machine = std::move(idle_.back());
  idle_.pop_back();
  return machine;
}

void PickleMachinePool::release(std::unique_ptr<PickleMachine> machine) {
  if (machine && &machine->policy() == policy_ && idle_.size() < kMaxIdle) idle_.push_back(std::move(machine));
}

}  // namespace pickletap
