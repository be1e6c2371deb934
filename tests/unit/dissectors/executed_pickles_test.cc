// The machine against pickles that real Pythons executed (tests/pickles/executed.jsonl, written by
// tests/pickles/make/run.py): each must raise a rule of severity 1, and what the machine says is resolved and called
// must be what CPython's C unpickler resolved and called. MANIFEST_TABLE=1 prints the recall by technique.
#include <boost/json.hpp>
#include <cstdlib>
#include <iostream>
#include <map>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

struct TracedCall {
  std::string callable;           ///< empty: an object without a name; "#3": the result of call 3
  std::vector<std::string> args;  ///< as Python literals; empty where the argument is no plain data
};

struct Executed {
  std::string id, pickle, by, effect, role;
  bool loads =
      false;  ///< the traced load reached STOP: the traces must be equal; else CPython's is the beginning of ours
  std::vector<std::string> globals;
  std::vector<TracedCall> calls;
  std::string technique() const { return id.substr(0, id.find('/')); }
};

std::string text_at(const boost::json::object& line, std::string_view key) {
  const auto* value = line.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

Executed parse(const std::string& text) {
  const boost::json::value parsed = boost::json::parse(text);
  const auto& line = parsed.as_object();
  Executed entry;
  entry.id = text_at(line, "id");
  entry.by = text_at(line, "by");
  entry.effect = text_at(line, "effect");
  entry.role = text_at(line, "role");
  entry.loads = text_at(line, "end") == "stop";
  entry.pickle = truth::from_base64(text_at(line, "pickle"));
  for (const auto& name : line.at("globals").as_array()) {
    if (name.as_string() != "persistent.load") entry.globals.emplace_back(name.as_string());
  }
  for (const auto& each : line.at("calls").as_array()) {
    const auto& pair = each.as_array();
    TracedCall call;
    if (pair.at(0).is_string()) call.callable = pair.at(0).as_string();
    for (const auto& argument : pair.at(1).as_array()) {
      call.args.emplace_back(argument.is_string() ? std::string(argument.as_string()) : std::string());
    }
    if (call.callable != "persistent.load") entry.calls.push_back(std::move(call));
  }
  return entry;
}

const std::vector<Executed>& executed() {
  static const auto& entries = []() -> const std::vector<Executed>& {
    static std::vector<Executed> all;
    std::ifstream in(std::string(PICKLETAP_SOURCE_DIR) + "/tests/pickles/executed.jsonl");
    for (std::string line; std::getline(in, line);) all.push_back(parse(line));
    return all;
  }();
  return entries;
}

/// The arguments of "('id', [1, 2], v3)", each as text.
std::vector<std::string> split_arguments(std::string_view text) {
  std::vector<std::string> parts;
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return parts;
  text = text.substr(1, text.size() - 2);
  std::string part;
  int depth = 0;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\' && i + 1 < text.size()) part.push_back(text[i++]);
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth == 0) {
      parts.push_back(std::exchange(part, {}));
      if (i + 1 < text.size() && text[i + 1] == ' ') ++i;
      continue;
    }
    part.push_back(text[i]);
  }
  if (!part.empty()) parts.push_back(part);
  return parts;
}

/// What differs, in words; empty when the machine's call is CPython's.
std::string difference(const TracedCall& truth, const PickleCall& ours) {
  const bool named = !truth.callable.empty() && truth.callable.front() != '#';
  // The result of a call has no name in CPython's trace; the machine names it where getattr and the like tell.
  if (named && truth.callable != ours.callable) return "calls " + truth.callable + ", not " + ours.callable;
  std::vector<std::string> args = split_arguments(ours.args);
  const bool cut = !args.empty() && args.back() == "…";  // the machine shows so many and no more
  if (cut) args.pop_back();
  if (cut ? args.size() > truth.args.size() : args.size() != truth.args.size()) {
    return truth.callable + ": " + std::to_string(truth.args.size()) + " arguments, not " + ours.args;
  }
  for (size_t i = 0; i < args.size(); ++i) {
    if (!truth.args[i].empty() && truth.args[i] != args[i])
      return truth.callable + ": " + truth.args[i] + ", not " + args[i];
  }
  return {};
}

/// Rules of severity 1 that the pickle itself can raise.
bool is_grave(const PickleFinding& finding) {
  return finding.rule == PickleRule::kCodeExecution || finding.rule == PickleRule::kResourceBomb;
}

// Where the machine does not say what CPython's trace says, and why.
struct Exception {
  std::string_view prefix, reason;
};
constexpr Exception kOtherTrace[] = {
    {"memo/names-long", "a text at a far memo index is not kept: the name is \"?\", and grave for that"},
    {"memo/py2-two-memos", "2.7 keeps two memos: the machine calls an entry in both \"?\""},
};

bool has_other_trace(const Executed& entry) {
  return std::any_of(std::begin(kOtherTrace), std::end(kOtherTrace),
                     [&](const Exception& each) { return entry.id.starts_with(each.prefix); });
}

// What no rule of severity 1 is raised for, and why not.
constexpr Exception kNotGrave[] = {
    {"callable/multiprocessing.managers.BaseProxy", "a proxy: every manager sends them, the address decides"},
    {"proxy/connects", "a proxy: every manager sends them, the address decides"},
    {"proxy/rebuild_connection", "a connection sent over a connection: the address decides"},
    {"proxy/rebuild_socket", "a socket sent over a connection: the address decides"},
    {"package/dateutil.tz.t", "time zones pickle so; it reads the file that it is given, and says nothing of it"},
    {"import-acts/user-module", "a name of a module of the application, whose import does something"},
};

bool may_pass(const Executed& entry) {
  return std::any_of(std::begin(kNotGrave), std::end(kNotGrave),
                     [&](const Exception& each) { return entry.id.starts_with(each.prefix); });
}

TEST(ExecutedPickles, AreThere) {
  EXPECT_GT(executed().size(), 1500u);
  std::map<std::string, int> techniques;
  for (const Executed& entry : executed()) ++techniques[entry.technique()];
  EXPECT_GT(techniques.size(), 25u);
}

TEST(ExecutedPickles, EachIsGrave) {
  std::map<std::string, std::pair<unsigned, unsigned>> table;
  for (const Executed& entry : executed()) {
    const truth::Reading reading(entry.pickle);
    const auto& findings = reading.report.findings;
    const bool caught = std::any_of(findings.begin(), findings.end(), is_grave);
    auto& [seen, all] = table[entry.technique()];
    ++all;
    if (caught) ++seen;
    EXPECT_TRUE(caught || may_pass(entry)) << entry.id << " (" << entry.effect << ", Python " << entry.by << ")\n"
                                           << truth::describe(reading.report);
  }
  if (std::getenv("MANIFEST_TABLE") == nullptr) return;
  for (const auto& [technique, counts] : table) {
    std::cout << technique << ' ' << counts.first << '/' << counts.second << '\n';
  }
}

TEST(ExecutedPickles, ResolveWhatCPythonResolves) {
  for (const Executed& entry : executed()) {
    if (has_other_trace(entry)) continue;
    std::vector<std::string> ours = truth::Reading(entry.pickle).report.globals;
    if (!entry.loads && ours.size() > entry.globals.size()) ours.resize(entry.globals.size());
    EXPECT_EQ(ours, entry.globals) << entry.id << " (Python " << entry.by << ")";
  }
}

TEST(ExecutedPickles, CallWhatCPythonCalls) {
  for (const Executed& entry : executed()) {
    if (has_other_trace(entry)) continue;
    const PickleReport report = truth::Reading(entry.pickle).report;
    const auto& ours = report.calls;
    if (report.truncated) continue;  // more calls than a report has room for
    if (entry.loads ? ours.size() != entry.calls.size() : ours.size() < entry.calls.size()) {
      ADD_FAILURE() << entry.id << " (Python " << entry.by << "): " << entry.calls.size() << " calls\n"
                    << truth::describe(report);
      continue;
    }
    for (size_t i = 0; i < entry.calls.size(); ++i) {
      EXPECT_EQ(difference(entry.calls[i], ours[i]), "") << entry.id << " call " << i << " (Python " << entry.by << ")";
    }
  }
}

TEST(ExecutedPickles, ReadTheSameByteByByte) {
  for (const Executed& entry : executed()) {
    std::vector<size_t> cuts;
    for (size_t at = 1; at < entry.pickle.size(); ++at) cuts.push_back(at);
    EXPECT_EQ(truth::describe(truth::Reading(entry.pickle, cuts).report),
              truth::describe(truth::Reading(entry.pickle).report))
        << entry.id;
  }
}

}  // namespace
}  // namespace pickletap
