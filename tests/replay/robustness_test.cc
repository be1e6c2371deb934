// Captures that broke on their way: each of pcaps/ cut short at 20 lengths and with bytes changed in 20 ways. The
// program ends with 0 or 1, does not crash, and each line it prints is JSON. All copies of a capture are one run (its
// start is what costs); when a run fails, its files are tried alone to name the one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/replay/captures.h"
#include "tests/replay/damage.h"

namespace pickletap::test {
namespace {

constexpr size_t kCopies = 20;
constexpr size_t kLargeBytes = 100'000;  // of these, fewer
constexpr size_t kLargeCopies = 4;

/// Why a run over `files` is not acceptable; empty when it is.
std::string trouble(const std::string& config, const Arguments& files) {
  Arguments command = {PICKLETAP_BINARY, "replay", "--json", "-c", config};
  command.insert(command.end(), files.begin(), files.end());
  const Finished result = run(command);
  if (const std::string crash = result.crash(); !crash.empty()) return crash;
  if (result.exit_code > 1) return "exit " + std::to_string(result.exit_code) + "\n" + result.err;
  if (result.exit_code == 1 && result.err.empty()) return "exit 1 without a word";
  const std::vector<Event> events = events_of(result.out);  // says itself what is no JSON
  if (events.empty() || text_at(events.back(), {"event_type"}) != "stats") return "the last line is not stats";
  return {};
}

class DamagedCapture : public testing::TestWithParam<Capture> {
 protected:
  void check(const std::vector<std::string>& copies) {
    const TempFolder folder;
    const std::string config = all_types_config(folder);
    Arguments files;
    for (const std::string& copy : copies) {
      files.push_back(folder.write("copy-" + std::to_string(files.size()) + ".pcap", copy));
    }
    const std::string together = trouble(config, files);
    if (together.empty()) return;
    for (size_t i = 0; i < files.size(); ++i) {
      if (const std::string alone = trouble(config, {files[i]}); !alone.empty()) {
        FAIL() << GetParam().file << ", copy " << i << " (" << copies[i].size() << " bytes): " << alone;
      }
    }
    FAIL() << GetParam().file << ", all copies in one run, none of them alone: " << together;
  }
};

size_t copies_of(const std::string& bytes) { return bytes.size() > kLargeBytes ? kLargeCopies : kCopies; }

TEST_P(DamagedCapture, CutShort) {
  const std::string bytes = read_bytes(capture_path(GetParam().file));
  check(cut_copies(GetParam().file, bytes, copies_of(bytes)));
}

TEST_P(DamagedCapture, WithBytesChanged) {
  const std::string bytes = read_bytes(capture_path(GetParam().file));
  check(flipped_copies(GetParam().file, bytes, copies_of(bytes)));
}

INSTANTIATE_TEST_SUITE_P(Robustness, DamagedCapture, testing::ValuesIn(manifest()), test_name);

// What was read before the break is reported: an alert that stands whole in the cut file is raised.
TEST(Robustness, ReportsTheAlertsBeforeTheBreak) {
  size_t seen = 0;
  for (const Capture& capture : manifest()) {
    if (!capture.executed.value_or(false) || !capture.file.ends_with(".pcap")) continue;
    const TempFolder folder;
    std::string bytes = read_bytes(capture_path(capture.file));
    bytes.resize(bytes.size() - 5);  // in the last packet, which carries no data
    const Finished result = pickletap({"replay", "--json", folder.write("cut.pcap", bytes)});
    EXPECT_EQ(result.exit_code, 1) << capture.file;
    EXPECT_NE(result.err.find("cut.pcap: "), std::string::npos) << capture.file << ": " << result.err;
    const Counted got = counted(events_of_type(events_of(result.out), "alert"));
    EXPECT_EQ(difference(counted(capture.alerts), got), "") << capture.file;
    ++seen;
  }
  EXPECT_GE(seen, 30U);
}

}  // namespace
}  // namespace pickletap::test
