#include "sensor/explain.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>

#include "config/policy_files.h"
#include "dissectors/pickle/pickle_machine.h"
#include "sensor/detect/rule_catalog.h"
#include "sensor/file_kind.h"
#include "sensor/opcode_listing.h"
#include "sensor/output/console_explain.h"
#include "sensor/output/eve_record.h"
#include "sensor/output/file.h"
#include "sensor/output/rule_advice.h"
#include "sensor/replay.h"
#include "sensor/worker.h"

namespace pickletap {

namespace {

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
        {PickleRule::kMalformed, {}, {}, std::string(report.end_reason), report.length, {}, {}, {}, {}});
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
  using Taker = std::function<void(ExplainedPickle&&)>;

  /// `listing`: with the opcodes of each pickle.
  PickleFile(const Policy& policy, const DissectorLimits& limits, bool listing)
      : machine_(policy, limits), wants_listing_(listing) {}

  /// Hands over each pickle when it ends. Why the file, or the rest of it, could not be read or is no pickle: empty when
  /// all went well.
  std::string read(const std::string& path, const Taker& take_pickle) {
    const File file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
    struct stat status {};
    if (!file || fstat(fileno(file.get()), &status) != 0) return std::strerror(errno);
    if (S_ISDIR(status.st_mode)) return std::string(std::strerror(EISDIR)) + ": give the files in it";
    std::vector<uint8_t> chunk(kChunkBytes);
    std::string_view kind;
    while (!broken_) {
      const size_t got = std::fread(chunk.data(), 1, chunk.size(), file.get());
      if (got == 0) break;
      if (!read_any_) kind = file_kind(ByteSpan(chunk).first(std::min(got, kFileKindBytes)));
      read_any_ = true;
      take({chunk.data(), got}, take_pickle);
    }
    if (std::ferror(file.get()) != 0) return std::strerror(errno);
    if (open_ && !broken_) {
      machine_.finish();
      end_pickle(take_pickle);
    }
    if (found_any_) return {};
    if (!read_any_) return "empty file";
    return kind.empty() ? "not a pickle" : "not a pickle but " + std::string(kind);
  }

 private:
  void take(ByteSpan bytes, const Taker& take_pickle) {
    while (!bytes.empty() && !broken_) {
      if (!open_) {
        machine_.begin(UINT64_MAX);
        listing_.begin();
        open_ = true;
      }
      machine_.feed(bytes);
      const size_t rest = std::min<size_t>(bytes.size(), machine_.trailing_bytes());
      if (wants_listing_) listing_.feed(bytes.first(bytes.size() - rest));
      if (!machine_.ended()) return;
      end_pickle(take_pickle);
      bytes = bytes.last(rest);
    }
  }

  void end_pickle(const Taker& take_pickle) {
    open_ = false;
    broken_ = !machine_.stopped();
    // Something that is no pickle from its first opcodes on is not reported as a broken one.
    const bool no_pickle = broken_ && !machine_.has_header() && !machine_.is_typical();
    if (no_pickle && !found_any_) return;
    PickleReport report = machine_.report(true);
    report.trailing_bytes = 0;
    const uint64_t length = report.length;
    ExplainedPickle pickle = judge(offset_, std::move(report));
    if (wants_listing_) listing_.finish(pickle);
    found_any_ = true;
    offset_ += length;
    take_pickle(std::move(pickle));
  }

  PickleMachine machine_;
  OpcodeListing listing_;
  bool wants_listing_;
  bool found_any_ = false;
  uint64_t offset_ = 0;
  bool open_ = false;
  bool broken_ = false;
  bool read_any_ = false;
};

void count(ExplainedFile& file, const ExplainedPickle& pickle) {
  ++file.pickles;
  for (const std::string_view rule : pickle.rules) ++file.rules[rule];
  ++file.verdict_count[verdict_word(pickle.rules)];
  if (pickle.severity && (!file.severity || *pickle.severity < *file.severity)) file.severity = pickle.severity;
}

}  // namespace

int explain(const Config& config, const ExplainOptions& options) {
  Policy policy;
  add_configured_policy(policy, config);
  const DissectorLimits limits = dissector_limits(config);

  BufferedFile out(STDOUT_FILENO, "standard output");
  const Paint paint(wants_colours(STDOUT_FILENO));
  std::vector<ExplainedFile> files;
  for (const std::string& path : options.files) {
    ExplainedFile& file = files.emplace_back();
    file.name = path;
    bool named = false;
    PickleFile pickles(policy, limits, options.verbose && !options.json);
    file.error = pickles.read(path, [&](ExplainedPickle&& pickle) {
      std::string text;
      if (options.json) {
        if (file.pickles == 0) text = explain_line_start(path);
        text += explain_line_pickle(pickle, file.pickles == 0);
      } else if (!options.quiet || pickle.severity) {
        if (!named) append_file_name(text, path, paint);
        named = true;
        append_pickle(text, pickle, paint);
      }
      count(file, pickle);
      out.append(text);
    });
    if (file.pickles > 0) {
      std::string text;
      if (options.json) {
        text = kExplainLineEnd;
      } else if (!options.quiet && file.pickles > 1) {
        append_file_count(text, file);
      }
      out.append(text);
    }
    if (!file.error.empty()) {
      out.flush();
      spdlog::error("{}: {}", path, file.error);
    }
  }
  if (!options.json && !options.quiet) {
    std::string text;
    if (files.size() > 1) append_file_table(text, files, paint);
    append_advice(text, files, paint);
    out.append(text);
  }
  out.finish();
  const auto reaches = [&](const ExplainedFile& file) {
    return options.fail_on && file.severity && *file.severity <= *options.fail_on;
  };
  const auto failed = [](const ExplainedFile& file) { return !file.error.empty(); };
  if (out.failed() || std::any_of(files.begin(), files.end(), failed)) return ExitCode::kFailed;
  return std::any_of(files.begin(), files.end(), reaches) ? ExitCode::kAlerted : ExitCode::kDone;
}

}  // namespace pickletap
