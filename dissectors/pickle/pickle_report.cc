#include "dissectors/pickle/pickle_report.h"

#include <array>

namespace pickletap {

std::string_view rule_name(PickleRule rule) {
  static constexpr std::array<std::string_view, kPickleRuleCount> kNames = {
      "pickle.code-execution", "pickle.dangerous-reference", "pickle.code-object", "pickle.unknown-call",
      "pickle.resource-bomb",  "pickle.malformed",           "pickle.evasion"};
  return kNames[static_cast<size_t>(rule)];
}

void ToldCallables::add(const std::vector<PickleFinding>& findings) {
  for (const PickleFinding& finding : findings) {
    if (names_.size() >= kMaxNames) return;
    const std::string news = finding.rule == PickleRule::kUnknownCall ? finding.news() : std::string();
    if (!news.empty() && news.size() <= kMaxNameBytes && !contains(news)) names_.push_back(news);
  }
}

bool ToldCallables::contains(std::string_view module, std::string_view name) const {
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& told) {
    return told.size() == module.size() + 1 + name.size() && told[module.size()] == '.' && told.starts_with(module) &&
           told.ends_with(name);
  });
}

}  // namespace pickletap
