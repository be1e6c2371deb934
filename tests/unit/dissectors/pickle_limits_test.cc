// The bounds of the pickle machine: a pickle of any size and depth takes no more memory than DissectorLimits say, is
// read to its end, and what it calls behind all that is still found. And large pickles of ordinary programs stay harmless.
#include <gtest/gtest.h>

#include <functional>

#include "dissectors/pickle/pickle_machine.h"
#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;

constexpr std::string_view kAttack = "cos\nsystem\nS'id'\n\x85R";

std::string binunicode(std::string_view text) {
  std::string out = "X";
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(text.size() >> shift & 0xff));
  return out.append(text);
}
std::string long_binget(uint32_t index) {
  std::string out = "j";
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(index >> shift & 0xff));
  return out;
}

/// A machine fed piece by piece, with a look at its memory all the time.
struct LongReading {
  LongReading() : machine(truth::builtin_policy(), limits) { machine.begin(uint64_t{1} << 40); }
  void feed(std::string_view piece, uint64_t times = 1) {
    // In chunks of some size: millions of calls with one byte are not the matter here.
    std::string chunk;
    const uint64_t at_once = std::max<uint64_t>(1, 65536 / std::max<size_t>(piece.size(), 1));
    for (uint64_t i = 0; i < std::min(times, at_once); ++i) chunk += piece;
    for (; times >= at_once; times -= at_once) {
      machine.feed(truth::bytes_of(chunk));
      ASSERT_LE(machine.store().memory_bytes(), 2 * limits.pickle_text_bytes);
    }
    for (; times > 0; --times) machine.feed(truth::bytes_of(piece));
  }
  PickleReport finish() {
    machine.finish();
    return machine.report(true);
  }
  DissectorLimits limits;
  PickleMachine machine;
};

bool has_code_execution(const PickleReport& report) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [](const auto& f) { return f.rule == PickleRule::kCodeExecution; });
}

TEST(PickleLimits, CallsBehindAnyAmountAreFound) {
  const struct {
    const char* story;
    std::function<void(LongReading&)> feed;
  } table[] = {
      {"ten million MARKs", [](LongReading& r) { r.feed("(", 10'000'000); }},
      {"a million MARKs with values", [](LongReading& r) { r.feed("(N", 1'000'000); }},
      {"and unwound",
       [](LongReading& r) {
         r.feed("(N", 1'000'000);
         r.feed("1", 999'990);
       }},
      {"nested tuples",
       [](LongReading& r) {
         r.feed("(K\x01", 200'000);
         r.feed("t", 200'000);
       }},
      {"a tuple of five million",
       [](LongReading& r) {
         r.feed("(");
         r.feed("K\x07", 5'000'000);
         r.feed("t");
       }},
      {"a list of five million",
       [](LongReading& r) {
         r.feed("](");
         r.feed("M\x07\x07", 5'000'000);
         r.feed("e");
       }},
      {"a dict of a million",
       [](LongReading& r) {
         r.feed("}");
         r.feed("K\x01Ns", 1'000'000);
       }},
      {"five million values and no MARK", [](LongReading& r) { r.feed("N", 5'000'000); }},
      {"five million memo entries",
       [](LongReading& r) {
         r.feed(
             "N\x94"
             "0",
             5'000'000);
       }},
      {"a far memo index",
       [](LongReading& r) {
         r.feed(
             "Nr\xff\xff\xff\xff"
             "0");
       }},
      {"a text of 100 MB",
       [](LongReading& r) {
         r.feed("X\x00\xe1\xf5\x05"s);
         r.feed(std::string(100, 'x'), 1'000'000);
       }},
      {"a line of 10 MB",
       [](LongReading& r) {
         r.feed("V");
         r.feed(std::string(100, 'x'), 100'000);
         r.feed("\n");
       }},
      {"a million texts", [](LongReading& r) { r.feed("X\x04\0\0\0text0"s, 1'000'000); }},
      {"a million calls", [](LongReading& r) { r.feed("cdatetime\ndate\n(K\x01tR0", 300'000); }},
      // What was let go stands on top as one entry: an opcode takes one value of it, not all.
      {"a tuple of one of the values let go",
       [](LongReading& r) {
         r.feed("\x80\x04");
         r.feed("N", 60'000);
         r.feed("0", 59'000);
         r.feed("\x85");
         r.feed("0", 900);
       }},
      {"one of them appended",
       [](LongReading& r) {
         r.feed("\x80\x04");
         r.feed("]", 60'000);
         r.feed("0", 59'000);
         r.feed("a");
         r.feed("0", 900);
       }},
      {"one of them memoized",
       [](LongReading& r) {
         r.feed("\x80\x04");
         r.feed("N", 60'000);
         r.feed("0", 59'000);
         r.feed("\x94h\x00"s);
       }},
      {"the floor in a tuple",
       [](LongReading& r) {
         r.feed("\x80\x04");
         r.feed("(", 50'000);
         r.feed("1", 25'010);
         r.feed("\x85");
         r.feed("\x92");
       }},
      {"a million frames", [](LongReading& r) { r.feed("\x95\0\0\0\0\0\0\0\0"s, 1'000'000); }},
      {"dup",
       [](LongReading& r) {
         r.feed("N");
         r.feed("2", 3'000'000);
       }},
  };
  for (const auto& row : table) {
    LongReading reading;
    row.feed(reading);
    reading.feed(kAttack);
    reading.feed("0N.");
    const PickleReport report = reading.finish();
    EXPECT_EQ(report.end, PickleEnd::kStop) << row.story << ": " << report.end_reason;
    EXPECT_TRUE(has_code_execution(report)) << row.story << truth::describe(report).substr(0, 500);
  }
}

TEST(PickleLimits, NamesFarBelowAreNeverHarmless) {
  const struct {
    const char* story;
    std::function<void(LongReading&)> feed;
  } table[] = {
      {"the callable under a million MARKs",
       [](LongReading& r) {
         r.feed("cos\nsystem\n");
         r.feed("(N", 1'000'000);
         r.feed("1", 1'000'000);
         r.feed("S'id'\n\x85R");
       }},
      {"the callable under the floor",
       [](LongReading& r) {
         r.feed("cos\nsystem\n");
         r.feed("N(", 50'000);
         r.feed(
             "1"
             "0",
             50'000);
         r.feed("S'id'\n\x85R");
       }},
      {"the name forgotten",
       [](LongReading& r) {
         r.feed(
             "\x80\x04\x8c\x02os\x94\x8c\x06system\x94"
             "00");
         r.feed(binunicode(std::string(4000, 'x')) + "0", 500);
         r.feed("h\x00h\x01\x93S'id'\n\x85R"s);
       }},
      {"the arguments forgotten",
       [](LongReading& r) {
         r.feed(
             "\x80\x02"
             "c__builtin__\ngetattr\n(cos\npath\nS'os'\nt\x94"
             "0");
         r.feed("K\x01\x85\x30"s, 50'000);
         r.feed("h\x00R"s);
       }},
  };
  for (const auto& row : table) {
    LongReading reading;
    row.feed(reading);
    reading.feed(".");
    const PickleReport report = reading.finish();
    EXPECT_TRUE(has_code_execution(report)) << row.story << truth::describe(report).substr(0, 500);
  }
}

TEST(PickleLimits, ReportsAreBounded) {
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "capp\nCls" + std::to_string(i) + "\n(S'" + std::string(300, 'x') + "'\ntR0";
  for (int i = 0; i < 200; ++i)
    many += "cos\nsystem" + std::to_string(i) + "\n(S'/bin/x" + std::to_string(i) + "'\ntR0";
  const truth::Reading reading(many + "N.");
  const PickleReport& report = reading.report;
  EXPECT_TRUE(report.truncated);
  EXPECT_LE(report.globals.size(), PickleReport::kMaxGlobals);
  EXPECT_LE(report.calls.size(), PickleReport::kMaxCalls);
  EXPECT_LE(report.findings.size(), PickleReport::kMaxFindings);
  EXPECT_LE(report.program.size(), PickleReport::kMaxProgramText);
  EXPECT_LE(report.indicators.paths.size(), PickleReport::kMaxIndicators);
  for (const PickleCall& call : report.calls) EXPECT_LE(call.args.size(), PickleReport::kMaxArgsText + 4U);
  EXPECT_EQ(report.calls_total, 3200U);
  EXPECT_TRUE(has_code_execution(report));  // the harmful ones found room
}

// More names than the machine tells apart: what is dangerous by its arguments keeps them.
TEST(PickleLimits, ThousandsOfNamesDoNotHideOne) {
  std::string names;
  for (int i = 0; i < 2000; ++i) names += "capp\nname" + std::to_string(i) + "\n0";
  const std::string getattr = "c__builtin__\ngetattr\n";
  const struct {
    std::string pickle;
    PickleRule rule;
  } table[] = {
      {"cos\nsystem\n0", PickleRule::kDangerousReference},
      {"cos\nsystem\n(S'id'\ntR", PickleRule::kCodeExecution},
      {"capp\nCls\n)R", PickleRule::kUnknownCall},
      {getattr + "q\x01"
                 "0cfunctools\npartial\n0h\x01(capp\nnew\nS'os.system'\ntR(S'id'\ntR",
       PickleRule::kCodeExecution},
      {"cfunctools\nreduce\nq\x01"
       "0cfunctools\npartial\n0h\x01(h\x01(ltR",
       PickleRule::kCodeExecution},
  };
  for (const auto& row : table) {
    const truth::Reading reading(names + row.pickle + ".");
    EXPECT_TRUE(reading.has(row.rule)) << row.pickle << truth::describe(reading.report).substr(0, 300);
  }
}

// Large pickles of ordinary programs. Names, classes and method names are fetched from memo entries beyond those kept.
TEST(PickleLimits, LargeHarmlessPicklesStayHarmless) {
  const auto fetch = [](std::string_view module, std::string_view name) {
    return "\x8c" + std::string(1, static_cast<char>(module.size())) + std::string(module) + "\x94\x8c" +
           std::string(1, static_cast<char>(name.size())) + std::string(name) + "\x94\x93\x94";
  };
  const std::string text =
      "\x8c\x04text\x94"
      "0";
  LongReading strings;
  strings.feed("\x80\x04");
  strings.feed(text, 40'000);
  strings.feed(fetch("datetime", "date") + "K\x01\x85\x94R\x94");
  strings.feed(text, 1'000);
  strings.feed(long_binget(40'000) + "\x8c\x04time\x94\x93\x94K\x02\x85\x94R\x94.");
  EXPECT_TRUE(strings.finish().findings.empty());

  LongReading objects;  // 50,000 instances, then more of a class that came late
  objects.feed("\x80\x04" + fetch("datetime", "date"));
  objects.feed(
      "h\x02K\x01\x85\x94R\x94"
      "0"s,
      50'000);
  objects.feed(fetch("datetime", "time") + "K\x01\x85\x94R\x94" + long_binget(100'005) + "K\x02\x85\x94R\x94.");
  const PickleReport report = objects.finish();
  EXPECT_TRUE(report.findings.empty()) << truth::describe(report).substr(0, 600);

  LongReading methods;  // two bound methods of one name, far apart
  methods.feed("\x80\x04" + fetch("builtins", "getattr") +
               "N\x8c\x06method\x94\x86\x94R\x94"
               "0");
  methods.feed(binunicode(std::string(4000, 'x')) +
                   "\x94"
                   "0",
               500);
  methods.feed("h\x02Nh\x03\x86\x94R\x94.");
  EXPECT_TRUE(methods.finish().findings.empty());
}

// Cost: what is moved when the stack is full must not grow with the square of the input.
TEST(PickleLimits, WorkIsLinearInTheInput) {
  for (const std::string unit : {"(N", "N", "(", "(]", "K\x01\x94", "](Ne", "}(NNu", "NNNN\x87", "(((("}) {
    LongReading reading;
    reading.feed(unit, 2'000'000);
    reading.feed("N.");
    (void)reading.finish();
    EXPECT_GE(reading.machine.ops(), 2'000'000U) << unit;  // the time-out of the test is the measure
  }
}

}  // namespace
}  // namespace pickletap
