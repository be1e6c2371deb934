// Each line the program prints, against the JSON Schemas that ship in deploy/schema/: all captures, with every event
// type on; damaged ones; explained pickles. The checking is validate_events.py's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/replay/captures.h"
#include "tests/replay/damage.h"
#include "tests/replay/pickles.h"

namespace pickletap::test {
namespace {

constexpr const char* kPython = "/usr/bin/python3";  // the system's, which has Debian's python3-jsonschema

class Schema : public testing::Test {
 protected:
  void SetUp() override {
    const Finished probe = run({kPython, "-c", "import jsonschema"});
    if (probe.exit_code != 0) GTEST_SKIP() << kPython << " has no jsonschema (apt-get install python3-jsonschema)";
  }

  static Finished validate(const std::string& schema, const std::string& lines) {
    return run(
        {kPython, source_path("tests/replay/validate_events.py"), source_path("deploy/schema/" + schema), lines});
  }

  static void expect_valid(const std::string& schema, const std::string& lines) {
    const Finished result = validate(schema, lines);
    EXPECT_EQ(result.exit_code, 0) << result.out.substr(0, 6000) << result.err;
    EXPECT_NE(result.out.find(" passed, 0 failed"), std::string::npos) << result.err;
  }

  /// Runs replay with its lines in a file of `folder_`; returns that file.
  std::string replayed(Arguments arguments, int want_exit = 0) {
    RunOptions options;
    options.stdout_file = folder_.path("lines.json");
    arguments.insert(arguments.begin(), {"replay", "--json"});
    EXPECT_EQ(pickletap(arguments, options).exit_code, want_exit);
    return options.stdout_file;
  }

  TempFolder folder_;
};

TEST_F(Schema, HoldsForAllCapturesByDefault) {
  const std::string lines = replayed({source_path("pcaps")});
  expect_valid("eve.schema.json", lines);
}

TEST_F(Schema, HoldsForEveryEventType) {
  const std::string lines = replayed({"-c", all_types_config(folder_), source_path("pcaps")});
  expect_valid("eve.schema.json", lines);
  std::map<std::string, size_t> types;
  for (const Event& event : events_of(read_bytes(lines))) ++types[text_at(event, {"event_type"})];
  for (const char* type : {"alert", "listener", "stats", "python_mp", "flow"}) EXPECT_GT(types[type], 0U) << type;
}

TEST_F(Schema, HoldsForDamagedCaptures) {
  Arguments arguments = {"-c", all_types_config(folder_)};
  for (const Capture& capture : manifest()) {
    const std::string bytes = read_bytes(capture_path(capture.file));
    if (bytes.size() > 100'000) continue;
    std::string name = capture.file;
    std::replace(name.begin(), name.end(), '/', '-');
    arguments.push_back(folder_.write("cut-" + name, cut_copies(capture.file, bytes, 7).back()));
    const std::vector<std::string> flipped = flipped_copies(capture.file, bytes, 4);
    arguments.push_back(folder_.write("flipped-" + name, flipped.back()));
  }
  const std::string lines = replayed(arguments, 1);
  expect_valid("eve.schema.json", lines);
  size_t anomalies = 0;
  for (const Event& event : events_of(read_bytes(lines))) {
    anomalies += text_at(event, {"event_type"}) == "anomaly" ? 1 : 0;
  }
  EXPECT_GT(anomalies, 0U) << "damage that nobody noticed";
}

TEST_F(Schema, HoldsForBackgroundTraffic) {
  const std::string background = source_path("../shared/captures/background");
  if (!std::filesystem::is_directory(background)) GTEST_SKIP() << "no " << background;
  expect_valid("eve.schema.json", replayed({"-c", all_types_config(folder_), background}, 1));
}

TEST_F(Schema, HoldsForExplainedPickles) {
  Arguments arguments = {"explain", "--json"};
  for (const NamedPickle& pickle : kPickles) {
    arguments.push_back(folder_.write(std::string(pickle.name) + " \x01\xff\"\\.pkl", pickle.bytes));
  }
  RunOptions options;
  options.stdout_file = folder_.path("lines.json");
  EXPECT_EQ(pickletap(arguments, options).exit_code, 0);
  expect_valid("explain.schema.json", options.stdout_file);
  EXPECT_EQ(events_of(read_bytes(options.stdout_file)).size(), std::size(kPickles));
}

// The check itself: it must refuse what is wrong.
TEST_F(Schema, RefusesWrongLines) {
  const std::string lines = replayed({capture_path("attack-ipv6.pcap")});
  const std::vector<Event> events = events_of(read_bytes(lines));
  const std::vector<Event> alerts = events_of_type(events, "alert");
  ASSERT_FALSE(alerts.empty());
  const auto refused = [&](const std::string& line) {
    const Finished result = validate("eve.schema.json", folder_.write("one.json", line));
    return result.exit_code == 1 && result.out.find("0 passed, 1 failed") != std::string::npos;
  };
  const std::string good = boost::json::serialize(alerts.front());
  EXPECT_FALSE(refused(good + "\n"));
  EXPECT_TRUE(refused(good)) << "no newline";
  EXPECT_TRUE(refused(good.substr(0, good.size() / 2) + "\n")) << "half a line";
  EXPECT_TRUE(refused(std::string(70'000, ' ') + good + "\n")) << "more than 64 KiB";
  for (const char* name : {"timestamp", "alert", "src_ip", "flow_id", "community_id"}) {
    Event event = alerts.front();
    event.erase(name);
    EXPECT_TRUE(refused(boost::json::serialize(event) + "\n")) << "without " << name;
  }
  Event event = alerts.front();
  event["unheard_of"] = 1;
  EXPECT_TRUE(refused(boost::json::serialize(event) + "\n")) << "a name that is not in the schema";
  event = alerts.front();
  event["flow_id"] = uint64_t{1} << 51;
  EXPECT_TRUE(refused(boost::json::serialize(event) + "\n")) << "flow_id out of range";
  event = alerts.front();
  event["alert"].as_object()["severity"] = 4;
  EXPECT_TRUE(refused(boost::json::serialize(event) + "\n")) << "severity out of range";
}

}  // namespace
}  // namespace pickletap::test
