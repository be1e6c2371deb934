#include "sensor/opcode_listing.h"

#include <bit>
#include <charconv>
#include <utility>

#include "dissectors/pickle/pseudo_python.h"
#include "sensor/output/console_text.h"

namespace pickletap {
namespace {

std::string_view as_text(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string shortened(std::string_view text) {
  std::string out(text.substr(0, OpcodeListing::kMaxArgument));
  if (out.size() < text.size()) out += "…";
  return out;
}

std::string real(uint64_t big_endian) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, std::bit_cast<double>(__builtin_bswap64(big_endian)));
  return {digits, end.ptr};
}

/// LONG1 and LONG4, little-endian: in decimal up to eight bytes, else how many there are.
std::string integer(const Op& op) {
  if (op.number > 8 || op.text.size() != op.number) return counted(op.number, "byte");
  uint64_t bits = !op.text.empty() && op.text.back() >= 0x80 ? UINT64_MAX : 0;
  for (size_t i = op.text.size(); i-- > 0;) bits = bits << 8 | op.text[i];
  return std::to_string(static_cast<int64_t>(bits));
}

std::string argument(const Op& op) {
  const auto literal = [&op](bool is_bytes) {
    std::string out = python_literal(as_text(op.text), is_bytes, OpcodeListing::kMaxArgument);
    if (op.number > OpcodeListing::kMaxArgument) out += " (" + counted(op.number, "byte") + ")";
    return out;
  };
  switch (op.info->code) {
    case Opcode::kBinInt: return std::to_string(static_cast<int32_t>(op.number));
    case Opcode::kBinFloat: return real(op.number);
    case Opcode::kLong1:
    case Opcode::kLong4: return integer(op);
    case Opcode::kBinUnicode:
    case Opcode::kShortBinUnicode:
    case Opcode::kBinUnicode8: return literal(false);
    default: break;
  }
  switch (op.info->shape) {
    case ArgShape::kFixed: return std::to_string(op.number);
    case ArgShape::kCounted: return literal(true);
    case ArgShape::kLine: return shortened(as_text(op.text));
    case ArgShape::kTwoLines: return shortened(as_text(op.text)) + " " + shortened(as_text(op.second));
    default: return {};
  }
}

}  // namespace

void OpcodeListing::begin() {
  reader_.reset();
  rows_.clear();
  cut_ = ended_ = false;
}

void OpcodeListing::feed(ByteSpan bytes) {
  Op op;
  while (!ended_ && !cut_ && reader_.next(bytes, op) == OpReader::Result::kOp) {
    cut_ = rows_.size() == ExplainedPickle::kMaxListedOpcodes;
    if (cut_) return;
    rows_.push_back({op.offset, op.info->name, argument(op)});
    ended_ = op.info->code == Opcode::kStop;
  }
}

void OpcodeListing::finish(ExplainedPickle& pickle) {
  pickle.opcodes = std::move(rows_);
  pickle.opcodes_cut = cut_;
  rows_.clear();
}

}  // namespace pickletap
