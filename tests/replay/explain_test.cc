// `pickletap explain`: files of pickles, one or several in a file, whole, cut short, from standard input; what each
// would do, as text and as JSON.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "tests/replay/captures.h"
#include "tests/replay/pickles.h"

namespace pickletap::test {
namespace {

struct Explained {
  std::string offset, length, severity, rules, program, end;
};

/// The pickles of the one line that `explain --json` prints for one file.
std::vector<Explained> explained(const std::string& out) {
  const std::vector<Event> lines = events_of(out);
  EXPECT_EQ(lines.size(), 1U);
  std::vector<Explained> pickles;
  if (lines.empty()) return pickles;
  for (const auto& value : lines[0].at("pickles").as_array()) {
    const Event& pickle = value.as_object();
    pickles.push_back({text_at(pickle, {"offset"}), text_at(pickle, {"length"}), text_at(pickle, {"severity"}),
                       text_at(pickle, {"rules"}), text_at(pickle, {"pickle", "program"}),
                       text_at(pickle, {"pickle", "end"})});
  }
  return pickles;
}

class Explain : public testing::Test {
 protected:
  Finished explain(std::string_view bytes, const Arguments& more = {}) const {
    Arguments arguments = {"explain"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back(folder_.write("a.pkl", bytes));
    return pickletap(arguments);
  }

  TempFolder folder_;
};

TEST_F(Explain, SaysWhatEachPickleDoes) {
  for (const NamedPickle& pickle : kPickles) {
    SCOPED_TRACE(pickle.name);
    const Finished text = explain(pickle.bytes), json = explain(pickle.bytes, {"--json"});
    EXPECT_EQ(text.exit_code, 0);
    EXPECT_EQ(text.err + json.err, "");
    EXPECT_NE(text.out.find(pickle.program), std::string::npos) << text.out;
    EXPECT_NE(text.out.find(std::to_string(pickle.bytes.size()) + " bytes"), std::string::npos) << text.out;
    const std::vector<Explained> pickles = explained(json.out);
    ASSERT_EQ(pickles.size(), 1U);
    EXPECT_EQ(pickles[0].length, std::to_string(pickle.bytes.size()));
    EXPECT_EQ(pickles[0].end, "stop");
    const std::string rule = pickle.rule;
    EXPECT_EQ(pickles[0].rules, rule.empty() ? "[]" : "[\"" + rule + "\"]");
    EXPECT_EQ(pickles[0].severity == "null", rule.empty());
    if (!rule.empty()) {
      EXPECT_NE(text.out.find(rule), std::string::npos) << text.out;
    }
  }
}

TEST_F(Explain, FindsThePicklesBehindTheFirst) {
  const std::string all = std::string(kHarmlessPickle) + std::string(kSystemPickle0) + std::string(kReferencePickle) +
                          std::string(kHarmlessPickle);
  const Finished result = explain(all, {"--json"});
  EXPECT_EQ(result.exit_code, 0);
  const std::vector<Explained> pickles = explained(result.out);
  ASSERT_EQ(pickles.size(), 4U);
  const std::string wanted[] = {"null", "1", "2", "null"};
  size_t offset = 0;
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(pickles[i].offset, std::to_string(offset));
    EXPECT_EQ(pickles[i].severity, wanted[i]);
    offset += std::stoul(pickles[i].length);
  }
  EXPECT_EQ(offset, all.size());
  EXPECT_NE(explain(all).out.find("4 pickles"), std::string::npos);
}

// An unpickler that reads a file cut short has run what stands before the cut.
TEST_F(Explain, SaysWhatATruncatedPickleHasDoneBeforeItsEnd) {
  const std::vector<Explained> pickles = explained(explain(kSystemPickle.substr(0, 39), {"--json"}).out);
  ASSERT_EQ(pickles.size(), 1U);
  EXPECT_EQ(pickles[0].end, "truncated");
  EXPECT_EQ(pickles[0].severity, "1");
  EXPECT_EQ(pickles[0].rules, R"(["pickle.code-execution","pickle.malformed"])");
  EXPECT_EQ(pickles[0].program, "posix.system('id')");
}

TEST_F(Explain, NeitherCrashesNorInventsAnywhereItIsCut) {
  for (const NamedPickle& pickle : kPickles) {
    Arguments arguments = {"explain", "--json"};
    for (size_t length = 1; length < pickle.bytes.size(); ++length) {
      arguments.push_back(folder_.write("cut-" + std::to_string(length), pickle.bytes.substr(0, length)));
    }
    const Finished result = pickletap(arguments);
    EXPECT_LE(result.exit_code, 1) << pickle.name << ": " << result.err;
    for (const Event& line : events_of(result.out)) {
      for (const auto& value : line.at("pickles").as_array()) {
        const std::string rules = text_at(value.as_object(), {"rules"});
        const bool told = rules.find("pickle.malformed") != std::string::npos;
        EXPECT_TRUE(told) << pickle.name << ", " << text_at(line, {"file"}) << ": cut and called whole: " << rules;
        if (std::string(pickle.rule).empty()) {
          EXPECT_EQ(rules, R"(["pickle.malformed"])") << text_at(line, {"file"});
        }
      }
    }
  }
}

TEST_F(Explain, RefusesWhatIsNoPickle) {
  for (const std::string_view bytes : {"hello world\n"sv, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"sv, "{\"json\": true}"sv,
                                       "\x7f"
                                       "ELF\x02\x01\x01"sv,
                                       "\0\0\0\0\0\0\0\0"sv}) {
    const Finished result = explain(bytes);
    EXPECT_EQ(result.exit_code, 1) << bytes;
    EXPECT_EQ(result.out, "") << bytes;
    EXPECT_NE(result.err.find("a.pkl: not a pickle"), std::string::npos) << result.err;
  }
}

TEST_F(Explain, SaysWhatAnArchiveOrACompressedFileIs) {
  for (const auto& [bytes, says] : {std::pair{"PK\x03\x04\x14\0\0\0\0\0archive/data.pkl"sv, "zip archive"},
                                    {"\x1f\x8b\x08\0\0\0\0\0\0\x03"sv, "gzip -dc FILE"},
                                    {"\xfd"
                                     "7zXZ\0\0\x04"sv,
                                     "xz -dc FILE"},
                                    {"x\x9c\xcbH\xcd"sv, "zlib"},
                                    {"\x93NUMPY\x01\0v\0"sv, "NumPy"},
                                    {"\xd4\xc3\xb2\xa1\x02\0\x04\0"sv, "pickletap replay"}}) {
    const Finished result = explain(bytes);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find("a.pkl: not a pickle but "), std::string::npos) << result.err;
    EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
  }
  // The first bytes decide nothing: PERSID "K…", then a call.
  const std::string disguised = "PK\x03\x04\n" + std::string(kSystemPickle0);
  EXPECT_EQ(explained(explain(disguised, {"--json"}).out).at(0).severity, "1");
}

// The listing of -v beside what pickletools says, opcode by opcode.
TEST_F(Explain, ListsTheOpcodesThatPickletoolsLists) {
  const std::string script = folder_.write("list.py",
                                           "import pickletools, sys\n"
                                           "data = open(sys.argv[1], 'rb').read()\n"
                                           "for opcode, argument, at in pickletools.genops(data):\n"
                                           "    print(at, opcode.name)\n");
  if (std::system(("python3 -c '' 2> " + folder_.path("err")).c_str()) != 0) GTEST_SKIP() << "no python3";
  for (const NamedPickle& pickle : kPickles) {
    const std::string file = folder_.write("a.pkl", pickle.bytes), list = folder_.path("list");
    ASSERT_EQ(std::system(("python3 " + script + " " + file + " > " + list).c_str()), 0) << pickle.name;
    const std::string text = pickletap({"explain", "-v", file}).out;
    size_t at = text.find("opcodes:\n"), rows = 0;
    ASSERT_NE(at, std::string::npos) << text;
    std::istringstream wanted(read_bytes(list));
    for (std::string offset, name; wanted >> offset >> name; ++rows) {
      at = text.find(" " + offset + "  " + name, at);
      ASSERT_NE(at, std::string::npos) << pickle.name << ": " << offset << " " << name << " is not in\n" << text;
    }
    EXPECT_GE(rows, 5U) << pickle.name;
    EXPECT_EQ(pickletap({"explain", file}).out.find("opcodes:"), std::string::npos);
  }
}

TEST_F(Explain, EndsWithAdviceAndATableOfFiles) {
  const std::string good = folder_.write("good.pkl", kHarmlessPickle), bad = folder_.write("bad.pkl", kSystemPickle);
  const std::string one = pickletap({"explain", bad}).out, two = pickletap({"explain", good, bad}).out;
  EXPECT_NE(one.find("\nWhat to do about it\n  pickle.code-execution\n"), std::string::npos) << one;
  EXPECT_EQ(one.find("\nFiles\n"), std::string::npos) << one;
  EXPECT_NE(two.find("\nFiles\n  harmless    1 pickle  " + good), std::string::npos) << two;
  EXPECT_EQ(pickletap({"explain", good}).out.find("What to do"), std::string::npos);
  const std::string quiet = pickletap({"explain", "-q", good, bad}).out;
  EXPECT_EQ(quiet.find("good.pkl"), std::string::npos) << quiet;
  EXPECT_NE(quiet.find("posix.system('id')"), std::string::npos) << quiet;
  EXPECT_EQ(quiet.find("What to do"), std::string::npos) << quiet;
}

// One pickle of them is held at a time.
TEST_F(Explain, ReadsAnyNumberOfPickles) {
  std::string many;
  for (int i = 0; i < 30000; ++i) many += "N.";
  many += kSystemPickle;
  const Finished result = explain(many, {"--fail-on", "high"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.out.find("\n30,001 pickles: 1 DANGEROUS, 30000 harmless\n"), std::string::npos);
  EXPECT_NE(result.out.find("pickle at byte 60000, "), std::string::npos);
}

TEST_F(Explain, ReadsStandardInput) {
  RunOptions piped;
  piped.input = kSystemPickle;
  const Finished result = pickletap({"explain", "--json", "-"}, piped);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(explained(result.out).at(0).program, "posix.system('id')");
  EXPECT_EQ(text_at(events_of(result.out).at(0), {"file"}), "-");
  const Finished none = pickletap({"explain", "-"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_NE(none.err.find("empty"), std::string::npos) << none.err;
}

TEST_F(Explain, GoesOnBehindAFileItCannotRead) {
  const std::string good = folder_.write("good.pkl", kHarmlessPickle), bad = folder_.write("bad.pkl", kSystemPickle);
  const Finished result = pickletap({"explain", "--json", good, folder_.path("none.pkl"), bad});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("none.pkl: No such file"), std::string::npos) << result.err;
  const std::vector<Event> lines = events_of(result.out);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(text_at(lines[0], {"file"}), good);
  EXPECT_EQ(text_at(lines[1], {"file"}), bad);
}

TEST_F(Explain, FailOnDecidesBetween0And3) {
  const struct {
    std::string_view bytes;
    const char* severity;
    int want;
  } cases[] = {{kHarmlessPickle, "low", 0},   {kUserPickle, "low", 3},         {kUserPickle, "medium", 0},
               {kReferencePickle, "high", 0}, {kReferencePickle, "medium", 3}, {kSystemPickle, "high", 3},
               {kSystemPickle, "low", 3}};
  for (const auto& [bytes, severity, want] : cases) {
    EXPECT_EQ(explain(bytes, {"--fail-on", severity}).exit_code, want) << bytes << " " << severity;
  }
}

TEST_F(Explain, PrintsNothingThatSteersATerminal) {
  const std::string name = folder_.write("a\x1b[31m\nb.pkl", kHostilePickle);
  const Finished text = pickletap({"explain", name}), missing = pickletap({"explain", name + "\x1b[2J"});
  for (const std::string* out : {&text.out, &missing.err}) {
    EXPECT_EQ(out->find('\x1b'), std::string::npos) << *out;
    EXPECT_EQ(out->find('\x7f'), std::string::npos) << *out;
  }
  EXPECT_NE(text.out.find("os.system("), std::string::npos) << text.out;
}

TEST_F(Explain, TakesThePolicyOfTheConfiguration) {
  folder_.write("policy.yaml", "safe:\n  shapes: [Circle]\n");
  const std::string config = folder_.write("c.yaml", "policy: {safe: policy.yaml}\n");
  EXPECT_EQ(explain(kUserPickle, {"--fail-on", "low"}).exit_code, 3);
  EXPECT_EQ(explain(kUserPickle, {"--fail-on", "low", "-c", config}).exit_code, 0);
}

}  // namespace
}  // namespace pickletap::test
