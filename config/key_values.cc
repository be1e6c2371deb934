// Values of each kind: from what was written to the field, and back.
#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "config/config_keys.h"
#include "config/text_checks.h"
#include "config/values.h"

namespace pickletap {
namespace {

constexpr std::string_view kEventTypes[] = {"alert", "listener", "stats", "python_mp", "flow", "anomaly"};
constexpr std::string_view kSeverities[] = {"default", "high", "medium", "low"};
constexpr size_t kMaxSuggested = 16;
constexpr uint64_t kMaxPathBytes = 4095;

using Problem = std::optional<ValueError>;

std::array<bool*, std::size(kEventTypes)> flags_of(EventTypes& types) {
  return {&types.alert, &types.listener, &types.stats, &types.python_mp, &types.flow, &types.anomaly};
}

std::string joined(std::span<const std::string_view> words, std::string_view last = ", ") {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? last : ", ";
    out += words[i];
  }
  return out;
}

Problem wrong(std::string what, size_t item = 0) { return ValueError{item, std::move(what)}; }

// ---- Numbers --------------------------------------------------------------------------------------------------------

struct NumberKind {
  std::optional<uint64_t> (*parse)(std::string_view);
  std::string (*text)(uint64_t);
  std::string_view wanted, example, hint;
};

const NumberKind* number_kind(KeyKind kind) {
  static constexpr NumberKind kSizes{parse_size, size_text, "a size", " such as 256MiB",
                                     " (write 1048576, 256MiB or 1GB)"};
  static constexpr NumberKind kCounts{parse_count, [](uint64_t n) { return std::to_string(n); }, "a whole number", "",
                                      ""};
  static constexpr NumberKind kSeconds{parse_duration, duration_text, "a duration", " such as 60s",
                                       " (write 60s, 5m, 2h or 1d)"};
  static constexpr NumberKind kMilliseconds{parse_duration_ms, duration_ms_text, "a duration", " such as 20ms",
                                            " (write 20ms, 1s or 5m)"};
  switch (kind) {
    case KeyKind::kSize: return &kSizes;
    case KeyKind::kCount: return &kCounts;
    case KeyKind::kSeconds: return &kSeconds;
    case KeyKind::kMilliseconds: return &kMilliseconds;
    default: return nullptr;
  }
}

Problem read_number(const ConfigKey& key, const NumberKind& kind, const std::string& text, Config& config) {
  const std::optional<uint64_t> value = kind.parse(text);
  if (!value)
    return wrong("expected " + std::string(kind.wanted) + ", not " + quoted_value(text) + std::string(kind.hint));
  if ((*value < key.low || *value > key.high) && !(key.or_zero && *value == 0)) {
    return wrong(quoted_value(text) + " is out of range (" + (key.or_zero ? "0, or " : "") + kind.text(key.low) +
                 " to " + kind.text(key.high) + ")");
  }
  const ConfigKey::Field field = key.field(config);
  if (auto* const* wide = std::get_if<uint64_t*>(&field)) {
    **wide = *value;
  } else {
    *std::get<uint32_t*>(field) = static_cast<uint32_t>(*value);  // the table's ranges fit; a test holds them to that
  }
  return std::nullopt;
}

// ---- Single words ---------------------------------------------------------------------------------------------------

Problem read_boolean(const ConfigKey& key, const std::string& text, Config& config) {
  static constexpr std::string_view kYes[] = {"true", "yes", "on"}, kNo[] = {"false", "no", "off"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const bool yes = std::find(std::begin(kYes), std::end(kYes), lower) != std::end(kYes);
  if (!yes && std::find(std::begin(kNo), std::end(kNo), lower) == std::end(kNo)) {
    return wrong("expected true or false, not " + quoted_value(text));
  }
  *std::get<bool*>(key.field(config)) = yes;
  return std::nullopt;
}

Problem read_severity(const ConfigKey& key, const std::string& text, Config& config) {
  for (size_t i = 0; i < std::size(kSeverities); ++i) {
    if (text != kSeverities[i] && (i == 0 || text != std::to_string(i))) continue;
    *std::get<int*>(key.field(config)) = static_cast<int>(i);
    return std::nullopt;
  }
  return wrong("expected high, medium, low or default, not " + quoted_value(text));
}

/// A path as it is kept: not bound to the folder that the process happens to stand in.
std::string absolute_path(const std::string& text, const std::string& folder) {
  return text.empty() ? text : std::filesystem::absolute(std::filesystem::path(folder) / text).string();
}

Problem read_text(const ConfigKey& key, const GivenValue& given, Config& config) {
  std::string text = given.items.front();
  const uint64_t most = key.kind == KeyKind::kPath ? kMaxPathBytes : key.high;
  if (key.kind == KeyKind::kWord) {
    if (std::find(key.words.begin(), key.words.end(), text) == key.words.end()) {
      return wrong("expected " + joined(key.words, " or ") + ", not " + quoted_value(text));
    }
  } else if (text.size() > most) {
    return wrong("longer than " + std::to_string(most) + " bytes");
  } else if (text.find('\0') != std::string::npos) {
    return wrong("must not contain a null byte");
  }
  if (key.kind == KeyKind::kPath) text = absolute_path(text, given.folder);
  if (key.complaint != nullptr) {
    if (std::string what = key.complaint(text); !what.empty()) return wrong(std::move(what));
  }
  *std::get<std::string*>(key.field(config)) = std::move(text);
  return std::nullopt;
}

// ---- Lists ----------------------------------------------------------------------------------------------------------

Problem read_types(const ConfigKey& key, const GivenValue& given, Config& config) {
  EventTypes types{false, false, false, false, false, false};
  for (size_t i = 0; i < given.items.size(); ++i) {
    const auto* const at = std::find(std::begin(kEventTypes), std::end(kEventTypes), given.items[i]);
    if (at == std::end(kEventTypes)) {
      return wrong("no such event type: " + quoted_value(given.items[i]) + suggestion(given.items[i], kEventTypes, ""),
                   i);
    }
    *flags_of(types)[static_cast<size_t>(at - std::begin(kEventTypes))] = true;
  }
  *std::get<EventTypes*>(key.field(config)) = types;
  return std::nullopt;
}

Problem read_texts(const ConfigKey& key, const GivenValue& given, Config& config) {
  std::vector<std::string> texts;
  std::set<std::string_view> seen;
  for (size_t i = 0; i < given.items.size(); ++i) {
    const std::string& text = given.items[i];
    if (i == key.high) return wrong("more than " + std::to_string(key.high), i);
    if (key.unique && !seen.insert(text).second) return wrong(quoted_value(text) + " is given twice", i);
    if (key.kind == KeyKind::kPaths) {
      if (text.empty() || text.size() > kMaxPathBytes) return wrong("not a file name", i);
      texts.push_back(absolute_path(text, given.folder));
      continue;
    }
    if (key.complaint != nullptr) {
      if (std::string what = key.complaint(text); !what.empty()) return wrong(std::move(what), i);
    }
    texts.push_back(text);
  }
  *std::get<std::vector<std::string>*>(key.field(config)) = std::move(texts);
  return std::nullopt;
}

}  // namespace

std::string suggestion(std::string_view given, std::span<const std::string_view> known, const std::string& prefix) {
  if (const std::string_view near = closest(given, known); !near.empty()) {
    return " (did you mean " + prefix + std::string(near) + "?)";
  }
  return known.size() <= kMaxSuggested ? " (there are: " + joined(known) + ")" : std::string();
}

std::string wanted_value(const ConfigKey& key) {
  if (const NumberKind* number = number_kind(key.kind)) {
    return std::string(number->wanted) + std::string(number->example);
  }
  switch (key.kind) {
    case KeyKind::kPath: return "a file name";
    case KeyKind::kWord: return joined(key.words, " or ");
    case KeyKind::kBoolean: return "true or false";
    case KeyKind::kSeverity: return "high, medium, low or default";
    case KeyKind::kTexts: return "a list of names";
    case KeyKind::kPaths: return "a list of file names";
    case KeyKind::kTypes: return "a list of event types";
    default: return "text";
  }
}

std::optional<ValueError> read_value(const ConfigKey& key, const GivenValue& given, Config& config) {
  if (given.list && !key.is_list()) return wrong("expected " + wanted_value(key) + ", not a list");
  if (!given.list && given.items.empty()) {
    return wrong("has no value; expected " + wanted_value(key) + " (or leave the line out for the default)");
  }
  if (key.kind == KeyKind::kTypes) return read_types(key, given, config);
  if (key.is_list()) return read_texts(key, given, config);
  const std::string& text = given.items.front();
  if (const NumberKind* number = number_kind(key.kind)) return read_number(key, *number, text, config);
  if (key.kind == KeyKind::kBoolean) return read_boolean(key, text, config);
  if (key.kind == KeyKind::kSeverity) return read_severity(key, text, config);
  return read_text(key, given, config);
}

WrittenValue write_value(const ConfigKey& key, Config& config) {
  const ConfigKey::Field field = key.field(config);
  if (const NumberKind* number = number_kind(key.kind)) {
    const auto* const* wide = std::get_if<uint64_t*>(&field);
    const uint64_t value = wide != nullptr ? **wide : *std::get<uint32_t*>(field);
    if (key.kind == KeyKind::kCount || value == 0) return value;  // 0 needs no unit
    return Word{number->text(value)};
  }
  switch (key.kind) {
    case KeyKind::kBoolean: return *std::get<bool*>(field);
    case KeyKind::kSeverity:
      return Word{std::string(kSeverities[static_cast<size_t>(std::clamp(*std::get<int*>(field), 0, 3))])};
    case KeyKind::kWord: return Word{*std::get<std::string*>(field)};
    case KeyKind::kTypes: {
      std::vector<Word> words;
      const auto flags = flags_of(*std::get<EventTypes*>(field));
      for (size_t i = 0; i < flags.size(); ++i) {
        if (*flags[i]) words.push_back({std::string(kEventTypes[i])});
      }
      return words;
    }
    case KeyKind::kTexts:
    case KeyKind::kPaths: return *std::get<std::vector<std::string>*>(field);
    default: return *std::get<std::string*>(field);
  }
}

}  // namespace pickletap
