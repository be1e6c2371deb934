// Layers of configuration into one Config: the defaults, YAML files, the environment, --set and options of a command,
// each over the ones before, with known keys only (config_keys.h). Remembers where each value came from. What an
// operator wrote wrong is one ConfigError that says where and what, and what was probably meant.
// Start-up and reload only; a loader is used by one thread and given up after a mistake. Limits: a file kMaxConfigBytes,
// kMaxConfigFiles of them in conf.d.
//
// Variables are PICKLETAP_ and the key in capitals, '_' for '.' and '-'. A variable that begins so and names no key is
// a mistake, except those that Kubernetes gives every container beside a Service named pickletap
// (PICKLETAP_SERVICE_HOST, PICKLETAP_SERVICE_PORT…, PICKLETAP_PORT…). In the environment and after --set a value stands
// as it is, without YAML's rules for quotes and comments, so that a filter needs none; lists are YAML, [eth0, eth1], or
// one item.
// Source: Kubernetes documentation, "Service", "Environment variables".
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/config_keys.h"

namespace pickletap {

inline constexpr size_t kMaxConfigBytes = size_t{1024} * 1024;
inline constexpr size_t kMaxConfigFiles = 1024;
inline constexpr std::string_view kDefaultConfigFile = "/etc/pickletap/pickletap.yaml";

/// An operator's mistake; what() is "FILE:LINE: key: what is wrong (hint)", without line or key where there is none.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ConfigLoader {
 public:
  /// `rule_names`: the rules there are.
  explicit ConfigLoader(std::span<const std::string_view> rule_names) : keys_(config_keys(rule_names)) {}

  // Each lays what it reads over what is there, and throws ConfigError.
  /// `file` is for messages and for relative paths, which are taken from its folder.
  void add_yaml(std::string_view yaml, const std::string& file);
  void add_file(const std::string& file);
  /// `file`, then every conf.d/*.yaml beside it in the order of their names. Empty: kDefaultConfigFile, which may be
  /// missing.
  void add_files(const std::string& file);
  /// `environment` as environ(7) has it: "NAME=VALUE" strings, a null pointer at the end.
  void add_environment(const char* const* environment);
  /// "KEY=VALUE" of --set.
  void add_setting(const std::string& setting);
  /// What an option of a command says for a key of the table.
  void add_option(const std::string& option, std::string_view key, std::vector<std::string> values);

  const Config& config() const { return config_; }
  std::span<const ConfigKey> keys() const { return keys_; }
  /// "FILE:LINE", "environment PICKLETAP_…", "--set", an option, or "default".
  std::string_view origin(const ConfigKey& key) const;

 private:
  friend class ConfigFile;

  const ConfigKey* find(std::string_view name) const;
  [[noreturn]] void no_such_key(const std::string& place, const std::string& name) const;
  void set(const ConfigKey& key, const GivenValue& given, std::string origin,
           const std::function<std::string(size_t item)>& place);
  void set_text(const ConfigKey& key, const std::string& text, const std::string& origin, const std::string& place);

  std::vector<ConfigKey> keys_;
  std::map<std::string, std::string, std::less<>> origins_;  // by name of the key; those at their default are not in it
  Config config_;
};

}  // namespace pickletap
