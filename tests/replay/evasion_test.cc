// pcaps/evasion: odd TCP, each with what a real victim's kernel made of it (pcaps/make/evasion.py). What ran must be
// alerted on as such; of what did not run no alert may claim more than an attempt.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string file, story, answer;
  bool executed = false;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.file; }

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> found;
    try {
      for (const YAML::Node& node : YAML::LoadFile(capture_path("evasion/MANIFEST.yaml"))["captures"]) {
        found.push_back({node["file"].as<std::string>(), node["story"].as<std::string>(),
                         node["answer"].as<std::string>(), node["executed"].as<bool>()});
      }
    } catch (const std::exception& error) {
      std::cerr << "evasion/MANIFEST.yaml: " << error.what() << "\n";
    }
    return found;
  }();
  return all;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = fs::path(info.param.file).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// What the sensor says of the exploit: "" nothing, "other" only of another copy of the bytes, "yes" of what it takes
/// for the stream.
std::string verdict_on(const std::vector<Event>& alerts) {
  std::string verdict;
  for (const Event& alert : alerts) {
    if (text_at(alert, {"alert", "rule"}) != "pickle.code-execution") continue;
    if (text_at(alert, {"python_mp", "outcome"}) == "not-unpickled") continue;
    const bool other = text_at(alert, {"python_mp", "reading"}) == "other";
    if (!other) return "yes";
    verdict = "other";
  }
  return verdict;
}

bool has_conflict(const std::vector<Event>& alerts) {
  return std::any_of(alerts.begin(), alerts.end(), [](const Event& alert) {
    return text_at(alert, {"alert", "rule"}) == "stream.overlap-conflict";
  });
}

/// `policy`: of every IPv4 host.
std::vector<Event> alerts_of(const Case& c, const std::string& policy = "linux") {
  const std::string option = "stream.overlap_policy=0.0.0.0/0 " + policy;
  const Finished result = pickletap({"replay", "--json", "--set", option, capture_path("evasion/" + c.file)});
  EXPECT_EQ(result.exit_code, 0) << c.file;
  EXPECT_EQ(result.err, "") << c.file;
  return events_of_type(events_of(result.out), "alert");
}

class Evasion : public testing::TestWithParam<Case> {};

TEST_P(Evasion, WhatRanIsSeen) {
  const Case& c = GetParam();
  const std::vector<Event> alerts = alerts_of(c);
  if (c.executed) {
    EXPECT_NE(verdict_on(alerts), "") << c.story;
  }
  for (const Event& alert : alerts) {
    EXPECT_NE(text_at(alert, {"python_mp", "outcome"}), "executed") << c.story;
    if (c.executed && text_at(alert, {"alert", "rule"}) == "pickle.code-execution") {
      EXPECT_NE(text_at(alert, {"python_mp", "outcome"}), "not-unpickled") << c.story;
    }
  }
  // Another copy is read only where two differ.
  if (verdict_on(alerts) == "other") {
    EXPECT_TRUE(has_conflict(alerts)) << c.story;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernel, Evasion, testing::ValuesIn(cases()), case_name);

TEST(EvasionManifest, ListsEveryCaptureOfTheFolderAndNoOther) {
  EXPECT_GE(cases().size(), 190U);
  Counted want, got;
  for (const Case& c : cases()) ++want[c.file];
  for (const auto& entry : fs::directory_iterator(capture_path("evasion"))) {
    const std::string name = entry.path().filename().string();
    // Fragments and extension headers stand in the manifest of all captures.
    if (entry.path().extension() == ".pcap" && !name.starts_with("ip4-") && !name.starts_with("ip6-"))
      ++got[entry.path().filename().string()];
  }
  EXPECT_EQ(difference(want, got), "") << "missing: listed and not there; extra: there and not listed";
}

// A wrong policy costs the first reading, never the alert.
TEST(EvasionManifest, NoOverlapPolicyHidesWhatRan) {
  std::map<std::string, std::map<std::string, std::string>> verdicts;
  for (const Case& c : cases()) {
    if (!c.file.starts_with("queue-") && !c.file.starts_with("fill-")) continue;
    for (const char* policy : {"linux", "bsd", "windows", "solaris", "first", "last"}) {
      const std::string verdict = verdict_on(alerts_of(c, policy));
      EXPECT_TRUE(!c.executed || !verdict.empty()) << c.file << " " << policy;
      verdicts[c.file][policy] = verdict;
    }
  }
  EXPECT_GE(verdicts.size(), 20U);
  auto& equal = verdicts["queue-equal-exploit-first.pcap"];
  EXPECT_EQ(equal["linux"] + equal["bsd"] + equal["windows"] + equal["first"], "yesyesyesyes");
  EXPECT_EQ(equal["solaris"] + equal["last"], "otherother");
  auto& longer = verdicts["queue-longer-second-exploit-first.pcap"];
  EXPECT_EQ(longer["linux"] + longer["solaris"] + longer["last"], "otherotherother");
  EXPECT_EQ(longer["bsd"] + longer["windows"] + longer["first"], "yesyesyes");
  auto& filled = verdicts["fill-covers-queue-exploit-queued.pcap"];
  EXPECT_EQ(filled["linux"] + filled["bsd"] + filled["last"] + filled["solaris"], "otherotherotherother");
  EXPECT_EQ(filled["first"], "yes");
}

/// How many the sensor reads as the kernel does, without a second reading. EVASION_TABLE names a file that gets
/// the table: case, the kernel's answer, the sensor's.
TEST(EvasionManifest, MostAreReadAsTheKernelReadsThem) {
  std::string table = "case | ran | recv() | sensor | overlap-conflict\n--- | --- | --- | --- | ---\n";
  size_t same = 0;
  for (const Case& c : cases()) {
    const std::vector<Event> alerts = alerts_of(c);
    const std::string verdict = verdict_on(alerts);
    same += (verdict == "yes") == c.executed ? 1 : 0;
    table += fs::path(c.file).stem().string() + " | " + (c.executed ? "ran" : "-") + " | " + c.answer + " | " +
             (verdict.empty() ? "-" : verdict) + " | " + (has_conflict(alerts) ? "yes" : "-") + "\n";
  }
  table += "\n" + std::to_string(same) + " of " + std::to_string(cases().size()) + " as the kernel.\n";
  if (const char* name = std::getenv("EVASION_TABLE"); name != nullptr && *name != '\0') {
    std::ofstream(name) << table;
  }
  EXPECT_GE(same * 100, cases().size() * 90) << table;
}

}  // namespace
}  // namespace pickletap::test
