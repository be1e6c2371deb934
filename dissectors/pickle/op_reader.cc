#include "dissectors/pickle/op_reader.h"

#include <algorithm>
#include <cstring>

namespace pickletap {

void OpReader::reset() {
  state_ = State::kOpcode;
  position_ = 0;
  first_.clear();
  second_.clear();
}

uint64_t OpReader::little_endian(const uint8_t* bytes, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

void OpReader::consume(ByteSpan& in, size_t count) {
  in = in.subspan(count);
  position_ += count;
}

namespace {
bool is_negative(const OpcodeInfo& info, uint64_t length) { return info.signed_length && length > 0x7fffffffU; }

/// Index of the newline in `in`, or its size.
size_t find_newline(ByteSpan in) {
  const void* at = in.empty() ? nullptr : std::memchr(in.data(), '\n', in.size());
  return at == nullptr ? in.size() : static_cast<size_t>(static_cast<const uint8_t*>(at) - in.data());
}
}  // namespace

OpReader::Result OpReader::next(ByteSpan& in, Op& op) {
  if (in.empty()) return Result::kNeedMore;
  return state_ == State::kOpcode ? start(in, op) : resume(in, op);
}

// The whole opcode stands in the chunk nearly always: then its argument is a view and nothing is copied.
OpReader::Result OpReader::start(ByteSpan& in, Op& op) {
  const OpcodeInfo& info = kOpcodes[in[0]];
  op = Op{&info, position_, 0, 0, {}, {}, false};
  const ByteSpan rest = in.subspan(1);
  State slow = State::kOpcode;
  switch (info.shape) {
    case ArgShape::kUnknown: return Result::kUnknown;
    case ArgShape::kNothing: consume(in, 1); return Result::kOp;
    case ArgShape::kFixed:
      slow = State::kFixed;
      if (rest.size() >= info.width) {
        op.number = little_endian(rest.data(), info.width);
        consume(in, 1U + info.width);
        return Result::kOp;
      }
      break;
    case ArgShape::kCounted:
      slow = State::kLength;
      if (rest.size() >= info.width) {
        op.number = little_endian(rest.data(), info.width);
        if (is_negative(info, op.number)) return Result::kNegative;
        if (rest.size() - info.width >= op.number) {
          op.text = rest.subspan(info.width, std::min<size_t>(op.number, kMaxText));
          op.cut = op.number > kMaxText;
          consume(in, 1U + info.width + op.number);
          return Result::kOp;
        }
      }
      break;
    case ArgShape::kLine:
    case ArgShape::kTwoLines: {
      slow = State::kFirstLine;
      const size_t line = find_newline(rest);
      if (line == rest.size()) break;
      size_t used = 1 + line + 1;
      if (info.shape == ArgShape::kLine) op.line_bytes = line;
      op.text = rest.first(std::min(line, kMaxText));
      op.cut = line > kMaxText;
      if (info.shape == ArgShape::kTwoLines) {
        const ByteSpan after = in.subspan(used);
        const size_t name = find_newline(after);
        if (name == after.size()) break;
        op.second = after.first(std::min(name, kMaxText));
        op.cut = op.cut || name > kMaxText;
        used += name + 1;
      }
      consume(in, used);
      return Result::kOp;
    }
  }
  pending_ = Op{&info, position_, 0, 0, {}, {}, false};
  state_ = slow;
  fixed_have_ = 0;
  first_.clear();
  second_.clear();
  consume(in, 1);
  return resume(in, op);
}

bool OpReader::finish(Op& op) {
  const bool in_first = state_ == State::kFirstLine && pending_.info->shape == ArgShape::kTwoLines;
  if (!in_first && state_ != State::kSecondLine) return false;
  std::vector<uint8_t>& line = in_first ? first_ : second_;
  if (!line.empty()) line.pop_back();
  op = pending_;
  op.text = first_;
  op.second = second_;
  state_ = State::kOpcode;
  return true;
}

bool OpReader::take_line(ByteSpan& in, std::vector<uint8_t>& line) {
  const size_t at = find_newline(in);
  const size_t keep = std::min(at, kMaxText - line.size());
  line.insert(line.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(keep));
  pending_.cut = pending_.cut || keep < at;
  if (pending_.info->shape == ArgShape::kLine) pending_.line_bytes += at;
  const bool found = at < in.size();
  consume(in, found ? at + 1 : at);
  return found;
}

OpReader::Result OpReader::resume(ByteSpan& in, Op& op) {
  const OpcodeInfo& info = *pending_.info;
  // At most one turn for each state that an opcode passes through.
  while (true) {
    switch (state_) {
      case State::kFixed:
      case State::kLength: {
        const size_t some = std::min<size_t>(info.width - fixed_have_, in.size());
        std::copy_n(in.begin(), some, fixed_ + fixed_have_);
        fixed_have_ += some;
        consume(in, some);
        if (fixed_have_ < info.width) return Result::kNeedMore;
        pending_.number = little_endian(fixed_, info.width);
        if (state_ == State::kFixed) break;
        if (is_negative(info, pending_.number)) {
          position_ = pending_.offset;  // stays before the opcode, wherever the chunk was cut
          return Result::kNegative;
        }
        body_left_ = pending_.number;
        state_ = State::kBody;
        continue;
      }
      case State::kBody: {
        const size_t some = static_cast<size_t>(std::min<uint64_t>(body_left_, in.size()));
        const size_t keep = std::min(some, kMaxText - first_.size());
        first_.insert(first_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(keep));
        body_left_ -= some;
        consume(in, some);
        if (body_left_ > 0) return Result::kNeedMore;
        pending_.cut = pending_.number > kMaxText;
        break;
      }
      case State::kFirstLine:
        if (!take_line(in, first_)) return Result::kNeedMore;
        if (info.shape == ArgShape::kLine) break;
        state_ = State::kSecondLine;
        continue;
      case State::kSecondLine:
        if (!take_line(in, second_)) return Result::kNeedMore;
        break;
      case State::kOpcode: return Result::kNeedMore;
    }
    op = pending_;
    op.text = first_;
    op.second = second_;
    state_ = State::kOpcode;
    return Result::kOp;
  }
}

}  // namespace pickletap
