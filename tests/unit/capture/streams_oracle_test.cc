// The streams we put in order, against those that tshark follows in the same captures.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "sensor/capture/file_source.h"
#include "sensor/net/address_text.h"
#include "sensor/net/flow_table.h"

namespace pickletap {
namespace {

/// tshark takes a quarter of a second a capture; PICKLETAP_ORACLE_ALL=1 takes them all.
constexpr size_t kSampledCaptures = 24;
constexpr size_t kStreamsPerCapture = 40;

/// One conversation: what each endpoint sent, in hex, by the endpoint's text.
struct Conversation {
  std::map<std::string, std::string> sent;
  bool gap = false;
  bool reset = false;
};
/// By both endpoints, then in the order of their beginnings (a tuple may be used again).
using Conversations = std::map<std::string, std::vector<Conversation>>;

std::string tuple_of(const std::string& a, const std::string& b) { return std::min(a, b) + " " + std::max(a, b); }

std::string text_of(const Endpoint& endpoint) {
  const std::string address = to_text(endpoint.address);
  return (endpoint.address.is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port);
}

/// Hands its bytes back through an observation, which brings the flow with it.
class EchoDissector final : public Dissector {
 public:
  explicit EchoDissector(std::pair<ByteSpan, bool>& echo) : echo_(echo) {}
  void on_data(Direction from, ByteSpan bytes, ObservationSink& sink) override { emit(from, {bytes, false}, sink); }
  void on_gap(Direction from, uint64_t /*bytes*/, ObservationSink& sink) override { emit(from, {{}, true}, sink); }
  void on_end(Direction /*from*/, EndReason /*reason*/, ObservationSink& /*sink*/) override {}
  Probe state() const override { return Probe::kYes; }

 private:
  void emit(Direction from, std::pair<ByteSpan, bool> what, ObservationSink& sink) {
    echo_ = what;
    Observation observation;
    observation.from = from;
    sink.emit(std::move(observation));
  }
  std::pair<ByteSpan, bool>& echo_;
};

class Follower final : public EventSink, public PacketHandler {
 public:
  void on_packet(const Packet& packet, DecodeResult result) override {
    if (result == DecodeResult::kTcp) table_.process(packet);
  }
  void put(Event&& event) override {
    const FlowContext& flow = event.flow;
    if (const auto* end = std::get_if<FlowEnded>(&event.what); end != nullptr && end->reason == EndReason::kReset) {
      by_flow_[flow.flow_id].reset = true;
    }
    const auto* observation = std::get_if<Observation>(&event.what);
    if (observation == nullptr) return;
    Conversation& conversation = by_flow_[flow.flow_id];
    tuples_[flow.flow_id] = tuple_of(text_of(flow.initiator), text_of(flow.responder));
    const bool by_initiator = observation->from == Direction::kToServer;
    std::string& hex = conversation.sent[text_of(by_initiator ? flow.initiator : flow.responder)];
    static constexpr char kDigits[] = "0123456789abcdef";
    for (const uint8_t byte : echo_.first) {
      hex.push_back(kDigits[byte >> 4]);
      hex.push_back(kDigits[byte & 15]);
    }
    conversation.gap = conversation.gap || echo_.second;
  }
  void tick(int64_t /*time_ns*/) override {}

  Conversations finish() {
    table_.finish();
    Conversations all;
    for (auto& [id, conversation] : by_flow_) all[tuples_[id]].push_back(std::move(conversation));
    return all;
  }

 private:
  std::pair<ByteSpan, bool> echo_;
  std::map<uint64_t, Conversation> by_flow_;
  std::map<uint64_t, std::string> tuples_;
  FlowTable table_{FlowTableConfig{},
                   Protocols{[](ByteSpan /*bytes*/) { return Probe::kYes; },
                             [this](bool /*from_start*/) { return std::make_unique<EchoDissector>(echo_); }},
                   *this};
};

std::string output_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), &pclose);
  std::string output;
  std::array<char, 65536> buffer{};
  for (size_t n = 0; pipe != nullptr && (n = fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;) {
    output.append(buffer.data(), n);
  }
  return output;
}

/// "Node 0: …" and "Node 1: …" name the endpoints; the hex lines of the second begin with a tab.
Conversations tshark_conversations(const std::string& path) {
  std::string command = "tshark -n -r '" + path + "' -q";
  for (size_t i = 0; i < kStreamsPerCapture; ++i) command += " -z follow,tcp,raw," + std::to_string(i);
  std::istringstream lines(output_of(command + " 2>/dev/null"));
  Conversations all;
  std::array<std::string, 2> nodes;
  Conversation conversation;
  bool open = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Node 0: ")) {
      nodes[0] = line.substr(8);
    } else if (line.starts_with("Node 1: ")) {
      nodes[1] = line.substr(8);
      conversation = {};
      open = true;
    } else if (line.starts_with("=====")) {
      if (open && !conversation.sent.empty()) all[tuple_of(nodes[0], nodes[1])].push_back(conversation);
      open = false;
    } else if (open && !line.empty()) {
      const bool second = line[0] == '\t';
      conversation.sent[nodes[second ? 1 : 0]] += second ? line.substr(1) : line;
    }
  }
  return all;
}

void expect_same(const Conversation& ours, Conversation theirs) {
  if (ours.gap) return;  // tshark writes a sentence into the data there
  if (ours.reset) {      // it reads on behind a RST, which no receiver does
    for (const auto& [endpoint, hex] : ours.sent) {
      ASSERT_LE(hex.size(), theirs.sent[endpoint].size());
      theirs.sent[endpoint].resize(hex.size());
    }
    std::erase_if(theirs.sent, [&ours](const auto& entry) { return !ours.sent.contains(entry.first); });
  }
  EXPECT_EQ(ours.sent, theirs.sent);
}

std::vector<std::filesystem::path> captures() {
  const char* const folder = std::getenv("PICKLETAP_ORACLE_CAPTURES");
  const std::filesystem::path root =
      folder != nullptr ? std::filesystem::path(folder) : std::filesystem::path(PICKLETAP_SOURCE_DIR) / "pcaps";
  std::vector<std::filesystem::path> found;
  if (!std::filesystem::is_directory(root)) return found;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".pcap" || extension == ".pcapng") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  if (std::getenv("PICKLETAP_ORACLE_ALL") != nullptr || found.size() <= kSampledCaptures) return found;
  std::vector<std::filesystem::path> sample;
  for (size_t i = 0; i < kSampledCaptures; ++i) sample.push_back(found[i * found.size() / kSampledCaptures]);
  return sample;
}

TEST(StreamsOracle, SameBytesAsTsharkFollows) {
  if (output_of("tshark --version 2>/dev/null").empty()) GTEST_SKIP() << "no tshark";
  const std::vector<std::filesystem::path> paths = captures();
  if (paths.empty()) GTEST_SKIP() << "no captures";
  size_t compared = 0;
  for (const std::filesystem::path& path : paths) {
    SCOPED_TRACE(path.string());
    Follower follower;
    try {
      FileSource source(path.string(), {});
      while (source.dispatch(follower, 1000) == ReadState::kMore) {
      }
    } catch (const CaptureError&) {
      continue;  // a link type that is not read
    }
    Conversations ours = follower.finish();
    for (const auto& [tuple, theirs] : tshark_conversations(path.string())) {
      SCOPED_TRACE(tuple);
      for (size_t i = 0; i < theirs.size(); ++i) {
        if (i >= ours[tuple].size()) {
          ADD_FAILURE() << "conversation " << i << " is missing";
          break;
        }
        expect_same(ours[tuple][i], theirs[i]);
        compared += static_cast<size_t>(!ours[tuple][i].gap);
      }
    }
  }
  EXPECT_GT(compared, 0U);
  RecordProperty("conversations", static_cast<int>(compared));
}

}  // namespace
}  // namespace pickletap
