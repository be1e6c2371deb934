// The rules: sid, name, severity, words, CWE and ATT&CK. The only place that has them; `pickletap rules` prints it.
// A rule that nothing in this build can raise is not in it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sensor/record.h"

namespace pickletap {

/// In order of sid.
std::span<const RuleInfo> rule_catalog();
std::vector<std::string_view> rule_names();

}  // namespace pickletap
