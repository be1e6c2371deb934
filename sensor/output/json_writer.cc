#include "sensor/output/json_writer.h"

#include <bit>
#include <cstring>

#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;

/// High bit set in each byte of `word` that is below `n` (exact for the lowest such byte, which is all we need).
constexpr uint64_t bytes_below(uint64_t word, uint8_t n) { return (word - kOnes * n) & ~word & kHighBits; }
constexpr uint64_t bytes_equal(uint64_t word, uint8_t value) { return bytes_below(word ^ (kOnes * value), 1); }

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

/// Bytes at the start of `text` that JSON takes as they are.
size_t plain_prefix(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    const uint64_t special = (word & kHighBits) | bytes_below(word, 0x20) | bytes_equal(word, '"') |
                             bytes_equal(word, '\\') | bytes_equal(word, 0x7F);
    if (special != 0) break;
  }
  while (i < text.size() && is_plain(text[i])) ++i;
  return i;
}

}  // namespace

JsonWriter& JsonWriter::key(std::string_view name) {
  comma();
  quoted(name);
  append(':');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  comma();
  quoted(value);
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  comma();
  append(bracket);
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  append(bracket);
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::literal(std::string_view plain) {
  comma();
  append(plain);
  needs_comma_ = true;
  return *this;
}

void JsonWriter::comma() {
  if (needs_comma_) append(',');
}

void JsonWriter::quoted(std::string_view text) {
  append('"');
  while (!text.empty() && !overflowed_) {
    const size_t plain = plain_prefix(text);
    append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Utf8Character c = read_utf8(text);
    if (!c.valid) {
      append(kReplacementUtf8);
    } else if (c.code == '"' || c.code == '\\' || is_hazard(c.code)) {
      escape(c.code);
    } else {
      append(text.substr(0, c.length));
    }
    text.remove_prefix(c.length);
  }
  append('"');
}

void JsonWriter::escape(char32_t code) {
  switch (code) {
    case '"': return append("\\\"");
    case '\\': return append("\\\\");
    case '\n': return append("\\n");
    case '\r': return append("\\r");
    case '\t': return append("\\t");
    default: break;
  }
  const auto unit = [this](uint32_t value) {
    const char text[6] = {'\\',
                          'u',
                          kHexDigits[(value >> 12) & 0xFU],
                          kHexDigits[(value >> 8) & 0xFU],
                          kHexDigits[(value >> 4) & 0xFU],
                          kHexDigits[value & 0xFU]};
    append(std::string_view(text, sizeof text));
  };
  if (code < 0x10000) return unit(code);
  const uint32_t above = code - 0x10000;  // a surrogate pair, RFC 8259 section 7
  unit(0xD800 + (above >> 10));
  unit(0xDC00 + (above & 0x3FFU));
}

}  // namespace pickletap
