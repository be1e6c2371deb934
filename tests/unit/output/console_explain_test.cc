#include "sensor/output/console_explain.h"

#include <gtest/gtest.h>

#include "sensor/detect/rule_catalog.h"
#include "sensor/output/rule_advice.h"
#include "tests/unit/output/sample_records.h"

namespace pickletap {
namespace {

std::string text_of(const ExplainedPickle& pickle, bool colours = false) {
  std::string out;
  append_pickle(out, pickle, Paint(colours));
  return out;
}

ExplainedPickle attack() {
  return {0, 57, Severity::kHigh, {"pickle.code-execution", "pickle.evasion"}, sample::alert().pickle, {}, false};
}

PickleFinding finding(PickleRule rule, std::string callable, uint64_t offset, std::string_view technique) {
  return {rule, std::move(callable), "a-category", "does harm", offset, {}, {}, technique, {}};
}

TEST(Explanation, GivesVerdictReasonAndProgram) {
  ExplainedPickle pickle = attack();
  pickle.report.findings[0].technique = "T1059.004";
  pickle.report.findings[0].how = "called by REDUCE";
  pickle.report.receivers = "Python 2.7 only";
  pickle.report.nested = 2;
  EXPECT_EQ(text_of(pickle),
            "DANGEROUS   pickle at byte 0, 57 bytes, protocol 4, severity high, loads pickles it holds, 2 deep\n"
            "            pickle.code-execution: posix.system runs a command, called by REDUCE (at 31)\n"
            "            pickle.evasion\n"
            "            as a program:\n"
            "              posix.system('touch /tmp/marker')  # command-execution, T1059.004, at 31\n"
            "            command  touch /tmp/marker\n"
            "            path     /tmp/marker\n"
            "            loaded by: Python 2.7 only\n");
}

TEST(Explanation, SaysHowAPickleEnds) {
  ExplainedPickle pickle;
  pickle.report.length = 9;
  pickle.report.end = PickleEnd::kTruncated;
  EXPECT_EQ(text_of(pickle),
            "harmless    pickle at byte 0, 0 bytes, protocol 0\n"
            "            ends before STOP, at 9; what stands before still runs\n");
  pickle.report.end = PickleEnd::kRefused;
  pickle.report.end_reason = "stack underflow";
  pickle.severity = Severity::kLow;
  pickle.rules = {"pickle.malformed"};
  pickle.report.findings = {{PickleRule::kMalformed, {}, {}, "stack underflow", 9, {}, {}, {}, {}}};
  EXPECT_EQ(
      text_of(pickle),
      "MALFORMED   pickle at byte 0, 0 bytes, protocol 0, severity low\n"
      "            pickle.malformed: the unpickler would raise here: stack underflow, at 9; what stands before still "
      "runs\n");
}

// By the offset of the call, else by name, and not by a part of a name; what is about no line stays with the reasons.
TEST(Explanation, MarksTheLinesThatFindingsAreAbout) {
  ExplainedPickle pickle;
  PickleReport& report = pickle.report;
  report.end = PickleEnd::kStop;
  report.calls = {{"f", "('posix.system')", "REDUCE", 10}, {"a\nb", "()", "REDUCE", 20}, {"f", "(2)", "REDUCE", 30}};
  report.calls_total = 3;
  report.program = "v0 = f('posix.systems')\nv0.__setstate__({})\na\nb()\nf(2)\nresult = [posix.system, v0]";
  report.findings = {finding(PickleRule::kCodeExecution, "f", 30, "T1"),
                     finding(PickleRule::kDangerousReference, "posix.system", 5, {}),
                     finding(PickleRule::kUnknownCall, "a\nb", 20, {}),
                     finding(PickleRule::kEvasion, "nowhere.named", 7, {})};
  const std::string text = text_of(pickle);
  EXPECT_EQ(text.substr(text.find("            as a program")),
            "            as a program:\n"
            "              v0 = f('posix.systems')\n"
            "              v0.__setstate__({})\n"
            "              a\\nb()  # a-category, at 20\n"
            "              f(2)  # a-category, T1, at 30\n"
            "              result = [posix.system, v0]  # a-category, at 5\n");
  const std::string coloured = text_of(pickle, true);
  EXPECT_NE(coloured.find("\x1b[1;31mf(2)\x1b[0m"), std::string::npos) << coloured;
  EXPECT_NE(coloured.find("\x1b[1;31mresult = "), std::string::npos) << coloured;
  EXPECT_NE(coloured.find("\x1b[36ma\\nb()"), std::string::npos) << "unknown is not harmful: " << coloured;
}

TEST(Explanation, ShowsHarmfulLinesOfALongProgram) {
  ExplainedPickle pickle;
  PickleReport& report = pickle.report;
  report.end = PickleEnd::kStop;
  for (size_t i = 0; i < 100; ++i) report.program += "f(" + std::to_string(i) + ")\n";
  report.program += "os.system('id')\nlast";
  report.calls_total = 2000;
  report.findings = {finding(PickleRule::kCodeExecution, "os.system", 30, {})};
  const std::string text = text_of(pickle);
  EXPECT_NE(text.find("              f(59)\n"
                      "              … 40 more lines\n"
                      "              os.system('id')  # a-category, at 30\n"
                      "              … 1 more line\n"
                      "              2,000 calls in all\n"),
            std::string::npos)
      << text;
}

TEST(Explanation, ListsOpcodesWithWhatTheyDo) {
  ExplainedPickle pickle = attack();
  pickle.opcodes = {{2, "SHORT_BINUNICODE", "'posix'"}, {31, "REDUCE", ""}};
  pickle.opcodes_cut = true;
  const std::string text = text_of(pickle);
  EXPECT_NE(text.find("            opcodes:\n"
                      "                 2  SHORT_BINUNICODE 'posix'\n"
                      "                31  REDUCE  # command-execution, at 31\n"
                      "              … only the first 2 opcodes\n"),
            std::string::npos)
      << text;
}

TEST(Explanation, EndsWithATableOfFilesAndAdvice) {
  const std::vector<ExplainedFile> files = {
      {"a.pkl", "", 1200, {{"pickle.malformed", 1}, {"pickle.code-execution", 2}}, {}, Severity::kHigh},
      {"b.pkl", "", 1, {}, {{"harmless", 1}}, std::nullopt},
      {"c", "not a pickle", 0, {}, {}, std::nullopt}};
  std::string out;
  append_file_table(out, files, Paint());
  EXPECT_EQ(out,
            "\nFiles\n"
            "  DANGEROUS   1,200 pickles  a.pkl  pickle.code-execution, pickle.malformed\n"
            "  harmless    1 pickle       b.pkl\n"
            "  not read    0 pickles      c  not a pickle\n");
  out.clear();
  append_advice(out, files, Paint());
  EXPECT_TRUE(out.starts_with("\nWhat to do about it\n  pickle.code-execution\n    Do not load it.")) << out;
  EXPECT_NE(out.find("\n  pickle.malformed\n"), std::string::npos);
  EXPECT_EQ(out.find("pickle.evasion"), std::string::npos) << "advice on what nobody broke";
  for (std::string_view rest = out; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    EXPECT_LE(rest.find('\n'), 96U) << rest.substr(0, rest.find('\n'));
  }
  out.clear();
  append_advice(out, {&files[1], 1}, Paint());
  EXPECT_EQ(out, "") << "nothing to do about harmless files";
  append_file_count(out, {"d", "", 3, {}, {{"DANGEROUS", 1}, {"harmless", 2}}, Severity::kHigh});
  EXPECT_EQ(out, "3 pickles: 1 DANGEROUS, 2 harmless\n");
}

TEST(RuleAdvice, KnowsEveryRuleAPickleCanBreak) {
  size_t pickle_rules = 0;
  for (const RuleInfo& rule : rule_catalog()) {
    if (!rule.name.starts_with("pickle.") || rule.name == "pickle.not-allowed") continue;
    ++pickle_rules;
    const auto rows = rule_advice();
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const RuleAdvice& a) { return a.rule == rule.name; });
    ASSERT_NE(row, rows.end()) << rule.name;
    EXPECT_FALSE(row->advice.empty());
  }
  EXPECT_EQ(rule_advice().size(), pickle_rules);
  EXPECT_EQ(verdict_word({}), "harmless");
  EXPECT_EQ(verdict_word({"pickle.malformed", "pickle.code-execution"}), "DANGEROUS");
  EXPECT_EQ(verdict_word({"pickle.malformed", "pickle.unknown-call"}), "UNKNOWN");
}

}  // namespace
}  // namespace pickletap
