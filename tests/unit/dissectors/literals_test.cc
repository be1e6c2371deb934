#include "dissectors/pickle/literals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "dissectors/pickle/memo.h"
#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

std::string hex(std::string_view text) {
  std::string out = "text:";
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : text) {
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

std::string value_text(const std::optional<Value>& value) {
  if (!value) return "-";
  switch (value->kind()) {
    case ValueKind::kBool: return value->payload() != 0 ? "True" : "False";
    case ValueKind::kInt: return "int:" + std::to_string(value->as_integer());
    case ValueKind::kBigInt: return "big";
    case ValueKind::kFloat: {
      std::array<char, 64> buffer{};
      const int length = std::snprintf(buffer.data(), buffer.size(), "float:%.12g", value->as_real());
      return {buffer.data(), static_cast<size_t>(length)};
    }
    default: return "?";
  }
}

/// Line and what each Python makes of it ("-": refuses it), for the opcodes in `codes`.
std::vector<std::vector<std::string>> rows_of(std::string_view codes) {
  std::vector<std::vector<std::string>> rows;
  for (auto& row : truth::rows("literals.txt")) {
    if (codes.find(row[0]) != std::string_view::npos) rows.push_back(std::move(row));
  }
  return rows;
}

/// True when no Python reads the line, or `got` is what one of them reads. `exact`: got is all we know of it.
bool is_one_of(const std::vector<std::string>& row, const std::string& got) {
  bool refused_by_all = true;
  for (size_t i = 2; i < row.size(); ++i) {
    if (row[i] == got) return true;
    refused_by_all = refused_by_all && row[i] == "-";
    // 2.7 and 3 differ in bool and int only; the unpickled value is the same.
    const bool truth = (row[i] == "True" && got == "int:1") || (row[i] == "False" && got == "int:0");
    if (truth) return true;
    if (got == "big" && row[i].size() > 4 + 16) return true;
  }
  return refused_by_all;
}

TEST(Literals, IntegersAreWhatThePythonsRead) {
  for (const auto& row : rows_of("IL")) {
    const auto value = parse_integer_line(truth::from_hex(row[1] == "-" ? "" : row[1]), row[0] == "I");
    EXPECT_TRUE(is_one_of(row, value_text(value))) << row[0] << " " << row[1] << " gives " << value_text(value);
  }
}

// 3.13 Modules/_pickle.c load_int: two characters that strtol reads to their end are a bool.
TEST(Literals, ABlankBehindADigitMakesItANumber) {
  for (const char blank : {' ', '\t', '\v', '\f', '\r'}) {
    EXPECT_EQ(value_text(parse_integer_line(std::string{'1', blank}, true)), "int:1") << static_cast<int>(blank);
    EXPECT_EQ(value_text(parse_integer_line(std::string{blank, '1'}, true)), "True") << static_cast<int>(blank);
  }
}

TEST(Literals, FloatsAreWhatThePythonsRead) {
  for (const auto& row : rows_of("F")) {
    const auto value = parse_float_line(truth::from_hex(row[1] == "-" ? "" : row[1]));
    if (value && std::isnan(value->as_real())) continue;
    EXPECT_TRUE(is_one_of(row, value_text(value))) << row[1] << " gives " << value_text(value);
  }
  EXPECT_TRUE(std::isnan(parse_float_line("nan")->as_real()));
}

TEST(Literals, FloatLineLongerThanItsBufferIsStillANumber) {
  EXPECT_TRUE(parse_float_line(std::string(5000, '7')));
  EXPECT_TRUE(parse_float_line(std::string(5000, ' ') + "1.5"));
  EXPECT_FALSE(parse_float_line(std::string(5000, 'x')));
}

TEST(Literals, StringsAreWhatThePythonsRead) {
  for (const auto& row : rows_of("S")) {
    const auto text = unquote_string_line(truth::from_hex(row[1] == "-" ? "" : row[1]));
    EXPECT_TRUE(is_one_of(row, text ? hex(*text) : "-")) << row[1] << " gives " << (text ? hex(*text) : "-");
  }
}

TEST(Literals, UnicodesAreWhatThePythonsRead) {
  for (const auto& row : rows_of("V")) {
    const std::string line = truth::from_hex(row[1] == "-" ? "" : row[1]);
    if (line == "\\ud800") continue;  // a surrogate alone is U+FFFD here
    EXPECT_TRUE(is_one_of(row, hex(decode_raw_unicode_line(line)))) << row[1];
  }
  EXPECT_EQ(decode_raw_unicode_line("\\ud800"), "\xef\xbf\xbd");
}

TEST(Literals, MemoKeysAreThoseOfThePythons) {
  for (const auto& row : rows_of("pg")) {
    const std::string line = truth::from_hex(row[1] == "-" ? "" : row[1]);
    const auto key = PickleMemo::parse_key(line);
    const bool some_python_finds = std::find(row.begin() + 2, row.end(), "int:1") != row.end();
    if (!some_python_finds) continue;
    ASSERT_TRUE(key) << row[1];
    // "p" rows fetch entry 7, so the line meant 7; "g" rows fetch what they put, by whatever key.
    if (row[0] == "p") {
      EXPECT_EQ(key->index, 7U) << row[1];
    }
  }
}

TEST(Literals, MemoKeysThatAreNoPlainNumberAreTold) {
  using Form = PickleMemo::Form;
  const struct {
    std::string_view line;
    bool is_number;
    Form form;
  } table[] = {
      {"0", true, Form::kText},    {"12", true, Form::kText},    {"012", true, Form::kOther},
      {"+1", true, Form::kOther},  {"1 ", true, Form::kOther},   {"foo", false, Form::kOther},
      {"-1", false, Form::kOther}, {"1.5", false, Form::kOther},
  };
  for (const auto& row : table) {
    const auto key = PickleMemo::parse_key(row.line);
    ASSERT_TRUE(key) << row.line;
    EXPECT_EQ(key->is_number, row.is_number) << row.line;
    EXPECT_EQ(key->form, row.form) << row.line;
  }
  EXPECT_FALSE(PickleMemo::parse_key(""));
}

TEST(Literals, LongBytesAreTwosComplement) {
  const struct {
    std::string bytes;
    std::string want;
  } table[] = {
      {"", "int:0"},
      {"\x7f", "int:127"},
      {"\xff", "int:-1"},
      {std::string("\xff\0", 2), "int:255"},
      {std::string("\0\x80", 2), "int:-32768"},
      {"\xff\xff\xff\xff\xff\xff\x7f", "int:36028797018963967"},
      {std::string("\0\0\0\0\0\0\x80", 7), "int:-36028797018963968"},
      {std::string(8, '\x01'), "big"},
  };
  for (const auto& row : table) {
    const ByteSpan bytes = truth::bytes_of(row.bytes);
    EXPECT_EQ(value_text(integer_from_bytes(bytes.data(), bytes.size())), row.want);
  }
}

TEST(Literals, CodePointsBecomeUtf8) {
  const struct {
    uint32_t code_point;
    std::string_view want;
  } table[] = {
      {0x41, "A"},
      {0x7f, "\x7f"},
      {0x80, "\xc2\x80"},
      {0x7ff, "\xdf\xbf"},
      {0x800, "\xe0\xa0\x80"},
      {0xffff, "\xef\xbf\xbf"},
      {0x1f40d, "\xf0\x9f\x90\x8d"},
      {0xd800, "\xef\xbf\xbd"},
      {0xdfff, "\xef\xbf\xbd"},
      {0x110000, "\xef\xbf\xbd"},
      {0xffffffff, "\xef\xbf\xbd"},
  };
  for (const auto& row : table) {
    std::string out;
    append_utf8(out, row.code_point);
    EXPECT_EQ(out, row.want) << row.code_point;
  }
}

}  // namespace
}  // namespace pickletap
