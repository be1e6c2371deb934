#include "config/load.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>

#include "config/text_checks.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "PICKLETAP_";

/// Variables that Kubernetes sets for a Service named pickletap.
bool is_of_kubernetes(std::string_view variable) {
  variable.remove_prefix(kPrefix.size());
  return variable == "SERVICE_HOST" || variable == "SERVICE_PORT" || variable.starts_with("SERVICE_PORT_") ||
         variable == "PORT" || variable.starts_with("PORT_");
}

/// A name in a message, without its quotes.
std::string shown(std::string_view name) {
  const std::string text = quoted_value(name);
  return text.substr(1, text.size() - 2);
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

/// The files of conf.d beside `file`. No folder is no mistake; one that may not be read is.
std::vector<std::string> files_beside(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path() / "conf.d";
  std::vector<std::string> files;
  std::error_code missing;
  if (!fs::is_directory(folder, missing)) return files;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
    }
  } catch (const fs::filesystem_error& error) {
    throw ConfigError(folder.string() + ": cannot read: " + error.code().message());
  }
  if (files.size() > kMaxConfigFiles) {
    throw ConfigError(folder.string() + ": more than " + std::to_string(kMaxConfigFiles) + " files");
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

/// Walks one file.
class ConfigFile {
 public:
  ConfigFile(ConfigLoader& loader, const std::string& file) : loader_(loader), file_(file) {}

  void read(const YAML::Node& root) { section(root, {}); }
  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? file_ : file_ + ":" + std::to_string(mark.line + 1);
  }

 private:
  using Path = std::vector<std::string>;

  static std::string joined(const Path& path) {
    std::string out;
    for (const std::string& part : path) out += (out.empty() ? "" : ".") + part;
    return out;
  }

  [[noreturn]] void fail(const YAML::Node& node, const Path& path, const std::string& what) const {
    // A value that is not there stands, for yaml-cpp, where the next line begins.
    const std::string key = joined(path);
    throw ConfigError(place(node.IsNull() ? last_key_ : node.Mark()) + ": " + (key.empty() ? "" : shown(key) + ": ") +
                      what);
  }

  void section(const YAML::Node& node, const Path& path);
  void value(const YAML::Node& node, const ConfigKey& key);
  [[noreturn]] void unknown(const YAML::Node& at, const Path& path) const;

  ConfigLoader& loader_;
  const std::string& file_;
  YAML::Mark last_key_;  // of the key being read, for messages
};

/// Keys below `path`. As deep as the table: a name that begins no key ends the walk.
void ConfigFile::section(const YAML::Node& node, const Path& path) {
  if (!node.IsDefined() || node.IsNull()) return;  // a section with all its keys commented out
  if (!node.IsMap()) fail(node, path, "expected keys and values below it");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) fail(entry.first, path, "a key must be a word");
    Path below = path;
    below.push_back(entry.first.Scalar());
    if (!seen.insert(below.back()).second) fail(entry.first, below, "given twice");
    last_key_ = entry.first.Mark();
    const auto key = std::find_if(loader_.keys_.begin(), loader_.keys_.end(), [&](const ConfigKey& k) {
      return k.path.size() >= below.size() && std::equal(below.begin(), below.end(), k.path.begin());
    });
    if (key == loader_.keys_.end()) {
      unknown(entry.first, below);
    } else if (key->path.size() > below.size()) {
      section(entry.second, below);
    } else {
      value(entry.second, *key);
    }
  }
}

void ConfigFile::unknown(const YAML::Node& at, const Path& path) const {
  const Path above(path.begin(), path.end() - 1);
  std::vector<std::string_view> known;
  for (const ConfigKey& key : loader_.keys_) {
    if (key.path.size() < path.size() || !std::equal(above.begin(), above.end(), key.path.begin())) continue;
    const std::string_view name = key.path[above.size()];
    if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
  }
  const bool rule = above.size() == 1 && above.front() == "rules";
  const std::string prefix = above.empty() || rule ? "" : joined(above) + ".";
  fail(at, path, (rule ? "no such rule" : "no such key") + suggestion(path.back(), known, prefix));
}

void ConfigFile::value(const YAML::Node& node, const ConfigKey& key) {
  GivenValue given{{}, node.IsSequence(), fs::path(file_).parent_path().string()};
  std::vector<YAML::Mark> marks;
  const auto add = [&](const YAML::Node& item) {
    if (!item.IsScalar()) {
      fail(item, key.path,
           "expected " + wanted_value(key) + ", not " +
               (item.IsMap()    ? "a map"
                : item.IsNull() ? "nothing"
                                : "a list"));
    }
    given.items.push_back(item.Scalar());
    marks.push_back(item.Mark());
  };
  if (given.list && key.is_list()) {
    for (const auto& item : node) add(item);
  } else if (!given.list && !node.IsNull()) {
    add(node);
  }
  const auto where = [&](size_t item) {
    return place(item < marks.size() ? marks[item] : node.IsNull() ? last_key_ : node.Mark()) + ": " + key.name;
  };
  loader_.set(key, given, place(last_key_), where);
}

// ---- Layers ---------------------------------------------------------------------------------------------------------

void ConfigLoader::add_yaml(std::string_view yaml, const std::string& file) {
  ConfigFile reader(*this, file);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    if (documents.size() > 1) throw ConfigError(file + ": more than one YAML document (remove the --- between them)");
    if (!documents.empty()) reader.read(documents.front());
  } catch (const YAML::Exception& error) {
    throw ConfigError(reader.place(error.mark) + ": not YAML: " + error.msg);
  }
}

void ConfigLoader::add_file(const std::string& file) { add_yaml(read_file(file), file); }

void ConfigLoader::add_files(const std::string& file) {
  const std::string first = file.empty() ? std::string(kDefaultConfigFile) : file;
  std::error_code ignored;
  // One that is there and may not be read is a mistake, not a reason to go on with the defaults.
  if (!file.empty() || fs::status(first, ignored).type() != fs::file_type::not_found) add_file(first);
  for (const std::string& over : files_beside(first)) add_file(over);
}

void ConfigLoader::add_environment(const char* const* environment) {
  std::vector<std::string> variables;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    if (std::string_view(*environment).starts_with(kPrefix)) variables.emplace_back(*environment);
  }
  std::sort(variables.begin(), variables.end());  // the same message whatever their order
  for (const std::string& variable : variables) {
    const size_t equals = std::min(variable.find('='), variable.size());
    const std::string name = variable.substr(0, equals);
    if (is_of_kubernetes(name)) continue;
    const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const ConfigKey& k) { return k.variable() == name; });
    if (key == keys_.end()) {
      std::vector<std::string> names;
      names.reserve(keys_.size());
      for (const ConfigKey& k : keys_) names.push_back(k.variable());
      const std::vector<std::string_view> known(names.begin(), names.end());
      throw ConfigError("environment variable " + shown(name) + ": no such key" + suggestion(name, known, ""));
    }
    set_text(*key, equals < variable.size() ? variable.substr(equals + 1) : "", "environment " + name,
             "environment variable " + name);
  }
}

void ConfigLoader::add_setting(const std::string& setting) {
  const size_t equals = setting.find('=');
  const std::string name = setting.substr(0, equals);
  if (equals == std::string::npos || name.empty()) {
    throw ConfigError("--set " + shown(setting) + ": expected KEY=VALUE, such as limits.flows=50000");
  }
  const ConfigKey* key = find(name);
  if (key == nullptr) no_such_key("--set " + shown(name), name);
  set_text(*key, setting.substr(equals + 1), "--set", "--set " + name);
}

void ConfigLoader::add_option(const std::string& option, std::string_view key, std::vector<std::string> values) {
  const ConfigKey* found = find(key);
  if (found == nullptr) throw std::logic_error("no key " + std::string(key));  // the caller's, not an operator's
  set(*found, {std::move(values), found->is_list(), ""}, option, [&](size_t /*item*/) { return option; });
}

// ---- Keys -----------------------------------------------------------------------------------------------------------

const ConfigKey* ConfigLoader::find(std::string_view name) const {
  const auto at = std::find_if(keys_.begin(), keys_.end(), [&](const ConfigKey& key) { return key.name == name; });
  return at == keys_.end() ? nullptr : &*at;
}

void ConfigLoader::no_such_key(const std::string& place, const std::string& name) const {
  std::vector<std::string_view> known;
  for (const ConfigKey& key : keys_) {
    if (key.name.starts_with(name + ".")) {
      throw ConfigError(place + ": a section; name one of its keys, such as " + key.name);
    }
    known.push_back(key.name);
  }
  throw ConfigError(place + ": no such key" + suggestion(name, known, ""));
}

/// A value of the environment or of --set.
void ConfigLoader::set_text(const ConfigKey& key, const std::string& text, const std::string& origin,
                            const std::string& place) {
  GivenValue given{{text}, false, ""};
  const bool brackets = key.is_list() && text.starts_with('[');
  if (brackets || text.starts_with('"') || text.starts_with('\'')) {
    YAML::Node node;
    try {
      node = YAML::Load(text);
    } catch (const YAML::Exception& error) {
      throw ConfigError(place + ": not YAML: " + error.msg);
    }
    given = {{}, node.IsSequence(), ""};
    if (node.IsScalar()) given.items.push_back(node.Scalar());
    for (const auto& item : node) {
      if (!item.IsScalar())
        throw ConfigError(place + ": expected " + wanted_value(key) + ", not " + quoted_value(text));
      given.items.push_back(item.Scalar());
    }
  } else if (key.is_list() && text.empty()) {
    given = {{}, true, ""};
  }
  set(key, given, origin, [&](size_t /*item*/) { return place; });
}

void ConfigLoader::set(const ConfigKey& key, const GivenValue& given, std::string origin,
                       const std::function<std::string(size_t)>& place) {
  if (const auto error = read_value(key, given, config_)) throw ConfigError(place(error->item) + ": " + error->what);
  origins_.insert_or_assign(key.name, std::move(origin));
}

std::string_view ConfigLoader::origin(const ConfigKey& key) const {
  const auto at = origins_.find(key.name);
  return at == origins_.end() ? "default" : std::string_view(at->second);
}

}  // namespace pickletap
