#include "dissectors/pickle/literals.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace pickletap {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads `digits` hexadecimal digits at `at`; nothing when there are fewer.
std::optional<uint32_t> hex_number(std::string_view text, size_t at, size_t digits) {
  if (text.size() - std::min(at, text.size()) < digits) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = hex_value(text[at + i]);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  return value;
}

}  // namespace

void append_utf8(std::string& out, uint32_t code_point) {
  if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point < 0xe000)) code_point = 0xfffd;
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

namespace {

void set(std::string_view* trouble, std::string_view why) {
  if (trouble != nullptr) *trouble = why;
}

void strip_left(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}
void strip_right(std::string_view& text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
}
/// Takes a sign off; true for a minus.
bool take_sign(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  return negative;
}

/// Digits below `base`; an underscore may stand between two.
bool is_digit_run(std::string_view text, int base) {
  bool after_digit = false;
  for (const char c : text) {
    const int digit = hex_value(c);
    if (c == '_' ? !after_digit : digit < 0 || digit >= base) return false;
    after_digit = c != '_';
  }
  return after_digit;
}

int base_of(char prefix) {
  const char kind = static_cast<char>(prefix | 0x20);
  return kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
}

/// The digits of a C or Python integer without its sign; `base` 0 reads the prefixes 0x, 0o, 0b and 0.
std::optional<Value> parse_digits(std::string_view digits, int64_t base, bool negative) {
  if (digits.empty() || !is_digit(digits.front())) return std::nullopt;
  if (base == 0) {
    base = 10;
    if (digits.size() > 1 && digits[0] == '0') {
      const int prefix = base_of(digits[1]);
      base = prefix == 0 ? 8 : prefix;
      digits.remove_prefix(prefix == 0 ? 1 : 2);
    }
  }
  int64_t value = 0;
  for (const char c : digits) {
    if (c == '_') continue;
    const int digit = hex_value(c);
    if (digit < 0 || digit >= base) return std::nullopt;
    if (value > (INT64_MAX >> 9) / base) return Value(ValueKind::kBigInt);
    value = value * base + digit;
  }
  return Value::integer(negative ? -value : value);
}

/// What some Python may take for a number: 2.7 has an L at the end, and blanks behind the sign.
std::optional<Value> parse_number(std::string_view line, int64_t base) {
  const auto is_mark = [&](char c) { return c == 'L' || (c == 'l' && base == 0); };
  strip_left(line);
  while (!line.empty() && (is_space(line.back()) || is_mark(line.back()))) line.remove_suffix(1);
  const bool negative = take_sign(line);
  strip_left(line);
  const auto value = parse_digits(line, base, negative);
  return value || base != 0 ? value : parse_digits(line, 10, negative);  // int("08") of 2.7 Lib/pickle.py
}

/// Does strtol(line, &end, 0) take all of it as octal? (All else that it takes the next one takes as well.)
bool is_octal_to_strtol(std::string_view line) {
  static constexpr size_t kMostDigits = 21;
  if (line.empty()) return true;  // end and begin are one
  strip_left(line);
  take_sign(line);
  const size_t zeros = std::min(line.find_first_not_of('0'), line.size());
  return zeros > 0 && line.size() - zeros <= kMostDigits &&
         line.find_first_not_of("01234567") == std::string_view::npos;
}

/// PyLong_FromString(line, NULL, 0) of Python 3.
bool is_python3_integer(std::string_view line) {
  strip_left(line);
  strip_right(line);
  take_sign(line);
  if (const int base = line.size() > 2 && line[0] == '0' ? base_of(line[1]) : 0; base != 0) {
    line.remove_prefix(line[2] == '_' ? 3 : 2);
    return is_digit_run(line, base);
  }
  return is_digit_run(line, 10) && (!line.starts_with('0') || line.find_first_not_of("0_") == std::string_view::npos);
}

}  // namespace

std::optional<Value> parse_integer_line(std::string_view line, bool is_int_opcode, std::string_view* trouble) {
  // C strings end at a NUL and the unpickler is content with that: `I5\0junk` is 5, and `I\0` is 0.
  const std::string_view text = line.substr(0, line.find('\0'));
  const std::string_view long_text =
      !is_int_opcode && text == line && line.ends_with('L') ? line.substr(0, line.size() - 1) : text;
  const bool is_nothing = text.empty() && !line.empty() && is_int_opcode;
  const bool usual = (is_int_opcode && !line.empty() && is_octal_to_strtol(text)) || is_python3_integer(long_text);
  if (!usual) set(trouble, "could not convert string to int");
  const auto value = is_nothing ? Value::integer(0) : parse_number(text, 0);
  // `I00` and `I01`, and whatever else strtol reads as 0 or 1 in two characters. It stops at a blank behind the digit.
  const bool is_whole = text.empty() || !is_space(text.back());
  const bool is_bool = is_int_opcode && usual && line.size() == 2 && is_whole && value && value->is(ValueKind::kInt) &&
                       (value->as_integer() == 0 || value->as_integer() == 1);
  return is_bool ? Value::boolean(value->as_integer() == 1) : value;
}

Value integer_from_bytes(const uint8_t* bytes, uint64_t length) {
  // Bytes that only repeat the sign say nothing.
  const auto repeats_sign = [&](uint64_t at) { return bytes[at] == ((bytes[at - 1] & 0x80) != 0 ? 0xff : 0x00); };
  while (length > 7 && repeats_sign(length - 1)) --length;
  if (length > 7) return Value(ValueKind::kBigInt);
  uint64_t value = 0;
  for (uint64_t i = length; i-- > 0;) value = value << 8 | bytes[i];
  const bool negative = length > 0 && (bytes[length - 1] & 0x80) != 0;
  if (negative) value |= ~uint64_t{0} << (8 * length);
  return Value::integer(static_cast<int64_t>(value));
}

namespace {

/// PyOS_string_to_double takes all of it.
bool is_float(std::string_view text) {
  take_sign(text);
  const auto is_word = [&](std::string_view word) {
    return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                      [](char a, char b) { return (a | 0x20) == b; });
  };
  if (is_word("inf") || is_word("infinity") || is_word("nan")) return true;
  const auto take_digits = [&] {
    const size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count;
  };
  size_t digits = take_digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits += take_digits();
  }
  if (digits == 0) return false;
  if (text.empty() || (text.front() | 0x20) != 'e') return text.empty();
  text.remove_prefix(1);
  take_sign(text);
  return take_digits() > 0 && text.empty();
}

/// Without the underscores between digits, as float() of Python 3.6 and later takes them.
std::string without_underscores(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1]);
    if (text[i] != '_' || !between) out.push_back(text[i]);
  }
  return out;
}

}  // namespace

std::optional<Value> parse_float_line(std::string_view line, std::string_view* trouble) {
  std::string text(line.substr(0, line.find('\0')));
  if (!is_float(text)) {
    set(trouble, "could not convert string to float");
    if (text.size() < line.size()) return std::nullopt;
    // Lib/pickle.py: float(line).
    strip_left(line);
    strip_right(line);
    text = without_underscores(line);
    if (!is_float(text)) return std::nullopt;
  }
  const double value = std::strtod(text.c_str(), nullptr);
  if (std::isinf(value) && text.find_first_of("0123456789") != std::string::npos)
    set(trouble, "value too large to convert to float");
  return Value::real(value);
}

std::optional<uint64_t> parse_memo_index(std::string_view line) {
  const auto value = parse_number(line.substr(0, line.find('\0')), 10);
  if (!value || !value->is(ValueKind::kInt) || value->as_integer() < 0) return std::nullopt;
  return static_cast<uint64_t>(value->as_integer());
}

std::optional<std::string> unquote_string_line(std::string_view line, std::string_view* trouble) {
  static constexpr std::string_view kNotQuoted = "the STRING opcode argument must be quoted";
  // Python 2.7 in C strips what is no greater than a blank as a signed char.
  while (!line.empty() && static_cast<signed char>(line.back()) <= ' ') {
    line.remove_suffix(1);
    set(trouble, kNotQuoted);
  }
  if (line.size() < 2 || line.front() != line.back() || (line.front() != '\'' && line.front() != '"')) {
    set(trouble, kNotQuoted);
    return std::nullopt;
  }
  const std::string_view body = line.substr(1, line.size() - 2);
  std::string out;
  out.reserve(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out.push_back(body[i]);
      continue;
    }
    if (i + 1 == body.size()) {
      set(trouble, "Trailing \\ in string");
      return std::nullopt;
    }
    const char escape = body[++i];
    switch (escape) {
      case 'n': out.push_back('\n'); break;
      case 't': out.push_back('\t'); break;
      case 'r': out.push_back('\r'); break;
      case 'a': out.push_back('\a'); break;
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'v': out.push_back('\v'); break;
      case '\\':
      case '\'':
      case '"': out.push_back(escape); break;
      case 'x':
        if (const auto value = hex_number(body, i + 1, 2)) {
          out.push_back(static_cast<char>(*value));
          i += 2;
          break;
        }
        set(trouble, "invalid \\x escape");
        return std::nullopt;
      case '0':
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
      case '7': {
        unsigned value = 0;
        size_t digits = 0;
        while (digits < 3 && i + digits < body.size() && body[i + digits] >= '0' && body[i + digits] <= '7') {
          value = value * 8 + static_cast<unsigned>(body[i + digits] - '0');
          ++digits;
        }
        out.push_back(static_cast<char>(value & 0xff));
        i += digits - 1;
        break;
      }
      default: out.push_back('\\'); out.push_back(escape);
    }
  }
  return out;
}

std::string decode_raw_unicode_line(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == 'u' || line[i + 1] == 'U')) {
      const size_t digits = line[i + 1] == 'u' ? 4 : 8;
      if (const auto value = hex_number(line, i + 2, digits)) {
        append_utf8(out, *value);
        i += 1 + digits;
        continue;
      }
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      out.push_back('\\');  // a pair: what follows an escaped backslash is no escape
      ++i;
    }
    append_utf8(out, static_cast<uint8_t>(line[i]));
  }
  return out;
}

}  // namespace pickletap
