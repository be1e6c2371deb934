// A few pickles as bytes, made with CPython 3.12 unless it says otherwise.
#pragma once

#include <string_view>

namespace pickletap::test {

using namespace std::string_view_literals;

struct NamedPickle {
  const char* name;
  std::string_view bytes;
  const char* rule;     ///< the worst rule it raises; empty: harmless
  const char* program;  ///< what the explanation must contain
};

// pickle.dumps({'a': [1, 2]}, 4)
inline constexpr std::string_view kHarmlessPickle =
    "\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94\x8c\x01"
    "a\x94]\x94(K\x01K\x02"
    "es."sv;

// __reduce__ gives (os.system, ('id',)); protocol 4
inline constexpr std::string_view kSystemPickle =
    "\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."sv;

// The same, protocol 0
inline constexpr std::string_view kSystemPickle0 = "cposix\nsystem\np0\n(Vid\np1\ntp2\nRp3\n."sv;

// pickle.dumps(os.system, 4)
inline constexpr std::string_view kReferencePickle =
    "\x80\x04\x95\x14\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."sv;

// A class of the user's, by hand: shapes.Circle() with a state; protocol 2
inline constexpr std::string_view kUserPickle =
    "\x80\x02"
    "cshapes\nCircle\n)\x81}X\x06\0\0\0radiusK\x02sb."sv;

// The command holds a newline, an escape sequence and bytes that are no UTF-8 (SHORT_BINSTRING, 2.7)
inline constexpr std::string_view kHostilePickle =
    "\x80\x02"
    "cos\nsystem\nU\x0e"
    "a\nb\x1b[2J\xff\xfe\"\\c\x7f\x85R."sv;

inline constexpr NamedPickle kPickles[] = {
    {"harmless", kHarmlessPickle, "", "harmless"},
    {"system", kSystemPickle, "pickle.code-execution", "posix.system('id')"},
    {"system-protocol-0", kSystemPickle0, "pickle.code-execution", "posix.system('id')"},
    {"reference", kReferencePickle, "pickle.dangerous-reference", "posix.system"},
    {"user-class", kUserPickle, "pickle.unknown-call", "shapes.Circle()"},
    {"hostile-text", kHostilePickle, "pickle.code-execution", "os.system("},
};

}  // namespace pickletap::test
