#include "sensor/replay.h"

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "config/allow_list.h"
#include "config/policy_files.h"
#include "config/weak_key_files.h"
#include "sensor/capture_reader.h"
#include "sensor/counters.h"
#include "sensor/detect/detector.h"
#include "sensor/evidence_collector.h"
#include "sensor/output/console.h"
#include "sensor/output/event_writer.h"
#include "sensor/output/file.h"
#include "sensor/output/progress.h"
#include "sensor/worker.h"

namespace pickletap {

namespace {

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

/// What one run is made of, in the order a packet passes through it.
class Replay {
 public:
  Replay(const Config& config, const ReplayOptions& options, std::vector<std::string> captures)
      : config_(config),
        options_(options),
        captures_(std::move(captures)),
        progress_(!options.quiet),
        reader_(config, captures_, progress_),
        writer_(EveContext{config.sensor.name, captures_, false}),
        evidence_(options.evidence.empty()
                      ? nullptr
                      : std::make_unique<EvidenceCollector>(options.evidence, config.outputs.evidence.quota_bytes,
                                                            config.outputs.evidence.memory_bytes, writer_)),
        detector_(config, evidence_ ? static_cast<RecordSink&>(*evidence_) : static_cast<RecordSink&>(writer_)),
        key_checker_(configured_weak_keys(config)) {
    add_configured_policy(policy_, config);
    detector_.set_key_checker(&key_checker_);
    detector_.set_allow_list(std::make_shared<const AllowList>(configured_allow_list(config)));
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
    worker_ = std::make_unique<Worker>(config_, policy_, detector_, types.python_mp, 1, &detector_.armed_board());
    worker_->set_flow_packets(evidence_.get());
  }

  int run(bool failed) {
    failed = !reader_.read_all(*worker_) || failed;
    worker_->finish();
    detector_.finish();
    if (evidence_) evidence_->flush();
    progress_.clear();
    write_stats();
    if (console_ && reader_.captures_opened() > 0) console_->finish();
    writer_.finish();
    failed = failed || (evidence_ && evidence_->failed()) || writer_.failed() || (console_ && console_->failed());
    if (failed) return ExitCode::kFailed;
    if (options_.fail_on && worst_.reaches(*options_.fail_on)) return ExitCode::kAlerted;
    return ExitCode::kDone;
  }

 private:
  void write_stats() {
    const FlowTableCounters flows = worker_->flow_counters();
    const DetectorSnapshot detection = detector_.snapshot();
    const UnwrapCounters unwrapped = worker_->unwrap_counters();
    EvidenceCounts evidence;
    if (evidence_) {
      const EvidenceCounters& files = evidence_->counters();
      evidence = {.written = files.written,
                  .failed = files.failed,
                  .deleted = files.deleted,
                  .left_out = files.left_out,
                  .missed = files.missed,
                  .packets_let_go = evidence_->packets_let_go(),
                  .kept_bytes = evidence_->kept_bytes()};
    }
    CounterSources sources{reader_.counters(), unwrapped, flows,   worker_->dissector_counters(),
                           detection,          {},        evidence};
    for (const auto& counted : writer_.counters()) {
      sources.outputs.push_back({counted.output, {counted.counters->events.load(), counted.counters->dropped.load()}});
    }
    writer_.write(StatsRecord{worker_->last_packet_time_ns(), reader_.packets_read(), gather_counters(sources)});
  }

  const Config& config_;
  const ReplayOptions& options_;
  std::vector<std::string> captures_;
  Policy policy_;
  Progress progress_;
  CaptureReader reader_;
  WorstAlert worst_;
  std::unique_ptr<Console> console_;
  EventWriter writer_;
  std::unique_ptr<EvidenceCollector> evidence_;
  Detector detector_;
  InlineKeyChecker key_checker_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace

int replay(const Config& config, const ReplayOptions& options) {
  bool failed = false;
  if (std::error_code error; !options.evidence.empty() && !std::filesystem::is_directory(options.evidence)) {
    std::filesystem::create_directories(options.evidence, error);
    if (error) throw std::runtime_error("--evidence: " + options.evidence + ": " + error.message());
  }
  std::vector<std::string> captures = capture_files(options.files, options.verbose, failed);
  Replay run(config, options, std::move(captures));
  return run.run(failed);
}

}  // namespace pickletap
