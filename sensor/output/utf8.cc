#include "sensor/output/utf8.h"

#include <algorithm>
#include <array>

namespace pickletap {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

uint8_t byte_at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

bool is_continuation(uint8_t byte) { return (byte & 0xC0U) == 0x80U; }

/// What the lead byte promises: how many bytes follow and the range of the first of them, which alone excludes
/// overlong forms, surrogates and what lies above U+10FFFF.
struct Lead {
  uint8_t following = 0;
  uint8_t low = 0x80, high = 0xBF;
  uint8_t bits = 0;
};

Lead lead_of(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1, 0x80, 0xBF, static_cast<uint8_t>(byte & 0x1FU)};
  if (byte >= 0xE0 && byte <= 0xEF) {
    const uint8_t low = byte == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = byte == 0xED ? 0x9F : 0xBF;
    return {2, low, high, static_cast<uint8_t>(byte & 0x0FU)};
  }
  if (byte >= 0xF0 && byte <= 0xF4) {
    const uint8_t low = byte == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = byte == 0xF4 ? 0x8F : 0xBF;
    return {3, low, high, static_cast<uint8_t>(byte & 0x07U)};
  }
  return {};
}

void append_escape(std::string& out, char32_t code) {
  switch (code) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const unsigned digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
  out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (unsigned i = digits; i-- > 0;) out += kHexDigits[(code >> (4 * i)) & 0xFU];
}

}  // namespace

Utf8Character read_utf8(std::string_view text) {
  const uint8_t first = byte_at(text, 0);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = lead_of(first);
  if (lead.following == 0) return {0, 1, false};
  char32_t code = lead.bits;
  for (uint8_t i = 1; i <= lead.following; ++i) {
    if (i >= text.size()) return {0, i, false};
    const uint8_t byte = byte_at(text, i);
    const bool fits = i == 1 ? byte >= lead.low && byte <= lead.high : is_continuation(byte);
    if (!fits) return {0, i, false};
    code = (code << 6) | (byte & 0x3FU);
  }
  return {code, static_cast<uint8_t>(lead.following + 1), true};
}

bool is_hazard(char32_t code) {
  if (code < 0x20 || (code >= 0x7F && code <= 0x9F)) return true;
  if (code < 0xAD) return false;
  return code == 0xAD || code == 0x061C || code == 0x180E || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF ||
         (code >= 0xFFF9 && code <= 0xFFFB) || (code >= 0xE0000 && code <= 0xE007F);
}

bool is_plain_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

std::string_view cut_utf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  // A character has at most three bytes after its first; bytes that are no UTF-8 at all may be cut anywhere.
  for (unsigned back = 0; back < 3 && end > 0 && is_continuation(byte_at(text, end)); ++back) --end;
  if (is_continuation(byte_at(text, end))) end = max_bytes;
  return text.substr(0, end);
}

void append_printable(std::string& out, std::string_view text, size_t max_characters) {
  size_t characters = 0;
  while (!text.empty()) {
    if (characters++ == max_characters) {
      out += "…";
      return;
    }
    const Utf8Character c = read_utf8(text);
    if (!c.valid) {
      out += kReplacementUtf8;
    } else if (is_hazard(c.code)) {
      append_escape(out, c.code);
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(c.length);
  }
}

}  // namespace pickletap
