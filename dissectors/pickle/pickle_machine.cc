#include "dissectors/pickle/pickle_machine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "dissectors/byte_reader.h"
#include "dissectors/pickle/literals.h"
#include "dissectors/pickle/pseudo_python.h"

namespace pickletap {

namespace {

constexpr int kHighestProtocol = 5;
constexpr uint64_t kManyDigits = 1000;

/// Other bases are read in linear time.
bool is_decimal(std::string_view line) {
  const size_t first = line.find_first_not_of("+- \t\r\v\f");
  return first != std::string_view::npos && line[first] >= '1' && line[first] <= '9';
}

constexpr size_t kKeepMarks = 4096;  // more are given back between pickles

}  // namespace

PickleMachine::PickleMachine(const Policy& policy, const DissectorLimits& limits, ShapeTable* shapes)
    : policy_(policy), limits_(limits), shapes_(shapes), store_(&watch_.lost()), judge_(policy, store_, log_) {
  log_.reset(policy);
}

void PickleMachine::begin(uint64_t frame_bytes, ToldCallables* told) {
  frame_bytes_ = frame_bytes;
  told_ = told;
  fed_ = 0;
  shape_ = nullptr;
  whole_frame_ = {};
  is_started_ = ended_ = false;
  if (told == nullptr) start();  // nothing to know it by
}

/// Ready for the first byte.
void PickleMachine::start() {
  is_started_ = true;
  reader_.reset();
  store_.reset(limits_.pickle_text_bytes);
  stack_limit_ = limits_.pickle_stack_values;
  mark_limit_ = limits_.pickle_mark_depth;
  is_limited_ = false;
  stack_.reset(stack_limit_);
  marks_.clear();
  if (marks_.capacity() > kKeepMarks) marks_ = std::vector<uint32_t>();  // `= {}` would keep the memory
  omits_ = has_floor_ = false;
  marks_let_go_ = marks_taken_unseen_ = 0;
  memo_.reset(limits_.pickle_memo_entries);
  watch_.reset(frame_bytes_);
  announced_at_ = skipped_ = 0;
  root_ = Value();
  if (log_.is_used()) {
    log_.reset(policy_);
    indicators_.commands.clear();
    indicators_.hosts.clear();
    indicators_.urls.clear();
    indicators_.paths.clear();
  }
  ops_ = 0;
  protocol_ = highest_protocol_ = 0;
  has_header_ = fetched_names_ = called_by_name_ = at_stop_ = weighs_numbers_ = false;
  takeover_ = {};
  told_before_ = 0;
  if (!told_news_.empty()) told_news_.clear();
  judge_.reset();
  end_ = PickleEnd::kTruncated;
  end_reason_ = {};
  doubt_ = {};  // not chained: the copy would wait for the store
}

bool PickleMachine::limit_growth() {
  if (!is_started_ || ended_ || std::exchange(is_limited_, true)) return false;
  static constexpr size_t kLeastStack = 256, kLeastMarks = 64;
  stack_limit_ = std::min(stack_limit_, std::max(stack_.room(), kLeastStack));
  mark_limit_ = std::min(mark_limit_, std::max(marks_.capacity(), kLeastMarks));
  memo_.stop_growing();
  store_.stop_growing();
  return true;
}

size_t PickleMachine::memory_bytes() const {
  size_t bytes = sizeof *this + stack_.memory_bytes() + marks_.capacity() * sizeof(uint32_t) + memo_.memory_bytes() +
                 store_.memory_bytes();
  bytes += log_.memory_bytes() + reader_.memory_bytes();
  if (inner_ != nullptr) bytes += inner_->memory_bytes();
  return bytes;
}

void PickleMachine::feed(ByteSpan bytes) {
  fed_ += bytes.size();
  if (ended_) return;
  if (!is_started_) {
    if (recall(bytes)) return;
    start();
    if (shapes_ != nullptr && bytes.size() == frame_bytes_ && bytes.size() <= PickleShape::kMaxBytes) {
      whole_frame_ = bytes;
      store_.texts().watch_reads(true);
    }
  }
  store_.texts().open_chunk(bytes.data(), reader_.position() - skipped_);
  if (reader_.position() == 0 && reader_.at_opcode()) read_header(bytes);
  while (!ended_ && !bytes.empty()) {
    if (reader_.at_opcode()) run(bytes);
    if (!bytes.empty() && !ended_) read_one(bytes);
  }
  // With the frame's last bytes the answer is asked for while they are still there.
  // What others look at from here on is looked up each time.
  store_.texts().watch_reads(false);
  if (ended_ && fed_ >= frame_bytes_) {
    store_.texts().set_now(reader_.position() - skipped_);
  } else {
    store_.texts().close_chunk(bytes.data());
  }
}

// What most pickles begin with, PROTO and a FRAME that fits, without the way through OpReader and step().
void PickleMachine::read_header(ByteSpan& bytes) {
  static constexpr size_t kProtoAndFrame = 2 + 9;
  if (bytes.size() < kProtoAndFrame || bytes[0] != static_cast<uint8_t>(Opcode::kProto)) return;
  if (bytes[1] < 2 || bytes[1] > kHighestProtocol) return;
  protocol_ = highest_protocol_ = bytes[1];
  if (protocol_ > 2) memo_.leave_python2();
  has_header_ = true;
  ++ops_;
  size_t size = 2;
  if (protocol_ >= 4 && bytes[2] == static_cast<uint8_t>(Opcode::kFrame)) {
    uint64_t framed = 0;
    std::memcpy(&framed, bytes.data() + 3, sizeof framed);
    if (frame_bytes_ >= kProtoAndFrame && framed <= frame_bytes_ - kProtoAndFrame) {
      size = kProtoAndFrame;
      ++ops_;
    }
  }
  reader_.advance(size);
  bytes = bytes.subspan(size);
}

void PickleMachine::stop() {
  root_ = pop();
  at_stop_ = true;
  stop_reading(PickleEnd::kStop, {});
}

void PickleMachine::read_one(ByteSpan& bytes) {
  if (!stack_.has_room()) stack_.grow(stack_limit_);
  const bool resumed = !reader_.at_opcode();
  const uint8_t* const begin = bytes.data();
  Op op;
  switch (reader_.next(bytes, op)) {
    case OpReader::Result::kNeedMore: store_.texts().close_chunk(begin); return note_announced();
    case OpReader::Result::kUnknown: return refuse("unknown opcode");
    case OpReader::Result::kNegative: return refuse("negative byte count");
    case OpReader::Result::kOp: break;
  }
  ++ops_;
  note_protocol(op);
  // A text that the chunk does not have in one piece, or that is not kept whole, is entered into the log; the chunk
  // begins anew behind it.
  text_in_chunk_ = !resumed && op.number <= TextLog::kMaxText;
  if (op.info->shape != ArgShape::kCounted || text_in_chunk_) {
    store_.texts().set_now(op.offset - skipped_);
    return step(op);
  }
  store_.texts().close_chunk(begin);
  store_.texts().set_now(op.offset - skipped_);
  step(op);
  skipped_ += op.number - std::min<uint64_t>(op.number, TextLog::kMaxText);
  store_.texts().open_chunk(bytes.data(), reader_.position() - skipped_);
}

void PickleMachine::gap(uint64_t bytes) {
  if (!is_started_ && !ended_) start();
  fed_ += bytes;
  if (!ended_) stop_reading(PickleEnd::kGap, "bytes of it were not captured");
}

void PickleMachine::finish() {
  if (ended_) return;
  if (!is_started_) start();
  Op op;
  if (reader_.finish(op)) {
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
  if (const auto bomb = watch_.bomb()) {
    log_.add_finding({PickleRule::kResourceBomb, {}, {}, std::string(bomb->reason), bomb->offset, {}, {}, {}});
  }
}

void PickleMachine::step(const Op& op) {
  switch (op.info->code) {
    case Opcode::kProto:
      if (op.offset != 0) log_.signs().note(OddSign::kSecondProto, op.offset);
      protocol_ = static_cast<int>(op.number);
      if (protocol_ > 2) memo_.leave_python2();
      highest_protocol_ = std::max(highest_protocol_, protocol_);
      if (protocol_ > kHighestProtocol) return refuse("unsupported pickle protocol");
      has_header_ = has_header_ || op.offset == 0;
      return;
    case Opcode::kFrame:
      if (op.number > frame_bytes_ - std::min(frame_bytes_, reader_.position())) {
        doubt("FRAME beyond the end");
        log_.signs().note(OddSign::kFrameTooLong, op.offset);
      }
      return;
    case Opcode::kStop:
      if (need(1)) stop();
      return;

    case Opcode::kNone: return push(Value(ValueKind::kNone));
    case Opcode::kNewTrue: return push(Value::boolean(true));
    case Opcode::kNewFalse: return push(Value::boolean(false));
    case Opcode::kBinInt: return push(Value::integer(static_cast<int32_t>(op.number)));
    case Opcode::kBinInt1:
    case Opcode::kBinInt2: return push(Value::integer(static_cast<int64_t>(op.number)));
    case Opcode::kLong1:
    case Opcode::kLong4: {
      const Value value = op.cut ? Value(ValueKind::kBigInt) : integer_from_bytes(op.text.data(), op.number);
      if (!value.is(ValueKind::kBigInt)) return push(value);
      const HashCost cost = HashCost::of_integer_bytes(op.text.data(), op.text.size(), op.number);
      store_.note_heavy_hash();
      return push(Value::big_integer(cost.hash, cost.exact, static_cast<uint8_t>(std::ilogb(cost.nodes))));
    }
    case Opcode::kInt:
    case Opcode::kLong: {
      std::string_view trouble;
      const auto value = parse_integer_line(as_text(op.text), op.info->code == Opcode::kInt, &trouble);
      if (op.line_bytes > kManyDigits && is_decimal(as_text(op.text))) watch_.digits(op.line_bytes, op.offset);
      if (!is_usual_integer(as_text(op.text), op.info->code == Opcode::kInt)) {
        log_.signs().note(OddSign::kNumberSpelling, op.offset);
      }
      return push_number(value, trouble, op);
    }
    case Opcode::kFloat: {
      std::string_view trouble;
      const auto value = parse_float_line(as_text(op.text), &trouble);
      return push_number(value, trouble, op);
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
      if (marks_.size() >= mark_limit_) let_go_marks();
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
    case Opcode::kLongBinPut: return memo_put(op, op.number, PickleMemo::Form::kBinary);
    case Opcode::kMemoize:
      if (need(1)) memo_.memoize(top());
      return;
    default: return memo_by_text(op);
  }
}

// ---- what it costs, what it hides

void PickleMachine::note_announced() {
  const Op* op = reader_.waiting();
  if (op == nullptr || announced_at_ == op->offset + 1) return;
  announced_at_ = op->offset + 1;
  const uint64_t body = op->offset + 1 + op->info->width;
  const uint64_t left = frame_bytes_ - std::min(frame_bytes_, body);
  if (op->number > left) watch_.announced(op->info->code, op->number, op->offset, left);
}

/// Every `stride`th of these becomes a key, or a member of a set.
void PickleMachine::note_keys(std::span<const Value> values, size_t stride, uint64_t offset) {
  if (!store_.has_heavy_hashes()) return;
  for (size_t i = 0; i < values.size(); i += stride) {
    const bool lost = values[i].is(ValueKind::kLost) || values[i].is(ValueKind::kForgotten);
    if (lost || ValueStore::is_costly_key(values[i])) watch_.hashed(store_.hash_cost(values[i]), offset);
  }
}

/// A set, frozenset or dict made by a call hashes what it is given: the items, or the first of each pair.
void PickleMachine::note_hashed_by(Value callee, Value args, uint64_t offset) {
  if (!store_.has_heavy_hashes() || !callee.is(ValueKind::kGlobal)) return;
  const Judgement& judgement = log_.callable(callee).judgement;
  const bool takes_an_iterable =
      judgement.cls == CallableClass::kConditional && judgement.arguments->rule == ArgumentRule::kBounded;
  const auto given = takes_an_iterable ? store_.items(args) : std::nullopt;
  if (!given || given->kept.empty()) return;
  const auto items = store_.items(given->kept[0]);
  if (!items) return;
  if (items->kept.size() < items->total) watch_.hashed(watch_.lost(), offset);
  note_keys(items->kept, 1, offset);
  for (const Value item : items->kept) {
    const auto pair = item.is(ValueKind::kTuple) ? store_.items(item) : std::nullopt;
    if (pair && pair->total == 2) note_keys(pair->kept.first(1), 1, offset);
  }
}

void PickleMachine::note_made(Value container, uint64_t offset) {
  if (const auto cost = store_.stored_cost(container)) watch_.made(*cost, offset);
}

// Picklers write PROTO from protocol 2 on, and no opcode that is younger than it.
void PickleMachine::note_protocol(const Op& op) {
  const int announced = std::max(protocol_, 1);
  if (op.info->protocol > announced && op.info->code != Opcode::kProto)
    log_.signs().note(OddSign::kLaterOpcode, op.offset);
}

}  // namespace pickletap
