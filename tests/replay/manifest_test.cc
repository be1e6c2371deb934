// Every capture of pcaps/ through the program: exactly the alerts and listeners that MANIFEST.yaml says are true of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMaxFolderBytes = 15'000'000;

bool is_capture(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".pcap") || name.ends_with(".pcapng") || name.find(".pcap.") != name.npos ||
         name.find(".pcapng.") != name.npos;
}

TEST(Manifest, IsNotEmpty) { EXPECT_GE(manifest().size(), 150U); }

TEST(Manifest, ListsEveryCaptureOfTheFolderAndNoOther) {
  Counted want, got;
  for (const Capture& capture : manifest()) ++want[capture.file];
  const fs::path folder = source_path("pcaps");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    // Odd TCP has a manifest and a test of its own.
    const std::string name = entry.path().filename().string();
    const bool is_odd_ip = name.starts_with("ip4-") || name.starts_with("ip6-");
    if (entry.path().parent_path().filename() == "evasion" && !is_odd_ip) continue;
    if (entry.is_regular_file() && is_capture(entry.path())) ++got[fs::relative(entry.path(), folder).string()];
  }
  EXPECT_EQ(difference(want, got), "") << "missing: listed and not there; extra: there and not listed";
}

TEST(Manifest, FolderStaysSmall) {
  uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(source_path("pcaps"))) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  EXPECT_LT(bytes, kMaxFolderBytes);
}

// ---- One capture ----------------------------------------------------------------------------------------------------

class EachCapture : public testing::TestWithParam<Capture> {};

/// The alerts that an entry of the manifest speaks of.
std::vector<Event> matching(const std::vector<Event>& alerts, const ExpectedAlert& expected) {
  std::vector<Event> kept;
  const std::string wanted = alert_text(expected.rule, expected.src, expected.outcome);
  for (const Event& alert : alerts) {
    if (alert_text(alert) == wanted) kept.push_back(alert);
  }
  return kept;
}

const boost::json::array& pickle_list(const Event& alert, const char* name) {
  static const boost::json::array none;
  const auto* mp = alert.if_contains("python_mp");
  const auto* pickle = mp == nullptr ? nullptr : mp->as_object().if_contains("pickle");
  const auto* list = pickle == nullptr ? nullptr : pickle->as_object().if_contains(name);
  return list == nullptr ? none : list->as_array();
}

std::set<std::string> callables_named(const std::vector<Event>& alerts) {
  std::set<std::string> names;
  for (const Event& alert : alerts) {
    for (const char* list : {"findings", "calls"}) {
      for (const auto& entry : pickle_list(alert, list)) names.insert(text_at(entry.as_object(), {"callable"}));
    }
  }
  return names;
}

bool has_argument(const Event& alert, const std::string& part) {
  if (text_at(alert, {"python_mp", "pickle", "program"}).find(part) != std::string::npos) return true;
  const auto& calls = pickle_list(alert, "calls");
  return std::any_of(calls.begin(), calls.end(), [&](const boost::json::value& call) {
    return text_at(call.as_object(), {"args"}).find(part) != std::string::npos;
  });
}

void check_callables(const Capture& capture, const std::vector<Event>& alerts) {
  for (const ExpectedAlert& expected : capture.alerts) {
    const std::vector<Event> found = matching(alerts, expected);
    const std::set<std::string> names = callables_named(found);
    const std::string all = list_text(Counted([&] {
      Counted items;
      for (const std::string& name : names) items[name] = 1;
      return items;
    }()));
    for (const std::string& callable : expected.callables) {
      EXPECT_TRUE(names.contains(callable))
          << capture.file << ": " << expected.rule << " does not name " << callable << ", but: " << all;
    }
    if (expected.args_contain.empty()) continue;
    const auto with = static_cast<unsigned>(std::count_if(
        found.begin(), found.end(), [&](const Event& alert) { return has_argument(alert, expected.args_contain); }));
    EXPECT_GE(with, expected.count) << capture.file << ": '" << expected.args_contain
                                    << "' is in no program and no call of " << expected.rule;
  }
}

/// The last `listener` event of each listener, as the manifest puts it.
Counted listeners_of(const std::vector<Event>& events) {
  std::map<std::string, std::string> last;
  for (const Event& event : events_of_type(events, "listener")) {
    const std::string place = text_at(event, {"listener", "ip"}) + " port " + text_at(event, {"listener", "port"});
    last[place] = text_at(event, {"listener", "auth", "state"}) + " " + text_at(event, {"listener", "auth", "digest"}) +
                  " " + text_at(event, {"listener", "application"});
  }
  Counted out;
  for (const auto& [place, state] : last) ++out[place + ": " + state];
  return out;
}

Counted listeners_of(const Capture& capture) {
  Counted out;
  for (const ExpectedListener& l : capture.listeners) {
    ++out[l.address + " port " + l.port + ": " + l.auth + " " + l.digest + " " + l.application];
  }
  return out;
}

/// The rules with the alerts that `stats` counted, zeros left out.
Counted alerts_in_stats(const Event& stats) {
  Counted out;
  for (const auto& [rule, by_severity] : stats.at("stats").at("alerts_total").as_object()) {
    for (const auto& [severity, count] : by_severity.as_object()) {
      if (count.as_int64() > 0) out[rule] += static_cast<unsigned>(count.as_int64());
    }
  }
  return out;
}

TEST_P(EachCapture, RaisesWhatIsTrueOfItAndNothingElse) {
  const Capture& capture = GetParam();
  const Finished result = pickletap({"replay", "--json", capture_path(capture.file)});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  const std::vector<Event> events = events_of(result.out);
  const std::vector<Event> alerts = events_of_type(events, "alert");

  EXPECT_EQ(difference(counted(capture.alerts), counted(alerts)), "") << capture.file << ": alerts";
  check_callables(capture, alerts);
  EXPECT_EQ(difference(listeners_of(capture), listeners_of(events)), "") << capture.file << ": listeners";
  for (const char* type : {"alert", "listener"}) {
    for (const Event& event : events_of_type(events, type)) {
      // What is spoken where a call-back goes is not known.
      const std::string spoken = event.contains("callback") ? "" : capture.app_proto;
      EXPECT_EQ(text_at(event, {"app_proto"}), spoken) << capture.file << ": " << type;
      EXPECT_EQ(text_at(event, {"pcap_filename"}), capture_path(capture.file));
    }
  }

  // A payload that ran when the capture was made: of high severity, and never called harmless by its outcome.
  if (capture.executed.value_or(false)) {
    const auto ran = std::count_if(alerts.begin(), alerts.end(), [](const Event& alert) {
      return text_at(alert, {"alert", "severity"}) == "1" &&
             text_at(alert, {"python_mp", "outcome"}) != "not-unpickled";
    });
    EXPECT_GT(ran, 0) << capture.file;
  }

  // One `stats`, at the end, that has counted the same.
  ASSERT_EQ(events_of_type(events, "stats").size(), 1U);
  ASSERT_EQ(text_at(events.back(), {"event_type"}), "stats");
  Counted by_rule;
  for (const Event& alert : alerts) ++by_rule[text_at(alert, {"alert", "rule"})];
  EXPECT_EQ(difference(by_rule, alerts_in_stats(events.back())), "") << capture.file << ": stats.alerts_total";
  EXPECT_EQ(text_at(events.back(), {"stats", "output_events_total", "stdout"}), std::to_string(events.size() - 1));
}

INSTANTIATE_TEST_SUITE_P(Manifest, EachCapture, testing::ValuesIn(manifest()), test_name);

// ---- All of them ----------------------------------------------------------------------------------------------------

struct Row {
  std::string file;
  Counted expected, raised;
};

/// MANIFEST_TABLE names a file (relative to the folder of the program under test) that gets the table of a report.
void write_table(const std::vector<Row>& rows) {
  const char* name = std::getenv("MANIFEST_TABLE");
  if (name == nullptr || *name == '\0') return;
  const fs::path path = fs::path(PICKLETAP_BINARY).parent_path() / name;
  std::ofstream file(path);
  file << "capture | expected | raised\n--- | --- | ---\n";
  size_t equal = 0;
  for (const Row& row : rows) {
    file << row.file << " | " << list_text(row.expected) << " | " << list_text(row.raised) << "\n";
    equal += row.expected == row.raised ? 1 : 0;
  }
  file << "\n" << equal << " of " << rows.size() << " captures raise exactly what is expected.\n";
  ASSERT_TRUE(file.flush()) << path << ": cannot write";
  std::cout << "table: " << path.string() << "\n";
}

TEST(Manifest, RaisesTheSameWhenAllCapturesAreOneRun) {
  std::set<std::string> folders;
  for (const Capture& capture : manifest()) folders.insert(fs::path(capture_path(capture.file)).parent_path().string());
  Arguments arguments = {"replay", "--json"};
  arguments.insert(arguments.end(), folders.begin(), folders.end());
  const Finished result = pickletap(arguments);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  std::map<std::string, Counted> raised;
  for (const Event& alert : events_of_type(events_of(result.out), "alert")) {
    ++raised[fs::path(text_at(alert, {"pcap_filename"})).lexically_relative(source_path("pcaps"))][alert_text(alert)];
  }
  std::vector<Row> rows;
  for (const Capture& capture : manifest()) {
    if (capture.file.starts_with("allow-")) continue;  // days of the same two listeners, who are told of things once
    // Minutes of the same two hosts: what the pickle of one names the victim of another turns to.
    if (capture.file.starts_with("callback-")) continue;
    rows.push_back({capture.file, counted(capture.alerts), raised[capture.file]});
    EXPECT_EQ(difference(rows.back().expected, rows.back().raised), "") << capture.file;
  }
  write_table(rows);
}

}  // namespace
}  // namespace pickletap::test
