// What a watch of the detection thread found: an alert that the Detector raises, or holds back, under its rule. By value;
// lives until the Detector has gone through the list, right after the event that brought it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sensor/record.h"

namespace pickletap {

struct Finding {
  std::string_view rule;  ///< static; its name in the catalogue
  Alert alert;
};
using Findings = std::vector<Finding>;

/// Adds a finding about `head`, whose offending bytes `from` sent.
inline Alert& add_finding(Findings& findings, std::string_view rule, const RecordHead& head, Direction from,
                          std::string signature) {
  Finding& finding = findings.emplace_back();
  finding.rule = rule;
  finding.alert.head = head;
  finding.alert.head.from = from;
  finding.alert.signature = std::move(signature);
  return finding.alert;
}

}  // namespace pickletap
