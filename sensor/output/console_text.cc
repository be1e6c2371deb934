#include "sensor/output/console_text.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "sensor/net/address_text.h"
#include "sensor/output/time_text.h"
#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr std::string_view kIndent = "        ";  // as wide as "MEDIUM" and two blanks: the column of severities
constexpr size_t kAlertProgramLines = 8;
constexpr size_t kLowAlertProgramLines = 3;
constexpr size_t kLineCharacters = 160;
constexpr size_t kSentenceCharacters = 300;

void append_padded(std::string& out, std::string_view ascii, size_t width) {
  out += ascii;
  if (ascii.size() < width) out.append(width - ascii.size(), ' ');
}

/// The parts of the last line of an alert, " · " between them.
std::string details(const Alert& alert) {
  std::string out;
  const auto add = [&out](std::string_view part) {
    if (!out.empty()) out += " · ";
    out += part;
  };
  // Of a call-back the pickle is told, and who sent it.
  const RecordHead& head = alert.callback ? alert.callback->first : alert.head;
  if (alert.callback) add("pickle from " + endpoint_text(head.sender()) + " to " + endpoint_text(head.receiver()));
  if (head.has_protocol) {
    add(to_text(head.application));
    std::string auth = "auth " + std::string(to_text(head.auth));
    if (head.digest != Digest::kNone) auth += " (" + std::string(to_text(head.digest)) + ")";
    add(auth);
  }
  if (!alert.manager.method.empty()) {
    std::string request = "request ";
    append_printable(request, alert.manager.method, 64);
    if (!alert.manager.type_id.empty()) {
      request += " of ";
      append_printable(request, alert.manager.type_id, 64);
    }
    add(request);
  }
  if (alert.has_frame) {
    std::string frame = "frame " + std::to_string(alert.frame.index) + ", " + counted(alert.frame.length, "byte");
    if (alert.has_pickle) frame += ", protocol " + std::to_string(alert.pickle.protocol);
    add(frame);
  }
  const unsigned depth = alert.has_pickle ? alert.pickle.nested : 0;
  if (depth > 0) add("pickle in a pickle, depth " + std::to_string(depth));
  if (!alert.has_outcome) return out;
  switch (alert.outcome) {
    case Outcome::kAttempted: add("attempted"); break;
    case Outcome::kNotUnpickled: add("not unpickled"); break;
    case Outcome::kExecuted: add("executed"); break;
  }
  return out;
}

}  // namespace

std::string_view Paint::severity(Severity severity) const {
  switch (severity) {
    case Severity::kHigh: return pick("\x1b[1;31m");
    case Severity::kMedium: return pick("\x1b[1;33m");
    case Severity::kLow: return pick("\x1b[1;34m");
  }
  return {};
}

bool wants_colours(int fd) {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: any value but the empty one
  const char* term = std::getenv("TERM");
  const bool is_dumb = term != nullptr && std::string_view(term) == "dumb";
  return isatty(fd) == 1 && (no_color == nullptr || *no_color == '\0') && !is_dumb;
}

std::string_view severity_text(Severity severity) {
  switch (severity) {
    case Severity::kHigh: return "HIGH";
    case Severity::kMedium: return "MEDIUM";
    case Severity::kLow: return "LOW";
  }
  return "LOW";
}

std::string endpoint_text(const Endpoint& endpoint) {
  const std::string address = to_text(endpoint.address);
  return (endpoint.address.is_v6 ? "[" + address + "]:" : address + ":") + std::to_string(endpoint.port);
}

std::string counted(uint64_t n, std::string_view noun) {
  std::string digits = std::to_string(n);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  std::string out = digits + " " + std::string(noun);
  if (n != 1) out += noun.ends_with('h') ? "es" : "s";
  return out;
}

void append_program(std::string& out, std::string_view program, std::string_view indent, size_t max_lines,
                    Paint paint) {
  const size_t lines = static_cast<size_t>(std::count(program.begin(), program.end(), '\n')) + 1;
  for (size_t i = 0; i < std::min(lines, max_lines); ++i) {
    const size_t end = std::min(program.find('\n'), program.size());
    out += indent;
    out += paint.code();
    append_printable(out, program.substr(0, end), kLineCharacters);
    out += paint.off();
    out += '\n';
    program.remove_prefix(std::min(end + 1, program.size()));
  }
  if (lines <= max_lines) return;
  out += indent;
  out += paint.dim();
  out += "… " + counted(lines - max_lines, "more line");
  out += paint.off();
  out += '\n';
}

namespace {

/// The lines of a long program that the alert is about, "…" where others stood between; a short one whole.
std::string lines_at_issue(const Alert& alert, size_t max_lines) {
  const std::string& program = alert.pickle.program;
  const auto lines = static_cast<size_t>(std::count(program.begin(), program.end(), '\n')) + 1;
  if (lines <= max_lines || alert.rule == nullptr) return program;
  const auto is_at_issue = [&](std::string_view line) {
    return std::any_of(alert.pickle.findings.begin(), alert.pickle.findings.end(), [&](const PickleFinding& finding) {
      return rule_name(finding.rule) == alert.rule->name && !finding.callable.empty() &&
             line.find(finding.callable) != std::string_view::npos;
    });
  };
  std::string chosen;
  bool left_out = false;
  for (std::string_view rest = program; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!is_at_issue(line)) {
      left_out = true;
      continue;
    }
    if (left_out) chosen += "…\n";
    left_out = false;
    chosen.append(line).append(1, '\n');
  }
  if (chosen.empty()) return program;
  chosen.pop_back();
  return chosen;
}

}  // namespace

void append_alert(std::string& out, const Alert& alert, std::string_view source, Paint paint) {
  const RecordHead& head = alert.head;
  const Severity severity = alert.rule != nullptr ? alert.rule->severity : Severity::kLow;
  out += paint.severity(severity);
  append_padded(out, severity_text(severity), kIndent.size());
  out += paint.off();
  out += paint.bold();
  out += alert.rule != nullptr ? alert.rule->name : "unnamed";
  out += paint.off();
  out += "  " + endpoint_text(head.sender()) + " → " + endpoint_text(head.receiver());
  out += "   " + readable_time(head.time_ns) + "   #" + std::to_string(head.packet_number);
  if (!source.empty()) {
    out += " ";
    append_printable(out, source, kLineCharacters);
  }
  out += '\n';
  out += kIndent;
  append_printable(out, alert.signature, kSentenceCharacters);
  if (alert.repeated > 0) out += " (" + std::to_string(alert.repeated) + " more like it)";
  out += '\n';
  if (alert.has_pickle && !alert.pickle.program.empty()) {
    const size_t max_lines = severity == Severity::kLow ? kLowAlertProgramLines : kAlertProgramLines;
    append_program(out, lines_at_issue(alert, max_lines), kIndent, max_lines, paint);
  }
  const std::string last = details(alert);
  if (last.empty()) return;
  out += kIndent;
  out += paint.dim();
  out += last;
  out += paint.off();
  out += '\n';
}

void append_rules(std::string& out, std::span<const RuleInfo> rules, Paint paint) {
  size_t name_width = 0;
  for (const RuleInfo& rule : rules) name_width = std::max(name_width, rule.name.size());
  out += paint.bold();
  append_padded(out, "SID", 9);
  append_padded(out, "SEVERITY", 10);
  append_padded(out, "RULE", name_width + 2);
  out += "RAISED WHEN";
  out += paint.off();
  out += '\n';
  for (const RuleInfo& rule : rules) {
    append_padded(out, std::to_string(rule.sid), 9);
    out += paint.severity(rule.severity);
    append_padded(out, severity_text(rule.severity), 10);
    out += paint.off();
    append_padded(out, rule.name, name_width + 2);
    out += rule.raised_when;
    out += '\n';
  }
}

}  // namespace pickletap
