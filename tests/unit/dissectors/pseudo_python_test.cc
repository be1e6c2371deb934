#include "dissectors/pickle/pseudo_python.h"

#include <gtest/gtest.h>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;

/// The pickle's object as it is written in a call's arguments.
std::string written(const std::string& object) {
  const truth::Reading reading("capp\nf\n(" + object + "tR.");
  return reading.report.calls.empty() ? "no call: " + std::string(reading.report.end_reason)
                                      : reading.report.calls[0].args;
}

TEST(PseudoPython, WritesObjectsAsPythonDoes) {
  const struct {
    std::string pickle, want;
  } table[] = {
      {"", "()"},
      {"N\x88\x89", "(None, True, False)"},
      {"K\x05J\xff\xff\xff\xff", "(5, -1)"},
      {"\x8a\x09\0\0\0\0\0\0\0\0\x01"s, "(<big int>,)"},
      {"G?\xf8\0\0\0\0\0\0"s, "(1.5,)"},
      {"G@\0\0\0\0\0\0\0"s, "(2.0,)"},
      {"Fnan\nFinf\nF-inf\nF1e300\n", "(nan, inf, -inf, 1e+300)"},
      {"Vit's\nV\"\nV'\"\n", "(\"it's\", '\"', '\\'\"')"},
      {"S'a\\n\\t\\r\\x01\\\\'\n", "('a\\n\\t\\r\\x01\\\\',)"},
      {"C\x03\0\xff"
       "a"s,
       "(b'\\x00\\xffa',)"},
      {"\x96\x01\0\0\0\0\0\0\0x"s, "(bytearray(b'x'),)"},
      {"V\\u00e9\\U0001f40d\n", "('\xc3\xa9\xf0\x9f\x90\x8d',)"},
      {"N\x85NN\x86", "((None,), (None, None))"},
      {"](K\x01K\x02"
       "e",
       "([1, 2],)"},
      {"}(S'a'\nNS'b'\n]u", "({'a': None, 'b': []},)"},
      {"\x8f(K\x01\x90", "({1},)"},
      {"(K\x01\x91", "(frozenset({1}),)"},
      {"cos\npath\n", "(os.path,)"},
      {"Pid\n", "(<persistent id>,)"},
      {"\x97", "(<out-of-band buffer>,)"},
      {"cdatetime\ndate\n)R", "(v0,)"},
  };
  for (const auto& row : table) {
    std::string got = written(row.pickle);
    if (row.want == "(v0,)") got = truth::Reading("capp\nf\n(" + row.pickle + "tR.").report.calls[1].args;
    EXPECT_EQ(got, row.want);
  }
}

TEST(PseudoPython, LongAndDeepObjectsAreCutWithAnEllipsis) {
  std::string list = "](";
  for (int i = 0; i < 40; ++i) list += "K\x01";
  EXPECT_EQ(written(list + "e"), "([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, …],)");
  const std::string deep = written(std::string(100, ']') + std::string(99, 'a'));
  EXPECT_NE(deep.find("…"), std::string::npos);
  EXPECT_LE(deep.size(), 64U);
  const std::string text = written("V" + std::string(3000, 'x') + "\n");
  EXPECT_LE(text.size(), 1100U);
  EXPECT_TRUE(text.ends_with("…',)")) << text.substr(text.size() - 20);
  std::string wide;
  for (int i = 0; i < 16; ++i) wide += "V" + std::string(900, 'x') + "\n";
  EXPECT_LE(written(wide).size(), PickleReport::kMaxArgsText + std::string("…").size());
}

TEST(PseudoPython, SharedContainersCostNoMoreThanTheirText) {
  // Sixteen references to a list of sixteen references to …: 16^12 without a bound.
  std::string bomb = "]";
  for (int level = 0; level < 12; ++level) bomb += "](" + std::string("h\x01") + "e";
  std::string pickle =
      "]q\x01"
      "0";
  for (char level = 1; level < 13; ++level) {
    pickle += "](";
    for (int i = 0; i < 16; ++i) pickle += std::string("h") + level;
    pickle += std::string("eq") + static_cast<char>(level + 1) + "0";
  }
  EXPECT_LE(written(pickle + "h\x0d").size(), PickleReport::kMaxArgsText + std::string("…").size());
}

TEST(PseudoPython, CutsNoCharacterInTwo) {
  for (size_t max = 1; max < 40; ++max) {
    const std::string text = python_literal(std::string("\xc3\xa9\xf0\x9f\x90\x8d\xe2\x82\xac") + "abc", false, 64);
    EXPECT_EQ(text.front(), '\'');
    std::string pickle;
    for (size_t i = 0; i < max; ++i) pickle += "V" + std::string(100 + max, 'x') + "\\u20ac\n";
    const std::string args = written(pickle);
    EXPECT_EQ(args.find("\xe2…"), std::string::npos);
    EXPECT_EQ(args.find("\xe2\x82…"), std::string::npos);
  }
}

TEST(PseudoPython, LiteralsAreQuotedAndBounded) {
  const struct {
    std::string_view text;
    bool bytes;
    size_t max;
    std::string_view want;
  } table[] = {
      {"", false, 10, "''"},
      {"", true, 10, "b''"},
      {"abcdef", false, 3, "'abc…'"},
      {"a'b", false, 10, "\"a'b\""},
      {"a'\"b", false, 10, "'a\\'\"b'"},
      {"\x7f", false, 10, "'\\x7f'"},
      {"\xff", true, 10, "b'\\xff'"},
      {"\xc3\xa9", false, 10, "'\xc3\xa9'"},
  };
  for (const auto& row : table) EXPECT_EQ(python_literal(row.text, row.bytes, row.max), row.want);
}

TEST(PseudoPython, ProgramsNameWhatIsUsedAgain) {
  const struct {
    std::string pickle, want;
  } table[] = {
      {"cos\nsystem\n(S'id'\ntR.", "os.system('id')"},
      {"capp\nA\n)R}b.", "v0 = app.A()\nv0.__setstate__({})"},
      {"capp\nA\n(capp\nB\n)RtR.", "v0 = app.B()\napp.A(v0)"},
      {"(capp\nA\n)Rl.", "v0 = app.A()\nresult = [v0]"},
      {"cos\nsystem\n.", "result = os.system"},
      {"capp\nA\nN\x81.", "app.A(*None)"},
  };
  for (const auto& row : table) EXPECT_EQ(truth::Reading(row.pickle).report.program, row.want);
}

}  // namespace
}  // namespace pickletap
