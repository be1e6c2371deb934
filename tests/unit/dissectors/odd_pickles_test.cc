// Pickles that no pickler writes and that the Pythons read, or refuse, each in its own way: what fuzzing beside them
// found (tests/fuzz/found.txt has the bytes, and which Python does what).
#include <gtest/gtest.h>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;
using truth::Reading;

std::string calls_of(const PickleReport& report) {
  std::string out;
  for (const PickleCall& call : report.calls) out += call.callable + call.args + ";";
  return out;
}

std::string globals_of(const PickleReport& report) {
  std::string out;
  for (const std::string& name : report.globals) out += (out.empty() ? "" : " ") + name;
  return out;
}

/// os.x(…) of what `value` pushes.
std::string called_with(std::string_view value) { return "cos\nx\n(" + std::string(value) + "tR."; }

TEST(OddPickles, ItemsAreSetInListsAndBytearrays) {
  const std::string list = "](K\x01K\x02K\x03"s + "e";
  const std::string bytes = "\x96\x02\0\0\0\0\0\0\0ab"s;
  const struct {
    std::string value, want;
  } table[] = {
      {"]NaK\0K\x07s"s, "[7]"},
      {"]Na(K\0K\x07u"s, "[7]"},
      {list + "I-1\nK\x07s", "[1, 2, 7]"},
      {list + "I-3\nK\x07s", "[7, 2, 3]"},
      {list + "I-4\nK\x07s", "[1, 2, 3]"},
      {list + "K\x03K\x07s", "[1, 2, 3]"},
      {list + "\x88K\x07s", "[1, 7, 3]"},
      {list + "(K\0K\x07K\x02K\x08u"s, "[7, 2, 8]"},
      {list + "NK\x07s", "[1, 2, 3]"},         // TypeError
      {list + "cos\nx\nK\x07s", "[…, …, …]"},  // whatever number that is
      {"(" + std::string(17, 'N') + "lI-1\nK\x07s",
       "[…, …, …, …, …, …, …, …, …, …, …, …, …, …, …, …, …]"},  // not all of them are kept
      {bytes + "K\0K\x41s"s, "bytearray(b'Ab')"},
      {bytes + "I-1\nK\x41s", "bytearray(b'aA')"},
      {bytes + "K\x02K\x41s", "bytearray(b'ab')"},
      {bytes + "(K\x01K\x41K\0K\x42u"s, "bytearray(b'BA')"},
      {bytes + "(K\x41K\x42" + "e", "bytearray(b'abAB')"},
      {bytes + "K\x41" + "a", "bytearray(b'abA')"},
      {bytes + "cos\nx\na", "bytearray(b'…')"},
      {bytes + "cos\nx\nK\x41s", "bytearray(b'…')"},
      {bytes + "q\x05K\0K\x41sh\x05"s, "bytearray(b'Ab'), bytearray(b'Ab')"},  // one object
  };
  for (const auto& row : table) {
    const std::string args = row.want + (row.want.find("), ") == std::string::npos ? "," : "");
    EXPECT_EQ(calls_of(Reading(called_with(row.value)).report), "os.x(" + args + ");") << row.value;
  }
}

TEST(OddPickles, OnlySoManyWrittenBytearraysAreKept) {
  std::string pickle = "(";
  for (size_t i = 0; i <= TextLog::kMaxWritten; ++i) pickle += "\x96\x01\0\0\0\0\0\0\0aK\x62"s + "a";
  const PickleReport report = Reading("cos\nx\n" + pickle + "tR.").report;
  EXPECT_EQ(calls_of(report),
            "os.x(bytearray(b'ab'), bytearray(b'ab'), bytearray(b'ab'), bytearray(b'ab'), bytearray(b'…'));");
}

TEST(OddPickles, WhatOnePythonRefusesIsReadOn) {
  const struct {
    std::string pickle;
    PickleEnd end;
    std::string_view reason;
    std::string globals;
  } table[] = {
      {"c\nx\n.", PickleEnd::kRefused, "pickle data was truncated", ".x"},
      {"cos\n\n.", PickleEnd::kRefused, "pickle data was truncated", "os."},
      {"(i\nx\n.", PickleEnd::kRefused, "pickle data was truncated", ".x"},
      {"(i\nx\nN", PickleEnd::kRefused, "pickle data was truncated", ".x"},
      {"ios\nx\nN.", PickleEnd::kRefused, "could not find MARK", "os.x"},
      {"cos\n", PickleEnd::kRefused, "no newline after a name", "os."},
      {"cos", PickleEnd::kRefused, "no newline after a name", "o."},
      {"}(K\x01u.", PickleEnd::kRefused, "odd number of items for SETITEMS", ""},
      // With so much behind it that the inner loop reads it.
      {"}(K\x01u}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}.", PickleEnd::kRefused, "odd number of items for SETITEMS",
       ""},
      {"}(K\x01K\x02u.", PickleEnd::kStop, "", ""},
      {"N(K\x01u.", PickleEnd::kRefused, "odd number of items for SETITEMS", ""},
      {"S'a' \ncos\nx\n.", PickleEnd::kRefused, "the STRING opcode argument must be quoted", "os.x"},
      {"S 'a'\ncos\nx\n.", PickleEnd::kRefused, "the STRING opcode argument must be quoted", ""},
      {"S'\\x4'\ncos\nx\n.", PickleEnd::kRefused, "invalid \\x escape", ""},
      {"S'a\\'\ncos\nx\n.", PickleEnd::kRefused, "Trailing \\ in string", ""},
      {"F 2\ncos\nx\n.", PickleEnd::kRefused, "could not convert string to float", "os.x"},
      {"F1e400\ncos\nx\n.", PickleEnd::kRefused, "value too large to convert to float", "os.x"},
      {"F1e40x\ncos\nx\n.", PickleEnd::kRefused, "could not convert string to float", ""},
      {"I1L\ncos\nx\n.", PickleEnd::kRefused, "could not convert string to int", "os.x"},
      {"I0x\ncos\nx\n.", PickleEnd::kRefused, "could not convert string to int", "os.x"},
      {"L010L\ncos\nx\n.", PickleEnd::kRefused, "could not convert string to int", "os.x"},
      {"I010\ncos\nx\n.", PickleEnd::kStop, "", "os.x"},
  };
  for (const auto& row : table) {
    const PickleReport report = Reading(row.pickle).report;
    EXPECT_EQ(report.end, row.end) << row.pickle;
    EXPECT_EQ(report.end_reason, row.reason) << row.pickle;
    EXPECT_EQ(globals_of(report), row.globals) << row.pickle;
  }
}

TEST(OddPickles, NumbersAreReadAsTheyAreWritten) {
  const struct {
    std::string value, want;
  } table[] = {
      {"\x8a\x09\xa8\xc7\x0a\xdc\x94\x94\0\0\0"s, "163367067764648"},
      {"\x8b\x0a\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff"s, "-2"},
      {"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\0"s, "<big int>"},
      {"F1_0.5\n", "10.5"},
      {"F1__0\n", ""},
      {"I 1\n", "True"},
      {"I-0\n", "False"},
      {"I1\0\n"s, "True"},
      {"I1 \n", "1"},
      {"L01\n", "1"},
      {"I08\n", "8"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(calls_of(Reading(called_with(row.value)).report), row.want.empty() ? "" : "os.x(" + row.want + ",);");
  }
}

// Lines beyond what is kept of them: blanks in front of a number, a name of many parts.
TEST(OddPickles, WhatAVeryLongLineMeansIsTakenForTheWorst) {
  const std::string blanks(5000, ' ');
  std::string parts;
  for (int i = 0; i < 1000; ++i) parts += "mro.";
  const std::string cases[] = {
      "cnt\nsystem\np1\n0g" + blanks + "1\nS'id'\n\x85R.",
      "cdatetime\ndate\np1\ncnt\nsystem\np" + blanks + "1\ng1\nS'id'\n\x85R.",
      "I" + blanks + "7\ncnt\nsystem\nS'id'\n\x85R.",
      "F" + blanks + "7\ncnt\nsystem\nS'id'\n\x85R.",
      "\x80\x04"
      "cdatetime\ndate." +
          parts + "system\nS'id'\n\x85R.",
      "\x80\x04(S'id'\nidatetime\ndate." + parts + "system\n.",
  };
  for (const std::string& pickle : cases) {
    const Reading reading(pickle);
    EXPECT_TRUE(reading.has(PickleRule::kCodeExecution)) << truth::describe(reading.report).substr(0, 300);
    EXPECT_EQ(reading.report.calls_total, 1U);
  }
}

TEST(OddPickles, WhatIsFetchedByNameIsToldHoweverItWasReachedBefore) {
  const std::string by_getattr =
      "\x80\x04"
      "cbuiltins\ngetattr\n(cos\nx\nX\x01\0\0\0ytR"s;
  EXPECT_EQ(globals_of(Reading(by_getattr + "0cos\nx.y\n.").report), "builtins.getattr os.x os.x.y");
  EXPECT_EQ(globals_of(Reading(by_getattr + ".").report), "builtins.getattr os.x");
}

// A global that has the name which the machine gives to what it cannot name.
TEST(OddPickles, NoNameMakesAComputedOneHarmless) {
  const std::string computed = "cdatetime\ndate\n)R\x8c\x01x\x93(S'id'\ntR.";
  for (const std::string before : {"", "c?\n?\n0", "c?\nx\n0",
                                   "\x80\x04"
                                   "c?\nx\n(NtR0"}) {
    EXPECT_TRUE(Reading("\x80\x04" + before + computed).has(PickleRule::kCodeExecution)) << before;
  }
}

}  // namespace
}  // namespace pickletap
