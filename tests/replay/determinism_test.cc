// The same packets give the same bytes: run after run, whatever the environment, by file, by standard input, by folder.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "tests/replay/captures.h"
#include "tests/replay/pcap_records.h"

namespace pickletap::test {
namespace {

/// The first place where two outputs part, for a message; empty when they do not.
std::string parting(const std::string& a, const std::string& b) {
  if (a == b) return {};
  const auto at = static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const size_t from = at < 120 ? 0 : at - 120;
  return "at byte " + std::to_string(at) + ":\n  " + a.substr(from, 240) + "\n  " + b.substr(from, 240);
}

TEST(Determinism, TwoRunsGiveTheSameBytes) {
  const TempFolder folder;
  const Arguments arguments = {"replay", "--json", "-c", all_types_config(folder), source_path("pcaps")};
  const Finished first = pickletap(arguments);
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_GT(events_of(first.out).size(), 1000U);
  EXPECT_EQ(parting(first.out, pickletap(arguments).out), "");
}

TEST(Determinism, TheReadableReportToo) {
  const Arguments arguments = {"replay", source_path("pcaps")};
  const Finished first = pickletap(arguments);
  EXPECT_EQ(parting(first.out, pickletap(arguments).out), "");
  EXPECT_NE(first.out.find("Summary"), std::string::npos);
}

TEST(Determinism, TheEnvironmentDoesNotMatter) {
  const TempFolder folder;
  const Arguments arguments = {"replay", "--json", "-c", all_types_config(folder), source_path("pcaps")};
  RunOptions elsewhere;  // another clock, another language, and memory that is not zero before it is written
  elsewhere.environment = {{"TZ", "Asia/Tokyo"},       {"LC_ALL", "C.UTF-8"}, {"MALLOC_PERTURB_", "165"},
                           {"TERM", "xterm-256color"}, {"NO_COLOR", "1"},     {"HOME", "/nonexistent"}};
  EXPECT_EQ(parting(pickletap(arguments).out, pickletap(arguments, elsewhere).out), "");
}

/// Without what names the way of the input or the output.
std::string comparable(std::vector<Event> events) {
  std::string out;
  for (Event& event : events) {
    event.erase("pcap_filename");
    if (text_at(event, {"event_type"}) == "stats") event["stats"].as_object().erase("output_events_total");
    if (text_at(event, {"event_type"}) == "stats") event["stats"].as_object().erase("output_dropped_total");
    out += boost::json::serialize(event) + "\n";
  }
  return out;
}

TEST(Determinism, AnOutputFileHasWhatStandardOutputHas) {
  const TempFolder folder;
  const std::string config = all_types_config(folder), pcaps = source_path("pcaps");
  const Finished both = pickletap({"replay", "--json", "-c", config, "-o", folder.path("both.json"), pcaps});
  EXPECT_EQ(parting(both.out, read_bytes(folder.path("both.json"))), "");
  folder.write("alone.json", "what stood there before\n");
  const Finished alone = pickletap({"replay", "-q", "-c", config, "-o", folder.path("alone.json"), pcaps});
  EXPECT_EQ(alone.exit_code, 0);
  EXPECT_EQ(parting(comparable(events_of(both.out)), comparable(events_of(read_bytes(folder.path("alone.json"))))), "");
}

TEST(Determinism, StandardInputGivesTheSameEvents) {
  for (size_t i = 0; i < manifest().size(); i += 3) {
    const std::string path = capture_path(manifest()[i].file);
    const std::string by_name = comparable(events_of(pickletap({"replay", "--json", path}).out));
    RunOptions piped, redirected;
    piped.input = read_bytes(path);
    redirected.stdin_file = path;
    for (const RunOptions* options : {&piped, &redirected}) {
      const Finished result = pickletap({"replay", "--json", "-"}, *options);
      EXPECT_EQ(result.exit_code, 0) << path << ": " << result.err;
      EXPECT_EQ(parting(by_name, comparable(events_of(result.out))), "") << path;
    }
  }
}

TEST(Determinism, AFolderIsReadInTheOrderOfTime) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.path("captures"));
  std::vector<std::tuple<uint32_t, uint32_t, std::string>> by_time;
  for (size_t i = 0; i < manifest().size(); i += 7) {
    const std::optional<PcapFile> file = load_pcap(manifest()[i]);
    if (!file || file->records.empty()) continue;
    // Names that sort the other way round, and files that are no captures, in between.
    const std::string name = "captures/" + std::to_string(1000 - i);
    by_time.emplace_back(file->records[0].seconds, file->records[0].fraction, folder.write(name, to_bytes(*file)));
    folder.write(name + ".txt", "not a capture\n");
  }
  ASSERT_GE(by_time.size(), 15U);
  folder.write("captures/empty", "");
  std::sort(by_time.begin(), by_time.end());
  Arguments one_by_one = {"replay", "--json"};
  for (const auto& [seconds, fraction, path] : by_time) one_by_one.push_back(path);
  const Finished together = pickletap({"replay", "--json", folder.path("captures")});
  EXPECT_EQ(together.exit_code, 0) << together.err;
  EXPECT_EQ(parting(pickletap(one_by_one).out, together.out), "");
}

TEST(Determinism, FilesAreReadInTheOrderGiven) {
  const std::string late = capture_path("attack-ipv6.pcap"), early = capture_path("no-key-27.pcap");
  const auto files = [](const Finished& result) {
    std::vector<std::string> names;
    for (const Event& alert : events_of_type(events_of(result.out), "alert")) {
      const std::string name = text_at(alert, {"pcap_filename"});
      if (names.empty() || names.back() != name) names.push_back(name);
    }
    return names;
  };
  EXPECT_EQ(files(pickletap({"replay", "--json", late, early})), (std::vector<std::string>{late, early}));
  EXPECT_EQ(files(pickletap({"replay", "--json", early, late})), (std::vector<std::string>{early, late}));
}

// A pickle whose last byte never came is judged when its flow ends, here with the run: the alert is still about the
// packet and the file that held it, not about what was read last.
TEST(Determinism, AnAlertNamesTheFileThatHeldThePickle) {
  const auto attack = std::find_if(manifest().begin(), manifest().end(),
                                   [](const Capture& capture) { return capture.file == "attack-any-sll2.pcap"; });
  ASSERT_NE(attack, manifest().end());
  const TempFolder folder;
  PcapFile file = load_pcap(*attack).value();
  const auto holds = [](const PcapRecord& r) { return r.bytes.find("pickletap-was-here") != std::string::npos; };
  const auto last = std::find_if(file.records.begin(), file.records.end(), holds);
  ASSERT_NE(last, file.records.end());
  last->bytes.pop_back();
  file.records.erase(last + 1, file.records.end());
  const std::string first = folder.write("first.pcap", to_bytes(file));
  const auto alerts_of = [](const Arguments& files) {
    Arguments arguments = {"replay", "--json"};
    arguments.insert(arguments.end(), files.begin(), files.end());
    return events_of_type(events_of(pickletap(arguments).out), "alert");
  };
  const std::vector<Event> alone = alerts_of({first});
  const std::vector<Event> followed = alerts_of({first, capture_path("not-ours-chat.pcap")});
  ASSERT_FALSE(alone.empty());
  ASSERT_EQ(alone.size(), followed.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    for (const char* name : {"pcap_filename", "pcap_cnt", "timestamp"}) {
      EXPECT_EQ(text_at(followed[i], {name}), text_at(alone[i], {name})) << alert_text(alone[i]) << ": " << name;
    }
  }
}

}  // namespace
}  // namespace pickletap::test
