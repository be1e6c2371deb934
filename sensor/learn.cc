#include "sensor/learn.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

#include "config/allow_list.h"
#include "config/policy_files.h"
#include "sensor/capture_reader.h"
#include "sensor/detect/detector.h"
#include "sensor/output/allow_list_text.h"
#include "sensor/output/file.h"
#include "sensor/output/utf8.h"
#include "sensor/output/whole_file.h"
#include "sensor/replay.h"

namespace pickletap {

namespace {

constexpr unsigned kMaxToldAlerts = 20;

/// Says of each dangerous pickle where it is: captures believed good should have none.
class DangerTeller final : public RecordSink {
 public:
  DangerTeller(const std::vector<std::string>& captures, Progress& progress)
      : captures_(captures), progress_(progress) {}

  void write(const Record& record) override {
    const auto* alert = std::get_if<Alert>(&record);
    if (alert == nullptr || !alert->has_pickle || alert->outcome == Outcome::kNotUnpickled) return;
    const std::string_view rule = alert->rule->name;
    if (rule == rule_name(PickleRule::kUnknownCall) || rule == rule_name(PickleRule::kMalformed)) return;
    if (++dangers_ > kMaxToldAlerts) return;
    std::string line;
    append_printable(line, captures_[alert->head.source_index]);
    line += ", packet " + std::to_string(alert->head.packet_number) + ": " + std::string(rule) + ": ";
    append_printable(line, alert->signature, 300);
    progress_.clear();
    spdlog::error("NOT GOOD: {}", line);
  }

  uint64_t dangers() const { return dangers_; }

 private:
  const std::vector<std::string>& captures_;
  Progress& progress_;
  uint64_t dangers_ = 0;
};

/// What was learned before, and may be added to.
std::shared_ptr<const AllowList> known_before(const LearnOptions& options) {
  auto list = std::make_shared<AllowList>();
  std::error_code ignored;
  if (options.output.empty() || !std::filesystem::exists(options.output, ignored)) return list;
  if (!options.merge) {
    throw std::runtime_error(options.output + ": is there already; --merge adds to it, or choose another name");
  }
  add_allow_file(*list, options.output);
  return list;
}

bool write_out(const LearnOptions& options, const std::string& text) {
  if (options.output.empty()) {
    BufferedFile out(STDOUT_FILENO, "standard output");
    out.append(text);
    out.finish();
    return !out.failed();
  }
  const std::string trouble = write_whole_file(options.output, text);
  if (!trouble.empty()) spdlog::error("{}: {}", options.output, trouble);
  return trouble.empty();
}

}  // namespace

int learn(Config config, const LearnOptions& options) {
  if (options.merge && options.output.empty()) throw std::runtime_error("--merge needs -o FILE");
  config.policy.mode = "learn";
  config.rules.clear();  // what is switched off in the daemon is dangerous all the same
  const auto before = known_before(options);
  Policy policy;
  add_configured_policy(policy, config);
  bool failed = false;
  const std::vector<std::string> captures = capture_files(options.files, options.verbose, failed);
  Progress progress(!options.quiet);
  DangerTeller teller(captures, progress);
  Detector detector(config, teller);
  detector.set_allow_list(before);
  detector.allow().set_include_dangerous(options.include_dangerous);
  Worker worker(config, policy, detector, false);
  CaptureReader reader(config, captures, progress);
  failed = !reader.read_all(worker) || failed;
  worker.finish();
  detector.finish();
  progress.clear();

  if (teller.dangers() > kMaxToldAlerts) spdlog::error("NOT GOOD: {} more", teller.dangers() - kMaxToldAlerts);
  if (const uint64_t lost = detector.allow().learned_lost(); lost > 0) {
    spdlog::warn("{} names, peers or listeners are not in the list: no room, or not to be written as a name", lost);
  }
  if (reader.captures_opened() == 0) return ExitCode::kFailed;
  const bool written = write_out(options, allow_list_text(detector.allow().learned(), allow_list_about()));
  if (!written || failed) return ExitCode::kFailed;
  if (teller.dangers() == 0) return ExitCode::kDone;
  if (options.include_dangerous) {
    spdlog::warn("dangerous callables are in the list, marked: you asked for it with --include-dangerous");
    return ExitCode::kDone;
  }
  spdlog::error("dangerous pickles in captures believed good: nothing of them was learned (--include-dangerous would)");
  return ExitCode::kAlerted;
}

}  // namespace pickletap
