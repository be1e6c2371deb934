#include "dissectors/pickle/pickle_report.h"

#include <algorithm>
#include <array>

namespace pickletap {

std::string_view rule_name(PickleRule rule) {
  static constexpr std::array<std::string_view, kPickleRuleCount> kNames = {
      "pickle.code-execution", "pickle.dangerous-reference", "pickle.code-object", "pickle.unknown-call",
      "pickle.resource-bomb",  "pickle.malformed",           "pickle.evasion"};
  return kNames[static_cast<size_t>(rule)];
}

bool ToldCallables::add(const std::vector<PickleFinding>& findings) {
  bool news = false;
  for (const PickleFinding& finding : findings) {
    const bool unknown = finding.rule == PickleRule::kUnknownCall;
    if (unknown && std::find(names_.begin(), names_.end(), finding.callable) != names_.end()) continue;
    news = true;
    if (unknown && names_.size() < kMaxNames && finding.callable.size() <= kMaxNameBytes) {
      names_.push_back(finding.callable);
    }
  }
  return news;
}

}  // namespace pickletap
