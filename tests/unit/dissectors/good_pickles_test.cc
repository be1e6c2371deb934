// Good pickles stay quiet: tests/pickles/good.jsonl, what Pythons 2.7 to 3.13, CPython's own tests and numpy, pandas,
// scikit-learn and others really wrote (tests/pickles/make/good_*.py), raises nothing but pickle.unknown-call, and that
// only for what is not of the standard library. GOOD_PICKLES_TABLE=1 prints a table by group.
#include <boost/json.hpp>
#include <cstdlib>
#include <iostream>
#include <map>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

struct GoodPickle {
  std::string id, group, python, data;
  bool may_be_unknown = false;
};

std::vector<GoodPickle> good_pickles() {
  std::ifstream in(std::string(PICKLETAP_SOURCE_DIR) + "/tests/pickles/good.jsonl");
  EXPECT_TRUE(in);
  std::vector<GoodPickle> all;
  for (std::string line; std::getline(in, line);) {
    const boost::json::value parsed = boost::json::parse(line);
    const auto text = [&](const char* key) { return std::string(parsed.at(key).as_string()); };
    all.push_back(
        {text("id"), text("group"), text("python"), truth::from_base64(text("data")), text("expect") == "unknown"});
  }
  return all;
}

TEST(GoodPickles, ThereAreEnoughOfEveryGroup) {
  std::map<std::string, size_t> counts;
  for (const auto& good : good_pickles()) ++counts[good.group];
  const std::map<std::string, size_t> least = {{"callables", 100},
                                               {"cpython-handwritten", 300},
                                               {"cpython-tests", 1000},
                                               {"exceptions", 200},
                                               {"extension-code", 2},
                                               {"joblib", 2},
                                               {"logging", 10},
                                               {"multiprocessing", 100},
                                               {"numpy", 40},
                                               {"pandas", 40},
                                               {"persistent-id", 3},
                                               {"shapes", 30},
                                               {"sklearn", 30},
                                               {"standard-types", 1000},
                                               {"tasks", 80},
                                               {"torch-shaped", 5},
                                               {"user-classes", 60},
                                               {"cloudpickle", 2},
                                               {"dill", 2},
                                               {"scipy", 10}};
  for (const auto& [group, count] : least) EXPECT_GE(counts[group], count) << group;
}

TEST(GoodPickles, StayQuiet) {
  struct Row {
    size_t pickles = 0, unknown = 0, alarms = 0;
  };
  std::map<std::string, Row> table;
  for (const auto& good : good_pickles()) {
    const truth::Reading reading(good.data);
    Row& row = table[good.group];
    ++row.pickles;
    bool unknown = false, alarms = false;
    for (const auto& finding : reading.report.findings) {
      if (finding.rule == PickleRule::kUnknownCall && good.may_be_unknown) {
        unknown = true;
      } else {
        alarms = true;
      }
    }
    row.unknown += unknown;
    row.alarms += alarms;
    EXPECT_FALSE(alarms) << good.id << ' ' << good.group << " by Python " << good.python << '\n'
                         << truth::describe(reading.report);
    EXPECT_EQ(reading.report.end, PickleEnd::kStop) << good.id << ' ' << good.group << ' ' << reading.report.end_reason;
    EXPECT_EQ(reading.report.trailing_bytes, 0U) << good.id;
  }
  if (std::getenv("GOOD_PICKLES_TABLE") == nullptr) return;
  std::cout << "group                 pickles unknown alarms\n";
  for (const auto& [group, row] : table) {
    std::cout << group << std::string(22 - std::min<size_t>(group.size(), 21), ' ') << row.pickles << ' ' << row.unknown
              << ' ' << row.alarms << '\n';
  }
}

TEST(GoodPickles, ByteByByteTheReportIsTheSame) {
  for (const auto& good : good_pickles()) {
    std::vector<size_t> cuts;
    for (size_t at = 1; at < good.data.size(); ++at) cuts.push_back(at);
    ASSERT_EQ(truth::describe(truth::Reading(good.data, cuts).report),
              truth::describe(truth::Reading(good.data).report))
        << good.id << ' ' << good.group;
  }
}

/// The set tells: the same pickles under a policy without lists raise an alarm.
TEST(GoodPickles, AreNotQuietWithoutThePolicy) {
  Policy strict;
  for (const char* module : {"builtins", "datetime", "copyreg", "collections"}) strict.add_stdlib_module(module);
  size_t alarms = 0;
  for (const auto& good : good_pickles()) {
    alarms += truth::Reading(good.data, {}, {}, strict).has(PickleRule::kCodeExecution);
  }
  EXPECT_GE(alarms, 500U);
}

}  // namespace
}  // namespace pickletap
