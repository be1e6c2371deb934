#include "sensor/explain.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "config/policy_files.h"
#include "dissectors/pickle/pickle_machine.h"
#include "sensor/detect/rule_catalog.h"
#include "sensor/output/console_text.h"
#include "sensor/output/eve_record.h"
#include "sensor/output/file.h"
#include "sensor/replay.h"
#include "sensor/worker.h"

namespace pickletap {

namespace {

constexpr size_t kMaxPickles = 10000;  // reported of one file
constexpr size_t kChunkBytes = 65536;

struct FileClose {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, FileClose>;

Severity severity_of(std::string_view rule) {
  const auto catalog = rule_catalog();
  const auto row = std::find_if(catalog.begin(), catalog.end(), [&](const RuleInfo& r) { return r.name == rule; });
  return row == catalog.end() ? Severity::kLow : row->severity;
}

ExplainedPickle judge(uint64_t offset, PickleReport report) {
  ExplainedPickle pickle;
  pickle.offset = offset;
  pickle.length = report.length;
  if (report.end != PickleEnd::kStop) {
    report.findings.push_back(
        {PickleRule::kMalformed, {}, {}, std::string(report.end_reason), report.length, {}, {}, {}});
  }
  for (const PickleFinding& finding : report.findings) {
    const std::string_view rule = rule_name(finding.rule);
    if (std::find(pickle.rules.begin(), pickle.rules.end(), rule) == pickle.rules.end()) pickle.rules.push_back(rule);
    const Severity severity = severity_of(rule);
    if (!pickle.severity || severity < *pickle.severity) pickle.severity = severity;
  }
  pickle.report = std::move(report);
  return pickle;
}

/// Reads a file pickle by pickle: the next one begins behind STOP.
class PickleFile {
 public:
  PickleFile(const Policy& policy, const DissectorLimits& limits) : machine_(policy, limits) {}

  std::vector<ExplainedPickle> pickles;
  std::string error;       ///< why the file could not be read, or is no pickle
  bool more_left = false;  ///< kMaxPickles was reached

  void read(const std::string& path) {
    const File file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
    struct stat status {};
    if (!file || fstat(fileno(file.get()), &status) != 0) {
      error = std::strerror(errno);
      return;
    }
    if (S_ISDIR(status.st_mode)) {
      error = std::strerror(EISDIR);
      return;
    }
    std::vector<uint8_t> chunk(kChunkBytes);
    while (!broken_ && !more_left) {
      const size_t got = std::fread(chunk.data(), 1, chunk.size(), file.get());
      if (got == 0) break;
      take({chunk.data(), got});
    }
    if (std::ferror(file.get()) != 0) error = std::strerror(errno);
    if (open_ && !broken_) {
      machine_.finish();
      end_pickle();
    }
    if (pickles.empty() && error.empty()) error = read_any_ ? "not a pickle" : "empty file";
  }

 private:
  void take(ByteSpan bytes) {
    read_any_ = true;
    while (!bytes.empty() && !broken_ && !more_left) {
      if (!open_) {
        machine_.begin(UINT64_MAX);
        open_ = true;
      }
      const size_t before = bytes.size();
      machine_.feed(bytes);
      const size_t rest = std::min<size_t>(before, machine_.trailing_bytes());
      if (!machine_.ended()) return;
      end_pickle();
      bytes = bytes.last(rest);
    }
  }

  void end_pickle() {
    open_ = false;
    broken_ = !machine_.stopped();
    // Something that is no pickle from its first opcodes on is not reported as a broken one.
    const bool no_pickle = broken_ && !machine_.has_header() && !machine_.is_typical();
    if (no_pickle && pickles.empty()) return;
    PickleReport report = machine_.report(true);
    report.trailing_bytes = 0;
    const uint64_t length = report.length;
    pickles.push_back(judge(offset_, std::move(report)));
    offset_ += length;
    more_left = pickles.size() >= kMaxPickles;
  }

  PickleMachine machine_;
  uint64_t offset_ = 0;
  bool open_ = false;
  bool broken_ = false;
  bool read_any_ = false;
};

}  // namespace

int explain(const Config& config, const ExplainOptions& options) {
  Policy policy;
  add_configured_policy(policy, config);
  const DissectorLimits limits = dissector_limits(config);

  BufferedFile out(STDOUT_FILENO, "standard output");
  const Paint paint(wants_colours(STDOUT_FILENO));
  bool failed = false;
  bool alerted = false;
  for (const std::string& path : options.files) {
    PickleFile file(policy, limits);
    file.read(path);
    if (!file.error.empty()) {
      out.flush();
      spdlog::error("{}: {}", path, file.error);
      failed = true;
    }
    if (file.more_left) {
      spdlog::warn("{}: only the first {} pickles were read", path, kMaxPickles);
      failed = true;
    }
    if (file.pickles.empty()) continue;
    if (options.json) {
      out.append(explain_line(path, file.pickles));
    } else {
      std::string text;
      append_explanation(text, path, file.pickles, paint);
      out.append(text);
    }
    alerted = alerted || std::any_of(file.pickles.begin(), file.pickles.end(), [&](const ExplainedPickle& pickle) {
                return options.fail_on && pickle.severity && *pickle.severity <= *options.fail_on;
              });
  }
  out.finish();
  if (failed || out.failed()) return ExitCode::kFailed;
  return alerted ? ExitCode::kAlerted : ExitCode::kDone;
}

}  // namespace pickletap
