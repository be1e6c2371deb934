// Text of unknown origin on its way out: what a program or a file name calls itself is bytes that an attacker chose.
// Here they are read as UTF-8, strictly, and told apart by whether a terminal or a log viewer may see them as they are.
// Pure functions on spans of the caller; nothing is kept. Source: Unicode 15, section 3.9, tables 3-7 and 3-11
// (replacement of maximal subparts), and UAX #9 for the characters that turn the direction of writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pickletap {

inline constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";  ///< U+FFFD

/// One character, or one maximal subpart of a broken one (`valid` false; to be shown as one U+FFFD).
struct Utf8Character {
  char32_t code = 0;
  uint8_t length = 1;  ///< bytes it took, never 0
  bool valid = false;
};

/// Reads the first character of `text`, which is not empty.
Utf8Character read_utf8(std::string_view text);

/// True for what must not reach a terminal raw: C0 and C1 controls, DEL, line and paragraph separator, and the
/// invisible or direction-turning characters with which text can be made to look like other text.
bool is_hazard(char32_t code);

/// True when every byte is printable ASCII.
bool is_plain_ascii(std::string_view text);

/// The longest prefix of at most `max_bytes` that does not end inside a character.
std::string_view cut_utf8(std::string_view text, size_t max_bytes);

/// Appends `text` as a terminal may see it: hazards as `\n`, `\x1b`, `\u202e`, broken bytes as U+FFFD, and at most
/// `max_characters` characters, then "…". A backslash stays single: this is for reading, not for parsing back.
void append_printable(std::string& out, std::string_view text, size_t max_characters = SIZE_MAX);

}  // namespace pickletap
