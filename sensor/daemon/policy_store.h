// The policies in force since the start. Reports and machines point into the policy they were made with, so none is
// ever freed; a reload makes a new one only when a policy file has changed, kMaxPolicies times at most.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "dissectors/pickle/policy.h"

namespace pickletap {

class PolicyStore {
 public:
  static constexpr size_t kMaxPolicies = 64;

  /// The built-in policy with the files of `config` over it: the one in force when nothing has changed. Throws
  /// PolicyError and ConfigError (also when there were too many); what is in force then stays.
  const Policy& load(const Config& config);

 private:
  std::vector<std::unique_ptr<const Policy>> policies_;
  std::string texts_;  // of the files of the latest
};

}  // namespace pickletap
