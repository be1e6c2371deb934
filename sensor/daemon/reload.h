// Which keys of the configuration a running daemon takes on SIGHUP, and which need a restart.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace pickletap {

/// Copies what a running daemon can take from `next` into `current`: sensor.name, networks, auth, policy (but not into or
/// out of mode learn), rules, alerts and logging.
void take_reloadable(const Config& next, Config& current);

/// The keys in which `next` differs from what is in force.
std::vector<std::string> restart_needed(const Config& in_force, const Config& next);

}  // namespace pickletap
