// Evidence of real attacks: the packets of each alert, replayed, raise the alert again, and the pickle is the one sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

/// What has to be the same when an alert is raised from its evidence.
std::string essence(const Event& alert) {
  std::string text = alert_text(alert) + " " + text_at(alert, {"src_port"}) + " " + text_at(alert, {"dest_port"}) +
                     " " + text_at(alert, {"timestamp"}) + text_at(alert, {"vlan"});
  const auto* mp = alert.if_contains("python_mp");
  if (mp != nullptr && mp->as_object().contains("pickle")) text += text_at(mp->as_object(), {"pickle"});
  return text;
}

std::vector<Event> alerts_with_evidence(const std::string& capture, const std::string& folder) {
  const Finished done = pickletap({"replay", "--json", "--evidence", folder, capture});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  return events_of_type(events_of(done.out), "alert");
}

class EvidenceOf : public testing::TestWithParam<Capture> {};

TEST_P(EvidenceOf, EachAlertRaisesItAgain) {
  TempFolder folder;
  for (Event alert : alerts_with_evidence(capture_path(GetParam().file), folder.path())) {
    // The packets of what was called are not kept: its flow is none of ours.
    if (text_at(alert, {"alert", "rule"}) == "attack.callback") continue;
    // What came in a tunnel is kept as it was inside; VLANs outside are gone with it.
    const bool tunnelled = alert.contains("tunnel");
    if (tunnelled) alert.erase("vlan");
    const std::string file = text_at(alert, {"capture_file"});
    ASSERT_TRUE(fs::exists(file)) << file;
    EXPECT_EQ(fs::path(file).filename().string(), text_at(alert, {"flow_id"}) + "-" +
                                                      text_at(alert, {"alert", "signature_id"}) + "-" +
                                                      text_at(alert, {"alert", "rule"}) + ".pcapng");
    std::vector<std::string> again;
    for (Event event : events_of_type(events_of(pickletap({"replay", "--json", file}).out), "alert")) {
      if (tunnelled) event.erase("vlan");
      again.push_back(essence(event));
    }
    EXPECT_THAT(again, Contains(essence(alert))) << file;
    // A frame that never ended was not all there to be kept.
    if (!alert.at("python_mp").as_object().contains("pickle")) continue;
    const std::string pickle = file.substr(0, file.size() - 7) + "-" + text_at(alert, {"python_mp", "direction"}) +
                               "-" + text_at(alert, {"python_mp", "frame", "index"}) + ".pickle";
    ASSERT_TRUE(fs::exists(pickle)) << pickle;
    EXPECT_EQ(std::to_string(fs::file_size(pickle)), text_at(alert, {"python_mp", "frame", "length"}));
  }
}

std::vector<Capture> with_alerts() {
  std::vector<Capture> captures;
  for (const Capture& capture : manifest()) {
    if (!capture.alerts.empty()) captures.push_back(capture);
  }
  return captures;
}

INSTANTIATE_TEST_SUITE_P(Manifest, EvidenceOf, testing::ValuesIn(with_alerts()), test_name);

/// What an alert about two flows has in its file: the packets of both, in the order of their times.
TEST(Evidence, OfARelayHasBothConnections) {
  TempFolder folder;
  size_t seen = 0;
  for (const Event& alert : alerts_with_evidence(capture_path("relay-313.pcap"), folder.path())) {
    if (text_at(alert, {"alert", "rule"}) != "auth.challenge-reuse") continue;
    ++seen;
    const Finished read =
        pickletap({"replay", "--json", "--set", "outputs.eve.types=[flow]", text_at(alert, {"capture_file"})});
    std::vector<std::string> ports;
    for (const Event& flow : events_of_type(events_of(read.out), "flow")) ports.push_back(text_at(flow, {"src_port"}));
    EXPECT_THAT(ports, ::testing::UnorderedElementsAre(text_at(alert, {"flow", "src_port"}),
                                                       text_at(alert, {"other_flow", "src_port"})));
  }
  EXPECT_EQ(seen, 2U);
}

TEST(Evidence, PickleIsWhatWasSent) {
  TempFolder folder;
  const auto alerts = alerts_with_evidence(capture_path("attack-eval.pcap"), folder.path());
  bool found = false;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".pickle") continue;
    found = true;
    const Finished explained = pickletap({"explain", "--json", entry.path().string()});
    EXPECT_THAT(explained.out, HasSubstr("builtins.eval"));
  }
  EXPECT_TRUE(found);
}

TEST(Evidence, OtherReadersTakeIt) {
  if (run({"tcpdump", "--version"}).exit_code != 0) GTEST_SKIP() << "tcpdump is not installed";
  TempFolder folder;
  for (const char* capture : {"attack-vlan.pcap", "attack-ipv6.pcap", "attack-raw-ip.pcap"}) {
    const auto alerts = alerts_with_evidence(capture_path(capture), folder.path());
    ASSERT_FALSE(alerts.empty());
    const Finished read = run({"tcpdump", "-nvvr", text_at(alerts[0], {"capture_file"})});
    EXPECT_EQ(read.exit_code, 0) << read.err;
    EXPECT_THAT(read.out, HasSubstr("(correct)"));
    EXPECT_EQ(read.out.find("incorrect"), std::string::npos) << read.out;
    EXPECT_EQ(read.out.find("bad cksum"), std::string::npos) << read.out;
  }
}

TEST(Evidence, WithoutItEventsAreTheSameButForItsName) {
  TempFolder folder;
  const std::string capture = capture_path("manager-attack-313.pcap");
  std::string with = pickletap({"replay", "--json", "--evidence", folder.path(), capture}).out;
  for (size_t at = 0; (at = with.find("\"capture_file\":\"")) != std::string::npos;) {
    with.erase(at, with.find("\",", at) + 2 - at);
  }
  const std::string without = pickletap({"replay", "--json", capture}).out;
  EXPECT_EQ(with.substr(0, with.find("\"event_type\":\"stats\"")),
            without.substr(0, without.find("\"event_type\":\"stats\"")));
}

TEST(Evidence, FolderThatCannotBeWrittenEndsNothing) {
  TempFolder folder;
  const std::string file = folder.write("file", "");
  const Finished refused = pickletap({"replay", "--evidence", file + "/below", capture_path("attack-eval.pcap")});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--evidence"));
  // A folder in the place of the file: renaming fails, and the alerts come all the same.
  const auto first = alerts_with_evidence(capture_path("attack-eval.pcap"), folder.path("a"));
  ASSERT_FALSE(first.empty());
  for (const Event& alert : first) {
    const fs::path name = fs::path(text_at(alert, {"capture_file"})).filename();
    fs::create_directories(fs::path(folder.path("b")) / name / "inside");
  }
  const Finished done =
      pickletap({"replay", "--json", "--evidence", folder.path("b"), capture_path("attack-eval.pcap")});
  EXPECT_EQ(done.exit_code, 1);
  const auto events = events_of(done.out);
  EXPECT_EQ(events_of_type(events, "alert").size(), first.size());
  EXPECT_NE(text_at(events.back(), {"stats", "evidence_files_total", "failed"}), "0");
  EXPECT_EQ(done.err.find("said once"), done.err.rfind("said once"));
}

}  // namespace
}  // namespace pickletap::test
