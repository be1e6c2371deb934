// Records as EVE JSON: Suricata's names wherever EVE has the thing, CONTRACT's where it has not; the schema of every
// line is deploy/schema/eve.schema.json. A line is at most kMaxEveLineBytes with its newline, valid JSON and valid
// UTF-8 whatever the wire carried. Where a record has more to say than fits, texts and lists are shortened in a fixed
// order (arguments, program, globals, calls, indicators and findings, then everything) until it does; `truncated` names
// what was shortened. No event is ever dropped for its size. One thread; no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sensor/output/explained.h"
#include "sensor/record.h"

namespace pickletap {

inline constexpr size_t kMaxEveLineBytes = 65536;

/// What the lines need and no record has.
struct EveContext {
  std::string sensor_name;           ///< `sensor` and `host`
  std::vector<std::string> sources;  ///< by RecordHead::source_index: capture file names, or interface names when live
  bool live = false;
};

/// `event_type`: "alert", "listener", "flow", "anomaly", "python_mp" or "stats". Static text.
std::string_view event_type(const Record& record);

class EveRenderer {
 public:
  explicit EveRenderer(EveContext context) : context_(std::move(context)) {}

  void set_sensor_name(std::string name) { context_.sensor_name = std::move(name); }
  /// The record's line with its newline; valid until the next call.
  std::string_view line(const Record& record);

 private:
  EveContext context_;
  std::string line_;
};

/// The line of `explain --json` for one file, in three pieces, so that nobody has to hold all pickles of a file: its
/// start, then each pickle, then kExplainLineEnd. A pickle has an event's bound, the line has none: a file of many
/// pickles gets all its verdicts.
std::string explain_line_start(std::string_view file);
std::string explain_line_pickle(const ExplainedPickle& pickle, bool is_first);
inline constexpr std::string_view kExplainLineEnd = "]}\n";

/// The line of `rules --json` for one rule, with its newline.
std::string rule_line(const RuleInfo& rule);

}  // namespace pickletap
