// Real traffic of some 300 protocols, none of it multiprocessing: no alert, no listener, no crash. The captures are not
// part of the product; where they are not beside the checkout, nothing is tested and the test says so.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/replay/captures.h"
#include "tests/replay/pcap_records.h"
#include "tests/replay/reshape.h"

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

  /// What all captures raise with their packets changed, in one run.
  std::string findings_after(const std::function<void(std::vector<PcapRecord>&, Random&)>& change) const {
    const TempFolder folder;
    Arguments arguments = {"replay", "--json"};
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const std::string bytes = read_bytes(entry.path().string());
      auto file = parse_pcap(bytes);
      if (!file) file = parse_pcapng(bytes);
      if (!file) continue;
      Random random(static_cast<uint32_t>(bytes.size()));
      change(file->records, random);
      arguments.push_back(folder.write(entry.path().filename().string(), to_bytes(*file)));
    }
    EXPECT_GT(arguments.size(), 500U);
    const Finished result = pickletap(arguments);
    EXPECT_LE(result.exit_code, 1) << result.err;  // four link types are not read, one file is cut short on purpose
    return findings(result.out);
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

TEST_F(Background, RaisesNothingWithPacketsMissing) {
  const auto lose = [](auto& records, Random& random) {
    std::erase_if(records, [&](const PcapRecord&) { return random() % 100 < 5; });
  };
  EXPECT_EQ(findings_after(lose), "");
}

TEST_F(Background, RaisesNothingOutOfOrder) {
  EXPECT_EQ(findings_after([](auto& records, Random& random) { shuffle_within(records, random, 16, 0); }), "");
}

TEST_F(Background, RaisesNothingInAnyOrder) {
  EXPECT_EQ(
      findings_after([](auto& r, Random& random) { shuffle_within(r, random, std::max<size_t>(r.size(), 1), 0); }), "");
}

// Each begins with an empty flow table here; every fifth of them, for the time it takes.
TEST_F(Background, RaisesNothingFileByFile) {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder_)) files.insert(entry.path().string());
  EXPECT_GT(files.size(), 100U);
  size_t number = 0;
  for (const std::string& file : files) {
    if (number++ % 5 != 0) continue;
    const Finished result = pickletap({"replay", "--json", file});
    EXPECT_LE(result.exit_code, 1) << file << ": " << result.err;
    EXPECT_EQ(findings(result.out), "") << file;
    EXPECT_EQ(result.exit_code == 0, result.err.empty()) << file << ": a failure has a reason: " << result.err;
  }
}

}  // namespace
}  // namespace pickletap::test
