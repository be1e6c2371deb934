// `pickletap replay`: captures in, alerts out. The same path as live capture, with the packets' own clock; the same
// input gives the same bytes every time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "sensor/record.h"

namespace pickletap {

struct ReplayOptions {
  std::vector<std::string> files;  ///< captures, directories of captures, or "-"
  std::string output;              ///< EVE file; empty: none
  std::string evidence;            ///< folder for evidence, made where it is not there; empty: none
  bool json = false;               ///< EVE lines on standard output, and nothing else there
  bool quiet = false;              ///< alerts only, no summary and no progress
  bool verbose = false;
  std::optional<Severity> fail_on;
};

/// Exit codes of all commands.
struct ExitCode {
  static constexpr int kDone = 0, kFailed = 1, kUsage = 2, kAlerted = 3;
};

/// Runs to the end of the captures. Returns an ExitCode; says on standard error what went wrong. Throws ConfigError,
/// PolicyError and usage errors before anything was read.
int replay(const Config& config, const ReplayOptions& options);

}  // namespace pickletap
