#include "sensor/output/console_explain.h"

#include <algorithm>

#include "sensor/output/rule_advice.h"
#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr std::string_view kIndent = "            ";  // as wide as the column of verdicts
constexpr size_t kProgramLines = 60;                  // harmful ones beyond are shown all the same
constexpr size_t kLineCharacters = 160;
constexpr size_t kNameCharacters = 120;
constexpr size_t kFileNameCharacters = 200;
constexpr size_t kAdviceColumns = 96;

void pad(std::string& text, size_t width) { text.resize(std::max(text.size(), width), ' '); }

bool is_harmful(const PickleFinding& finding) {
  return finding.rule != PickleRule::kUnknownCall && finding.rule != PickleRule::kMalformed;
}

std::string end_sentence(const PickleReport& report) {
  const std::string place = ", at " + std::to_string(report.length);
  switch (report.end) {
    case PickleEnd::kStop:
      return report.trailing_bytes == 0 ? "" : counted(report.trailing_bytes, "byte") + " after its end";
    case PickleEnd::kTruncated: return "ends before STOP" + place + "; what stands before still runs";
    case PickleEnd::kGap: return "bytes of it are missing" + place;
    case PickleEnd::kRefused:
      return "the unpickler would raise here: " + std::string(report.end_reason) + place +
             "; what stands before still runs";
    case PickleEnd::kLimit: return "read no further: " + std::string(report.end_reason) + place;
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
  std::string verdict(verdict_word(pickle.rules));
  pad(verdict, kIndent.size());
  out += pickle.severity ? paint.severity(*pickle.severity) : paint.good();
  out += verdict;
  out += paint.off();
  out += paint.bold();
  out += "pickle at byte " + std::to_string(pickle.offset);
  out += paint.off();
  out += ", " + counted(pickle.length, "byte") + ", protocol " + std::to_string(pickle.report.protocol);
  if (pickle.severity) {
    std::string word(severity_text(*pickle.severity));
    std::transform(word.begin(), word.end(), word.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    out += ", severity " + word;
  }
  if (pickle.report.nested > 0) out += ", loads pickles it holds, " + std::to_string(pickle.report.nested) + " deep";
  out += '\n';
}

/// "runs a command (at 31)".
std::string reason_of(const PickleFinding& finding, const PickleReport& report) {
  if (finding.rule == PickleRule::kMalformed && report.end != PickleEnd::kStop) return end_sentence(report);
  const bool is_unsaid = finding.rule == PickleRule::kUnknownCall && finding.reason.empty();
  std::string out = is_unsaid ? "is called, and no list knows it" : finding.reason;
  if (!finding.how.empty()) out += ", " + finding.how;
  return out + " (at " + std::to_string(finding.offset) + ")";
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
    append_printable(out, reason_of(finding, pickle.report), kNameCharacters);
    out += '\n';
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

/// "command-execution, T1059.004, at 31".
std::string comment_of(const PickleFinding& finding) {
  std::string out(finding.category.empty() ? rule_name(finding.rule) : finding.category);
  if (!finding.technique.empty()) out.append(", ").append(finding.technique);
  return out + ", at " + std::to_string(finding.offset);
}

/// The statements of a program, each with the findings that are about it.
struct Statement {
  std::string_view text;
  std::vector<const PickleFinding*> notes;
};

/// Is `name` in `line`, and not as a part of a longer name?
bool names(std::string_view line, std::string_view name) {
  const auto in_name = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '.';
  };
  for (size_t at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || !in_name(line[at - 1])) && (end == line.size() || !in_name(line[end]))) return true;
  }
  return false;
}

/// Where the arguments begin, if `program` goes on with "callable(…" or "v3 = callable(…"; else 0.
size_t arguments_at(std::string_view program, std::string_view callable) {
  const size_t assigned = program.starts_with('v') ? program.substr(0, 8).find(" = ") : std::string_view::npos;
  const size_t begin = assigned == std::string_view::npos ? 0 : assigned + 3;
  const std::string_view rest = program.substr(begin);
  const bool is_call = rest.starts_with(callable) && rest.substr(callable.size()).starts_with('(');
  return is_call ? begin + callable.size() : 0;
}

/// A finding belongs to the call at its offset; where there is none, to the first line that names what it is about.
/// Calls and statements stand in the same order, so one pass tells which line is which call. (A callable's name may
/// hold a newline of its own.)
std::vector<Statement> statements_of(const PickleReport& report) {
  std::vector<Statement> statements;
  std::vector<bool> placed(report.findings.size());
  size_t call = 0;
  for (std::string_view rest = report.program; !rest.empty();) {
    const size_t arguments = call < report.calls.size() ? arguments_at(rest, report.calls[call].callable) : 0;
    const size_t end = std::min(rest.find('\n', arguments), rest.size());
    Statement& statement = statements.emplace_back(Statement{rest.substr(0, end), {}});
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (arguments == 0) continue;
    for (size_t i = 0; i < placed.size(); ++i) {
      if (placed[i] || report.findings[i].offset != report.calls[call].offset) continue;
      placed[i] = true;
      statement.notes.push_back(&report.findings[i]);
    }
    ++call;
  }
  for (size_t i = 0; i < placed.size(); ++i) {
    const PickleFinding& finding = report.findings[i];
    if (placed[i] || finding.callable.empty()) continue;
    const auto line = std::find_if(statements.begin(), statements.end(),
                                   [&](const Statement& one) { return names(one.text, finding.callable); });
    if (line != statements.end()) line->notes.push_back(&finding);
  }
  return statements;
}

void append_statement(std::string& out, const Statement& statement, Paint paint) {
  const bool harmful =
      std::any_of(statement.notes.begin(), statement.notes.end(), [](auto* f) { return is_harmful(*f); });
  out += kIndent;
  out += "  ";
  out += harmful ? paint.severity(Severity::kHigh) : paint.code();
  append_printable(out, statement.text, kLineCharacters);
  out += paint.off();
  if (!statement.notes.empty()) {
    out += paint.dim();
    for (size_t i = 0; i < statement.notes.size(); ++i) {
      out += i == 0 ? "  # " : "; ";
      append_printable(out, comment_of(*statement.notes[i]), kNameCharacters);
    }
    out += paint.off();
  }
  out += '\n';
}

void append_annotated_program(std::string& out, const PickleReport& report, Paint paint) {
  if (report.program.empty()) return;
  append_dim_line(out, "as a program:", paint);
  size_t shown = 0, skipped = 0;
  const auto say_skipped = [&] {
    if (skipped > 0) append_dim_line(out, "  … " + counted(skipped, "more line"), paint);
    skipped = 0;
  };
  for (const Statement& statement : statements_of(report)) {
    if (shown >= kProgramLines && statement.notes.empty()) {
      ++skipped;
      continue;
    }
    say_skipped();
    append_statement(out, statement, paint);
    ++shown;
  }
  say_skipped();
  if (report.calls_total > report.calls.size()) {
    append_dim_line(out, "  " + counted(report.calls_total, "call") + " in all", paint);
  }
}

void append_indicators(std::string& out, const Indicators& found, Paint paint) {
  const auto add = [&](std::string_view title, const std::vector<std::string>& list) {
    for (const std::string& text : list) {
      std::string padded(title);
      pad(padded, 9);
      out += kIndent;
      out += paint.warning();
      out += padded;
      out += paint.off();
      append_printable(out, text, kLineCharacters);
      out += '\n';
    }
  };
  add("command", found.commands);
  add("host", found.hosts);
  add("URL", found.urls);
  add("path", found.paths);
}

void append_opcodes(std::string& out, const ExplainedPickle& pickle, Paint paint) {
  if (pickle.opcodes.empty()) return;
  append_dim_line(out, "opcodes:", paint);
  for (const ListedOpcode& row : pickle.opcodes) {
    const PickleReport& report = pickle.report;
    const auto finding = std::find_if(report.findings.begin(), report.findings.end(),
                                      [&](const PickleFinding& f) { return f.offset == row.offset && is_harmful(f); });
    const bool harmful = finding != report.findings.end();
    std::string place = std::to_string(row.offset), name(row.name);
    place.insert(0, place.size() < 6 ? 6 - place.size() : 0, ' ');
    if (!row.argument.empty()) pad(name, 16);
    out += kIndent;
    out += place + "  ";
    out += harmful ? paint.severity(Severity::kHigh) : std::string_view();
    out += name;
    if (!row.argument.empty()) append_printable(out += ' ', row.argument);
    if (harmful) {
      out += paint.off();
      out += paint.dim();
      append_printable(out += "  # ", comment_of(*finding), kNameCharacters);
      out += paint.off();
    }
    out += '\n';
  }
  if (pickle.opcodes_cut) append_dim_line(out, "  … only the first " + counted(pickle.opcodes.size(), "opcode"), paint);
}

std::string file_verdict(const ExplainedFile& file) {
  if (file.pickles == 0) return "not read";
  std::vector<std::string_view> rules;
  for (const auto& [rule, n] : file.rules) rules.push_back(rule);
  return std::string(verdict_word(rules));
}

/// The sentences in lines of kAdviceColumns, after an indent.
void append_wrapped(std::string& out, std::string_view text, std::string_view indent) {
  while (!text.empty()) {
    size_t end = text.size();
    if (end > kAdviceColumns - indent.size()) end = text.rfind(' ', kAdviceColumns - indent.size());
    if (end == std::string_view::npos) end = text.size();
    out += indent;
    out += text.substr(0, end);
    out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

void append_pickle(std::string& out, const ExplainedPickle& pickle, Paint paint) {
  append_verdict(out, pickle, paint);
  append_reasons(out, pickle, paint);
  append_annotated_program(out, pickle.report, paint);
  append_indicators(out, pickle.report.indicators, paint);
  const auto tells_end = [](const PickleFinding& finding) { return finding.rule == PickleRule::kMalformed; };
  const std::string end = end_sentence(pickle.report);
  const auto& findings = pickle.report.findings;
  if (!end.empty() && std::none_of(findings.begin(), findings.end(), tells_end)) append_dim_line(out, end, paint);
  if (!pickle.report.receivers.empty())
    append_dim_line(out, "loaded by: " + std::string(pickle.report.receivers), paint);
  if (pickle.report.truncated) append_dim_line(out, "cut: it has more than is listed here", paint);
  append_opcodes(out, pickle, paint);
}

void append_file_name(std::string& out, std::string_view name, Paint paint) {
  out += paint.bold();
  append_printable(out, name, kFileNameCharacters);
  out += paint.off();
  out += '\n';
}

void append_file_count(std::string& out, const ExplainedFile& file) {
  out += counted(file.pickles, "pickle");
  const char* before = ": ";
  for (const auto& [verdict, n] : file.verdict_count) {
    out += before + std::to_string(n) + " ";
    out += verdict;
    before = ", ";
  }
  out += '\n';
}

void append_file_table(std::string& out, std::span<const ExplainedFile> files, Paint paint) {
  out += '\n';
  out += paint.bold();
  out += "Files";
  out += paint.off();
  out += '\n';
  size_t widest = 0;
  for (const ExplainedFile& file : files) widest = std::max(widest, counted(file.pickles, "pickle").size());
  for (const ExplainedFile& file : files) {
    std::string verdict = file_verdict(file), pickles = counted(file.pickles, "pickle");
    pad(verdict, kIndent.size());
    pad(pickles, widest + 2);
    out += "  ";
    out += file.severity ? paint.severity(*file.severity) : file.pickles > 0 ? paint.good() : paint.warning();
    out += verdict;
    out += paint.off();
    out += pickles;
    append_printable(out, file.name, kFileNameCharacters);
    const char* before = "  ";
    for (const RuleAdvice& row : rule_advice()) {
      if (!file.rules.contains(row.rule)) continue;
      out += before;
      out += row.rule;
      before = ", ";
    }
    if (!file.error.empty()) append_printable(out += before, file.error, kLineCharacters);
    out += '\n';
  }
}

void append_advice(std::string& out, std::span<const ExplainedFile> files, Paint paint) {
  bool first = true;
  for (const RuleAdvice& row : rule_advice()) {
    const auto broke = [&](const ExplainedFile& file) { return file.rules.contains(row.rule); };
    if (std::none_of(files.begin(), files.end(), broke)) continue;
    if (first) {
      out += '\n';
      out += paint.bold();
      out += "What to do about it";
      out += paint.off();
      out += '\n';
    }
    first = false;
    out += "  ";
    out += paint.warning();
    out += row.rule;
    out += paint.off();
    out += '\n';
    append_wrapped(out, row.advice, "    ");
  }
}

}  // namespace pickletap
