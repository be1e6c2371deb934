// `pickletap explain`: the pickles of a file, no network. What each one would do, and the verdict.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "sensor/record.h"

namespace pickletap {

struct ExplainOptions {
  std::vector<std::string> files;  ///< or "-"
  bool json = false;
  bool quiet = false;    ///< only pickles with a verdict, no advice
  bool verbose = false;  ///< the opcodes as well
  std::optional<Severity> fail_on;
};

/// Returns an ExitCode (replay.h). Throws PolicyError before anything was read.
int explain(const Config& config, const ExplainOptions& options);

}  // namespace pickletap
