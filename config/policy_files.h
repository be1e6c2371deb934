// The policy files (config/policy/README.md) → Policy. The built-in ones are embedded in the binary; an operator's
// files of the same form are read over them, later names replacing earlier ones.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "config/config.h"
#include "dissectors/pickle/policy.h"

namespace pickletap {

/// A mistake in a policy file; what(): "FILE:LINE: key: what is wrong".
class PolicyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Adds one file's text. `file` is for messages. Throws PolicyError; the Policy is then unusable.
void add_policy_text(Policy& policy, const std::string& file, std::string_view text);
/// Reads and adds a file. Throws PolicyError.
void add_policy_file(Policy& policy, const std::string& path);
/// The lists the sensor comes with. Throws PolicyError if they are damaged, which a test rules out.
void add_builtin_policy(Policy& policy);
/// The built-in lists and the configuration's files over them. Throws PolicyError.
void add_configured_policy(Policy& policy, const Config& config);

}  // namespace pickletap
