#include "sensor/replay.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "config/policy_files.h"
#include "config/weak_key_files.h"
#include "sensor/capture/file_source.h"
#include "sensor/counters.h"
#include "sensor/detect/detector.h"
#include "sensor/output/console.h"
#include "sensor/output/event_writer.h"
#include "sensor/output/file.h"
#include "sensor/output/progress.h"
#include "sensor/worker.h"

namespace pickletap {

namespace {

constexpr unsigned kBatchPackets = 4096;

/// Remembers the worst alert, for --fail-on.
class WorstAlert final : public RecordSink {
 public:
  void write(const Record& record) override {
    const auto* alert = std::get_if<Alert>(&record);
    if (alert != nullptr && (!worst_ || alert->rule->severity < *worst_)) worst_ = alert->rule->severity;
  }
  bool reaches(Severity severity) const { return worst_ && *worst_ <= severity; }

 private:
  std::optional<Severity> worst_;
};

/// Captures in the order they are read: a directory's by the time of their first packet.
std::vector<std::string> expand(const std::vector<std::string>& files, bool verbose, bool& failed) {
  namespace fs = std::filesystem;
  std::vector<std::string> captures;
  for (const std::string& file : files) {
    std::error_code error;
    if (file == "-" || !fs::is_directory(file, error)) {
      captures.push_back(file);
      continue;
    }
    std::vector<std::pair<int64_t, std::string>> found;
    fs::directory_iterator entries(file, error);
    for (const auto end = fs::directory_iterator(); !error && entries != end; entries.increment(error)) {
      std::error_code ignored;
      if (!entries->is_regular_file(ignored)) continue;
      const std::string path = entries->path().string();
      try {
        found.emplace_back(first_packet_time_ns(path).value_or(INT64_MAX), path);
      } catch (const CaptureError& reason) {
        if (verbose) spdlog::info("left out: {}", reason.what());
      }
    }
    if (error) {
      spdlog::error("{}: {}", file, error.message());
      failed = true;
    } else if (found.empty()) {
      spdlog::error("{}: no captures in this directory", file);
      failed = true;
    }
    std::sort(found.begin(), found.end());
    for (auto& [time, path] : found) captures.push_back(std::move(path));
  }
  return captures;
}

uint64_t size_of(const std::string& path) {
  struct stat status {};
  return path != "-" && stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)
             ? static_cast<uint64_t>(status.st_size)
             : 0;
}

/// What one run is made of, in the order a packet passes through it.
class Replay {
 public:
  Replay(const Config& config, const ReplayOptions& options, std::vector<std::string> captures)
      : config_(config),
        options_(options),
        captures_(std::move(captures)),
        progress_(!options.quiet),
        writer_(EveContext{config.sensor.name, captures_, false}),
        detector_(config, writer_),
        key_checker_(configured_weak_keys(config)) {
    add_configured_policy(policy_, config);
    detector_.set_key_checker(&key_checker_);
    EventTypes types = config.outputs.eve.types;
    if (options.json) writer_.add(std::make_unique<FileOutput>("-", OpenMode::kTruncate), types);
    if (!options.output.empty()) {
      writer_.add(std::make_unique<FileOutput>(options.output, OpenMode::kTruncate), types);
    }
    if (!options.json) {
      const bool terminal = isatty(STDOUT_FILENO) == 1;
      const ConsoleOptions look{wants_colours(STDOUT_FILENO), terminal, !options.quiet};
      console_ = std::make_unique<Console>(STDOUT_FILENO, captures_, look, &progress_);
      writer_.add(*console_);
    }
    writer_.add(worst_);
    worker_ = std::make_unique<Worker>(config_, policy_, detector_, types.python_mp);
  }

  int run(bool failed) {
    for (size_t i = 0; i < captures_.size(); ++i) failed = !read_capture(i) || failed;
    worker_->finish();
    detector_.finish();
    progress_.clear();
    write_stats();
    if (console_ && captures_opened_ > 0) console_->finish();
    writer_.finish();
    failed = failed || writer_.failed() || (console_ && console_->failed());
    if (failed) return ExitCode::kFailed;
    if (options_.fail_on && worst_.reaches(*options_.fail_on)) return ExitCode::kAlerted;
    return ExitCode::kDone;
  }

 private:
  /// False when the capture could not be read to its end; what could be read is reported all the same.
  bool read_capture(size_t index) {
    const std::string& path = captures_[index];
    std::unique_ptr<FileSource> source;
    try {
      source = std::make_unique<FileSource>(path, FileSourceOptions{config_.capture.filter, packets_read_});
    } catch (const CaptureError& error) {
      // The first capture tells whether the filter is one at all; a later one's link type may not know its words.
      if (error.kind() == CaptureError::Kind::kFilter && captures_opened_ == 0) throw;
      progress_.clear();
      spdlog::error("{}", error.what());
      return false;
    }
    ++captures_opened_;
    worker_->set_source_index(static_cast<uint16_t>(std::min<size_t>(index, UINT16_MAX)));
    const uint64_t total = size_of(path);
    ReadState state = ReadState::kMore;
    while (state == ReadState::kMore) {
      state = source->dispatch(*worker_, kBatchPackets);
      progress_.update(path, source->file_bytes(), total);
    }
    packets_read_ = source->last_number();
    add_up(source->counters(), capture_counters_);
    if (state == ReadState::kEnd) return true;
    progress_.clear();
    spdlog::error("{}: {}", path == "-" ? "standard input" : path, source->error());
    return false;
  }

  void write_stats() {
    const FlowTableCounters flows = worker_->flow_counters();
    const DetectorSnapshot detection = detector_.snapshot();
    const UnwrapCounters unwrapped = worker_->unwrap_counters();
    CounterSources sources{capture_counters_, unwrapped, flows, worker_->dissector_counters(), detection, {}};
    for (const auto& counted : writer_.counters()) {
      sources.outputs.push_back({counted.output, {counted.counters->events.load(), counted.counters->dropped.load()}});
    }
    writer_.write(StatsRecord{worker_->last_packet_time_ns(), packets_read_, gather_counters(sources)});
  }

  const Config& config_;
  const ReplayOptions& options_;
  std::vector<std::string> captures_;
  Policy policy_;
  Progress progress_;
  WorstAlert worst_;
  std::unique_ptr<Console> console_;
  EventWriter writer_;
  Detector detector_;
  InlineKeyChecker key_checker_;
  std::unique_ptr<Worker> worker_;
  CaptureCounters capture_counters_;
  uint64_t packets_read_ = 0;
  size_t captures_opened_ = 0;
};

}  // namespace

int replay(const Config& config, const ReplayOptions& options) {
  bool failed = false;
  std::vector<std::string> captures = expand(options.files, options.verbose, failed);
  Replay run(config, options, std::move(captures));
  return run.run(failed);
}

}  // namespace pickletap
