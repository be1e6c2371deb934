#include "sensor/daemon/policy_store.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "config/load.h"
#include "config/policy_files.h"

namespace pickletap {

namespace {

/// All that a policy is made from, to tell whether it has changed. What cannot be read is empty here, and an error when
/// the policy is made.
std::string texts_of(const Config& config) {
  std::string texts = config.policy.allow_lists.empty() && config.policy.mode != "learn" ? "" : "\1names\1";
  for (const auto* files : {&config.policy.dangerous_files, &config.policy.safe_files}) {
    for (const std::string& file : *files) {
      std::ifstream in(file, std::ios::binary);
      texts += file + '\0' + std::string(std::istreambuf_iterator<char>(in), {}) + '\0';
    }
    texts += '\1';
  }
  return texts;
}

}  // namespace

const Policy& PolicyStore::load(const Config& config) {
  std::string texts = texts_of(config);
  if (!policies_.empty() && texts == texts_) return *policies_.back();
  if (policies_.size() >= kMaxPolicies) {
    throw ConfigError("the policy was changed " + std::to_string(kMaxPolicies) +
                      " times since the start; restart to change it once more");
  }
  auto policy = std::make_unique<Policy>();
  add_configured_policy(*policy, config);
  policies_.push_back(std::move(policy));
  texts_ = std::move(texts);
  return *policies_.back();
}

}  // namespace pickletap
