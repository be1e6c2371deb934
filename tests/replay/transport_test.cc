// What a tap and a network do to packets: they come twice, out of order, cut short, or not at all. All captures through
// one change at a time, in one run of the program: what is whole raises the same alerts, and a capture with holes in it
// raises nothing that the whole one does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/replay/captures.h"
#include "tests/replay/pcap_records.h"
#include "tests/replay/reshape.h"

namespace pickletap::test {
namespace {

using Records = std::vector<PcapRecord>;

struct Change {
  const char* name;
  bool keeps_all;  ///< nothing is lost: the alerts must be the same, not only none of them new
  std::function<void(Records&)> apply;
};

/// Of two flows with one challenge the later one is alerted on: which that is, the order of packets says.
Counted without_order(const Counted& alerts) {
  Counted out;
  for (const auto& [alert, count] : alerts) {
    out[alert.starts_with("auth.challenge-reuse ") ? "auth.challenge-reuse" : alert] += count;
  }
  return out;
}

void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

void cut(Records& records, size_t snap_bytes) {
  for (PcapRecord& record : records) record.bytes.resize(std::min(record.bytes.size(), snap_bytes));
}

void lose_some(Records& records, uint32_t seed, uint32_t percent) {
  std::minstd_rand random(seed);
  std::erase_if(records, [&](const PcapRecord&) { return random() % 100 < percent; });
}

void lose_range(Records& records, size_t first, size_t count) {
  const auto at = [&](size_t i) { return records.begin() + static_cast<std::ptrdiff_t>(std::min(i, records.size())); };
  records.erase(at(first), at(first + count));
}

void swap_neighbours(Records& records) {
  for (size_t i = 5; i + 1 < records.size(); i += 3) {
    std::swap(records[i].bytes, records[i + 1].bytes);
    std::swap(records[i].original, records[i + 1].original);
  }
}

void send_twice(Records& records) {
  Records twice;
  for (const PcapRecord& record : records) twice.insert(twice.end(), {record, record});
  records = std::move(twice);
}

void send_again_later(Records& records) {
  for (size_t i = 3; i + 4 < records.size(); i += 6) {
    PcapRecord again = records[i];
    again.seconds = records[i + 3].seconds;
    again.fraction = records[i + 3].fraction;
    records.insert(records.begin() + static_cast<std::ptrdiff_t>(i) + 4, again);
  }
}

/// Cut, fragmented, out of order and twice: the same bytes for the receiver.
void reshape(Records& records, uint32_t seed) {
  Random random(seed);
  cut_segments(records, random, 200);
  repeat_some(records, random, 5);
  if (seed % 2 == 0) fragment(records, random, seed % 4 == 0);
  shuffle_within(records, random, 2 + seed % 4, 3);
}

void leave(Records& /*records*/) {}

const std::vector<Change>& changes() {
  static const std::vector<Change> all = {
      {"Nothing", true, leave},
      {"EachPacketTwice", true, send_twice},
      {"RetransmittedLater", true, send_again_later},
      {"NeighboursSwapped", true, swap_neighbours},
      {"CutIntoSmallSegments", true,
       [](Records& r) {
         Random random(1);
         cut_segments(r, random, 40);
       }},
      {"Fragmented", true,
       [](Records& r) {
         Random random(2);
         fragment(r, random, false);
       }},
      {"FragmentedInReverse", true,
       [](Records& r) {
         Random random(3);
         fragment(r, random, true);
       }},
      {"Shuffled", true,
       [](Records& r) {
         Random random(4);
         shuffle_within(r, random, 4, 3);
       }},
      {"Reshaped1", true, [](Records& r) { reshape(r, 1); }},
      {"Reshaped2", true, [](Records& r) { reshape(r, 2); }},
      {"Reshaped3", true, [](Records& r) { reshape(r, 3); }},
      {"Reshaped4", true, [](Records& r) { reshape(r, 4); }},
      {"WithoutTheSyn", true, [](Records& r) { lose_range(r, 0, 1); }},
      {"WithoutTheSynAck", true, [](Records& r) { lose_range(r, 1, 1); }},
      {"SnapLength40", false, [](Records& r) { cut(r, 40); }},
      {"SnapLength80", false, [](Records& r) { cut(r, 80); }},
      {"SnapLength150", false, [](Records& r) { cut(r, 150); }},
      {"SnapLength400", false, [](Records& r) { cut(r, 400); }},
      {"BegunInTheMiddle", false, [](Records& r) { lose_range(r, 0, r.size() / 2); }},
      {"BegunAfterTheTcpHandshake", false, [](Records& r) { lose_range(r, 0, 3); }},
      {"BegunAfterTheFirstMessage", false, [](Records& r) { lose_range(r, 0, 5); }},
      {"BegunInTheKeyExchange", false, [](Records& r) { lose_range(r, 0, 9); }},
      {"FirstMessageLost", false, [](Records& r) { lose_range(r, 3, 1); }},
      {"ThirdMessageLost", false, [](Records& r) { lose_range(r, 7, 1); }},
      {"TwoPercentLost", false, [](Records& r) { lose_some(r, 2, 2); }},
      {"TenPercentLost", false, [](Records& r) { lose_some(r, 10, 10); }},
      {"HalfLost", false, [](Records& r) { lose_some(r, 50, 50); }},
  };
  return all;
}

/// The rules alone: who spoke first and whether it ran may lie in what was lost.
Counted rules_of(const Counted& alerts) {
  Counted out;
  for (const auto& [alert, count] : alerts) out[alert.substr(0, alert.find(' '))] += count;
  return out;
}

constexpr const char* kWithoutListener = "the captures without a listener";

/// The capture that an alert belongs to: each has its listeners' ports to itself.
std::string capture_of(const Event& alert) {
  static const std::map<std::string, std::string> by_port = [] {
    std::map<std::string, std::string> ports;
    for (const Capture& capture : manifest()) {
      for (const ExpectedListener& listener : capture.listeners) ports[listener.port] = capture.file;
    }
    return ports;
  }();
  for (const char* end : {"dest_port", "src_port"}) {
    if (const auto found = by_port.find(text_at(alert, {end})); found != by_port.end()) return found->second;
  }
  return kWithoutListener;
}

bool has_call_backs(const Capture& capture) { return capture.file.starts_with("callback-"); }

/// Of these the packets are what it is about: changed ones are another story. Those of allow lists share listeners, and
/// those of call-backs are made by the same two hosts within minutes: what one names the next connects to.
bool is_left_out(const Capture& capture) {
  return capture.file.starts_with("evasion/") || capture.file.starts_with("allow-") || has_call_backs(capture);
}

class Transport : public testing::TestWithParam<Change> {};

TEST_P(Transport, RaisesNothingNew) {
  const Change& change = GetParam();
  const TempFolder folder;
  Arguments arguments = {"replay", "--json"};
  std::map<std::string, Counted> wanted, raised;
  for (const Capture& capture : manifest()) {
    std::optional<PcapFile> file = load_pcap(capture);
    if (!file || is_left_out(capture)) continue;
    change.apply(file->records);
    std::string name = capture.file;
    std::replace(name.begin(), name.end(), '/', '-');
    arguments.push_back(folder.write(name, to_bytes(*file)));
    Counted& want = wanted[capture.listeners.empty() ? kWithoutListener : capture.file];
    for (const auto& [alert, count] : counted(capture.alerts)) want[alert] += count;
  }
  ASSERT_GE(wanted.size(), 100U);
  const Finished result = pickletap(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const Event& alert : events_of_type(events_of(result.out), "alert")) {
    ++raised[capture_of(alert)][alert_text(alert)];
  }
  std::string wrong;
  for (auto& [name, want] : wanted) {
    Counted& got = raised[name];
    const Counted extra = without(rules_of(got), rules_of(want));
    if (change.keeps_all && without_order(want) != without_order(got)) wrong += "\n" + name + difference(want, got);
    if (!change.keeps_all && !extra.empty()) wrong += "\n" + name + ": " + list_text(extra);
  }
  EXPECT_TRUE(wrong.empty()) << (change.keeps_all ? "not the same alerts:" : "only with packets missing:") << wrong;
}

/// Each by itself. What changes the order may put the call-back before its pickle: then it is none.
TEST_P(Transport, ShowsTheSameCallBacks) {
  const Change& change = GetParam();
  const std::string name = change.name;
  const bool keeps_order = name != "NeighboursSwapped" && name != "Shuffled" && !name.starts_with("Reshaped");
  const TempFolder folder;
  unsigned captures = 0;
  for (const Capture& capture : manifest()) {
    std::optional<PcapFile> file = load_pcap(capture);
    if (!file || !has_call_backs(capture)) continue;
    // Without the challenge nobody knows that its pickle was read as an answer.
    if (!change.keeps_all && capture.file == "callback-not-loaded-312.pcap") continue;
    change.apply(file->records);
    ++captures;
    const Finished result = pickletap({"replay", "--json", folder.write("a.pcap", to_bytes(*file))});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto raised = rules_of(counted(events_of_type(events_of(result.out), "alert")));
    const auto wanted = rules_of(counted(capture.alerts));
    const Counted extra = without(raised, wanted);
    EXPECT_TRUE(extra.empty()) << capture.file << ": " << list_text(extra);
    if (!change.keeps_all || !keeps_order) continue;
    EXPECT_EQ(difference(wanted, raised), "") << capture.file;
  }
  EXPECT_GE(captures, 13U);
}

INSTANTIATE_TEST_SUITE_P(Packets, Transport, testing::ValuesIn(changes()),
                         [](const auto& change) { return std::string(change.param.name); });

TEST(TransportCounters, CountWhatWasCutAndLost) {
  const auto big = std::find_if(manifest().begin(), manifest().end(),
                                [](const Capture& capture) { return capture.file == "size-20k.pcap"; });
  ASSERT_NE(big, manifest().end());
  const TempFolder folder;
  const auto stat = [&](const std::function<void(Records&)>& change, const char* name) {
    PcapFile file = load_pcap(*big).value();
    change(file.records);
    const Finished result = pickletap({"replay", "--json", folder.write("a.pcap", to_bytes(file))});
    return std::stoll(text_at(events_of(result.out).back(), {"stats", name}));
  };
  EXPECT_EQ(stat(leave, "capture_cut_packets_total"), 0);
  EXPECT_GT(stat([](Records& r) { cut(r, 200); }, "capture_cut_packets_total"), 0);
  EXPECT_EQ(stat(leave, "stream_gaps_total"), 0);
  EXPECT_GT(stat([](Records& r) { lose_some(r, 3, 20); }, "stream_gaps_total"), 0);
}

}  // namespace
}  // namespace pickletap::test
