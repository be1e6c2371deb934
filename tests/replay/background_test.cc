// Real traffic of some 300 protocols, none of it multiprocessing: no alert, no listener, no crash. The captures are not
// part of the product; where they are not beside the checkout, nothing is tested and the test says so.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

namespace fs = std::filesystem;

class Background : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::is_directory(folder_)) GTEST_SKIP() << "no public captures at " << folder_;
  }

  /// "rule from source in file", of each alert and listener.
  static std::string findings(const std::string& out) {
    std::string text;
    for (const Event& event : events_of(out)) {
      const std::string type = text_at(event, {"event_type"});
      if (type == "stats") continue;
      text += "\n" + (type == "alert" ? alert_text(event) : type + " " + text_at(event, {"listener", "ip"})) + " in " +
              fs::path(text_at(event, {"pcap_filename"})).filename().string() + " #" + text_at(event, {"pcap_cnt"});
    }
    return text;
  }

  const std::string folder_ = source_path("../shared/captures/background");
};

TEST_F(Background, RaisesNothingInOneRun) {
  const Finished result = pickletap({"replay", "--json", folder_});
  EXPECT_LE(result.exit_code, 1) << result.err;  // one of them is cut short on purpose
  EXPECT_EQ(findings(result.out), "");
  const std::vector<Event> events = events_of(result.out);
  ASSERT_FALSE(events.empty());
  EXPECT_GT(std::stoll(text_at(events.back(), {"stats", "packets_total"})), 10'000);
}

TEST_F(Background, RaisesNothingFileByFile) {
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const Finished result = pickletap({"replay", "--json", entry.path().string()});
    EXPECT_LE(result.exit_code, 1) << entry.path() << ": " << result.err;
    EXPECT_EQ(findings(result.out), "") << entry.path();
    EXPECT_EQ(result.exit_code == 0, result.err.empty()) << entry.path() << ": a failure has a reason: " << result.err;
    ++files;
  }
  EXPECT_GT(files, 100U);
}

}  // namespace
}  // namespace pickletap::test
