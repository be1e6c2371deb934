// Bytes that a pickle carries in another form and that Python gives back in one call: base64, hexadecimal, zlib. For
// reading a pickle within a pickle, never for what the sensor itself relies on. Pure; linear; the output is bounded.
// Sources: CPython 3.13 Modules/binascii.c (what it skips is skipped), RFC 1950 and 1951.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pickletap {

/// Both alphabets; other characters are skipped, as binascii does.
std::string decode_base64(std::string_view text);
/// Nothing when a character is no digit. White space between bytes is skipped (bytes.fromhex).
std::optional<std::string> decode_hex(std::string_view text);
/// A zlib stream, at most `max_bytes` of what it holds; what came before an error is kept, as a loader may read no
/// further. Nothing when it is no zlib stream.
std::optional<std::string> inflate_zlib(std::string_view bytes, size_t max_bytes);

}  // namespace pickletap
