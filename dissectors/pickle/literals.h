// The text arguments of protocols 0 and 1, decoded as CPython's C unpickler does (CPython 3.13 Modules/_pickle.c
// load_int, load_long, load_float, load_string, load_unicode). What is accepted is a superset of that: an input that the
// sensor refused and the victim loaded would be a way past it. `trouble`, where given, is set to why CPython 3 in C
// refuses the line, with a value when another unpickler may read it (2.7 Modules/cPickle.c, Lib/pickle.py).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dissectors/pickle/value.h"

namespace pickletap {

/// INT and LONG. `I00` and `I01` are booleans. Nothing when no Python would read it as a number.
std::optional<Value> parse_integer_line(std::string_view line, bool is_int_opcode, std::string_view* trouble = nullptr);

/// LONG1 and LONG4: little-endian two's complement.
Value integer_from_bytes(const uint8_t* bytes, uint64_t length);

std::optional<Value> parse_float_line(std::string_view line, std::string_view* trouble = nullptr);

/// STRING: quotes removed and escapes resolved; nothing when it is unquoted, or has an escape that is none.
std::optional<std::string> unquote_string_line(std::string_view line, std::string_view* trouble = nullptr);

/// UNICODE: raw-unicode-escape (\uXXXX and \UXXXXXXXX only), Latin-1 otherwise; the result is UTF-8.
std::string decode_raw_unicode_line(std::string_view line);

/// Memo index of GET and PUT, always decimal (`p010` is slot 10); nothing when it is no number or negative.
std::optional<uint64_t> parse_memo_index(std::string_view line);

/// Appends a code point as UTF-8; surrogates and numbers beyond U+10FFFF become U+FFFD.
void append_utf8(std::string& out, uint32_t code_point);

}  // namespace pickletap
