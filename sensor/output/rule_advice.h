// What to do about a pickle that breaks a rule: one row a rule, for people who have the file or whose program received
// it. Static data, in order of gravity; `pickletap explain` prints the rows of the rules that a file broke. The rules
// themselves are detect/rule_catalog's.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace pickletap {

struct RuleAdvice {
  std::string_view rule;     ///< "pickle.code-execution"
  std::string_view verdict;  ///< on the pickle, in one word
  std::string_view advice;   ///< sentences, of printable ASCII
};

inline constexpr std::string_view kHarmless = "harmless";

/// Gravest first.
std::span<const RuleAdvice> rule_advice();
/// The word for a pickle that breaks these rules: that of the gravest, kHarmless for none.
std::string_view verdict_word(const std::vector<std::string_view>& rules);

}  // namespace pickletap
