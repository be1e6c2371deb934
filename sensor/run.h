// `pickletap run`: the configuration with the command's options over it, checked, and handed to the daemon; the same
// again for each reload.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sensor/command_config.h"

namespace pickletap {

/// Options as they were written; the table of keys judges them.
struct RunOptions {
  ConfigSources sources;
  std::vector<std::string> interfaces;  ///< in place of capture.interfaces, when there are any
  std::optional<std::string> filter, output, evidence, workers;
  bool quiet = false, verbose = false;  ///< over logging.level
};

/// Runs until it is told to end. Returns an ExitCode. Throws ConfigError and PolicyError for mistakes at the start.
int run(const RunOptions& options);

}  // namespace pickletap
