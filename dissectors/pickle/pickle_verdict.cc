// The part of PickleMachine that answers: what is called when loading is done, pickles within the pickle, indicators,
// the report.
#include <algorithm>
#include <array>
#include <utility>

#include "dissectors/byte_reader.h"
#include "dissectors/pickle/indicators.h"
#include "dissectors/pickle/nested_pickle.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/pseudo_python.h"

namespace pickletap {

namespace {

constexpr size_t kMaxLastLine = 2048;
constexpr std::string_view kOtherReceivers = "Python 2.7 or the pure Python unpickler only";

/// The lines of `program`, marked as of a pickle within, behind those of the report.
void append_nested_program(PickleReport& report, std::string_view program, unsigned depth) {
  std::string lines = (report.program.empty() ? "" : "\n") + ("# pickle within, depth " + std::to_string(depth) + ":");
  const std::string indent(size_t{2} * depth, ' ');
  while (!program.empty()) {
    const size_t end = std::min(program.find('\n'), program.size());
    lines.append(1, '\n').append(indent).append(program.substr(0, end));
    program.remove_prefix(std::min(end + 1, program.size()));
  }
  if (report.program.size() + lines.size() > PickleReport::kMaxProgramText) {
    report.truncated = true;
    return;
  }
  report.program += lines;
}

void merge(std::vector<std::string>& into, std::vector<std::string>& from) {
  for (std::string& text : from) {
    if (into.size() >= PickleReport::kMaxIndicators) return;
    if (std::find(into.begin(), into.end(), text) == into.end()) into.push_back(std::move(text));
  }
}

}  // namespace

// The strings among the arguments, two containers deep: ('sh', ['-c', 'id']). What a loader is given is kept to be read.
// `is_callee`: it is the callable of this category itself that is given them.
void PickleMachine::collect_from(Value args, const PolicyCategory* category, bool is_callee, uint64_t offset) {
  const bool runs_commands = category != nullptr && category->name == "command-execution";
  if (runs_commands && is_callee) collect_commands(args);
  const bool loads = category != nullptr && category->name == "pickle-loading";
  const NestedPickle nested(store_, log_);
  const auto take = [&](Value value) {
    if (loads && (value.is(ValueKind::kStr) || is_bytes(value) || value.is(ValueKind::kResult))) {
      if (auto bytes = nested.bytes_of(value); bytes && !bytes->empty()) log_.add_nested(std::move(*bytes), offset);
    }
    if (!value.is(ValueKind::kStr) && !is_bytes(value)) return;
    if (const auto text = store_.text(value)) collect_indicators(text->text, runs_commands && !is_callee, indicators_);
  };
  const auto items = store_.items(args);
  if (!items) return;
  for (const Value value : items->kept) {
    take(value);
    const bool container = value.is(ValueKind::kTuple) || value.is(ValueKind::kList) || value.is(ValueKind::kDict);
    const auto inner = container ? store_.items(value) : std::nullopt;
    if (!inner) continue;
    for (const Value deeper : inner->kept) take(deeper);
  }
}

/// ("id",), ("/bin/sh", ["sh", "-c", "id"]), (["sh", "-c", "id"],)
void PickleMachine::collect_commands(Value args) {
  std::array<std::string_view, ValueStore::kMaxItems> texts, list;
  size_t text_count = 0;
  size_t list_count = 0;
  const auto take = [&](Value value, auto& into, size_t& count) {
    const auto text = value.is(ValueKind::kStr) || is_bytes(value) ? store_.text(value) : std::nullopt;
    if (text && count < into.size()) into[count++] = text->text;
  };
  const auto items = store_.items(args);
  if (!items) return;
  for (const Value value : items->kept) {
    take(value, texts, text_count);
    const bool is_vector = value.is(ValueKind::kTuple) || value.is(ValueKind::kList);
    const auto inner = is_vector && list_count == 0 ? store_.items(value) : std::nullopt;
    for (size_t i = 0; inner && i < inner->kept.size(); ++i) take(inner->kept[i], list, list_count);
  }
  add_commands(std::span(texts).first(text_count), std::span(list).first(list_count), indicators_);
}

/// The receiver calls the function of a Pool task right after the load.
void PickleMachine::judge_root() {
  if (!at_stop_) return;
  const uint64_t stop = reader_.position() - std::min<uint64_t>(reader_.position(), 1);
  const CallVerdict verdict = judge_.judge_task(root_, stop);
  if (!verdict.finding) return;
  take_finding(verdict, {}, stop, "called right after the load, as the function of a Pool task");
  const auto items = store_.items(root_);
  if (!items || items->kept.size() <= 3) return;
  const Value function = items->kept[2];
  const bool is_callee =
      function.is(ValueKind::kGlobal) && log_.callable(function).judgement.cls == CallableClass::kDangerous;
  collect_from(items->kept[3], verdict.category, is_callee, stop);
}

/// Signs that only the end shows.
void PickleMachine::judge_ending() {
  EvasionSigns& signs = log_.signs();
  // A pickle that was cut short by mistake has a FRAME that is too long, and no STOP.
  if (!at_stop_) signs.forget(OddSign::kFrameTooLong);
  // Nothing is contradicted where nothing was announced: pickles written by hand have no PROTO.
  if (highest_protocol_ == 0) signs.forget(OddSign::kLaterOpcode);
  log_.judge_signs();
}

PickleReport PickleMachine::report(bool in_full) {
  if (shape_ != nullptr) return recalled_report();
  PickleReport report = own_report(in_full);
  if (!whole_frame_.empty()) {
    if (!in_full) learn(report.reached);
    whole_frame_ = {};
  }
  follow_nested(report);
  return report;
}

PickleReport PickleMachine::own_report(bool in_full) {
  store_.texts().watch_reads(!whole_frame_.empty());
  judge_root();
  log_.judge_references();
  judge_ending();
  PickleReport report;
  report.protocol = highest_protocol_;
  report.length = reader_.position();
  report.trailing_bytes = trailing_bytes();
  report.end = end_;
  report.end_reason = end_reason_;
  if (!doubt_.empty() && (at_stop_ || log_.calls_total() > 0)) report.receivers = kOtherReceivers;
  const bool plain = !in_full && end_ == PickleEnd::kStop && trailing_bytes() == 0;
  report.told_before = told_before_;
  if (policy_.names_wanted()) log_.fill_reached(report);
  if (plain && !log_.has_findings()) return report;
  if (told_ != nullptr) told_->add(log_.findings());
  write_texts();
  report.indicators = std::move(indicators_);
  std::string last_line;
  const bool root_is_news = stopped() && log_.calls_total() > 0 && !log_.is_last_call(root_);
  if (root_is_news || (stopped() && log_.has_findings() && log_.calls_total() == 0)) {
    last_line = PseudoPython(store_, log_).expression(root_, kMaxLastLine);
  }
  log_.fill(report, last_line);
  return report;
}

// A work list, and one machine for all of it. `globals` and `calls` stay those of the outermost pickle, as its loader
// resolves them; what the loads in it do stands in the program and in the findings.
void PickleMachine::follow_nested(PickleReport& report) {
  std::vector<CallLog::NestedLoad> loads = std::move(log_.nested_loads());
  log_.nested_loads().clear();
  for (size_t next = 0; next < loads.size(); ++next) {
    const CallLog::NestedLoad load = std::move(loads[next]);
    if (!inner_) inner_ = std::make_unique<PickleMachine>(policy_, limits_);
    inner_->begin(load.pickle.size());
    inner_->feed(as_bytes(load.pickle));
    inner_->finish();
    PickleReport within = inner_->own_report(true);
    // A path, a name: what is handed to a loader need not be a pickle.
    if (within.globals.empty() && !inner_->is_loadable()) continue;
    report.nested = std::max(report.nested, load.depth);
    append_nested_program(report, within.program, load.depth);
    merge(report.indicators.commands, within.indicators.commands);
    merge(report.indicators.hosts, within.indicators.hosts);
    merge(report.indicators.urls, within.indicators.urls);
    merge(report.indicators.paths, within.indicators.paths);
    report.truncated = report.truncated || within.truncated;
    for (PickleFinding& finding : within.findings) {
      if (report.findings.size() >= PickleReport::kMaxFindings) {
        report.truncated = true;
        break;
      }
      finding.how = "in a pickle within, depth " + std::to_string(load.depth) + ": " + finding.how;
      finding.offset = load.offset;
      report.findings.push_back(std::move(finding));
    }
    for (CallLog::NestedLoad& deeper : inner_->log_.nested_loads()) {
      if (load.depth >= NestedPickle::kMaxDepth || loads.size() >= CallLog::kMaxNestedLoads) {
        report.truncated = true;
        break;
      }
      loads.push_back({std::move(deeper.pickle), load.offset, load.depth + 1});
    }
  }
}

}  // namespace pickletap
