// `pickletap check-config`: says whether a configuration is valid, with the policy files it names; --dump prints what
// it comes to, and where each value comes from.
#pragma once

#include "sensor/command_config.h"

namespace pickletap {

struct CheckConfigOptions {
  ConfigSources sources;
  bool dump = false;   ///< the configuration as YAML, which is a configuration again
  bool json = false;   ///< with `dump`: {"KEY": {"value": …, "origin": …, "description": …}, …}
  bool quiet = false;  ///< nothing when it is valid
};

/// Returns an ExitCode. Throws ConfigError and PolicyError.
int check_config(const CheckConfigOptions& options);

}  // namespace pickletap
