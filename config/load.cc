#include "config/load.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "config/values.h"

namespace pickletap {
namespace {

constexpr uint64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024, kTiB = kGiB * 1024;
constexpr uint32_t kDay_s = 86400;
constexpr size_t kMaxNameBytes = 255, kMaxFilterBytes = 65536, kMaxPathBytes = 4095;
constexpr size_t kMaxFiles = 1024;
constexpr size_t kShownBytes = 60;  // of a wrong value, in its message

std::string place(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? file + ": " : file + ":" + std::to_string(mark.line + 1) + ": ";
}

/// A value as a message may quote it: short, on one line, nothing that steers a terminal.
std::string quoted(const std::string& value) {
  std::string out = "'";
  for (const char c : value.substr(0, kShownBytes)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return out + (value.size() > kShownBytes ? "…'" : "'");
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

/// Walks one file. A Reader takes a value and the full name of its key, "limits.flows".
class Loader {
 public:
  Loader(const std::string& file, std::span<const std::string_view> rule_names, Config& config)
      : file_(file), rule_names_(rule_names), config_(config) {}

  void read(const YAML::Node& root);

 private:
  using Reader = std::function<void(const YAML::Node&, const std::string&)>;
  struct Key {
    std::string_view name;
    Reader read;
  };

  [[noreturn]] void fail(const YAML::Node& node, const std::string& key, const std::string& what) const {
    // A value that is not there stands, for yaml-cpp, where the next line begins.
    throw ConfigError(place(file_, node.IsNull() ? last_key_ : node.Mark()) + (key.empty() ? "" : key + ": ") + what);
  }

  template <typename Each>
  void each_key(const YAML::Node& node, const std::string& key, Each each) const;
  void section(const YAML::Node& node, const std::string& key, const std::vector<Key>& keys) const;
  [[noreturn]] void unknown(const YAML::Node& node, const std::string& key, std::string_view what,
                            const std::string& prefix, const std::string& name,
                            std::span<const std::string_view> known) const;
  std::vector<std::pair<YAML::Node, std::string>> texts(const YAML::Node& node, const std::string& key,
                                                        const std::string& wanted) const;
  std::string scalar(const YAML::Node& node, const std::string& key, const std::string& wanted) const;
  uint64_t within(const YAML::Node& node, const std::string& key, uint64_t value, uint64_t low, uint64_t high,
                  std::string (*as_text)(uint64_t)) const;

  Reader text_into(std::string& out, size_t max_bytes) const;
  Reader size_into(uint64_t& out, uint64_t low, uint64_t high) const;
  Reader size_into(uint32_t& out, uint32_t low, uint32_t high) const;
  Reader count_into(uint32_t& out, uint32_t low, uint32_t high) const;
  Reader seconds_into(uint32_t& out, uint32_t low, uint32_t high) const;
  Reader boolean_into(bool& out) const;
  Reader severity_into(int& out) const;
  Reader paths_into(std::vector<std::string>& out) const;
  Reader types_into(EventTypes& out) const;
  Reader section_of(std::vector<Key> keys) const;

  void rules(const YAML::Node& node, const std::string& key) const;

  const std::string& file_;
  std::span<const std::string_view> rule_names_;
  Config& config_;
  mutable YAML::Mark last_key_;  // of the key being read, for messages
};

void Loader::read(const YAML::Node& root) {
  auto& limits = config_.limits;
  auto& stream = config_.stream;
  section(root, "",
          {{"sensor", section_of({{"name", text_into(config_.sensor.name, kMaxNameBytes)}})},
           {"capture", section_of({{"filter", text_into(config_.capture.filter, kMaxFilterBytes)}})},
           {"limits", section_of({{"memory", size_into(limits.memory_bytes, kMiB, kTiB)},
                                  {"flows", count_into(limits.flows, 1, 16'000'000)},
                                  {"frame", size_into(limits.frame_bytes, kKiB, kTiB)},
                                  {"out_of_order", size_into(limits.out_of_order_bytes, 4 * kKiB, kGiB)},
                                  {"pickle_stack", count_into(limits.pickle_stack, 64, 1U << 24)},
                                  {"pickle_memo", count_into(limits.pickle_memo, 64, 1U << 24)},
                                  {"pickle_depth", count_into(limits.pickle_depth, 64, 1U << 24)},
                                  {"pickle_text", size_into(limits.pickle_text_bytes, 4 * kKiB, 64 * kMiB)}})},
           {"stream", section_of({{"handshake_timeout", seconds_into(stream.handshake_timeout_s, 1, kDay_s)},
                                  {"idle_timeout", seconds_into(stream.idle_timeout_s, 1, 30 * kDay_s)},
                                  {"ignored_timeout", seconds_into(stream.ignored_timeout_s, 1, kDay_s)},
                                  {"closed_timeout", seconds_into(stream.closed_timeout_s, 1, kDay_s)}})},
           {"policy", section_of({{"dangerous", paths_into(config_.policy.dangerous_files)},
                                  {"safe", paths_into(config_.policy.safe_files)}})},
           {"rules", [this](const YAML::Node& node, const std::string& key) { rules(node, key); }},
           {"outputs", section_of({{"eve", section_of({{"types", types_into(config_.outputs.eve_types)}})}})}});
}

void Loader::rules(const YAML::Node& node, const std::string& key) const {
  each_key(node, key, [&](const YAML::Node& at, const std::string& name, const YAML::Node& value) {
    if (std::find(rule_names_.begin(), rule_names_.end(), name) == rule_names_.end()) {
      unknown(at, key + "." + name, "no such rule", "", name, rule_names_);
    }
    Config::Rule& rule = config_.rules[name];
    section(value, key + "." + name,
            {{"enabled", boolean_into(rule.enabled)}, {"severity", severity_into(rule.severity)}});
  });
}

template <typename Each>
void Loader::each_key(const YAML::Node& node, const std::string& key, Each each) const {
  if (!node.IsDefined() || node.IsNull()) return;  // a section with all its keys commented out
  if (!node.IsMap()) fail(node, key, "expected keys and values below it");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) fail(entry.first, key, "a key must be a word");
    const std::string& name = entry.first.Scalar();
    if (!seen.insert(name).second) fail(entry.first, key.empty() ? name : key + "." + name, "given twice");
    last_key_ = entry.first.Mark();
    each(entry.first, name, entry.second);
  }
}

void Loader::section(const YAML::Node& node, const std::string& key, const std::vector<Key>& keys) const {
  each_key(node, key, [&](const YAML::Node& at, const std::string& name, const YAML::Node& value) {
    const std::string prefix = key.empty() ? "" : key + ".";
    const auto known = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
    if (known != keys.end()) return known->read(value, prefix + name);
    std::vector<std::string_view> names;
    names.reserve(keys.size());
    for (const Key& k : keys) names.push_back(k.name);
    unknown(at, prefix + name, "no such key", prefix, name, names);
  });
}

void Loader::unknown(const YAML::Node& node, const std::string& key, std::string_view what, const std::string& prefix,
                     const std::string& name, std::span<const std::string_view> known) const {
  const std::string_view near = closest(name, known);
  const std::string hint = near.empty() ? (known.size() <= 12 ? " (there are: " + joined(known) + ")" : std::string())
                                        : " (did you mean " + prefix + std::string(near) + "?)";
  fail(node, quoted(key).substr(1, std::min(key.size(), kShownBytes)), std::string(what) + hint);
}

Loader::Reader Loader::section_of(std::vector<Key> keys) const {
  return [this, keys = std::move(keys)](const YAML::Node& node, const std::string& key) { section(node, key, keys); };
}

std::string Loader::scalar(const YAML::Node& node, const std::string& key, const std::string& wanted) const {
  if (node.IsNull()) fail(node, key, "has no value; expected " + wanted + " (or leave the line out for the default)");
  if (!node.IsScalar()) fail(node, key, "expected " + wanted + ", not a " + (node.IsMap() ? "map" : "list"));
  return node.Scalar();
}

uint64_t Loader::within(const YAML::Node& node, const std::string& key, uint64_t value, uint64_t low, uint64_t high,
                        std::string (*as_text)(uint64_t)) const {
  if (value >= low && value <= high) return value;
  fail(node, key, quoted(node.Scalar()) + " is out of range (" + as_text(low) + " to " + as_text(high) + ")");
}

Loader::Reader Loader::text_into(std::string& out, size_t max_bytes) const {
  return [this, &out, max_bytes](const YAML::Node& node, const std::string& key) {
    std::string text = scalar(node, key, "text");
    if (text.size() > max_bytes) fail(node, key, "longer than " + std::to_string(max_bytes) + " bytes");
    out = std::move(text);
  };
}

Loader::Reader Loader::size_into(uint64_t& out, uint64_t low, uint64_t high) const {
  return [this, &out, low, high](const YAML::Node& node, const std::string& key) {
    const std::string text = scalar(node, key, "a size such as 256MiB");
    const auto value = parse_size(text);
    if (!value) fail(node, key, "expected a size, not " + quoted(text) + " (write 1048576, 256MiB or 1GB)");
    out = within(node, key, *value, low, high, size_text);
  };
}

Loader::Reader Loader::size_into(uint32_t& out, uint32_t low, uint32_t high) const {
  return [this, &out, low, high](const YAML::Node& node, const std::string& key) {
    uint64_t wide = 0;
    size_into(wide, uint64_t{low}, uint64_t{high})(node, key);
    out = static_cast<uint32_t>(wide);
  };
}

Loader::Reader Loader::count_into(uint32_t& out, uint32_t low, uint32_t high) const {
  return [this, &out, low, high](const YAML::Node& node, const std::string& key) {
    const std::string text = scalar(node, key, "a whole number");
    const auto value = parse_count(text);
    if (!value) fail(node, key, "expected a whole number, not " + quoted(text));
    const auto as_text = [](uint64_t n) { return std::to_string(n); };
    out = static_cast<uint32_t>(within(node, key, *value, low, high, as_text));
  };
}

Loader::Reader Loader::seconds_into(uint32_t& out, uint32_t low, uint32_t high) const {
  return [this, &out, low, high](const YAML::Node& node, const std::string& key) {
    const std::string text = scalar(node, key, "a duration such as 60s");
    const auto value = parse_duration(text);
    if (!value) fail(node, key, "expected a duration, not " + quoted(text) + " (write 60s, 5m, 2h or 1d)");
    out = static_cast<uint32_t>(within(node, key, *value, low, high, duration_text));
  };
}

Loader::Reader Loader::boolean_into(bool& out) const {
  return [this, &out](const YAML::Node& node, const std::string& key) {
    const std::string text = scalar(node, key, "true or false");
    if (!YAML::convert<bool>::decode(node, out)) fail(node, key, "expected true or false, not " + quoted(text));
  };
}

Loader::Reader Loader::severity_into(int& out) const {
  return [this, &out](const YAML::Node& node, const std::string& key) {
    static constexpr std::string_view kNames[] = {"high", "medium", "low"};
    const std::string text = scalar(node, key, "high, medium or low");
    for (int i = 0; i < 3; ++i) {
      if (text != kNames[i] && text != std::to_string(i + 1)) continue;
      out = i + 1;
      return;
    }
    fail(node, key, "expected high, medium or low, not " + quoted(text));
  };
}

/// A list of texts; a single one may stand without its brackets.
std::vector<std::pair<YAML::Node, std::string>> Loader::texts(const YAML::Node& node, const std::string& key,
                                                              const std::string& wanted) const {
  std::vector<std::pair<YAML::Node, std::string>> all;
  if (!node.IsSequence()) return {{node, scalar(node, key, "a list of " + wanted)}};
  for (const auto& item : node) all.emplace_back(item, scalar(item, key, wanted));
  return all;
}

Loader::Reader Loader::paths_into(std::vector<std::string>& out) const {
  return [this, &out](const YAML::Node& node, const std::string& key) {
    const std::filesystem::path folder = std::filesystem::path(file_).parent_path();
    std::vector<std::string> paths;
    for (const auto& [item, text] : texts(node, key, "file names")) {
      if (text.empty() || text.size() > kMaxPathBytes) fail(item, key, "not a file name");
      if (paths.size() == kMaxFiles) fail(item, key, "more than " + std::to_string(kMaxFiles) + " files");
      paths.push_back((folder / text).string());
    }
    out = std::move(paths);
  };
}

Loader::Reader Loader::types_into(EventTypes& out) const {
  return [this, &out](const YAML::Node& node, const std::string& key) {
    static constexpr std::string_view kNames[] = {"alert", "listener", "stats", "python_mp", "flow", "anomaly"};
    EventTypes types{false, false, false, false, false, false};
    bool* const flags[] = {&types.alert, &types.listener, &types.stats, &types.python_mp, &types.flow, &types.anomaly};
    for (const auto& [item, text] : texts(node, key, "event types")) {
      const auto at = std::find(std::begin(kNames), std::end(kNames), text);
      if (at == std::end(kNames)) unknown(item, key, "no such event type: " + quoted(text), "", text, kNames);
      *flags[at - std::begin(kNames)] = true;
    }
    out = types;
  };
}

std::string read_file(const std::string& file) {
  const auto unreadable = [&file](int error) {
    return ConfigError(file + ": cannot read: " + std::generic_category().message(error));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rbe"), std::fclose);
  if (!stream) throw unreadable(errno);
  std::string text(kMaxConfigBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stream.get()));
  if (std::ferror(stream.get()) != 0) throw unreadable(errno);
  if (text.size() > kMaxConfigBytes) throw ConfigError(file + ": larger than 1 MiB, no configuration");
  return text;
}

}  // namespace

void apply_config(std::string_view yaml, const std::string& file, std::span<const std::string_view> rule_names,
                  Config& config) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    if (documents.size() > 1) throw ConfigError(file + ": more than one YAML document (remove the --- between them)");
    if (!documents.empty()) Loader(file, rule_names, config).read(documents.front());
  } catch (const YAML::Exception& error) {
    throw ConfigError(place(file, error.mark) + "not YAML: " + error.msg);
  }
}

void apply_config_file(const std::string& file, std::span<const std::string_view> rule_names, Config& config) {
  apply_config(read_file(file), file, rule_names, config);
}

Config load_config(const std::string& file, std::span<const std::string_view> rule_names) {
  Config config;
  apply_config_file(file, rule_names, config);
  const std::filesystem::path folder = std::filesystem::path(file).parent_path() / "conf.d";
  std::error_code missing;  // no folder, nothing over it; one that may not be read is a mistake
  std::vector<std::string> files;
  if (std::filesystem::is_directory(folder, missing)) {
    try {
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
      }
    } catch (const std::filesystem::filesystem_error& error) {
      throw ConfigError(folder.string() + ": cannot read: " + error.code().message());
    }
  }
  std::sort(files.begin(), files.end());
  for (const std::string& over : files) apply_config_file(over, rule_names, config);
  return config;
}

}  // namespace pickletap
