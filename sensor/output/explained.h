// What `pickletap explain` found in a file, for those who print it: a pickle with its verdict and a file with its count.
// By value and bounded by PickleReport's limits and kMaxListedOpcodes; explain.cc makes them one pickle at a time, so that
// a file of many pickles costs the memory of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sensor/record.h"

namespace pickletap {

/// One row of an opcode listing, as pickletools.dis has it.
struct ListedOpcode {
  uint64_t offset = 0;  ///< from the pickle's first byte
  std::string_view name;
  std::string argument;  ///< shortened
};

/// One pickle of a file, as `pickletap explain` judged it.
struct ExplainedPickle {
  static constexpr size_t kMaxListedOpcodes = 1000;

  uint64_t offset = 0;  ///< in the file
  uint64_t length = 0;
  std::optional<Severity> severity;  ///< of the worst rule; none: harmless
  std::vector<std::string_view> rules;
  PickleReport report;
  std::vector<ListedOpcode> opcodes;  ///< only when asked for
  bool opcodes_cut = false;           ///< there are more
};

/// One FILE of the command line, when all of it was read.
struct ExplainedFile {
  std::string name;
  std::string error;                                   ///< why it, or the rest of it, was not read
  uint64_t pickles = 0;                                ///< read, harmless ones and all
  std::map<std::string_view, uint64_t> rules;          ///< pickles that broke each
  std::map<std::string_view, uint64_t> verdict_count;  ///< by RuleAdvice::verdict or kHarmless
  std::optional<Severity> severity;                    ///< of the worst pickle
};

}  // namespace pickletap
