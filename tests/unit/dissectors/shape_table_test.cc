// Small pickles that are known again: the answer is the one that following them gives, whatever is changed in them. The
// truth is a second machine that knows no shapes, over every small pickle of tests/pickles and changed copies of each.
#include "dissectors/pickle/shape_table.h"

#include <boost/json.hpp>
#include <set>

#include "dissectors/pickle/machine_pool.h"
#include "tests/unit/dissectors/recall_twin.h"
#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;

std::vector<std::string> small_pickles(const char* file, const char* key) {
  std::ifstream in(std::string(PICKLETAP_SOURCE_DIR) + "/tests/pickles/" + file);
  EXPECT_TRUE(in) << file;
  std::set<std::string> all;
  for (std::string line; std::getline(in, line);) {
    std::string data = truth::from_base64(std::string(boost::json::parse(line).at(key).as_string()));
    if (data.size() <= PickleShape::kMaxBytes + 8) all.insert(std::move(data));
  }
  EXPECT_GT(all.size(), 500U) << file;
  return {all.begin(), all.end()};
}

std::string text(std::string_view words) { return "\x8c"s + static_cast<char>(words.size()) + std::string(words); }
std::string global(std::string_view module, std::string_view name) { return text(module) + text(name) + "\x93"; }
/// (job, 0, function, args, {})
std::string task(char job, const std::string& function, const std::string& args) {
  return "\x80\x04("s + "K" + job + "K\0"s + function + args + "}t.";
}

class Twin : public RecallTwin {
 public:
  Twin() : RecallTwin(truth::builtin_policy()) {}
  /// Judged alike by both; was it known again?
  bool recalls(const std::string& pickle) {
    EXPECT_EQ(difference(truth::bytes_of(pickle)), "");
    return last_was_recalled();
  }
};

TEST(ShapeTable, EveryPickleAndItsCopiesWithOtherBytesAreJudgedAlike) {
  struct File {
    const char *name, *key;
    unsigned least;  // of attacks next to none is ever known again
  };
  for (const auto& [file, key, least] : {File{"good.jsonl", "data", 10000}, File{"executed.jsonl", "pickle", 10}}) {
    std::mt19937 random(1);
    Twin twin;
    for (const std::string& pickle : small_pickles(file, key)) {
      twin.forget_shapes();
      const auto differs = [&](const std::string& changed) { return twin.difference(truth::bytes_of(changed)); };
      for (int i = 0; i < 3; ++i) ASSERT_EQ(differs(pickle), "");
      for (int i = 0; i < 24; ++i) {
        std::string changed = pickle;
        for (auto n = 1 + random() % 3; n > 0; --n) {
          char& byte = changed[random() % changed.size()];
          byte = random() % 3 == 0 ? '_' : static_cast<char>(random());
        }
        ASSERT_EQ(differs(changed), "") << "of " << testing::PrintToString(pickle);
      }
      if (random() % 4 == 0) twin.forget_told();
    }
    EXPECT_GT(twin.recalled(), least) << file;
  }
}

TEST(ShapeTable, KnowsAPickleAgainThatDiffersInItsNumbersAndStrings) {
  Twin twin;
  const auto pickle = [](char number, std::string_view word) {
    return "\x80\x04\x95\x0a\0\0\0\0\0\0\0"s + "K" + number + text(word) + "\x94\x86\x94.";
  };
  EXPECT_FALSE(twin.recalls(pickle(1, "red")));
  const std::string tan = pickle(2, "tan");
  EXPECT_TRUE(twin.recalls(tan));
  const auto items = twin.recalling().store().items(*twin.recalling().root());
  EXPECT_EQ(twin.recalling().store().text(items->kept[1])->text, "tan");
  EXPECT_FALSE(twin.recalls(pickle(2, "blue")));  // another length
}

TEST(ShapeTable, SpecialMethodsAndNegativeNumbersAreNotWhatAStringOrANumberWas) {
  Twin twin;
  const auto state = [](std::string_view word, char sign) {
    return "\x80\x04}("s + text(word) + "NX\x01\0\0\0aJ\1\2\3"s + sign + "u.";
  };
  EXPECT_FALSE(twin.recalls(state("an_attribute", 0)));
  EXPECT_TRUE(twin.recalls(state("another_name", 0x40)));
  EXPECT_FALSE(twin.recalls(state("__setstate__", 0)));
  EXPECT_FALSE(twin.recalls(state("another_name", '\xff')));
}

TEST(ShapeTable, NamesAreFixed) {
  Twin twin;
  EXPECT_FALSE(twin.recalls(task(1, global("__main__", "work"), ")")));  // told of
  EXPECT_FALSE(twin.recalls(task(1, global("__main__", "work"), ")")));  // learned
  EXPECT_TRUE(twin.recalls(task(2, global("__main__", "work"), ")")));
  EXPECT_FALSE(twin.recalls(task(2, global("__main__", "walk"), ")")));
  EXPECT_FALSE(twin.recalls(task(2, global("os", "system"), "\x8c\x08mktemp -\x85")));
  EXPECT_FALSE(twin.recalls(task(2, global("os", "system"), "\x8c\x08mktemp -\x85")));
}

TEST(ShapeTable, AFlowThatWasNotToldIsTold) {
  Twin twin;
  const std::string pickle = task(1, global("__main__", "work"), ")");
  for (int i = 0; i < 3; ++i) twin.recalls(pickle);
  EXPECT_TRUE(twin.last_was_recalled());
  twin.forget_told();
  EXPECT_FALSE(twin.recalls(pickle));
}

TEST(ShapeTable, NumbersThatAVerdictWeighsAreFixed) {
  Twin twin;
  const auto make = [](std::string_view name, char a) {
    return task(1, global("builtins", name), "J\1\1"s + a + "\0\x85"s);
  };
  for (int i = 0; i < 2; ++i) EXPECT_EQ(twin.recalls(make("bytearray", 1)), i != 0);
  EXPECT_FALSE(twin.recalls(make("bytearray", 0x7f)));
  const std::string large = task(1, global("builtins", "bytearray"), "J\1\1\1\x7f\x85"s);
  EXPECT_FALSE(twin.recalls(large));
  EXPECT_FALSE(twin.recalls(large));  // a bomb, each time
}

TEST(ShapeTable, OnlyWholeFramesOfFlowsAreKnownAgain) {
  const DissectorLimits limits;
  PickleMachinePool pool(truth::builtin_policy(), limits);
  auto machine = pool.acquire();
  const std::string pickle = "\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x0cred and blue\x94."s;
  ToldCallables told;
  const auto recalled = [&](size_t piece, ToldCallables* flow) {
    machine->begin(pickle.size(), flow);
    for (size_t at = 0; at < pickle.size(); at += piece) {
      machine->feed(truth::bytes_of(pickle).subspan(at, std::min(piece, pickle.size() - at)));
    }
    machine->finish();
    EXPECT_TRUE(machine->report(false).complete());
    return machine->is_recalled();
  };
  EXPECT_FALSE(recalled(SIZE_MAX, &told));
  EXPECT_TRUE(recalled(SIZE_MAX, &told));
  EXPECT_FALSE(recalled(7, &told));
  EXPECT_FALSE(recalled(SIZE_MAX, nullptr));
  Policy other;
  add_builtin_policy(other);
  pool.release(std::move(machine));
  pool.set_policy(other);
  machine = pool.acquire();
  EXPECT_FALSE(recalled(SIZE_MAX, &told));  // judged by another policy
}

TEST(ShapeTable, IsBoundedAndSoonLearnsLessOfWhatNeverComesAgain) {
  Twin twin;
  std::mt19937 random(2);
  const auto strange = [&] {
    std::string pickle = "\x80\x04("s;
    for (auto n = 8 + random() % 40; n > 0; --n) pickle += "N)]}\x88\x89"[random() % 6];
    return pickle + "t.";
  };
  for (int i = 0; i < 20000; ++i) ASSERT_EQ(twin.difference(truth::bytes_of(strange())), "");
  EXPECT_GT(twin.shapes().size(), ShapeTable::kSets);
  EXPECT_LE(twin.shapes().size(), ShapeTable::kSets * ShapeTable::kWays);
  EXPECT_LT(twin.shapes().learned(), 2000U);
  // What comes often is learned all the same, and stays.
  const std::string pickle = "\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x0cred and blue\x94."s;
  for (int i = 0; i < 600; ++i) twin.recalls(pickle);
  EXPECT_TRUE(twin.last_was_recalled());
}

}  // namespace
}  // namespace pickletap
