// Captures as the commands `replay` and `learn` read them: the files that were given, in order, through one worker. Keeps
// the counters of all captures and says on standard error what could not be read. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "sensor/capture/packet_source.h"
#include "sensor/output/progress.h"
#include "sensor/worker.h"

namespace pickletap {

/// Captures in the order they are read: a directory's by the time of their first packet. `failed` is set where a folder
/// has none, or cannot be read.
std::vector<std::string> capture_files(const std::vector<std::string>& files, bool verbose, bool& failed);

class CaptureReader {
 public:
  /// All outlive the reader.
  CaptureReader(const Config& config, const std::vector<std::string>& captures, Progress& progress)
      : config_(config), captures_(captures), progress_(progress) {}

  /// Every capture to its end, into `worker`. False: one could not be read, or not to its end; what could be read was
  /// handed on. Throws CaptureError when the filter is wrong.
  bool read_all(Worker& worker);

  const CaptureCounters& counters() const { return counters_; }
  uint64_t packets_read() const { return packets_read_; }
  size_t captures_opened() const { return captures_opened_; }

 private:
  bool read_capture(size_t index, Worker& worker);

  const Config& config_;
  const std::vector<std::string>& captures_;
  Progress& progress_;
  CaptureCounters counters_;
  uint64_t packets_read_ = 0;
  size_t captures_opened_ = 0;
};

}  // namespace pickletap
