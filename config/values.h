// Scalars of the configuration: sizes ("256MiB"), durations ("5m"), whole numbers, and their text in messages; and the
// name that was probably meant. Pure; no value means that the text is none of these.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pickletap {

std::optional<uint64_t> parse_count(std::string_view text);
/// Bytes, plain or with B, KiB, MiB, GiB, TiB (1024) or kB, MB, GB, TB (1000).
std::optional<uint64_t> parse_size(std::string_view text);
/// Seconds, from a number with s, m, h or d. 0 needs no unit.
std::optional<uint64_t> parse_duration(std::string_view text);
/// Milliseconds, from a number with ms, s, m, h or d. 0 needs no unit.
std::optional<uint64_t> parse_duration_ms(std::string_view text);

std::string size_text(uint64_t bytes);        ///< "256MiB", the largest unit that divides it
std::string duration_text(uint64_t seconds);  ///< "5m"
std::string duration_ms_text(uint64_t ms);    ///< "20ms"

/// The name nearest to `given`, empty when none is near.
std::string_view closest(std::string_view given, std::span<const std::string_view> names);

}  // namespace pickletap
