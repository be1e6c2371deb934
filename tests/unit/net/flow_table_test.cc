#include "sensor/net/flow_table.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr uint8_t kSyn = TcpFlag::kSyn, kAck = TcpFlag::kAck, kFin = TcpFlag::kFin, kRst = TcpFlag::kRst;

/// Payloads that begin with '!' are ours, with '?' undecided, all else is not. What the dissector hears is written to
/// the log: ">" from the client, "<" from the server.
Probe probe(ByteSpan bytes) { return bytes[0] == '!' ? Probe::kYes : bytes[0] == '?' ? Probe::kNeedMore : Probe::kNo; }

class LogDissector final : public Dissector {
 public:
  LogDissector(std::string& log, int& alive) : log_(log), alive_(alive) { ++alive_; }
  ~LogDissector() override { --alive_; }
  void on_data(Direction from, ByteSpan bytes, ObservationSink& sink) override {
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    log_ += arrow(from) + text;
    if (text.find('!') != std::string::npos) state_ = Probe::kYes;
    if (text.find("no") != std::string::npos) state_ = Probe::kNo;
    if (text.find("fact") != std::string::npos) {
      Observation observation;
      observation.from = from;
      observation.fact = AuthChanged{};
      sink.emit(std::move(observation));
    }
  }
  void on_gap(Direction from, uint64_t bytes, ObservationSink& /*sink*/) override {
    log_ += arrow(from) + "(" + std::to_string(bytes) + ")";
  }
  void on_end(Direction from, EndReason reason, ObservationSink& /*sink*/) override {
    log_ += arrow(from) + "end" + std::to_string(static_cast<int>(reason));
  }
  Probe state() const override { return state_; }

 private:
  static std::string arrow(Direction from) { return from == Direction::kToServer ? ">" : "<"; }
  std::string& log_;
  int& alive_;
  Probe state_ = Probe::kNeedMore;
};

class RecordingSink final : public EventSink {
 public:
  void put(Event&& event) override { events.push_back(std::move(event)); }
  void tick(int64_t time_ns) override { ticks.push_back(time_ns); }
  template <typename What>
  std::vector<Event> of() const {
    std::vector<Event> found;
    for (const Event& event : events) {
      if (std::holds_alternative<What>(event.what)) found.push_back(event);
    }
    return found;
  }
  std::vector<Event> events;
  std::vector<int64_t> ticks;
};

/// One host pair unless told otherwise: client 10.0.0.1:40000, server 10.0.0.2:5000.
class FlowTableTest : public ::testing::Test {
 protected:
  FlowTable& table() {
    if (table_ == nullptr) {
      Protocols protocols{&probe, [this](bool from_start) {
                            starts.push_back(from_start);
                            return std::make_unique<LogDissector>(log, alive);
                          }};
      table_ = std::make_unique<FlowTable>(config, protocols, sink);
    }
    return *table_;
  }
  void send(bool from_client, uint8_t flags, uint32_t seq, uint32_t ack, std::string_view payload = {}) {
    Packet packet;
    packet.time_ns = now_ns;
    packet.number = ++number;
    packet.source.bytes = {10, 0, 0, 1};
    packet.destination.bytes = {10, 0, 0, 2};
    packet.source_port = client_port;
    packet.destination_port = server_port;
    if (!from_client) {
      std::swap(packet.source, packet.destination);
      std::swap(packet.source_port, packet.destination_port);
    }
    packet.flags = flags;
    packet.seq = seq;
    packet.urgent = urgent;
    packet.ack = ack;
    packet.payload = frames::bytes_of(payload);
    packet.wire_bytes = static_cast<uint32_t>(54 + payload.size());
    packet.captured_bytes = packet.wire_bytes;
    table().process(packet);
  }
  void client(uint8_t flags, uint32_t seq, uint32_t ack, std::string_view payload = {}) {
    send(true, flags, seq, ack, payload);
  }
  void server(uint8_t flags, uint32_t seq, uint32_t ack, std::string_view payload = {}) {
    send(false, flags, seq, ack, payload);
  }
  /// Client's stream begins at 101, the server's at 501.
  void handshake() {
    client(kSyn, 100, 0);
    server(kSyn | kAck, 500, 101);
    client(kAck, 101, 501);
  }

  FlowTableConfig config;
  RecordingSink sink;
  std::string log;
  int alive = 0;
  std::vector<bool> starts;
  int64_t now_ns = 1'700'000'000 * kSecond;
  uint64_t number = 0;
  uint16_t urgent = 0;
  uint16_t client_port = 40000;
  uint16_t server_port = 5000;

 private:
  std::unique_ptr<FlowTable> table_;
};

TEST_F(FlowTableTest, PutsBothDirectionsOfOneFlowInOrder) {
  handshake();
  server(kAck, 501, 101, "!hello");
  client(kAck, 104, 507, "def");
  client(kAck, 101, 507, "abc");
  client(kAck | kFin, 107, 507);
  server(kAck | kFin, 507, 108);
  client(kAck, 108, 508);
  EXPECT_EQ(log, "<!hello>abc>def>end0<end0");
  EXPECT_EQ(starts, std::vector<bool>{true});
  EXPECT_EQ(alive, 0);
  const auto ended = sink.of<FlowEnded>();
  ASSERT_EQ(ended.size(), 1U);
  const FlowEnded& what = std::get<FlowEnded>(ended[0].what);
  EXPECT_EQ(what.reason, EndReason::kFin);
  EXPECT_TRUE(what.dissected);
  EXPECT_EQ(ended[0].packet_number, 9U);
  const FlowContext& flow = ended[0].flow;
  EXPECT_EQ(flow.flow_id, 1U);
  EXPECT_EQ(flow.initiator.port, 40000);
  EXPECT_EQ(flow.responder.port, 5000);
  EXPECT_EQ(flow.initiator.address.bytes[3], 1);
  EXPECT_FALSE(flow.midstream);
  EXPECT_EQ(flow.counts.packets[0], 6U);
  EXPECT_EQ(flow.counts.packets[1], 3U);
  EXPECT_EQ(table().counters().flows, 1U);
}

TEST_F(FlowTableTest, IgnoredFlowCostsNoBodyAndIsCounted) {
  for (const bool client_first : {true, false}) {
    client_port = client_first ? 1111 : 2222;
    handshake();
    send(client_first, kAck, client_first ? 101 : 501, client_first ? 501 : 101, "GET / HTTP/1.1");
    send(!client_first, kAck, client_first ? 501 : 101, client_first ? 115 : 515, "!late");
  }
  EXPECT_EQ(log, "");
  EXPECT_TRUE(starts.empty());
  const FlowTableCounters counters = table().counters();
  EXPECT_EQ(counters.ignored_flows, 2U);
  EXPECT_EQ(counters.dissectors_made, 0U);
  EXPECT_EQ(counters.packets, 10U);
  EXPECT_EQ(counters.active_flows, 2U);
  table().finish();
  EXPECT_TRUE(sink.events.empty());
}

TEST_F(FlowTableTest, FlowIsIgnoredOnceItsDissectorSaysNo) {
  handshake();
  client(kAck, 101, 501, "?");
  EXPECT_EQ(alive, 1);
  client(kAck, 102, 501, "no");
  EXPECT_EQ(alive, 1);  // another copy of that may come
  server(kAck, 501, 104);
  EXPECT_EQ(alive, 0);
  client(kAck, 104, 501, "!more");
  EXPECT_EQ(log, ">?>no");
  EXPECT_EQ(table().counters().ignored_flows, 1U);
  EXPECT_EQ(table().counters().active_dissectors, 0U);
}

TEST_F(FlowTableTest, FirstPayloadOutOfOrderWaitsForWhatComesBefore) {
  handshake();
  client(kAck, 105, 501, "tail");
  EXPECT_EQ(log, "");
  client(kAck, 101, 501, "!abc");
  EXPECT_EQ(log, ">!abc>tail");
}

TEST_F(FlowTableTest, KeepAliveBeforeTheFirstPayloadDecidesNothing) {
  handshake();
  client(kAck, 100, 501, "x");
  client(kAck, 101, 501, "!abc");
  EXPECT_EQ(log, ">!abc");
}

TEST_F(FlowTableTest, DataThatNoReceiverTakesIsNotRead) {
  client(kSyn, 100, 0, "!syn");
  server(kSyn | kAck, 500, 101, "!synack");
  client(kAck, 101, 501);
  client(0, 101, 501, "!no ack flag");
  client(kSyn | kAck, 101, 501, "!syn inside");
  client(kAck, 101, 501, "!abc");
  client(0, 105, 501, "without ack");
  EXPECT_EQ(log, ">!abc");
}

TEST_F(FlowTableTest, SynAckDecidesBetweenSeveralSyns) {
  client(kSyn, 100, 0);
  client(kSyn, 900, 0);
  server(kSyn | kAck, 500, 101);
  client(kAck, 101, 501, "!abc");
  EXPECT_EQ(log, ">!abc");
  EXPECT_EQ(table().counters().flows, 1U);
}

TEST_F(FlowTableTest, ClientsAckDecidesBetweenSeveralSynAcks) {
  for (const uint32_t taken : {500U, 900U}) {
    SCOPED_TRACE(taken);
    log.clear();
    ++client_port;
    client(kSyn, 100, 0);
    server(kSyn | kAck, 500, 101);
    server(kSyn | kAck, 700, 101);
    server(kSyn | kAck, 900, 101);
    client(kAck, 101, taken + 1);
    server(kAck, taken + 1, 101, "!abc");
    EXPECT_EQ(log, "<!abc");
  }
}

TEST_F(FlowTableTest, LearnsTheServersStartFromTheClientWhenTheSynAckIsMissing) {
  client(kSyn, 100, 0);
  client(kAck, 101, 501);
  server(kAck, 504, 101, "def");
  server(kAck, 501, 101, "!bc");
  EXPECT_EQ(log, "<!bc<def");
}

TEST_F(FlowTableTest, MidstreamFlowIsOrientedByWhatIsKnown) {
  const struct {
    const char* name;
    uint16_t from_port, to_port;
    uint8_t flags;
    bool want_sender_is_initiator, want_midstream;
  } table_of_cases[] = {
      {"to the lower port", 40000, 5000, kAck, true, true},
      {"from the lower port", 5000, 40000, kAck, false, true},
      {"equal ports", 5000, 5000, kAck, true, true},
      {"syn to the higher port", 5000, 40000, kSyn, true, false},
      {"syn-ack from the higher port", 40000, 5000, kSyn | kAck, false, false},
  };
  config.flow_events_for_all = true;
  for (const auto& row : table_of_cases) {
    SCOPED_TRACE(row.name);
    sink.events.clear();
    client_port = row.from_port;
    server_port = row.to_port;
    client(row.flags, 100, 200);
    table().finish();
    ASSERT_EQ(sink.events.size(), 1U);
    const FlowContext& flow = sink.events[0].flow;
    EXPECT_EQ(flow.initiator.address.bytes[3] == 1, row.want_sender_is_initiator);
    EXPECT_EQ(flow.midstream, row.want_midstream);
    EXPECT_EQ(flow.counts.packets[row.want_sender_is_initiator ? 0 : 1], 1U);
  }
}

TEST_F(FlowTableTest, MidstreamFlowIsLookedAtAFewTimes) {
  client(kAck, 1000, 1, "middle of something");
  client(kAck, 1019, 1, "!abc");
  client(kAck, 1023, 1, "def");
  EXPECT_EQ(log, ">!abc>def");
  EXPECT_EQ(starts, std::vector<bool>{false});
  client_port = 40001;
  for (uint32_t i = 0; i < 8; ++i) client(kAck, 1000 + i, 1, "x");
  client(kAck, 1008, 1, "!abc");
  EXPECT_EQ(log, ">!abc>def");
  EXPECT_EQ(table().counters().midstream_flows, 2U);
}

TEST_F(FlowTableTest, ResetEndsTheFlowOnlyWhereAReceiverBelievesIt) {
  handshake();
  client(kRst, 90, 0);
  client(kAck, 101, 501, "!abc");
  server(kAck, 501, 105);
  client(kRst, 110, 0);
  client(kAck, 105, 501, "d");
  EXPECT_EQ(log, ">!abc>d");
  client(kRst, 106, 0);
  client(kAck, 106, 501, "late");
  server(kAck, 501, 106, "late");
  EXPECT_EQ(log, ">!abc>d");
  now_ns += (config.closed_timeout_s + 2) * kSecond;
  table().advance(now_ns, number);
  EXPECT_EQ(log, ">!abc>d>end1<end1");
  ASSERT_EQ(sink.of<FlowEnded>().size(), 1U);
  EXPECT_EQ(std::get<FlowEnded>(sink.of<FlowEnded>()[0].what).reason, EndReason::kReset);
  EXPECT_EQ(table().counters().flows, 1U);
  EXPECT_EQ(table().counters().refused[index_of(Refusal::kAfterReset)], 2U);
}

TEST_F(FlowTableTest, ResetIsNoneWhenThePeerAcknowledgesWhatFollows) {
  handshake();
  client(kAck, 101, 501, "!abc");
  server(kAck, 501, 105);
  client(kRst, 105, 0);
  client(kAck, 105, 501, "d");
  EXPECT_EQ(log, ">!abc");
  server(kAck, 501, 106);
  EXPECT_EQ(log, ">!abc>d");
  client(kAck, 106, 501, "e");
  EXPECT_EQ(log, ">!abc>d>e");
  EXPECT_EQ(table().counters().readings.confirmed_segments, 1U);
}

TEST_F(FlowTableTest, RefusedDataIsReadWhenItsReceiverAcknowledgesIt) {
  handshake();
  client(kAck, 101, 502, "!abc");  // acknowledges what the server never sent, or the tap has not seen yet
  EXPECT_EQ(log, "");
  server(kAck, 501, 105, "!x");
  EXPECT_EQ(log, ">!abc<!x");
  EXPECT_EQ(table().counters().refused[index_of(Refusal::kAckBeyondSent)], 1U);
}

TEST_F(FlowTableTest, DirectionsInTheWrongOrderAreBothRead) {
  handshake();
  server(kAck, 501, 105, "!x");  // answers what the tap sees next
  client(kAck, 101, 501, "!abc");
  server(kAck, 503, 108, "!y");
  client(kAck, 105, 503, "def");
  client(kAck, 108, 505);
  EXPECT_EQ(log, ">!abc<!x>def<!y");
}

TEST_F(FlowTableTest, FirstPayloadIsLookedAtAgainWhenAnotherCopyOfItComes) {
  handshake();
  client(kAck, 101, 501, "GET /");
  EXPECT_EQ(table().counters().ignored_flows, 1U);
  client(kAck, 101, 501, "GET /");
  EXPECT_EQ(alive, 0);
  client(kAck, 101, 501, "!abc");
  EXPECT_EQ(log, ">!abc");
  EXPECT_EQ(sink.of<OverlapSeen>().size(), 1U);
  EXPECT_EQ(table().counters().ignored_flows, 0U);
}

TEST_F(FlowTableTest, UrgentByteLeavesTheStream) {
  handshake();
  client(kAck, 101, 501, "!a");
  urgent = 2;
  client(kAck | TcpFlag::kUrg, 103, 501, "bXc");
  urgent = 0;
  client(kAck, 106, 501, "d");
  EXPECT_EQ(log, ">!a>b>c>d");
}

TEST_F(FlowTableTest, CopiesThatDifferAreToldOnce) {
  handshake();
  client(kAck, 101, 501, "!abc");
  client(kAck, 101, 501, "!aXc");
  client(kAck, 101, 501, "!YYc");
  server(kAck, 501, 105);
  client(kAck, 104, 501, "Z");  // a keep-alive of one byte
  const auto told = sink.of<OverlapSeen>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(std::get<OverlapSeen>(told[0].what).offset, 2U);
  EXPECT_EQ(std::get<OverlapSeen>(told[0].what).bytes, 1U);
  EXPECT_EQ(table().counters().readings.conflicts, 2U);
  EXPECT_EQ(log, ">!abc");
}

TEST_F(FlowTableTest, QueuedCopiesThatDifferAreTold) {
  handshake();
  client(kAck, 103, 501, "cd");
  client(kAck, 103, 501, "cX");
  client(kAck, 101, 501, "!b");
  EXPECT_EQ(log, ">!b>cd");
  EXPECT_EQ(sink.of<OverlapSeen>().size(), 1U);
}

TEST_F(FlowTableTest, PortReuseStartsANewFlow) {
  handshake();
  client(kAck, 101, 501, "!one");
  client(kAck | kRst, 105, 501);
  client(kSyn, 100, 0);  // a late copy
  EXPECT_EQ(table().counters().flows, 1U);
  client(kSyn, 7000, 0);
  server(kSyn | kAck, 8000, 7001);
  client(kAck, 7001, 8001, "!two");
  EXPECT_EQ(log, ">!one>end1<end1>!two");
  EXPECT_EQ(table().counters().flows, 2U);
  table().finish();
  const auto ended = sink.of<FlowEnded>();
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended[0].flow.flow_id, 1U);
  EXPECT_EQ(ended[1].flow.flow_id, 8U);  // the SYN-ACK: a SYN alone may be a decoy
  EXPECT_EQ(ended[1].flow.counts.packets[0], 1U);
  EXPECT_EQ(ended[1].flow.counts.packets[1], 1U);
}

TEST_F(FlowTableTest, SynInsideAnOpenFlowCountsOnlyWhenItIsAnswered) {
  handshake();
  client(kAck, 101, 501, "!one");
  client(kSyn, 7000, 0);
  client(kAck, 105, 501, "more");
  EXPECT_EQ(log, ">!one>more");
  EXPECT_EQ(table().counters().flows, 1U);
  server(kSyn | kAck, 8000, 7001);
  EXPECT_EQ(table().counters().flows, 2U);
  client(kAck, 7001, 8001, "!two");
  EXPECT_EQ(log, ">!one>more>end1<end1>!two");
}

TEST_F(FlowTableTest, GapsAreToldToTheDissectorAndAsTrouble) {
  handshake();
  client(kAck, 101, 501, "!abc");
  client(kAck, 115, 501, "xyz");
  server(kAck, 501, 118);
  now_ns += 60'000'000;
  server(kAck, 501, 118);
  EXPECT_EQ(log, ">!abc>(10)>xyz");
  const auto trouble = sink.of<StreamTrouble>();
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(std::get<StreamTrouble>(trouble[0].what).what, "gap");
  EXPECT_EQ(std::get<StreamTrouble>(trouble[0].what).count, 10U);
  EXPECT_EQ(table().counters().streams.gaps, 1U);
}

TEST_F(FlowTableTest, TroubleOfOneFlowIsBounded) {
  handshake();
  client(kAck, 101, 501, "!");
  for (uint32_t i = 0; i < 100; ++i) {
    client(kAck, 110 + 10 * i, 501, "x");
    server(kAck, 501, 111 + 10 * i);
    now_ns += 60'000'000;
    server(kAck, 501, 111 + 10 * i);
  }
  EXPECT_EQ(table().counters().streams.gaps, 100U);
  EXPECT_EQ(sink.of<StreamTrouble>().size(), 16U);
}

TEST_F(FlowTableTest, ObservationsCarryTheirPacketAndFlow) {
  handshake();
  table().set_source_index(3);
  server(kAck, 501, 101, "!fact");
  ASSERT_EQ(sink.events.size(), 1U);
  EXPECT_EQ(sink.events[0].packet_number, 4U);
  EXPECT_EQ(sink.events[0].time_ns, now_ns);
  EXPECT_EQ(sink.events[0].source_index, 3);
  EXPECT_EQ(std::get<Observation>(sink.events[0].what).from, Direction::kToClient);
  EXPECT_EQ(sink.events[0].flow.counts.packets[1], 2U);
}

TEST_F(FlowTableTest, EachStateTimesOutAfterItsOwnSilence) {
  const struct {
    const char* name;
    std::function<void()> set_up;
    int seconds;
    bool ended_event;
  } rows[] = {
      {"syn only", [this] { client(kSyn, 100, 0); }, 60, false},
      {"half open", [this] { client(kSyn, 100, 0), server(kSyn | kAck, 500, 101); }, 60, false},
      {"established", [this] { handshake(); }, 3600, false},
      {"ignored", [this] { handshake(), client(kAck, 101, 501, "x"); }, 120, false},
      {"dissected", [this] { handshake(), client(kAck, 101, 501, "!"); }, 3600, true},
      {"closed", [this] { client(kSyn, 100, 0), server(kRst | kAck, 0, 101); }, 10, false},
  };
  uint64_t other = 0;
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    log.clear();
    sink.events.clear();
    client_port = static_cast<uint16_t>(10000 + other++);
    row.set_up();
    EXPECT_EQ(table().counters().active_flows, 1U);
    now_ns += row.seconds * kSecond;
    table().advance(now_ns, ++number);
    EXPECT_EQ(table().counters().active_flows, 1U);
    now_ns += 2 * kSecond;
    table().advance(now_ns, ++number);
    EXPECT_EQ(table().counters().active_flows, 0U);
    ASSERT_EQ(sink.events.size(), row.ended_event ? 1U : 0U);
    if (row.ended_event) {
      EXPECT_EQ(std::get<FlowEnded>(sink.events[0].what).reason, EndReason::kTimeout);
      EXPECT_EQ(log, ">!>end2<end2");
    }
  }
}

TEST_F(FlowTableTest, ActivityPutsTheTimeoutOff) {
  handshake();
  client(kAck, 101, 501, "x");
  for (int i = 0; i < 50; ++i) {
    now_ns += 119 * kSecond;
    server(kAck, 501, 102);
    ASSERT_EQ(table().counters().flows, 1U);
  }
  now_ns += 122 * kSecond;
  server(kAck, 501, 102);
  EXPECT_EQ(table().counters().flows, 2U);
  EXPECT_EQ(table().counters().timed_out_flows, 1U);
}

TEST_F(FlowTableTest, TimeoutsBeyondTheWheelAreKept) {
  config.idle_timeout_s = 100'000;
  handshake();
  client(kAck, 101, 501, "!");
  for (int i = 0; i < 99; ++i) table().advance(now_ns += 1000 * kSecond, ++number);
  EXPECT_EQ(table().counters().active_flows, 1U);
  table().advance(now_ns += 2000 * kSecond, ++number);
  EXPECT_EQ(table().counters().active_flows, 0U);
}

TEST_F(FlowTableTest, ClockFollowsJumpsForwardAndBack) {
  handshake();
  client(kAck, 101, 501, "!");
  now_ns -= 100'000 * kSecond;
  client(kAck, 102, 501, "a");
  now_ns += 10 * kSecond;
  client(kAck, 103, 501, "b");
  EXPECT_EQ(log, ">!>a>b");
  EXPECT_EQ(table().counters().active_flows, 1U);
  now_ns += 1'000'000'000 * kSecond;
  table().advance(now_ns, ++number);
  EXPECT_EQ(table().counters().active_flows, 0U);
}

TEST_F(FlowTableTest, TicksOnceForEachSecondWithPackets) {
  now_ns = 100 * kSecond;
  const std::vector<int64_t> times{100'000, 100'500, 101'100, 101'900, 100'950, 101'950, 105'000};
  for (const int64_t ms : times) {
    now_ns = ms * 1'000'000;
    client(kAck, 1, 1);
  }
  EXPECT_EQ(sink.ticks, (std::vector<int64_t>{101 * kSecond, 105 * kSecond}));
}

TEST_F(FlowTableTest, FullTableEvictsClosedThenUnansweredThenIgnoredThenDissected) {
  config.max_flows = 4;
  const auto new_flow = [this] {
    ++client_port;
    now_ns += kSecond;
    client(kSyn, 100, 0);
  };
  handshake();
  client(kAck, 101, 501, "!abc");  // dissected
  ++client_port;
  handshake();
  client(kAck, 101, 501, "x");  // ignored
  ++client_port;
  client(kSyn, 100, 0);
  server(kRst | kAck, 0, 101);  // closed
  new_flow();                   // opening
  EXPECT_EQ(table().counters().active_flows, 4U);
  new_flow();
  EXPECT_EQ(table().counters().evicted[index_of(FlowState::kClosed)], 1U);
  new_flow();
  new_flow();
  EXPECT_EQ(table().counters().evicted[index_of(FlowState::kUnanswered)], 2U);
  EXPECT_EQ(table().counters().active_flows, 4U);
  // Every opening flow becomes an ignored one: the oldest ignored goes, then the rest, the dissected one last.
  client(kAck, 101, 501, "x");
  --client_port;
  client(kAck, 101, 501, "x");
  client_port = static_cast<uint16_t>(client_port + 10);
  new_flow();
  EXPECT_EQ(table().counters().evicted[index_of(FlowState::kIgnored)], 1U);
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(table().counters().evicted[index_of(FlowState::kDissected)], 0U);
}

TEST_F(FlowTableTest, AFloodOfSynsKeepsABoundedPartOfTheTable) {
  config.max_unanswered = 3;
  handshake();
  client(kAck, 101, 501, "!abc");
  for (int i = 0; i < 50; ++i) {
    ++client_port;
    client(kSyn, 100, 0);
    client(kSyn, 100, 0);  // asks again
  }
  EXPECT_EQ(table().counters().active_flows, 4U);
  EXPECT_EQ(table().counters().evicted[index_of(FlowState::kUnanswered)], 47U);
  // One that is answered counts no more, and can go on.
  server(kSyn | kAck, 500, 101);
  client(kAck, 101, 501, "!d");
  for (int i = 0; i < 3; ++i) {
    ++client_port;
    client(kSyn, 100, 0);
  }
  EXPECT_EQ(table().counters().active_flows, 5U);
  EXPECT_EQ(log, ">!abc>!d");
}

TEST_F(FlowTableTest, ASegmentWaitsForWhatItAnswers) {
  handshake();
  server(kAck, 501, 106, "!answer");  // to what the tap shows only now
  EXPECT_EQ(log, "");
  client(kAck, 101, 501, "!asks");
  EXPECT_EQ(log, ">!asks<!answer");
  EXPECT_EQ(table().counters().held_segments, 1U);
}

TEST_F(FlowTableTest, WhatWaitsIsReadWhenTheRestNeverComes) {
  handshake();
  client(kAck, 101, 501, "!");
  server(kAck, 501, 200, "answer");
  EXPECT_EQ(log, ">!");
  now_ns += kSecond;
  client(kAck, 200, 507);
  EXPECT_NE(log.find("<answer"), std::string::npos) << log;
}

TEST_F(FlowTableTest, WhatWaitsIsReadAtTheEnd) {
  handshake();
  client(kAck, 101, 501, "!");
  server(kAck, 501, 200, "answer");
  table().finish();
  EXPECT_NE(log.find("<answer"), std::string::npos) << log;
}

TEST_F(FlowTableTest, OnlySoManySegmentsWait) {
  handshake();
  client(kAck, 101, 501, "!");
  for (unsigned i = 0; i < 100; ++i) server(kAck, 501 + i, 200, "a");
  EXPECT_EQ(table().counters().held_segments, 32U);
  EXPECT_EQ(table().counters().held_limit_segments, 68U);
}

TEST_F(FlowTableTest, EvictedDissectedFlowIsEnded) {
  config.max_flows = 1;
  handshake();
  client(kAck, 101, 501, "!abc");
  ++client_port;
  client(kSyn, 100, 0);
  EXPECT_EQ(log, ">!abc>end3<end3");
  ASSERT_EQ(sink.of<FlowEnded>().size(), 1U);
  EXPECT_EQ(std::get<FlowEnded>(sink.events[0].what).reason, EndReason::kEvicted);
  EXPECT_EQ(sink.events[0].packet_number, 5U);
}

TEST_F(FlowTableTest, NumberOfDissectorsIsBounded) {
  config.max_dissected = 3;
  for (int i = 0; i < 10; ++i) {
    ++client_port;
    now_ns += kSecond;
    handshake();
    client(kAck, 101, 501, "!");
    ASSERT_LE(alive, 3);
  }
  EXPECT_EQ(table().counters().evicted[index_of(FlowState::kDissected)], 7U);
}

TEST_F(FlowTableTest, SynFloodStaysInsideTheTable) {
  config.max_flows = 1000;
  for (int i = 0; i < 20000; ++i) {
    client_port = static_cast<uint16_t>(i);
    server_port = static_cast<uint16_t>(i / 7);
    now_ns += kSecond / 500;
    client(kSyn, 100, 0);
    ASSERT_LE(table().counters().active_flows, 1000U);
  }
  EXPECT_EQ(table().counters().flows, 20000U);
}

TEST_F(FlowTableTest, FinishEndsAllFlowsInTheOrderOfTheirBeginnings) {
  config.flow_events_for_all = true;
  for (int i = 0; i < 50; ++i) {
    client_port = static_cast<uint16_t>(1000 + (i * 37) % 50);
    client(kSyn, 100, 0);
  }
  table().finish();
  ASSERT_EQ(sink.events.size(), 50U);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(sink.events[i].flow.flow_id, i + 1);
    EXPECT_EQ(std::get<FlowEnded>(sink.events[i].what).reason, EndReason::kCapture);
  }
  EXPECT_EQ(table().counters().active_flows, 0U);
  handshake();  // and the table goes on
  EXPECT_EQ(table().counters().active_flows, 1U);
}

TEST_F(FlowTableTest, FinishGivesOutWhatIsQueued) {
  handshake();
  client(kAck, 101, 501, "!");
  client(kAck, 105, 501, "tail");
  table().finish();
  EXPECT_EQ(log, ">!>(3)>tail>end4<end4");
}

TEST_F(FlowTableTest, HandshakesOfOneTupleOnTwoVlansAreTwoFlows) {
  Packet packet;
  packet.time_ns = now_ns;
  packet.flags = kSyn;
  for (const uint16_t id : {uint16_t{10}, uint16_t{20}}) {
    packet.number = ++number;
    packet.vlan = {{id, 0}, 1};
    table().process(packet);
  }
  EXPECT_EQ(table().counters().flows, 2U);
}

/// Whatever comes, the table keeps its bounds, ends each flow once and does the same again with another hash seed.
TEST(FlowTable, RandomPacketsGiveTheSameEventsWithAnySeed) {
  const auto run = [](uint64_t seed) {
    FlowTableConfig config;
    config.hash_seed = seed;
    config.max_flows = 40;
    config.max_dissected = 10;
    config.flow_events_for_all = true;
    config.out_of_order_bytes = 2000;
    RecordingSink sink;
    std::string log;
    int alive = 0;
    {
      FlowTable table(config, {&probe, [&](bool) { return std::make_unique<LogDissector>(log, alive); }}, sink);
      std::mt19937 random(11);
      const std::string texts[] = {"", "!abc", "?", "x", "no", "fact", "longer text that is cut"};
      Packet packet;
      packet.time_ns = 1000 * kSecond;
      for (int i = 0; i < 60000; ++i) {
        packet.number = static_cast<uint64_t>(i) + 1;
        packet.time_ns += random() % 2000 == 0 ? static_cast<int64_t>(random() % 200) * kSecond - 50 * kSecond
                                               : static_cast<int64_t>(random() % 5'000'000);
        packet.source_port = static_cast<uint16_t>(random() % 10);
        packet.destination_port = static_cast<uint16_t>(random() % 10);
        packet.flags = static_cast<uint8_t>(random() % 4 == 0 ? random() : kAck);
        packet.seq = random() % 64;
        packet.ack = random() % 64;
        packet.payload = frames::bytes_of(texts[random() % 7]);
        packet.payload_missing = random() % 20 == 0 ? 3 : 0;
        packet.wire_bytes = 60;
        table.process(packet);
        EXPECT_LE(table.counters().active_flows, config.max_flows);
        EXPECT_LE(alive, 10);
      }
      table.finish();
      EXPECT_EQ(table.counters().active_flows, 0U);
      EXPECT_EQ(table.counters().active_dissectors, 0U);
      EXPECT_EQ(table.counters().out_of_order_bytes, 0U);
      EXPECT_EQ(alive, 0);
      std::map<uint64_t, int> ends;
      for (const Event& event : sink.of<FlowEnded>()) ++ends[event.flow.flow_id];
      EXPECT_EQ(ends.size(), table.counters().flows);
      for (const auto& [id, count] : ends) EXPECT_EQ(count, 1) << id;
    }
    for (const Event& event : sink.events) {
      log += "\n" + std::to_string(event.packet_number) + " " + std::to_string(event.flow.flow_id) + " " +
             std::to_string(event.what.index()) + " " + std::to_string(event.time_ns);
    }
    return log;
  };
  const std::string first = run(0);
  EXPECT_EQ(first, run(0));
  EXPECT_EQ(first, run(0x1234567890abcdef));
}

}  // namespace
}  // namespace pickletap
