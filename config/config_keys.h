// The keys of the configuration: one table with each key's name, kind, range, place in Config and description. Reading
// files, the environment and --set, suggestions for what is misspelt, the dump and (through a test) the JSON Schema and
// config/pickletap.yaml all go by it; a new key is one row. Pure; the table is built once per loading and belongs to
// who built it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"

namespace pickletap {

enum class KeyKind : uint8_t {
  kText,
  kPath,  ///< made absolute; empty stays empty
  kWord,  ///< one of ConfigKey::words
  kSize,
  kCount,
  kSeconds,
  kMilliseconds,
  kBoolean,
  kSeverity,
  kTexts,  ///< from here on lists
  kPaths,
  kTypes,
};

struct ConfigKey {
  using Field = std::variant<bool*, int*, uint32_t*, uint64_t*, std::string*, std::vector<std::string>*, EventTypes*>;
  using Complaint = std::string (*)(std::string_view text);

  std::string name;  ///< "limits.flows"
  KeyKind kind = KeyKind::kText;
  uint64_t low = 0, high = 0;  ///< of a number; `high`: bytes of a text, items of a list
  bool or_zero = false;        ///< 0 is right, too, and switches something off
  bool unique = false;         ///< no item twice
  std::span<const std::string_view> words = {};
  Complaint complaint = nullptr;  ///< what is wrong with a text or an item; empty: nothing
  std::function<Field(Config&)> field = nullptr;
  std::string_view says = {};          ///< for people; also in the JSON Schema
  std::vector<std::string> path = {};  ///< the name's parts; the name of a rule is one of them

  bool is_list() const { return kind >= KeyKind::kTexts; }
  /// "PICKLETAP_LIMITS_FLOWS".
  std::string variable() const;
};

/// In the order of config/pickletap.yaml, the rules at their place.
std::vector<ConfigKey> config_keys(std::span<const std::string_view> rule_names);

/// What was written for a key. Without an item and no list: nothing.
struct GivenValue {
  std::vector<std::string> items;
  bool list = false;
  std::string folder;  ///< relative paths are taken from it; empty: the current one
};
struct ValueError {
  size_t item = 0;  ///< of GivenValue::items
  std::string what;
};

/// Reads `given` into the key's field. An error leaves `config` as it was.
std::optional<ValueError> read_value(const ConfigKey& key, const GivenValue& given, Config& config);

/// "a whole number", "a list of event types": what the key takes, for messages.
std::string wanted_value(const ConfigKey& key);

/// A value as a file would have it.
struct Word {
  std::string text;  ///< needs no quotes in YAML: "256MiB", "publish"
};
using WrittenValue = std::variant<bool, uint64_t, Word, std::string, std::vector<Word>, std::vector<std::string>>;
/// `config` is not changed, but for rules at their default that are added.
WrittenValue write_value(const ConfigKey& key, Config& config);

/// " (did you mean limits.flows?)", or all there are when these are few, or nothing. `prefix` goes before a name.
std::string suggestion(std::string_view given, std::span<const std::string_view> known, const std::string& prefix);

}  // namespace pickletap
