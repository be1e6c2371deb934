// Pickles that run a command in some Python (data/hostile.py): whatever an unpickler does, the machine must tell. And
// the pickles of standard types of all Pythons, where it must tell nothing.
#include <gtest/gtest.h>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;

using truth::Reading;

struct Hostile {
  std::string name, pickle;
  std::vector<std::string> globals, ran;
};

std::vector<Hostile> hostile_pickles() {
  std::vector<Hostile> all;
  for (const auto& row : truth::rows("hostile.txt", '\t')) {
    Hostile one{row[0], truth::from_short_hex(row[1]), {}, {}};
    if (row[2] != "-") one.globals = truth::words(row[2]);
    if (row[3] != "-") one.ran = truth::words(row[3]);
    all.push_back(std::move(one));
  }
  return all;
}

/// Here the call is made by code that the sensor does not know: what it may call is told as a reference.
bool only_passes(const std::string& name) { return name == "called-through-another"; }

bool is_told(const Hostile& one, const Reading& reading) {
  if (one.name == "rebuilt-proxy") return reading.has(PickleRule::kUnknownCall);
  return reading.has(only_passes(one.name) ? PickleRule::kDangerousReference : PickleRule::kCodeExecution);
}

TEST(HostilePickles, WhatRunsInAnyPythonIsFound) {
  for (const Hostile& one : hostile_pickles()) {
    if (one.ran.empty()) continue;
    const Reading reading(one.pickle);
    EXPECT_TRUE(is_told(one, reading)) << one.name << " runs in " << one.ran.front() << "\n"
                                       << truth::describe(reading.report).substr(0, 2000);
    EXPECT_TRUE(reading.machine.called_by_name()) << one.name;
  }
}

TEST(HostilePickles, FetchesWhatTheUnpicklerFetches) {
  for (const Hostile& one : hostile_pickles()) {
    if (one.globals.empty() || one.globals.size() > PickleReport::kMaxGlobals) continue;
    const Reading reading(one.pickle);
    size_t next = 0;  // in this order; another Python may fetch more of a broken one
    for (const std::string& name : reading.report.globals) {
      if (next < one.globals.size() && name == one.globals[next]) ++next;
    }
    if (one.name.starts_with("name-is-")) continue;  // fetched by a name that only the loader has
    EXPECT_EQ(next, one.globals.size()) << one.name << "\n" << truth::describe(reading.report).substr(0, 2000);
  }
}

TEST(HostilePickles, AnyCutGivesTheSameReport) {
  for (const Hostile& one : hostile_pickles()) {
    const std::string whole = truth::describe(Reading(one.pickle).report);
    for (uint32_t seed = 0; seed < 3; ++seed) {
      const Reading cut(one.pickle, truth::random_cuts(one.pickle.size(), seed));
      ASSERT_EQ(truth::describe(cut.report), whole) << one.name << " seed " << seed;
    }
  }
}

TEST(HostilePickles, SmallLimitsHideNothing) {
  DissectorLimits limits;
  limits.pickle_stack_values = 256;
  limits.pickle_memo_entries = 64;
  limits.pickle_mark_depth = 64;
  limits.pickle_text_bytes = 8192;
  for (const Hostile& one : hostile_pickles()) {
    if (one.ran.empty()) continue;
    const Reading reading(one.pickle, {}, limits);
    EXPECT_TRUE(is_told(one, reading)) << one.name << "\n" << truth::describe(reading.report).substr(0, 2000);
  }
}

TEST(HarmlessPickles, StandardTypesOfAllPythonsGiveNoFinding) {
  for (const auto& row : truth::rows("harmless.txt")) {
    const std::string pickle = truth::from_base64(row[0]);
    const Reading reading(pickle);
    ASSERT_TRUE(reading.machine.stopped()) << row[0] << "\n" << truth::describe(reading.report);
    EXPECT_TRUE(reading.report.findings.empty()) << row[0] << "\n" << truth::describe(reading.report);
    EXPECT_EQ(reading.report.length, pickle.size());
  }
}

// The memo keeps no data beyond its direct entries. Each of these ran under CPython 3.11: a `__setstate__` that is put
// into a dict, or comes with one, by a far memo index.
TEST(HostilePickles, ADictThatIsFetchedFromAFarMemoIndexHidesNothing) {
  const std::string make =
                        "\x80\x02"
                        "ctypes\nSimpleNamespace\n)\x81",
                    name = "X\x0c\0\0\0__setstate__cos\nsystem\n"s, run = "X\x02\0\0\0idb."s;
  for (const char* index : {"\x05\0\0", "\x70\x11\x01"}) {
    const std::string put = "r" + std::string(index, 3) + '\0', get = "j" + std::string(index, 3) + '\0';
    for (const std::string& pickle :
         {make + "}" + put + get + name + "s0b" + run, make + "}" + put + get + "(" + name + "u0b" + run,
          "\x80\x02}" + name + "s" + put + "0" + make.substr(2) + get + "b" + run,
          "\x80\x02}" + name + "s" + put + "0" + make.substr(2) + "N" + get + "\x86" + "b" + run}) {
      EXPECT_TRUE(truth::Reading(pickle).has(PickleRule::kCodeExecution)) << testing::PrintToString(pickle);
    }
  }
}

}  // namespace
}  // namespace pickletap
