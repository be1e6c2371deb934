#include "dissectors/pickle/evasion.h"

#include <algorithm>

namespace pickletap {

namespace {

bool is_plain_decimal(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return false;
  return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string_view odd_sign_text(OddSign sign) {
  static constexpr std::array<std::string_view, kOddSignCount> kTexts = {
      "names a callable by what a call returned",
      "names an attribute by what a call returned",
      "uses an opcode of a later protocol than it announces",
      "changes the protocol on the way",
      "announces an opcode frame longer than the message",
      "spells an integer as no pickler does",
      "spells a memo index as no pickler does",
      "mixes the memo opcodes of two protocols",
  };
  return kTexts[static_cast<size_t>(sign)];
}

bool is_usual_integer(std::string_view line, bool is_int_opcode) {
  if (is_int_opcode && (line == "00" || line == "01")) return true;
  if (!is_int_opcode && line.ends_with('L')) line.remove_suffix(1);
  if (line.starts_with('-') && line != "-0") line.remove_prefix(1);
  return is_plain_decimal(line);
}

bool is_usual_memo_index(std::string_view line) { return is_plain_decimal(line); }

}  // namespace pickletap
