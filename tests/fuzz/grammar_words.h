// The terminals of the pickle grammar: names of modules and attributes, texts, numbers in the spellings of the text
// opcodes (CPython 3.13 Modules/_pickle.c load_int, load_long, load_float, load_string, load_unicode, load_get).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace pickletap::fuzz {

using namespace std::string_view_literals;

inline constexpr auto kModules = std::to_array<std::string_view>(
    {"os", "posix", "builtins", "__builtin__", "collections", "copy_reg", "copyreg", "commands", "nosuch", "a.b",
     "itertools", "sys", "__main__", "functools", "urllib", "UserDict", "numpy.core.multiarray", "m\xc3\xa9"});
inline constexpr auto kNames = std::to_array<std::string_view>(
    {"system", "getattr", "OrderedDict", "_reconstructor", "reduce", "izip", "x", "a.b.c", "xrange", "partial",
     "getoutput", "object", "modules", "urlopen", "eval", "__setstate__", "scalar", "IterableUserDict"});
inline constexpr auto kWords = std::to_array<std::string_view>(
    {"", "a", "id", "system", "__setstate__", "os", "it's", "\"q\"", "tab\tnew\nline", "nul\0in"sv, "back\\slash",
     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\x7f\x01", "x"});
// Of the text arguments the last kOdd are such as CPython refuses; they are taken one time in thirty-two.
inline constexpr size_t kOdd = 4;
inline constexpr auto kInts = std::to_array<std::string_view>({"0",
                                                               "1",
                                                               "00",
                                                               "01",
                                                               "-1",
                                                               "0x10",
                                                               "010",
                                                               "0o17",
                                                               "0b11",
                                                               "1_000",
                                                               " 7",
                                                               "7 ",
                                                               "5\0junk"sv,
                                                               "99999999999999999999",
                                                               "+3",
                                                               "-0x1f",
                                                               "36028797018963967",
                                                               "36028797018963968",
                                                               "-36028797018963969",
                                                               "\t8",
                                                               "007",
                                                               "\0"sv,
                                                               "1L",
                                                               "",
                                                               "0x",
                                                               "abc"});
inline constexpr auto kLongs =
    std::to_array<std::string_view>({"5L", "-5L", "0", "0x10L", "10000000000000000000L", "7", "00", "0b1", "1_0L",
                                     " 3L", "010", "L", "3\0x"sv, "--1L"});
inline constexpr auto kFloats =
    std::to_array<std::string_view>({"1.5", "inf", "nan", "-inf", "1e300", "-0.0", " 2.5", "1e-5", "12", ".5", "5.",
                                     "Infinity", "1.5\0x"sv, "1_0.5", "x", "1e400"});
inline constexpr auto kStrings =
    std::to_array<std::string_view>({"'a'", "\"b\"", "''", "'it\\'s'", "'\\x41\\102\\n\\\\'", "'os'", "'system'",
                                     "'\\q'", "'\\123'", "\"it's\"", "'\\\\'", "'\\8'", "'a' ", "'", "a", "'\\x4'"});
inline constexpr auto kUnicodes =
    std::to_array<std::string_view>({"a", "", "\\u0041", "\\u20ac", "\\U0001f600", "\\\\u0041", "\xe9", "\\n",
                                     "\\ud800", "system", "\\", "\\u12", "\\U00110000", "\\U"});
inline constexpr auto kIndices =
    std::to_array<std::string_view>({"0", "1", "2", "010", "+1", " 1", "1_0", "1 ", "x", "1\0z"sv, ""});

}  // namespace pickletap::fuzz
