// The part of console_text.h that `pickletap explain` prints.
#include <algorithm>

#include "sensor/output/console_text.h"
#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr std::string_view kIndent = "          ";
constexpr size_t kProgramLines = 60;
constexpr size_t kShownCalls = 20;
constexpr size_t kNameCharacters = 120;
constexpr size_t kArgsCharacters = 120;

std::string end_sentence(const PickleReport& report) {
  switch (report.end) {
    case PickleEnd::kStop:
      return report.trailing_bytes == 0 ? "" : counted(report.trailing_bytes, "byte") + " after its end";
    case PickleEnd::kTruncated: return "ends before STOP; what stands before it still runs";
    case PickleEnd::kGap: return "bytes of it are missing";
    case PickleEnd::kRefused: return "the unpickler would stop here: " + std::string(report.end_reason);
    case PickleEnd::kLimit: return "read no further: " + std::string(report.end_reason);
  }
  return {};
}

void append_dim_line(std::string& out, std::string_view text, Paint paint) {
  out += kIndent;
  out += paint.dim();
  append_printable(out, text);
  out += paint.off();
  out += '\n';
}

void append_verdict(std::string& out, const ExplainedPickle& pickle, Paint paint) {
  std::string verdict(pickle.severity ? severity_text(*pickle.severity) : "harmless");
  verdict.resize(kIndent.size(), ' ');
  out += pickle.severity ? paint.severity(*pickle.severity) : paint.good();
  out += verdict;
  out += paint.off();
  out += paint.bold();
  out += "pickle at byte " + std::to_string(pickle.offset);
  out += paint.off();
  out += ", " + counted(pickle.length, "byte") + ", protocol " + std::to_string(pickle.report.protocol);
  if (pickle.report.nested > 0) out += ", depth " + std::to_string(pickle.report.nested);
  out += '\n';
}

void append_reasons(std::string& out, const ExplainedPickle& pickle, Paint paint) {
  for (const PickleFinding& finding : pickle.report.findings) {
    out += kIndent;
    out += rule_name(finding.rule);
    out += ": ";
    if (!finding.callable.empty()) {
      out += paint.bold();
      append_printable(out, finding.callable, kNameCharacters);
      out += paint.off();
      out += " ";
    }
    append_printable(out, finding.reason, kNameCharacters);
    out += " (at " + std::to_string(finding.offset) + ")\n";
  }
  // Rules that stand on something else than a finding, so that none of the verdict goes unsaid.
  for (const std::string_view rule : pickle.rules) {
    const auto& findings = pickle.report.findings;
    const auto tells = [rule](const PickleFinding& finding) { return rule_name(finding.rule) == rule; };
    if (std::any_of(findings.begin(), findings.end(), tells)) continue;
    out += kIndent;
    out += rule;
    out += '\n';
  }
}

void append_calls(std::string& out, const PickleReport& report, Paint paint) {
  if (report.calls.empty()) return;
  append_dim_line(out, "calls, in the order of loading:", paint);
  for (size_t i = 0; i < std::min(report.calls.size(), kShownCalls); ++i) {
    const PickleCall& call = report.calls[i];
    std::string place = "@" + std::to_string(call.offset);
    place.resize(std::max<size_t>(place.size() + 1, 7), ' ');
    std::string opcode(call.opcode);
    opcode.resize(std::max<size_t>(opcode.size() + 1, 11), ' ');
    out += kIndent;
    out += "  " + place + opcode;
    append_printable(out, call.callable, kNameCharacters);
    append_printable(out, call.args, kArgsCharacters);
    out += '\n';
  }
  const uint64_t total = std::max<uint64_t>(report.calls_total, report.calls.size());
  if (total > kShownCalls) append_dim_line(out, "  … " + counted(total - kShownCalls, "more call"), paint);
}

}  // namespace

void append_explanation(std::string& out, std::string_view file, std::span<const ExplainedPickle> pickles,
                        Paint paint) {
  out += paint.bold();
  append_printable(out, file);
  out += paint.off();
  out += pickles.empty() ? ": no pickle found\n" : ": " + counted(pickles.size(), "pickle") + "\n";
  for (const ExplainedPickle& pickle : pickles) {
    append_verdict(out, pickle, paint);
    append_reasons(out, pickle, paint);
    if (!pickle.report.program.empty()) {
      append_dim_line(out, "as a program:", paint);
      append_program(out, pickle.report.program, std::string(kIndent) + "  ", kProgramLines, paint);
    }
    append_calls(out, pickle.report, paint);
    const std::string end = end_sentence(pickle.report);
    if (!end.empty()) append_dim_line(out, end, paint);
    if (pickle.report.truncated) append_dim_line(out, "cut: it has more than is listed here", paint);
  }
}

}  // namespace pickletap
