// `pickletap learn`: captures believed good in, an allow list out (config/allow_list.h). The same captures give the same
// bytes. What is dangerous in them is said and left out unless the operator insists.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace pickletap {

struct LearnOptions {
  std::vector<std::string> files;  ///< captures, directories of captures, or "-"
  std::string output;              ///< empty: standard output
  bool merge = false;              ///< add to what is in `output`
  bool include_dangerous = false;
  bool quiet = false, verbose = false;
};

/// Returns an ExitCode: kAlerted when something dangerous was left out. Throws ConfigError, PolicyError and usage errors
/// before anything was read.
int learn(Config config, const LearnOptions& options);

}  // namespace pickletap
