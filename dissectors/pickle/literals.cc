#include "dissectors/pickle/literals.h"

#include <algorithm>
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

/// The digits of a C or Python integer without its sign; `base` 0 reads the prefixes 0x, 0o, 0b and 0.
std::optional<Value> parse_digits(std::string_view digits, int64_t base, bool negative) {
  if (digits.empty() || !is_digit(digits.front())) return std::nullopt;
  if (base == 0) {
    base = 10;
    if (digits.size() > 1 && digits[0] == '0') {
      const char kind = static_cast<char>(digits[1] | 0x20);
      base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
      digits.remove_prefix(kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1);
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

std::optional<Value> parse_number(std::string_view line, int64_t base) {
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  while (!line.empty() && (is_space(line.back()) || line.back() == 'L')) line.remove_suffix(1);
  const bool negative = !line.empty() && line.front() == '-';
  if (!line.empty() && (line.front() == '-' || line.front() == '+')) line.remove_prefix(1);
  return parse_digits(line, base, negative);
}

}  // namespace

std::optional<Value> parse_integer_line(std::string_view line, bool is_int_opcode) {
  if (is_int_opcode && (line == "00" || line == "01")) return Value::boolean(line == "01");
  // strtol stops at a NUL and the unpickler is content with that: `I5\0junk` is 5, and `I\0` is 0.
  if (is_int_opcode && line.starts_with('\0')) return Value::integer(0);
  return parse_number(line.substr(0, line.find('\0')), 0);
}

Value integer_from_bytes(const uint8_t* bytes, uint64_t length) {
  if (length > 7) return Value(ValueKind::kBigInt);
  uint64_t value = 0;
  for (uint64_t i = length; i-- > 0;) value = value << 8 | bytes[i];
  const bool negative = length > 0 && (bytes[length - 1] & 0x80) != 0;
  if (negative) value |= ~uint64_t{0} << (8 * length);
  return Value::integer(static_cast<int64_t>(value));
}

std::optional<Value> parse_float_line(std::string_view line) {
  line = line.substr(0, line.find('\0'));
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  if (line.empty()) return std::nullopt;
  const std::string text(line);  // for the NUL behind it
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return std::nullopt;
  return Value::real(value);
}

std::optional<uint64_t> parse_memo_index(std::string_view line) {
  const auto value = parse_number(line.substr(0, line.find('\0')), 10);
  if (!value || !value->is(ValueKind::kInt) || value->as_integer() < 0) return std::nullopt;
  return static_cast<uint64_t>(value->as_integer());
}

std::optional<std::string> unquote_string_line(std::string_view line) {
  // Python 2.7 strips what is no greater than a blank as a signed char.
  while (!line.empty() && static_cast<signed char>(line.back()) <= ' ') line.remove_suffix(1);
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  if (line.size() < 2 || line.front() != line.back() || (line.front() != '\'' && line.front() != '"')) {
    return std::nullopt;
  }
  const std::string_view body = line.substr(1, line.size() - 2);
  std::string out;
  out.reserve(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out.push_back(body[i]);
      continue;
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
        }
        break;
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
