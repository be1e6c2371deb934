// The command line: what a user did wrong is one sentence on standard error and an exit code, with nothing of it on
// standard output; and what the commands beside `replay` and `explain` print.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/replay/captures.h"
#include "tests/replay/pickles.h"

namespace pickletap::test {
namespace {

const std::string kPlain = capture_path("no-key-27.pcap");          // raises one alert, of medium severity
const std::string kLow = capture_path("plain-keyed-s36-c36.pcap");  // one, of low severity
const std::string kAttack = capture_path("attack-ipv6.pcap");       // one of high severity

// ---- Mistakes -------------------------------------------------------------------------------------------------------

struct Mistake {
  const char* name;
  Arguments arguments;  ///< "@" is the folder with the files below
  int exit_code;
  std::vector<std::string> says;
  bool reports = false;  ///< what could be read is on standard output
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

const std::vector<Mistake>& mistakes() {
  static const std::vector<Mistake> all = {
      // Usage
      {"NoCommand", {}, 2, {"subcommand", "--help"}},
      {"UnknownCommand", {"reply", kPlain}, 2, {"no command 'reply'", "did you mean replay?"}},
      {"UnknownCommandNearNone", {"frobnicate"}, 2, {"no command 'frobnicate' (see"}},
      {"UnknownOption", {"replay", "--colour", kPlain}, 2, {"--colour"}},
      {"MisspeltOption", {"replay", "--fail-no", "high", kPlain}, 2, {"--fail-no", "did you mean --fail-on?"}},
      {"MisspeltOptionWithValue", {"run", "--worker=2"}, 2, {"--worker", "did you mean --workers?"}},
      {"JsonWithoutDump", {"check-config", "--json"}, 2, {"--json", "--dump"}},
      {"SetWithoutValue", {"replay", kPlain, "--set", "limits.flows"}, 2, {"--set limits.flows: expected KEY=VALUE"}},
      {"SetUnknownKey", {"explain", "--set", "limits.flow=1", "@/good.pkl"}, 2, {"--set limits.flow: no such key"}},
      {"SetWrongValue", {"check-config", "--set", "limits.flows=x"}, 2, {"--set limits.flows: expected a whole"}},
      {"RunWithoutInterface", {"run", "-c", "@/nothing.yaml"}, 2, {"no interface to capture on (-i IFACE, or "}},
      {"UnknownOptionBeforeTheCommand", {"--colour", "replay", kPlain}, 2, {"--colour"}},
      {"ReplayWithoutFile", {"replay"}, 2, {"FILE"}},
      {"ExplainWithoutFile", {"explain"}, 2, {"FILE"}},
      {"FailOnUnknownWord", {"replay", "--fail-on", "severe", kPlain}, 2, {"--fail-on", "severe", "high"}},
      {"ExplainFailOnUnknownWord", {"explain", "--fail-on", "1", "@/good.pkl"}, 2, {"--fail-on", "1"}},
      {"FailOnWithoutWord", {"replay", kPlain, "--fail-on"}, 2, {"--fail-on"}},
      {"ArgumentTooMany", {"rules", "all"}, 2, {"all"}},
      {"BadFilter", {"replay", "--json", "-f", "prot 80", kPlain}, 2, {"filter", "prot 80"}},
      // Configuration
      {"MissingConfig", {"replay", "-c", "@/none.yaml", kPlain}, 2, {"@/none.yaml: ", "No such file"}},
      {"ConfigIsAFolder", {"replay", "-c", "@", kPlain}, 2, {"@: ", "directory"}},
      {"ConfigUnknownKey", {"replay", "-c", "@/key.yaml", kPlain}, 2, {"@/key.yaml:2: limits.flws: ", "limits.flows"}},
      {"ConfigWrongType", {"replay", "-c", "@/type.yaml", kPlain}, 2, {"@/type.yaml:3: limits.flows: ", "many"}},
      {"ConfigOutOfRange", {"explain", "-c", "@/range.yaml", "@/good.pkl"}, 2, {"@/range.yaml:1: limits.memory: "}},
      {"ConfigNoYaml", {"replay", "-c", "@/broken.yaml", kPlain}, 2, {"@/broken.yaml:", "not YAML"}},
      {"ConfigUnknownRule", {"check-config", "@/rule.yaml"}, 2, {"@/rule.yaml:2: rules.pickle.code-exec: "}},
      {"CheckConfigMissing", {"check-config", "@/none.yaml"}, 2, {"@/none.yaml: "}},
      {"CheckConfigWrong", {"check-config", "@/type.yaml"}, 2, {"@/type.yaml:3: limits.flows: "}},
      {"PolicyError", {"replay", "-c", "@/policy.yaml", kPlain}, 2, {"@/bad-policy.yaml:2: ", "no-such-category"}},
      {"PolicyErrorInCheck", {"check-config", "@/policy.yaml"}, 2, {"@/bad-policy.yaml:2: "}},
      {"PolicyErrorInExplain", {"explain", "-c", "@/policy.yaml", "@/good.pkl"}, 2, {"@/bad-policy.yaml:2: "}},
      {"PolicyMissing", {"check-config", "@/policy-missing.yaml"}, 2, {"@/none.yaml: "}},
      // Captures
      {"MissingCapture", {"replay", "--json", "@/none.pcap"}, 1, {"@/none.pcap: No such file"}, true},
      {"EmptyCapture", {"replay", "--json", "@/empty"}, 1, {"@/empty: ", "empty"}, true},
      {"NotACapture", {"replay", "--json", "@/key.yaml"}, 1, {"@/key.yaml: not a capture"}, true},
      {"FolderWithoutCaptures", {"replay", "--json", "@/sub"}, 1, {"@/sub: no captures"}, true},
      {"HeaderCutShort", {"replay", "--json", "@/header.pcap"}, 1, {"@/header.pcap: "}, true},
      {"CutShort", {"replay", "--json", "@/cut.pcap"}, 1, {"@/cut.pcap: ", "truncated"}, true},
      {"EmptyStandardInput", {"replay", "--json", "-"}, 1, {"empty"}, true},
      {"OneOfTwoMissing", {"replay", "--json", "@/none.pcap", kPlain}, 1, {"@/none.pcap: No such file"}, true},
      // Outputs
      {"OutputInNoFolder", {"replay", "--json", "-o", "@/no/x.json", kPlain}, 1, {"@/no/x.json: cannot write"}, true},
      {"OutputIsAFolder", {"replay", "--json", "-o", "@", kPlain}, 1, {"@: cannot write"}, true},
      {"OutputFull", {"replay", "--json", "-o", "/dev/full", kPlain}, 1, {"/dev/full: cannot write"}, true},
      // Pickles
      {"NotAPickle", {"explain", "@/key.yaml"}, 1, {"@/key.yaml: not a pickle"}},
      {"EmptyPickle", {"explain", "--json", "@/empty"}, 1, {"@/empty: empty"}},
      {"MissingPickle", {"explain", "@/none.pkl"}, 1, {"@/none.pkl: No such file"}},
      {"PickleIsAFolder", {"explain", "@"}, 1, {"@: Is a directory"}},
  };
  return all;
}

void write_files(const TempFolder& folder) {
  const std::string bytes = read_bytes(kPlain);
  std::filesystem::create_directory(folder.path("sub"));
  folder.write("sub/notes.txt", "no capture\n");
  folder.write("key.yaml", "limits:\n  flws: 3\n");
  folder.write("type.yaml", "limits:\n  memory: 1GiB\n  flows: many\n");
  folder.write("range.yaml", "limits: {memory: 1KiB}\n");
  folder.write("broken.yaml", "limits:\n  flows: [1\n");
  folder.write("rule.yaml", "rules:\n  pickle.code-exec: {enabled: false}\n");
  folder.write("policy.yaml", "policy: {dangerous: bad-policy.yaml}\n");
  folder.write("bad-policy.yaml", "callables:\n  no-such-category: [a.b]\n");
  folder.write("policy-missing.yaml", "policy: {safe: [none.yaml]}\n");
  folder.write("nothing.yaml", "");
  folder.write("empty", "");
  folder.write("header.pcap", bytes.substr(0, 20));
  folder.write("cut.pcap", bytes.substr(0, bytes.size() - 10));
  folder.write("good.pkl", kHarmlessPickle);
}

std::string in_folder(std::string text, const TempFolder& folder) {
  if (text.starts_with('@')) text.replace(0, 1, folder.path());
  return text;
}

class CommandLine : public testing::TestWithParam<Mistake> {};

TEST_P(CommandLine, SaysWhatIsWrong) {
  const Mistake& mistake = GetParam();
  const TempFolder folder;
  write_files(folder);
  Arguments arguments;
  for (const std::string& word : mistake.arguments) arguments.push_back(in_folder(word, folder));
  const Finished result = pickletap(arguments);
  EXPECT_EQ(result.exit_code, mistake.exit_code);
  for (const std::string& part : mistake.says) {
    EXPECT_NE(result.err.find(in_folder(part, folder)), std::string::npos) << "not said: " << part << "\n"
                                                                           << result.err;
  }
  EXPECT_TRUE(result.err.starts_with("pickletap: ")) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << "one line: " << result.err;
  EXPECT_EQ(result.err.find('\x1b'), std::string::npos) << "no colours where there is no terminal";
  if (!mistake.reports) {
    EXPECT_EQ(result.out, "");
  } else {
    const std::vector<Event> events = events_of(result.out);
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(text_at(events.back(), {"event_type"}), "stats");
  }
}

INSTANTIATE_TEST_SUITE_P(Mistakes, CommandLine, testing::ValuesIn(mistakes()),
                         [](const auto& mistake) { return std::string(mistake.param.name); });

TEST(Cli, RefusesCompressedCapturesByNameOrReadsThem) {
  if (run({"gzip", "--version"}).exit_code != 0) GTEST_SKIP() << "no gzip";
  const TempFolder folder;
  RunOptions options;
  options.stdout_file = folder.path("a.pcap");  // told by content, not by name
  ASSERT_EQ(run({"gzip", "-c", kPlain}, options).exit_code, 0);
  const Finished result = pickletap({"replay", "--json", options.stdout_file});
  if (result.exit_code == 0) {
    EXPECT_EQ(events_of_type(events_of(result.out), "alert").size(), 1U);
  } else {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find("gzip"), std::string::npos) << result.err;
  }
}

TEST(Cli, ReportsWhatItCouldReadBesideAMissingFile) {
  const Finished result = pickletap({"replay", "--json", "/nonexistent/a.pcap", kPlain, "/nonexistent/b.pcap"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(events_of_type(events_of(result.out), "alert").size(), 1U);
  for (const char* name : {"/nonexistent/a.pcap", "/nonexistent/b.pcap"}) {
    EXPECT_NE(result.err.find(name), std::string::npos) << result.err;
  }
}

TEST(Cli, FailsWhenStandardOutputIsFull) {
  const TempFolder folder;
  const std::string pickle = folder.write("a.pkl", kSystemPickle);
  RunOptions full;
  full.stdout_file = "/dev/full";
  for (const Arguments& arguments : {Arguments{"replay", kPlain},
                                     {"replay", "--json", kPlain},
                                     {"replay", "-q", kPlain},
                                     {"explain", pickle},
                                     {"explain", "--json", pickle},
                                     {"rules"},
                                     {"rules", "--json"},
                                     {"check-config", source_path("config/pickletap.yaml")},
                                     {"check-config", "--dump", source_path("config/pickletap.yaml")}}) {
    const Finished result = pickletap(arguments, full);
    EXPECT_EQ(result.exit_code, 1) << shown(arguments);
    EXPECT_NE(result.err.find("No space left"), std::string::npos) << shown(arguments) << ": " << result.err;
  }
}

// ---- Exit codes -----------------------------------------------------------------------------------------------------

TEST(Cli, FailOnDecidesBetween0And3) {
  const struct {
    std::string file, severity;
    int want;
  } cases[] = {{kLow, "high", 0},     {kLow, "medium", 0},
               {kLow, "low", 3},      {kPlain, "high", 0},
               {kPlain, "medium", 3}, {kPlain, "low", 3},
               {kAttack, "high", 3},  {kAttack, "medium", 3},
               {kAttack, "low", 3},   {capture_path("not-ours-tls.pcap"), "low", 0}};
  for (const auto& [file, severity, want] : cases) {
    for (const char* output : {"--json", "-q"}) {
      EXPECT_EQ(pickletap({"replay", output, "--fail-on", severity, file}).exit_code, want) << file << " " << severity;
    }
  }
  EXPECT_EQ(pickletap({"replay", "--fail-on=low", "/nonexistent", kAttack}).exit_code, 1) << "a failure goes first";
}

TEST(Cli, FailOnTakesTheConfiguredSeverity) {
  const TempFolder folder;
  const std::string raised = folder.write("up.yaml", "rules: {auth.legacy-digest: {severity: high}}\n");
  EXPECT_EQ(pickletap({"replay", "-q", "--fail-on", "high", "-c", raised, kLow}).exit_code, 3);
  const std::string off = folder.write("off.yaml", "rules: {auth.legacy-digest: {enabled: false}}\n");
  EXPECT_EQ(pickletap({"replay", "-q", "--fail-on", "low", "-c", off, kLow}).exit_code, 0);
}

// ---- What is printed ------------------------------------------------------------------------------------------------

TEST(Cli, HelpAndVersion) {
  for (const Arguments& arguments : {Arguments{"--help"},
                                     {"-h"},
                                     {"replay", "--help"},
                                     {"explain", "-h"},
                                     {"run", "--help"},
                                     {"rules", "--help"},
                                     {"check-config", "--help"}}) {
    const Finished result = pickletap(arguments);
    EXPECT_EQ(result.exit_code, 0) << shown(arguments);
    EXPECT_EQ(result.err, "") << shown(arguments);
    EXPECT_NE(result.out.find("--help"), std::string::npos) << shown(arguments);
  }
  const Finished version = pickletap({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(version.out.starts_with("pickletap 0.")) << version.out;
  for (const char* command : {"run", "replay", "explain", "rules", "check-config"}) {
    EXPECT_NE(pickletap({"--help"}).out.find(command), std::string::npos) << command;
  }
}

TEST(Cli, ListsEveryRuleThatACaptureRaises) {
  const std::string table = pickletap({"rules"}).out;
  std::set<std::string> listed;
  for (const Event& rule : events_of(pickletap({"rules", "--json"}).out)) listed.insert(text_at(rule, {"rule"}));
  for (const Capture& capture : manifest()) {
    for (const ExpectedAlert& alert : capture.alerts) {
      EXPECT_TRUE(listed.contains(alert.rule)) << alert.rule << " of " << capture.file;
      EXPECT_NE(table.find(" " + alert.rule + " "), std::string::npos) << alert.rule << " of " << capture.file;
    }
  }
}

TEST(Cli, TheShippedConfigurationIsValidAndChangesNothing) {
  const std::string shipped = source_path("config/pickletap.yaml");
  const Finished result = pickletap({"check-config", shipped});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, shipped + ": valid\n");
  EXPECT_EQ(result.err, "");
  const TempFolder folder;
  const std::string empty = folder.write("empty.yaml", "");
  EXPECT_EQ(pickletap({"replay", "-c", shipped, kAttack}).out, pickletap({"replay", "-c", empty, kAttack}).out);
}

TEST(Cli, NoEscapeCodesWhereThereIsNoTerminal) {
  const TempFolder folder;
  const std::string pickle = folder.write("a.pkl", kHostilePickle);
  RunOptions colourful;
  colourful.environment = {{"TERM", "xterm-256color"}, {"COLORTERM", "truecolor"}};
  for (const Arguments& arguments : {Arguments{"replay", source_path("pcaps")},
                                     {"replay", "-v", kAttack, "/nonexistent"},
                                     {"explain", pickle},
                                     {"rules"},
                                     {"--help"},
                                     {"replay", "/nonexistent\x1b[31m.pcap"},
                                     {"check-config", "/nonexistent\x1b[31m"}}) {
    const Finished result = pickletap(arguments, colourful);
    EXPECT_EQ((result.out + result.err).find('\x1b'), std::string::npos) << shown(arguments);
    EXPECT_EQ((result.out + result.err).find('\r'), std::string::npos) << shown(arguments) << ": progress";
  }
}

TEST(Cli, QuietPrintsAlertsAndNoSummary) {
  const Finished loud = pickletap({"replay", kPlain}), quiet = pickletap({"replay", "-q", kPlain});
  for (const char* part : {"Summary", "Listeners"}) {
    EXPECT_NE(loud.out.find(part), std::string::npos) << part;
    EXPECT_EQ(quiet.out.find(part), std::string::npos) << part;
  }
  EXPECT_NE(quiet.out.find("exposure.unauthenticated"), std::string::npos);
  EXPECT_EQ(pickletap({"replay", "-q", capture_path("not-ours-tls.pcap")}).out, "");
  EXPECT_EQ(quiet.err + loud.err, "");
}

}  // namespace
}  // namespace pickletap::test
