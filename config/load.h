// Configuration files into Config: YAML with known keys only. What an operator wrote wrong is one ConfigError that says
// where and what, and what was probably meant. Keys and their defaults: config/pickletap.yaml, which a test holds
// against config.h. Start-up and reload only; nothing here is kept. A file may be at most kMaxConfigBytes.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "config/config.h"

namespace pickletap {

inline constexpr size_t kMaxConfigBytes = size_t{1024} * 1024;

/// An operator's mistake; what() is "FILE:LINE: key: what is wrong (hint)", without line or key where there is none.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Lays what `yaml` says over `config`; keys it does not name keep their value. `file` is for messages and for relative
/// paths, which are taken from its folder. `rule_names`: the rules there are. Throws ConfigError; `config` is then in
/// part changed and of no use.
void apply_config(std::string_view yaml, const std::string& file, std::span<const std::string_view> rule_names,
                  Config& config);

/// The same from a file ("-" is not special).
void apply_config_file(const std::string& file, std::span<const std::string_view> rule_names, Config& config);

/// The defaults, then `file`, then every `conf.d/*.yaml` beside it in the order of their names.
Config load_config(const std::string& file, std::span<const std::string_view> rule_names);

}  // namespace pickletap
