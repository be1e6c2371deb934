#include "dissectors/pickle/pickle_report.h"

#include <array>

namespace pickletap {

std::string_view rule_name(PickleRule rule) {
  static constexpr std::array<std::string_view, kPickleRuleCount> kNames = {
      "pickle.code-execution", "pickle.dangerous-reference", "pickle.code-object", "pickle.unknown-call",
      "pickle.resource-bomb",  "pickle.malformed",           "pickle.evasion"};
  return kNames[static_cast<size_t>(rule)];
}

}  // namespace pickletap
