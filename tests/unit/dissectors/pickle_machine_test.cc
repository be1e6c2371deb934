#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/machine_pool.h"

#include <gtest/gtest.h>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;
using truth::Reading;

/// "posix.system('id',) REDUCE@20; …"
std::string calls_of(const PickleReport& report) {
  std::string out;
  for (const PickleCall& call : report.calls) {
    if (!out.empty()) out += "; ";
    out += call.callable + call.args + " " + std::string(call.opcode) + "@" + std::to_string(call.offset);
  }
  return out;
}

std::string findings_of(const PickleReport& report) {
  std::string out;
  for (const PickleFinding& finding : report.findings) {
    if (!out.empty()) out += "; ";
    out += std::string(rule_name(finding.rule).substr(7)) + " " + finding.callable + " " +
           std::string(finding.category) + "@" + std::to_string(finding.offset);
  }
  return out;
}

std::string globals_of(const PickleReport& report) {
  std::string out;
  for (const std::string& name : report.globals) out += (out.empty() ? "" : " ") + name;
  return out;
}

TEST(PickleMachine, EveryCallOpcodeIsACall) {
  const struct {
    std::string pickle, want;
  } table[] = {
      {"cos\nsystem\n(S'id'\ntR.", "os.system('id',) REDUCE@19"},
      {"(S'id'\nios\nsystem\n.", "os.system('id',) INST@7"},
      {"(cos\nsystem\nS'id'\no.", "os.system('id',) OBJ@18"},
      {"cos\nsystem\n(S'id'\nt\x81.", "os.system('id',) NEWOBJ@19"},
      {"cos\nsystem\n(S'id'\nt}\x92.", "os.system('id',) NEWOBJ_EX@20"},
      {"cos\nsystem\n)}(S'env'\nNu\x92.", "os.system({'env': None},) NEWOBJ_EX@23"},
      {"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", "os.system('id',) REDUCE@20"},
  };
  for (const auto& row : table) {
    const Reading reading(row.pickle);
    EXPECT_EQ(calls_of(reading.report), row.want);
    EXPECT_EQ(globals_of(reading.report), "os.system");
    EXPECT_TRUE(reading.has(PickleRule::kCodeExecution)) << row.want;
    EXPECT_EQ(reading.report.end, PickleEnd::kStop);
    EXPECT_EQ(reading.report.length, row.pickle.size());
  }
}

TEST(PickleMachine, GlobalsAreNamedAsTheUnpicklerResolvesThem) {
  const struct {
    std::string pickle, want;
  } table[] = {
      {"c__builtin__\neval\n.", "builtins.eval"},
      {"\x80\x02"
       "c__builtin__\neval\n.",
       "builtins.eval"},
      {"\x80\x03"
       "c__builtin__\neval\n.",
       "__builtin__.eval"},
      {"\x80\x04"
       "c__builtin__\neval\n.",
       "__builtin__.eval"},
      {"ccommands\ngetoutput\n.", "subprocess.getoutput"},
      {"\x80\x03N0\x80\x02"
       "ccommands\ngetoutput\n.",
       "subprocess.getoutput"},
      {"cposix\nsystem\ncnt\nsystem\ncposix\nsystem\n000N.", "posix.system nt.system"},
      {"\x80\x04\x8c\x06shutil\x8c\tos.system\x93.", "shutil.os.system"},
      {"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94h\x00h\x01\x93."s, "os.system"},
      {"cdatetime\ndate\ncdatetime\ntime\n\x86.", "datetime.date datetime.time"},
  };
  for (const auto& row : table) EXPECT_EQ(globals_of(Reading(row.pickle).report), row.want);
}

TEST(PickleMachine, AttributesOfFetchedObjectsAreJudgedWhereTheyAreUsed) {
  const std::string getattr = "c__builtin__\ngetattr\n";
  const struct {
    std::string pickle, findings;
  } table[] = {
      {getattr + "(cos\npath\nS'join'\ntR.", "dangerous-reference os.path process-control@22"},
      {getattr + "(capp\ncore\nS'os.system'\ntR(S'id'\ntR.", "code-execution app.core.os.system command-execution@58"},
      {getattr + "(" + getattr + "(capp\ncore\nS'os'\ntRS'system'\ntR(S'id'\ntR.",
       "code-execution app.core.os.system command-execution@85"},
      {getattr + "(cdatetime\ndatetime\nS'now'\ntR.", ""},
      {getattr + "(S'text'\nS'upper'\ntR.", ""},
      {getattr + "(S'text'\nS'__class__'\ntR.", "code-execution builtins.getattr default-deny@51"},
      {getattr + "(capp\nfunction\nS'__globals__'\ntR.", "dangerous-reference app.function.__globals__ default-deny@"},
  };
  for (const auto& row : table) {
    const Reading reading(row.pickle);
    if (row.findings.empty()) {
      EXPECT_EQ(findings_of(reading.report), "") << row.pickle;
    } else {
      EXPECT_NE(findings_of(reading.report).find(row.findings.substr(0, row.findings.find('@'))), std::string::npos)
          << findings_of(reading.report) << "\nwanted " << row.findings;
    }
  }
}

TEST(PickleMachine, NamesThatCalculationsMakeAreTakenForTheWorst) {
  const std::string compute = "c_codecs\nencode\n(Vsystem\nVutf-8\ntR";
  const struct {
    std::string pickle;
  } table[] = {
      {"\x80\x04\x8c\x02os" + compute + "\x93\x8c\x02id\x85R."},
      {"\x80\x04" + compute + "\x8c\x06system\x93\x8c\x02id\x85R."},
      {"\x80\x04"
       "capp\nNAME\n\x8c\x06system\x93\x8c\x02id\x85R."},
      {"\x80\x04Pid\n\x8c\x06system\x93\x8c\x02id\x85R."},
      {"\x80\x04\x8c\x02os" + ("X" + "\x89\x13\0\0"s + std::string(5001, 'x')) + "\x93\x8c\x02id\x85R."},
  };
  for (const auto& row : table) {
    const Reading reading(row.pickle);
    EXPECT_NE(findings_of(reading.report).find("unresolved"), std::string::npos) << findings_of(reading.report);
    EXPECT_TRUE(reading.has(PickleRule::kCodeExecution));
  }
}

TEST(PickleMachine, StackIsJuggledAsTheUnpicklerDoes) {
  const struct {
    std::string pickle, want;
  } table[] = {
      {"cos\nsystem\n2S'id'\n\x85R.", "os.system('id',) REDUCE@19"},
      {"cos\nsystem\nNN00S'id'\n\x85R.", "os.system('id',) REDUCE@22"},
      {"cos\nsystem\n(NNN1S'id'\n\x85R.", "os.system('id',) REDUCE@23"},
      {"cos\nsystem\n(0S'id'\n\x85R.", "os.system('id',) REDUCE@20"},  // POP takes the MARK away
      {"cos\nsystem\nS'id'\n\x85R0N.", "os.system('id',) REDUCE@18"},
      {"(cos\nsystem\nS'id'\n\x85R1N.", "os.system('id',) REDUCE@19"},
      {"cos\nsystem\np0\n0S'id'\np1\n0g0\n(g1\ntR.", "os.system('id',) REDUCE@33"},
      {"](cos\nsystem\nS'id'\n\x85Re.", "os.system('id',) REDUCE@20"},
      {"cos\nsystem\n(S'a'\nI1\nF2.5\nNI01\n(lp0\n(dtR.", "os.system('a', 1, 2.5, None, True, [], {}) REDUCE@38"},
  };
  for (const auto& row : table) EXPECT_EQ(calls_of(Reading(row.pickle).report), row.want);
}

TEST(PickleMachine, EndsSayWhy) {
  const struct {
    std::string pickle;
    PickleEnd end;
    std::string_view reason;
    uint64_t length, trailing;
  } table[] = {
      {"N.", PickleEnd::kStop, "", 2, 0},
      {"N.rest", PickleEnd::kStop, "", 2, 4},
      {"", PickleEnd::kTruncated, "ends before STOP", 0, 0},
      {"N", PickleEnd::kTruncated, "ends before STOP", 1, 0},
      {"X\x05", PickleEnd::kTruncated, "ends before STOP", 2, 0},
      {".", PickleEnd::kRefused, "stack underflow", 1, 0},
      {"0.", PickleEnd::kRefused, "stack underflow", 1, 1},
      {"N\xff..", PickleEnd::kRefused, "unknown opcode", 1, 3},
      {"\x80\x06N.", PickleEnd::kRefused, "unsupported pickle protocol", 2, 2},
      {"h\x05N.", PickleEnd::kRefused, "memo value not found", 2, 2},
      {"gx\nN.", PickleEnd::kRefused, "memo index is no number", 3, 2},
      {"gx", PickleEnd::kTruncated, "ends before STOP", 2, 0},
      {"t.", PickleEnd::kRefused, "could not find MARK", 1, 1},
      {"(.", PickleEnd::kRefused, "unexpected MARK", 2, 0},
      {"N(.", PickleEnd::kRefused, "unexpected MARK", 3, 0},
      {"(Nd.", PickleEnd::kRefused, "odd number of items for DICT", 4, 0},
      {"Sx\n.", PickleEnd::kRefused, "the STRING opcode argument must be quoted", 3, 1},
      {"Ix\n.", PickleEnd::kRefused, "could not convert string to int", 3, 1},
      {"Fx\n.", PickleEnd::kRefused, "could not convert string to float", 3, 1},
      {"KaNN\x93.", PickleEnd::kRefused, "STACK_GLOBAL requires str", 5, 1},
      {"(o.", PickleEnd::kRefused, "stack underflow", 2, 1},
      {"T\xff\xff\xff\xff.", PickleEnd::kRefused, "negative byte count", 0, 6},
      {"\x80\x04\x95\xff\0\0\0\0\0\0\0N."s, PickleEnd::kRefused, "FRAME beyond the end", 13, 0},
      {"\x80\x04\x95\x02\0\0\0\0\0\0\0N."s, PickleEnd::kStop, "", 13, 0},
  };
  for (const auto& row : table) {
    const Reading reading(row.pickle);
    EXPECT_EQ(reading.report.end, row.end) << row.pickle;
    EXPECT_EQ(reading.report.end_reason, row.reason) << row.pickle;
    EXPECT_EQ(reading.report.length, row.length) << row.pickle;
    EXPECT_EQ(reading.report.trailing_bytes, row.trailing) << row.pickle;
  }
}

TEST(PickleMachine, WhatIsUnknownOrWrittenIntoIsFound) {
  const struct {
    std::string pickle, want;
  } table[] = {
      {"capp\nCls\n.", ""},
      {"capp\nCls\n)R.", "unknown-call app.Cls @10"},
      {"\x80\x02"
       "capp\nCls\n)\x81.",
       "unknown-call app.Cls @12"},
      {"capp\nCls\n)R)R.", "unknown-call app.Cls @10; unknown-call app.Cls() @12"},
      {"\x80\x02\x82\x07)R.", "unknown-call copyreg._inverted_registry[7] @5"},
      {"Pid\n)R.", "unknown-call persistent_load() @5"},
      {"cos\nsystem\n.", "dangerous-reference os.system command-execution@0"},
      {"cmarshal\nloads\n.", "code-object marshal.loads code-object@0"},
      {"capp\nCONFIG\n(S'debug'\nI01\nu.", "code-execution app.CONFIG object-tampering@26"},
      {"capp\nCONFIG\nS'debug'\nI01\ns.", "code-execution app.CONFIG object-tampering@25"},
      {"capp\nLIST\nNa.", "code-execution app.LIST object-tampering@11"},
      {"capp\nLIST\n(Ne.", "code-execution app.LIST object-tampering@12"},
      {"capp\nSET\n(N\x90.", "code-execution app.SET object-tampering@11"},
      {"capp\nCls\n}b.", "code-execution app.Cls object-tampering@10"},
      {"cdatetime\nnothing_there\n)R.", "code-execution datetime.nothing_there default-deny@25"},
      {"cdatetime\ndate\n(I1\ntR.", ""},
  };
  for (const auto& row : table) EXPECT_EQ(findings_of(Reading(row.pickle).report), row.want) << row.pickle;
}

// What a pickle gives for arguments may be anything; it must not be read as what it is not (seen by the sanitizers).
TEST(PickleMachine, ArgumentsThatAreNoTupleAreNotReadAsOne) {
  const std::string text = "X" + "\0\x10\0\0"s + std::string(4096, '\x0b');
  for (const std::string callee :
       {"coperator\nitemgetter\n", "coperator\ngetitem\n", "c__builtin__\ngetattr\n", "cfunctools\nreduce\n",
        "ccopy_reg\n_reconstructor\n", "c_codecs\nencode\n", "cmultiprocessing.managers\nRebuildProxy\n",
        "cos\nsystem\n", "c__builtin__\ntype\n"}) {
    for (const std::string& args :
         {text, "K\x05"s, "cos\nsystem\n"s, "N"s, "\x89"s, "F1.5\n"s, "(l"s, "}"s, "(I1\nR"s}) {
      for (const char op : {'R', '\x81'}) {
        const Reading reading(text + callee + args + op + "0.");
        EXPECT_LE(reading.report.findings.size(), PickleReport::kMaxFindings);
      }
      const Reading keywords(text + callee + ")" + args + "\x92.");
      EXPECT_LE(keywords.report.calls.size(), PickleReport::kMaxCalls);
      const Reading write(text + args + "Na" + args + "(NNu" + args + args + "b.");
      EXPECT_LE(write.report.calls.size(), PickleReport::kMaxCalls);
    }
  }
}

// The class that _reconstructor gets for a base is called with the state (Lib/copyreg.py).
TEST(PickleMachine, ClassesAndFunctionsInArgumentsAreJudgedAsTheyAreUsed) {
  const std::string reconstruct = "ccopy_reg\n_reconstructor\n(";
  const std::string object = "c__builtin__\nobject\n";
  const std::string popen = "csubprocess\nPopen\n";
  const std::string message = "cemail.message\nMessage\n";  // harmless when built without __init__
  const std::string proxy = "cmultiprocessing.managers\nRebuildProxy\n(";
  const std::string dict_proxy = "cmultiprocessing.managers\nDictProxy\n";
  const struct {
    const char* story;
    std::string pickle;
    std::string_view want;
  } table[] = {
      {"a command by its base", reconstruct + popen + popen + "(S'id'\nltR.", "code-execution subprocess.Popen"},
      {"a dangerous class, not called", reconstruct + popen + object + "NtR.", "code-execution subprocess.Popen"},
      {"a class of the user's", reconstruct + "capp\nCls\n" + object + "NtR.", "unknown-call app.Cls"},
      {"an unknown base", reconstruct + "capp\nCls\ncapp\nBase\nS'x'\ntR.", "unknown-call app.Cls"},
      {"built without __init__", reconstruct + message + object + "NtR.", ""},
      {"its __init__ is called", reconstruct + message + message + "S'x'\ntR.", "code-execution email.message.Message"},
      {"a list of the user's", reconstruct + "cdatetime\ndate\nc__builtin__\nlist\n(ltR.", ""},
      {"a function for a class", reconstruct + "cos.path\njoin\n" + object + "NtR.", "code-execution os.path.join"},
      {"many bases", "cemail.headerregistry\n_reconstruct_header\n(S'x'\n(" + popen + "tS'id'\ntR.",
       "code-execution subprocess.Popen"},
      {"mapped", "c__builtin__\nmap\n(ccopy_reg\n_reconstructor\n(l(l(ltR.", "code-execution builtins.map"},
      {"a proxy", proxy + dict_proxy + "NS'pickle'\n}tR.", ""},
      {"a proxy of the user's", proxy + "capp\nMyProxy\nNS'pickle'\n}tR.", "unknown-call app.MyProxy"},
      {"a function for a proxy", proxy + "cos\nsystem\nS'id'\nS'pickle'\n}tR.", "code-execution os.system"},
      {"arguments that were computed", "c__builtin__\niter\nc__builtin__\ntuple\n((ltR}\x92.",
       "code-execution builtins.iter"},
  };
  for (const auto& row : table) {
    const Reading reading(row.pickle);
    const std::string found = findings_of(reading.report);
    if (row.want.empty()) {
      EXPECT_EQ(found, "") << row.story;
    } else {
      EXPECT_TRUE(found.starts_with(row.want)) << row.story << ": " << found;
    }
  }
}

TEST(PickleMachine, ArgumentsThatWereComputedAreTakenForTheWorst) {
  const std::string computed = "c__builtin__\ntuple\n((lp0\ntR";
  for (const std::string callee : {"c__builtin__\ngetattr\n", "cfunctools\nreduce\n", "ccopy_reg\n_reconstructor\n",
                                   "c_codecs\nencode\n", "c__builtin__\niter\n", "coperator\ngetitem\n"}) {
    const Reading reading(callee + computed + "R.");
    EXPECT_TRUE(reading.has(PickleRule::kCodeExecution)) << callee << truth::describe(reading.report);
  }
}

TEST(PickleMachine, GapEndsTheReadingAndKeepsWhatWasSeen) {
  DissectorLimits limits;
  PickleMachine machine(truth::builtin_policy(), limits);
  machine.begin(1000);
  machine.feed(truth::bytes_of("cos\nsystem\n(S'id'\ntR"));
  machine.gap(500);
  machine.feed(truth::bytes_of("capp\nCls\n)R."));
  machine.finish();
  const PickleReport report = machine.report(true);
  EXPECT_EQ(report.end, PickleEnd::kGap);
  EXPECT_EQ(globals_of(report), "os.system");
  EXPECT_EQ(report.findings.size(), 1U);
}

TEST(PickleMachine, HarmlessReportIsEmptyUnlessAskedInFull) {
  DissectorLimits limits;
  PickleMachine machine(truth::builtin_policy(), limits);
  const auto read = [&](std::string_view pickle, bool in_full) {
    machine.begin(pickle.size());
    machine.feed(truth::bytes_of(pickle));
    machine.finish();
    return machine.report(in_full);
  };
  EXPECT_TRUE(read("cdatetime\ndate\n(I1\ntR.", false).globals.empty());
  EXPECT_FALSE(read("cdatetime\ndate\n(I1\ntR.", true).globals.empty());
  EXPECT_FALSE(read("cos\nsystem\n(S'id'\ntR.", false).globals.empty());
  EXPECT_TRUE(read("N.", true).findings.empty());  // nothing of the last one is left
}

TEST(PickleMachine, PoolGivesMachinesBack) {
  DissectorLimits limits;
  PickleMachinePool pool(truth::builtin_policy(), limits);
  auto machine = pool.acquire();
  PickleMachine* const first = machine.get();
  pool.release(std::move(machine));
  EXPECT_EQ(pool.acquire().get(), first);
  pool.release(nullptr);
}

}  // namespace
}  // namespace pickletap
