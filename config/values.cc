#include "config/values.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace pickletap {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr Unit kSizes[] = {{"TiB", uint64_t{1} << 40},
                           {"GiB", uint64_t{1} << 30},
                           {"MiB", uint64_t{1} << 20},
                           {"KiB", uint64_t{1} << 10},
                           {"B", 1},
                           {"TB", 1'000'000'000'000},
                           {"GB", 1'000'000'000},
                           {"MB", 1'000'000},
                           {"kB", 1'000}};
constexpr Unit kDurations[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
constexpr Unit kShortDurations[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

std::optional<uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units, bool bare_number) {
  const size_t digits = std::min(text.find_first_not_of("0123456789_"), text.size());
  const std::optional<uint64_t> number = parse_count(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (!number || (text.size() == digits && bare_number)) return number;
  for (const Unit& known : units) {
    if (unit != known.name) continue;
    if (*number > UINT64_MAX / known.factor) return std::nullopt;
    return *number * known.factor;
  }
  return std::nullopt;
}

std::string text_with_unit(uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value >= unit.factor && value % unit.factor == 0) {
      return std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(value) + std::string(units.back().name);
}

/// Edits between two short names: one character changed, added, left out, or two swapped.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::optional<uint64_t> parse_count(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');  // 1_000_000, as YAML 1.1 allows
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || text.starts_with('_')) return std::nullopt;
  return value;
}

std::optional<uint64_t> parse_size(std::string_view text) { return parse_with_unit(text, kSizes, true); }

std::optional<uint64_t> parse_duration(std::string_view text) {
  return parse_with_unit(text, kDurations, text == "0");  // nothing needs no unit
}

std::optional<uint64_t> parse_duration_ms(std::string_view text) {
  return parse_with_unit(text, kShortDurations, text == "0");
}

std::string size_text(uint64_t bytes) { return text_with_unit(bytes, std::span(kSizes).first(5)); }

std::string duration_text(uint64_t seconds) { return text_with_unit(seconds, kDurations); }

std::string duration_ms_text(uint64_t ms) { return text_with_unit(ms, kShortDurations); }

std::string_view closest(std::string_view given, std::span<const std::string_view> names) {
  constexpr size_t kLongestName = 64;  // what is longer is no slip of the finger
  if (given.size() > kLongestName) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, given.size() / 3) + 1;
  for (const std::string_view name : names) {
    const size_t d = distance(given, name);
    if (d < best_distance && d < name.size()) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace pickletap
