// Rows of the table of keys (config_keys.h) that say what is alerted on: networks, auth, a rule's settings, alerts. Apart
// from the others for their number only.
#pragma once

#include <string>
#include <vector>

#include "config/config_keys.h"

namespace pickletap {

/// `networks` and `auth`.
std::vector<ConfigKey> network_keys();
/// `rules.RULE`.
void add_rule_keys(std::vector<ConfigKey>& keys, const std::string& rule);
/// `alerts`.
std::vector<ConfigKey> alert_keys();

}  // namespace pickletap
