// Every flow of every capture, cut in other ways than the network did: the dissector says the same.
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <optional>

#include "dissectors/registry.h"
#include "sensor/capture/file_source.h"
#include "sensor/net/flow_table.h"
#include "tests/unit/dissectors/conversation.h"

namespace pickletap {
namespace {

struct Piece {
  Direction from = Direction::kToServer;
  std::string bytes;
  uint64_t gap = 0;
  std::optional<EndReason> end;
};
struct Script {
  bool from_start = true;
  std::vector<Piece> pieces;
};

/// Writes down what a flow's dissector is told.
class Scribe final : public Dissector {
 public:
  explicit Scribe(Script& script) : script_(script) {}
  void on_data(Direction from, ByteSpan bytes, ObservationSink& /*sink*/) override {
    script_.pieces.push_back({from, truth::text_of(bytes), 0, {}});
  }
  void on_gap(Direction from, uint64_t bytes, ObservationSink& /*sink*/) override {
    script_.pieces.push_back({from, {}, bytes, {}});
  }
  void on_end(Direction from, EndReason reason, ObservationSink& /*sink*/) override {
    script_.pieces.push_back({from, {}, 0, reason});
  }
  Probe state() const override { return Probe::kYes; }

 private:
  Script& script_;
};

class Reader final : public EventSink, public PacketHandler {
 public:
  void on_packet(const Packet& packet, DecodeResult result) override {
    if (result == DecodeResult::kTcp) table_.process(packet);
  }
  void put(Event&& /*event*/) override {}
  void tick(int64_t /*time_ns*/) override {}
  std::deque<Script> read(const std::string& path) {
    FileSource source(path, {});
    while (source.dispatch(*this, 1000) == ReadState::kMore) {
    }
    table_.finish();
    return std::move(scripts_);
  }

 private:
  std::deque<Script> scripts_;
  FlowTable table_{FlowTableConfig{},
                   Protocols{&probe_protocols,
                             [this](bool from_start) {
                               scripts_.push_back({from_start, {}});
                               return std::make_unique<Scribe>(scripts_.back());
                             }},
                   *this};
};

/// `cuts_of` gives the places where a piece of this size is cut.
template <typename CutsOf>
std::string told(const Script& script, CutsOf cuts_of) {
  truth::Conversation talk(script.from_start, true);
  for (const Piece& piece : script.pieces) {
    if (talk.state() == Probe::kNo) break;
    if (piece.end) {
      talk.end(piece.from, *piece.end);
    } else if (piece.gap > 0) {
      talk.gap(piece.from, piece.gap);
    } else {
      talk.say(piece.from, piece.bytes, cuts_of(piece.bytes.size()));
    }
  }
  return talk.all() + (talk.state() == Probe::kYes ? "ours" : "not ours");
}

std::vector<size_t> every_byte(size_t size) {
  std::vector<size_t> cuts;
  for (size_t at = 1; at < size; ++at) cuts.push_back(at);
  return cuts;
}

TEST(PythonMpCaptures, AnyCutOfAnyFlowTellsTheSame) {
  size_t flows = 0, ours = 0;
  uint32_t seed = 1;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(PICKLETAP_SOURCE_DIR) + "/pcaps")) {
    const std::string name = entry.path().filename().string();
    if (name.find(".pcap") == std::string::npos) continue;
    for (const Script& script : Reader().read(entry.path().string())) {
      ++flows;
      const std::string whole = told(script, [](size_t) { return std::vector<size_t>(); });
      ours += whole.ends_with("not ours") ? 0 : 1;
      // A wrong guess after a loss is tried again with the next segment, so segments matter there.
      const bool lossy =
          std::any_of(script.pieces.begin(), script.pieces.end(), [](const Piece& p) { return p.gap > 0; });
      if (lossy) continue;
      ASSERT_EQ(told(script, every_byte), whole) << name;
      ASSERT_EQ(told(script, [&](size_t size) { return truth::random_cuts(size, ++seed); }), whole) << name;
      // And each two-split, of the first pieces (all of the handshake), in turn.
      for (size_t cut = 1; cut <= 16; ++cut) {
        ASSERT_EQ(
            told(script, [&](size_t size) { return cut < size ? std::vector<size_t>{cut} : std::vector<size_t>(); }),
            whole)
            << name << " cut at " << cut;
      }
    }
  }
  EXPECT_GT(flows, 400U);
  EXPECT_GT(ours, 300U);
}

}  // namespace
}  // namespace pickletap
