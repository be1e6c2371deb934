// The part of PickleMachine that knows a pickle again: what it learns of one, and how it answers for the next.
#include <algorithm>
#include <cstring>
#include <utility>

#include "dissectors/byte_reader.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/shape_table.h"

namespace pickletap {

namespace {

/// Leaves [first, first + count) open.
void open_bytes(PickleShape& shape, uint64_t first, uint64_t count) {
  std::fill_n(shape.fixed.begin() + static_cast<std::ptrdiff_t>(first), count, uint8_t{0});
}

bool is_number_opcode(Opcode code) {
  return code == Opcode::kBinInt1 || code == Opcode::kBinInt2 || code == Opcode::kBinInt || code == Opcode::kBinFloat;
}

bool is_text_opcode(Opcode code) {
  return code == Opcode::kShortBinUnicode || code == Opcode::kBinUnicode || code == Opcode::kShortBinBytes ||
         code == Opcode::kBinBytes || code == Opcode::kShortBinString || code == Opcode::kBinString;
}

}  // namespace

/// The whole frame, if it is of a shape that was judged before.
bool PickleMachine::recall(ByteSpan frame) {
  if (shapes_ == nullptr || told_ == nullptr || frame.size() != frame_bytes_) return false;
  PickleShape* const shape = shapes_->find(frame, *told_);
  if (shape == nullptr) return false;
  shape_ = shape;
  whole_frame_ = frame;
  shape->store.texts().open_chunk(frame.data(), 0);
  shape->store.texts().set_now(frame.size());
  reader_.reset();
  reader_.advance(frame.size());
  root_ = shape->root;
  ops_ = shape->ops;
  protocol_ = shape->protocol;
  highest_protocol_ = shape->highest_protocol;
  has_header_ = shape->has_header;
  called_by_name_ = shape->called_by_name;
  told_before_ = shape->told_before;
  at_stop_ = ended_ = true;
  end_ = PickleEnd::kStop;
  end_reason_ = doubt_ = {};
  return true;
}

void PickleMachine::follow() {
  if (shape_ == nullptr) return;
  const ByteSpan frame = std::exchange(whole_frame_, {});
  shape_ = nullptr;
  fed_ = 0;
  ended_ = false;
  start();
  feed(frame);
  finish();
}

std::optional<PickleMachine::Instance> PickleMachine::instance(Value value) const {
  const KnownCallable* cls = value.is(ValueKind::kResult) && shape_ == nullptr ? log_.class_of(value) : nullptr;
  if (cls == nullptr) return std::nullopt;
  const CallDetail* detail = log_.detail(value);
  return Instance{cls->full_name(), detail != nullptr ? detail->state : Value(ValueKind::kOmitted)};
}

PickleReport PickleMachine::recalled_report() const {
  PickleReport report;
  report.protocol = highest_protocol_;
  report.length = reader_.position();
  report.trailing_bytes = trailing_bytes();
  report.end = PickleEnd::kStop;
  report.told_before = told_before_;
  report.reached = shape_->reached;
  return report;
}

/// What was answered without a finding is remembered, if all of the verdict can be.
void PickleMachine::learn(const std::vector<std::string>& reached) {
  const ByteSpan frame = whole_frame_;
  if (frame.size() < PickleShape::kMinBytes || frame.size() > PickleShape::kMaxBytes || !shapes_->wants_one()) return;
  const TextLog& texts = store_.texts();
  const bool is_plain = stopped() && trailing_bytes() == 0 && doubt_.empty() && !log_.has_findings() &&
                        !store_.has_heavy_hashes() && texts.is_all_in_chunk() && !texts.reads().more &&
                        log_.nested_loads().empty() && told_news_.size() == told_before_;
  if (!is_plain) return;

  auto shape = std::make_unique<PickleShape>(store_);
  shape->length = static_cast<uint32_t>(frame.size());
  std::copy(frame.begin(), frame.end(), shape->bytes.begin());
  std::fill_n(shape->fixed.begin(), frame.size(), uint8_t{0xff});
  const bool weighs_numbers = weighs_numbers_ || judge_.has_weighed_numbers();

  OpReader reader;
  reader.reset();
  ByteSpan rest = frame;
  Op op;
  while (reader.next(rest, op) == OpReader::Result::kOp && op.info->code != Opcode::kStop) {
    const Opcode code = op.info->code;
    const uint64_t argument = op.offset + 1;
    if (is_number_opcode(code) && !weighs_numbers) {
      if (code != Opcode::kBinInt) {
        open_bytes(*shape, argument, op.info->width);
      } else if (static_cast<int32_t>(op.number) >= 0) {
        open_bytes(*shape, argument, op.info->width);
        shape->fixed[argument + 3] = 0x80;  // the sign
      }
    }
    if (!is_text_opcode(code) || texts.was_read(op.offset)) continue;
    const uint64_t text = argument + op.info->width;
    if (op.number == 0 || as_text(op.text).starts_with("__")) continue;
    if (op.number >= 2) {
      if (shape->open_texts == PickleShape::kMaxOpenTexts) continue;
      shape->open_text_at[shape->open_texts++] = static_cast<uint8_t>(text);
    }
    open_bytes(*shape, text, op.number);
  }
  for (size_t i = 0; i < frame.size(); ++i) shape->bytes[i] &= shape->fixed[i];

  shape->ops = ops_;
  shape->protocol = protocol_;
  shape->highest_protocol = highest_protocol_;
  shape->has_header = has_header_;
  shape->is_typical = is_typical();
  shape->called_by_name = called_by_name_;
  shape->told_before = told_before_;
  shape->told = told_news_;
  shape->reached = reached;
  shape->root = root_;
  shapes_->learn(std::move(shape), frame);
}

}  // namespace pickletap
