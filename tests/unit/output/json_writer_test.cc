#include "sensor/output/json_writer.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

std::string as_json(std::string_view text) {
  std::string out;
  JsonWriter(out, SIZE_MAX).text(text);
  return out;
}

/// Boost.JSON refuses invalid UTF-8, raw controls and trailing bytes.
std::string back(std::string_view json) { return std::string(boost::json::parse(json).as_string()); }

TEST(JsonWriter, WritesNestedValuesWithCommasWhereTheyBelong) {
  std::string out;
  JsonWriter json(out, SIZE_MAX);
  json.begin_object().key("a").number(1).key("b").begin_array().text("x").null().boolean(true).begin_object();
  json.end_object().end_array().key("c").number(UINT64_MAX).key("d").number(INT64_MIN).end_object();
  EXPECT_EQ(out, R"({"a":1,"b":["x",null,true,{}],"c":18446744073709551615,"d":-9223372036854775808})");
}

TEST(JsonWriter, ReplacesBrokenUtf8ByMaximalSubparts) {
  const struct {
    std::string in, want;
  } cases[] = {
      {"a\x80z", "a\uFFFDz"},
      {"\xC3", "\uFFFD"},
      {"\xE2\x82", "\uFFFD"},  // cut: one
      {"\xE2\x82z", "\uFFFDz"},
      {"\xF0\x9F\x92", "\uFFFD"},
      {"\xF0\x9F\x92\xF0\x9F\x92\xA9", "\uFFFD\U0001F4A9"},
      {"\xC0\x80", "\uFFFD\uFFFD"},  // overlong
      {"\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD"},
      {"\xF0\x8F\xBF\xBF", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},  // a surrogate
      {"\xED\xB0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // above U+10FFFF
      {"\xF8\x88\x80\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xFE\xFF", "\uFFFD\uFFFD"},
      // Unicode, table 3-8
      {"\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd"},
      {"h\xC3\xA9 \xE2\x82\xAC \xF4\x8F\xBF\xBF", "h\u00E9 \u20AC \U0010FFFF"},
  };
  for (const auto& c : cases) EXPECT_EQ(back(as_json(c.in)), c.want) << as_json(c.in);
}

TEST(JsonWriter, EscapesWhatSteersATerminalOrTurnsText) {
  EXPECT_EQ(as_json("\x1b[2J\x7f\"\\\n\r\t/"), R"("\u001b[2J\u007f\"\\\n\r\t/")");
  EXPECT_EQ(as_json("\xC2\x80\xC2\x9B\xC2\x9F"), R"("\u0080\u009b\u009f")");
  EXPECT_EQ(as_json("\u2028\u2029\u202E\u2066"), R"("\u2028\u2029\u202e\u2066")");
  EXPECT_EQ(as_json("\U000E0041"), R"("\udb40\udc41")");
  EXPECT_EQ(as_json(std::string(1, '\0')), R"("\u0000")");
  EXPECT_EQ(as_json("\u00A0\u00E9"), "\"\u00A0\u00E9\"");
}

TEST(JsonWriter, KeepsEveryByteValueValidAtEveryPlaceOfAWord) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (size_t at = 0; at < 20; ++at) {
      std::string in(20, 'x');
      in[at] = static_cast<char>(byte);
      const std::string json = as_json(in);
      const std::string want = byte < 0x80 ? in : in.substr(0, at) + "\uFFFD" + in.substr(at + 1);
      EXPECT_EQ(back(json), want) << byte << " at " << at;
      for (const char c : json) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) << byte;
    }
  }
}

TEST(JsonWriter, StaysValidOnRandomBytes) {
  std::mt19937 random(7);
  constexpr std::string_view kAlphabet("\x00\x1b\"\\az\x80\xBF\xC2\xE2\xED\xA0\xF0\x9F\xF4\xFF", 16);
  for (int i = 0; i < 20000; ++i) {
    std::string in;
    for (size_t n = random() % 24; n > 0; --n) in += kAlphabet[random() % kAlphabet.size()];
    const std::string text = back(as_json(in));
    EXPECT_EQ(back(as_json(text)), text);  // what has been cleaned is clean
  }
}

TEST(JsonWriter, StopsAtItsBoundAndSaysSo) {
  std::string out;
  JsonWriter json(out, 10);
  json.begin_array().text("12345");
  EXPECT_FALSE(json.overflowed());
  json.text("67890").end_array();
  EXPECT_TRUE(json.overflowed());
  EXPECT_LE(out.size(), 10U);
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(cut_utf8("abc", 3), "abc");
  EXPECT_EQ(cut_utf8("a\u20ACb", 4), "a\u20AC");
  for (const size_t max : {1U, 2U, 3U}) EXPECT_EQ(cut_utf8("a\u20ACb", max), "a");
  EXPECT_EQ(cut_utf8("\xF0\x9F\x92\xA9", 3), "");
  EXPECT_EQ(cut_utf8(std::string(9, '\x80'), 5).size(), 5U);
}

TEST(Utf8, PrintsNothingThatATerminalObeys) {
  const auto shown = [](std::string_view text, size_t max = SIZE_MAX) {
    std::string out;
    append_printable(out, text, max);
    return out;
  };
  EXPECT_EQ(shown("a\x1b]0;x\x07\n\xC2\x9B"
                  "1m\xFF\u202E\U000E0041"),
            R"(a\x1b]0;x\x07\n\x9b1m)"
            "\uFFFD"
            R"(\u202e\U000e0041)");
  EXPECT_EQ(shown("caf\u00E9", 3), "caf…");
  EXPECT_EQ(shown("caf\u00E9", 4), "caf\u00E9");
}

}  // namespace
}  // namespace pickletap
