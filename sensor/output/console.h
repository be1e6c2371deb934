// The console of `replay`: alerts as they come, listeners and a summary at the end. Takes records beside the EVE
// outputs, on the detection thread. Keeps the latest word on each listener (at most Gathered::kMaxListeners), counts by
// rule and the last stats; nothing else. To a terminal each alert goes at once, elsewhere through the file's buffer.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "sensor/output/console_text.h"
#include "sensor/output/file.h"
#include "sensor/record.h"

namespace pickletap {

class Progress;

struct ConsoleOptions {
  bool colours = false;  ///< see wants_colours()
  bool at_once = false;  ///< hand on each alert as it comes; for terminals
  bool summary = true;   ///< listeners and summary at the end; not with -q
};

class Console : public RecordSink {
 public:
  /// `fd` is left open. `sources`: names by RecordHead::source_index. `progress`, when there is one, outlives the
  /// console and is taken away before each piece of text.
  Console(int fd, std::vector<std::string> sources, ConsoleOptions options, Progress* progress = nullptr);

  void write(const Record& record) override;
  /// Listeners and summary; the last call.
  void finish();
  bool failed() const { return file_.failed(); }

 private:
  void take(const Alert& alert);
  void take(const ListenerRecord& listener);
  void put(const std::string& text, bool at_once);

  BufferedFile file_;
  std::vector<std::string> sources_;
  ConsoleOptions options_;
  Progress* progress_;
  Gathered gathered_;
  std::unordered_map<std::string, size_t> listener_place_;  // by endpoint and VLAN, into gathered_.listeners
  bool is_first_ = true;
};

}  // namespace pickletap
