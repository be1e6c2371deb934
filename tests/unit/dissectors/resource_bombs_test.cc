// Resource bombs as the machine sees them: those of tests/pickles/bombs.txt, each loaded by real Pythons (figures in
// bombs.md), large pickles that are none, and the machine's own bounds under the same.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/dissectors/truth.h"

#if defined(__SANITIZE_ADDRESS__)
// Of <sanitizer/allocator_interface.h>, which GCC does not always install.
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace pickletap {
namespace {

using namespace std::string_literals;

constexpr uint64_t kMiB = uint64_t{1} << 20;

size_t allocated_bytes() {
#if defined(__SANITIZE_ADDRESS__)
  return __sanitizer_get_current_allocated_bytes();
#else
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

std::string little(uint64_t number, unsigned width) {
  std::string out;
  for (unsigned i = 0; i < width; ++i) out.push_back(static_cast<char>(number >> 8 * i & 0xff));
  return out;
}

TEST(ResourceBombs, EveryBombThatARealPythonPaidFor) {
  std::ifstream in(std::string(PICKLETAP_SOURCE_DIR) + "/tests/pickles/bombs.txt");
  ASSERT_TRUE(in);
  std::map<std::string, size_t> seen;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string name, kind, rule, bomb_on, pieces;
    ASSERT_TRUE(fields >> name >> kind >> rule >> bomb_on >> pieces) << line.substr(0, 60);
    const std::string pickle = truth::from_short_hex(pieces);
    const truth::Reading whole(pickle);
    if (rule == "call") {  // judged by the callable and its arguments
      EXPECT_TRUE(whole.has(PickleRule::kResourceBomb) || whole.has(PickleRule::kCodeExecution))
          << name << '\n'
          << truth::describe(whole.report).substr(0, 300);
      ++seen[rule];
      continue;
    }
    EXPECT_EQ(whole.has(PickleRule::kResourceBomb),
              rule == "watch" || rule == "over")  // "missed": known not to be seen yet
        << name << ", too much on " << bomb_on << '\n'
        << truth::describe(whole.report).substr(0, 300);
    if (pickle.size() < 100'000) {  // and wherever it is cut
      const truth::Reading cut(pickle, truth::random_cuts(pickle.size(), 4));
      EXPECT_EQ(truth::describe(cut.report), truth::describe(whole.report)) << name;
    }
    ++seen[rule];
  }
  EXPECT_GE(seen["watch"], 40U);
  EXPECT_GE(seen["none"], 40U);
  EXPECT_GE(seen["call"], 40U);
}

/// A machine fed by a generator in chunks of 64 KiB, with a look at what it allocates.
class LongReading {
 public:
  LongReading() : machine_(truth::builtin_policy(), limits_) {
    chunk_.reserve(kChunk + 256);
    before_ = allocated_bytes();
    machine_.begin(uint64_t{1} << 40);
  }
  void feed(std::string_view bytes) {
    machine_.feed(truth::bytes_of(bytes));
    note_memory();
  }
  /// `append(out, i)` adds the bytes of unit i.
  template <typename Append>
  void feed_units(uint64_t count, Append append) {
    for (uint64_t i = 0; i < count; ++i) {
      append(chunk_, i);
      if (chunk_.size() >= kChunk) flush();
    }
    flush();
  }
  PickleReport finish() {
    machine_.finish();
    return machine_.report(true);
  }
  const PickleMachine& machine() const { return machine_; }
  size_t peak() const { return peak_; }

 private:
  static constexpr size_t kChunk = 65536;
  void flush() {
    feed(chunk_);
    chunk_.clear();
  }
  void note_memory() {
    const size_t now = allocated_bytes();
    peak_ = std::max(peak_, now > before_ ? now - before_ : 0);
  }
  DissectorLimits limits_;
  PickleMachine machine_;
  std::string chunk_;
  size_t before_ = 0, peak_ = 0;
};

bool has(const PickleReport& report, PickleRule rule) {
  return std::any_of(report.findings.begin(), report.findings.end(), [&](const auto& f) { return f.rule == rule; });
}
std::string reasons(const PickleReport& report) { return truth::describe(report).substr(0, 400); }

TEST(ResourceBombs, LargeOrdinaryPicklesAreNone) {
  const std::string buffer(65536, 'x');
  const struct {
    const char* story;
    std::function<void(LongReading&)> feed;
  } table[] = {
      {"50 MB of bytes in a frame that holds them",
       [&](LongReading& r) {
         r.feed("\x80\x04\x8e" + little(uint64_t{800} * 65536, 8));
         for (int i = 0; i < 800; ++i) r.feed(buffer);
       }},
      {"a million distinct tuples as keys",
       [](LongReading& r) {
         r.feed("\x80\x02}");
         r.feed_units(1'000'000, [](std::string& out, uint64_t i) { out += "J" + little(i, 4) + "K\x01\x86Ns"; });
       }},
      {"tuples of tuples as keys",
       [](LongReading& r) {
         r.feed("\x80\x02}");
         r.feed_units(200'000, [](std::string& out, uint64_t i) {
           out += "J" + little(i, 4) + "J" + little(i * 7, 4) + "\x86K\x01K\x02K\x03\x87\x86Ns";
         });
       }},
      {"points around zero as keys, in many sets",
       [](LongReading& r) {
         r.feed("\x80\x04");
         r.feed_units(1'000'000, [](std::string& out, uint64_t i) {
           if (i % 400 == 0) out += (i == 0 ? "\x8f" : "0\x8f");
           out += "(J" + little(i % 20 - 10, 4) + "J" + little(i / 20 % 20 - 10, 4) + "\x86\x90";
         });
       }},
      {"long integers as keys",
       [](LongReading& r) {
         r.feed("\x80\x02}");
         r.feed_units(300'000, [](std::string& out, uint64_t i) {
           out += "\x8a\x10" + little(i * 0x9e3779b97f4a7c15U, 8) + little((i * 0xc2b2ae3d27d4eb4fU) >> 1, 8) + "Ns";
         });
       }},
      {"shared tuples as keys of many dicts, from the memo",
       [](LongReading& r) {
         r.feed("\x80\x04");
         r.feed_units(100, [](std::string& out, uint64_t i) {
           out += "M" + little(i, 2) +
                  "NN\x87\x94"
                  "0";
         });
         r.feed_units(300'000, [](std::string& out, uint64_t i) {
           out += "}h" + little(i % 100, 1) + "Nsh" + little((i * 7 + 1) % 100, 1) + "Ns0";
         });
         r.feed("N");
       }},
      {"a million memo entries",
       [](LongReading& r) {
         r.feed("\x80\x04](");
         r.feed_units(1'000'000, [](std::string& out, uint64_t) { out += "]\x94"; });
         r.feed("e");
       }},
      {"a million memo entries by number",
       [](LongReading& r) {
         r.feed("\x80\x02](");
         r.feed_units(1'000'000, [](std::string& out, uint64_t i) { out += "]r" + little(i, 4); });
         r.feed("e");
       }},
      {"integers of 5,000 digits in decimal",
       [](LongReading& r) {
         r.feed("](");
         r.feed_units(1000, [](std::string& out, uint64_t) { out += "L" + std::string(5000, '7') + "L\n"; });
         r.feed("e");
       }},
      {"a big integer",
       [&](LongReading& r) {
         r.feed("\x80\x02\x8b" + little(uint64_t{16} * 65536, 4));
         for (int i = 0; i < 16; ++i) r.feed(buffer);
       }},
      {"900 nested tuples as a key",
       [](LongReading& r) {
         r.feed("\x80\x02}N");
         r.feed_units(900, [](std::string& out, uint64_t) { out += "\x85"; });
         r.feed("Ns");
       }},
  };
  for (const auto& row : table) {
    LongReading reading;
    row.feed(reading);
    reading.feed(".");
    const PickleReport report = reading.finish();
    EXPECT_EQ(report.end, PickleEnd::kStop) << row.story << ": " << report.end_reason;
    EXPECT_TRUE(report.findings.empty()) << row.story << ": " << reasons(report);
    EXPECT_LT(reading.peak(), kMiB) << row.story;
  }
}

// What was forgotten is never taken for cheap.
TEST(ResourceBombs, BombsBehindMuchElse) {
  for (const std::string& key : {"h\0"s, "h\0h\0\x86"s, "]h\0a\x85"s}) {  // it, one made of it, and no key at all
    LongReading reading;
    reading.feed("\x80\x04)");
    reading.feed_units(60, [](std::string& out, uint64_t) { out += "2\x86"; });
    reading.feed(
        "\x94"
        "0](");
    reading.feed_units(100'000, [](std::string& out, uint64_t i) { out += "J" + little(i, 4) + "\x85"; });
    reading.feed(key[0] == ']' ? "e]" + key + "." : "e}" + key + "Ns.");
    EXPECT_EQ(has(reading.finish(), PickleRule::kResourceBomb), key[0] == 'h') << key;
  }
}

TEST(ResourceBombs, FourGigabytesInConstantMemory) {
  const std::string buffer(65536, '\0');
  for (const bool with_length : {true, false}) {
    LongReading reading;
    reading.feed(with_length ? "\x80\x04\x8e"s + little(uint64_t{1} << 32, 8)
                             : "\x80\x05\x96"s + little(uint64_t{1} << 32, 8));
    for (unsigned i = 0; i < 65536; ++i) reading.feed(buffer);
    reading.feed("0cos\nsystem\nS'id'\n\x85R.");
    const PickleReport report = reading.finish();
    EXPECT_EQ(report.end, PickleEnd::kStop) << report.end_reason;
    EXPECT_GT(report.length, uint64_t{1} << 32);
    EXPECT_TRUE(has(report, PickleRule::kCodeExecution));
    EXPECT_FALSE(has(report, PickleRule::kResourceBomb)) << reasons(report);
    EXPECT_LT(reading.peak(), kMiB);
  }
}

// ---- the machine's own memory and time

using Unit = std::function<void(std::string&, uint64_t)>;
struct Shape {
  const char* story;
  std::string before;
  Unit unit;
};

constexpr uint64_t kLongNames = 5000;

const std::vector<Shape>& shapes() {
  const auto number = [](uint64_t i) { return std::to_string(i); };
  static const std::vector<Shape> all = {
      {"MARKs", "", [](std::string& out, uint64_t) { out += '('; }},
      {"MARKs with values", "", [](std::string& out, uint64_t) { out += "(N"; }},
      {"memo entries", "N", [](std::string& out, uint64_t) { out += '\x94'; }},
      {"memo entries far apart", "N",
       [](std::string& out, uint64_t i) { out += "r" + little(i * 2654435761U & 0xffffffffU, 4); }},
      {"memo entries with holes", "cm\nC\n", [](std::string& out, uint64_t i) { out += "r" + little(2 * i, 4); }},
      {"memo entries by text", "N", [=](std::string& out, uint64_t i) { out += "p" + number(i * 3) + "\n"; }},
      {"memo entries by bad text", "N", [=](std::string& out, uint64_t i) { out += "px" + number(i) + "\n"; }},
      {"nested lists", "", [](std::string& out, uint64_t) { out += "]("; }},
      {"lists", "", [](std::string& out, uint64_t) { out += "]"; }},
      {"nested tuples as keys", "}(N", [](std::string& out, uint64_t) { out += "\x85"; }},
      {"names", "", [=](std::string& out, uint64_t i) { out += "cm\nN" + number(i) + "\n0"; }},
      {"names kept on the stack", "", [=](std::string& out, uint64_t i) { out += "cm\nN" + number(i) + "\n"; }},
      {"names from the stack", "\x80\x04",
       [](std::string& out, uint64_t i) {
         out += "\x8c\x04" + little(i, 4) + "\x8c\x04" + little(~i, 4) +
                "\x93"
                "0";
       }},
      {"long names", "",
       [=](std::string& out, uint64_t i) {
         out += i < kLongNames ? "cm\n" + std::string(490, 'N') + number(i) + "\n0" : "N0";
       }},
      {"names too long for the policy", "",
       [=](std::string& out, uint64_t i) {
         out += i < kLongNames ? "cm\n" + std::string(3000, 'N') + number(i) + "\n0" : "N0";
       }},
      {"long names from the stack", "\x80\x04",
       [](std::string& out, uint64_t i) {
         const std::string name = "X" + little(2004, 4) + std::string(2000, 'N') + little(i, 4);
         out += i < kLongNames ? name + name +
                                     "\x93"
                                     "0"
                               : "N0";
       }},
      {"names in the memo", "\x80\x04",
       [=](std::string& out, uint64_t i) {
         out += "cm\nN" + number(i) +
                "\n\x94"
                "0";
       }},
      {"calls", "cm\nC\nq\x01", [](std::string& out, uint64_t) { out += "h\x01)R0"; }},
      {"calls of calls", "cm\nC\n", [](std::string& out, uint64_t) { out += ")R"; }},
      {"calls in the memo",
       "\x80\x04"
       "cm\nC\n\x94",
       [](std::string& out, uint64_t) { out += "h\0)R\x94"s; }},
      {"calls of different names", "", [=](std::string& out, uint64_t i) { out += "cm\nN" + number(i) + "\n)R0"; }},
      {"dangerous calls", "",
       [=](std::string& out, uint64_t i) { out += "cos\nsystem\nS'" + number(i) + "'\n\x85R0"; }},
      {"OBJ in OBJ", "", [](std::string& out, uint64_t) { out += "(cm\nC\n"; }},
      {"OBJ with OBJ", "N", [](std::string& out, uint64_t) { out += "0(cm\nC\n(cm\nD\noo"; }},
      {"states", "cm\nC\n)R", [=](std::string& out, uint64_t i) { out += "}S'a" + number(i) + "'\nNsb"; }},
      {"keys", "}", [](std::string& out, uint64_t i) { out += "J" + little(i, 4) + "\x85Ns"; }},
      {"texts", "", [](std::string& out, uint64_t i) { out += "\x8c\x08" + little(i, 8); }},
      {"takeover names", "}", [](std::string& out, uint64_t) { out += "S'__setstate__'\ncm\nC\ns"; }},
      {"frames", "", [](std::string& out, uint64_t) { out += "\x95\1\0\0\0\0\0\0\0N"s; }},
      {"DUP and POP_MARK", "N", [](std::string& out, uint64_t) { out += "(22221"; }},
  };
  return all;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double cost(const Shape& shape, uint64_t units) {
  LongReading reading;
  std::string bytes = shape.before;
  for (uint64_t i = 0; i < units; ++i) shape.unit(bytes, i);
  const double start = cpu_seconds();
  for (size_t at = 0; at < bytes.size(); at += 65536) reading.feed(std::string_view(bytes).substr(at, 65536));
  (void)reading.finish();
  return cpu_seconds() - start;
}

// Sanitizers make it ten times as slow; the bounds are reached long before.
#if defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kUnits = 1'000'000;
#else
constexpr uint64_t kUnits = 10'000'000;
#endif

class MachineBounds : public testing::TestWithParam<size_t> {
 protected:
  const Shape& shape() const { return shapes()[GetParam()]; }
};

TEST_P(MachineBounds, MemoryIsBounded) {
  LongReading reading;
  reading.feed(shape().before);
  reading.feed_units(kUnits, shape().unit);
  EXPECT_FALSE(reading.machine().ended()) << "it did not read all of it";
  EXPECT_LT(reading.peak(), kMiB);
  (void)reading.finish();
}

TEST_P(MachineBounds, TimeIsLinear) {
  double ratio = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {  // another program may have had the core
    ratio = cost(shape(), kUnits * 2 / 5) / cost(shape(), kUnits / 10);
    if (ratio < 6) break;
  }
  EXPECT_LT(ratio, 6);
}

INSTANTIATE_TEST_SUITE_P(Shapes, MachineBounds, testing::Range<size_t>(0, shapes().size()), [](const auto& tested) {
  std::string name = shapes()[tested.param].story;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

}  // namespace
}  // namespace pickletap
