// What the Detector's records say: the words of alerts, the counters, and the records that are no alerts.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sensor/detect/detector.h"
#include "sensor/detect/rule_catalog.h"

namespace pickletap {
namespace {

/// Events here have no addresses.
Config trusting() {
  Config config;
  config.networks.trusted.emplace_back("0.0.0.0");
  return config;
}

class Keeper final : public RecordSink {
 public:
  void write(const Record& record) override { records.push_back(record); }
  template <typename T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const Record& record : records) {
      if (const auto* one = std::get_if<T>(&record)) found.push_back(*one);
    }
    return found;
  }
  std::vector<Record> records;
};

/// Facts of a flow with a mutual handshake, which nothing parks.
Event event_of(Fact fact, Direction from = Direction::kToServer, AuthState auth = AuthState::kMutual) {
  Observation observation;
  observation.from = from;
  observation.auth = auth;
  observation.auth_settled = true;
  observation.digest = Digest::kSha256;
  observation.fact = std::move(fact);
  FlowContext flow;
  flow.flow_id = 7;
  flow.initiator.port = 40000;
  flow.responder.port = 50000;
  return Event{123, 45, 2, flow, std::move(observation)};
}

PickleFinding finding(PickleRule rule, std::string callable, std::string reason, std::string_view cwe = {}) {
  return {rule, std::move(callable), "category", std::move(reason), 0, cwe, "TA0002", "T1059"};
}

PickleSeen seen_with(std::vector<PickleFinding> findings) {
  PickleSeen seen;
  seen.frame = {3, 57, 61, FrameKind::kPickle};
  seen.manager.method = "create";
  seen.report.end = PickleEnd::kStop;
  seen.report.findings = std::move(findings);
  return seen;
}

uint64_t counted(const std::vector<uint64_t>& counts, const Detector& detector, std::string_view rule) {
  for (size_t i = 0; i < counts.size(); ++i) {
    if (detector.snapshot().rules[i].name == rule) return counts[i];
  }
  return UINT64_MAX;
}

TEST(DetectorRecords, SignaturesNameReasonsAndCallables) {
  std::vector<PickleFinding> many;
  for (int i = 0; i < 12; ++i) many.push_back(finding(PickleRule::kCodeExecution, "os.f" + std::to_string(i), "runs"));
  const struct {
    std::vector<PickleFinding> findings;
    std::string want;
  } table[] = {
      {{finding(PickleRule::kCodeExecution, "os.system", "runs a command")},
       "Loading this pickle runs a command: os.system"},
      {{finding(PickleRule::kCodeExecution, "os.system", "runs a command"),
        finding(PickleRule::kCodeExecution, "os.popen", "runs a command"),
        finding(PickleRule::kCodeExecution, "pickle.loads", "unpickles more data")},
       "Loading this pickle runs a command: os.system, os.popen; unpickles more data: pickle.loads"},
      {{finding(PickleRule::kDangerousReference, "os.system", "runs a command")},
       "The pickle passes a dangerous callable by reference: runs a command: os.system"},
      {{finding(PickleRule::kCodeObject, "marshal.loads", "carries code")}, "The pickle carries code: marshal.loads"},
      {{finding(PickleRule::kUnknownCall, "app.Cls", "")},
       "Loading this pickle calls what no policy list knows: app.Cls"},
      {{finding(PickleRule::kMalformed, "", "ends before STOP")}, "Malformed pickle: ends before STOP"},
      {many, "Loading this pickle runs: os.f0, os.f1, os.f2, os.f3, os.f4, os.f5, os.f6, os.f7 and more"},
  };
  for (const auto& row : table) {
    Keeper keeper;
    Detector detector(trusting(), keeper);
    detector.put(event_of(seen_with(row.findings)));
    ASSERT_EQ(keeper.all<Alert>().size(), 1U);
    EXPECT_EQ(keeper.all<Alert>()[0].signature, row.want);
  }
}

TEST(DetectorRecords, OnePickleBreaksEachRuleOnce) {
  Keeper keeper;
  Detector detector(trusting(), keeper);
  detector.put(event_of(
      seen_with({finding(PickleRule::kMalformed, "", "ends before STOP"),
                 finding(PickleRule::kCodeExecution, "os.system", "runs a command", "CWE-78"),
                 finding(PickleRule::kCodeExecution, "os.popen", "runs a command", "CWE-99"),
                 finding(PickleRule::kUnknownCall, "app.A", ""), finding(PickleRule::kUnknownCall, "app.B", "")})));
  const auto alerts = keeper.all<Alert>();
  std::string names;
  for (const Alert& alert : alerts) names += std::string(alert.rule->name) + " ";
  EXPECT_EQ(names, "pickle.code-execution pickle.unknown-call pickle.unknown-call pickle.malformed ");
  const Alert& first = alerts.at(0);
  EXPECT_EQ(first.cwe, "CWE-78");
  EXPECT_TRUE(first.has_outcome);
  EXPECT_EQ(first.frame.length, 57U);
  EXPECT_EQ(first.manager.method, "create");
  EXPECT_EQ(first.head.time_ns, 123);
  EXPECT_EQ(first.head.packet_number, 45U);
  EXPECT_EQ(first.head.source_index, 2U);
  EXPECT_EQ(counted(detector.counters().alerts, detector, "pickle.unknown-call"), 2U);
}

TEST(DetectorRecords, OutcomeIsWhatTheDissectorKnows) {
  Keeper keeper;
  Detector detector(trusting(), keeper);
  PickleSeen seen = seen_with({finding(PickleRule::kCodeExecution, "os.system", "runs a command")});
  detector.put(event_of(seen));
  seen.not_unpickled = true;
  detector.put(event_of(seen));
  ASSERT_EQ(keeper.all<Alert>().size(), 2U);
  EXPECT_EQ(keeper.all<Alert>()[0].outcome, Outcome::kAttempted);
  EXPECT_EQ(keeper.all<Alert>()[1].outcome, Outcome::kNotUnpickled);
}

TEST(DetectorRecords, OversizedFramesAndFailuresAreAlerts) {
  Keeper keeper;
  Detector detector(trusting(), keeper);
  detector.put(event_of(FrameOversized{{0, uint64_t{1} << 33, 12, FrameKind::kBytes}}));
  HandshakeStep failure;
  failure.kind = HandshakeStepKind::kFailure;
  detector.put(event_of(failure, Direction::kToClient, AuthState::kFailed));
  detector.put(event_of(failure, Direction::kToClient, AuthState::kFailed));  // told once a flow
  const auto alerts = keeper.all<Alert>();
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[0].rule->name, "frame.oversized");
  EXPECT_EQ(alerts[0].signature, "A frame announces 8589934592 bytes");
  EXPECT_FALSE(alerts[0].has_outcome);
  EXPECT_EQ(alerts[1].rule->name, "auth.failed");
  EXPECT_EQ(alerts[1].head.sender().port, 40000);
}

TEST(DetectorRecords, OtherFactsBecomeRecords) {
  Keeper keeper;
  Detector detector(trusting(), keeper);
  detector.put(event_of(FrameSeen{1, 2, 3, FrameKind::kBytes}));
  detector.put(event_of(HandshakeEnded{}));
  detector.put(event_of(HandshakeEnded{}, Direction::kToServer, AuthState::kFailed));
  detector.put(event_of(HandshakeEnded{true}, Direction::kToServer, AuthState::kPending));
  detector.put(event_of(StreamAnomaly{"frame_sync_lost", 99}));
  Event trouble = event_of(AuthChanged{});
  trouble.what = StreamTrouble{"decode", "truncated_header", 3};
  detector.put(std::move(trouble));
  Event ended = event_of(AuthChanged{});
  ended.what = FlowEnded{EndReason::kReset, 100, true};
  detector.put(std::move(ended));

  EXPECT_EQ(keeper.all<ProtocolRecord>().size(), 4U);
  const auto& handshakes = detector.counters().handshakes[static_cast<size_t>(Digest::kSha256)];
  EXPECT_EQ(handshakes[0], 1U);
  EXPECT_EQ(handshakes[1], 1U);
  EXPECT_EQ(handshakes[2], 1U);
  const auto anomalies = keeper.all<AnomalyRecord>();
  ASSERT_EQ(anomalies.size(), 2U);
  EXPECT_EQ(anomalies[0].what, "frame_sync_lost");
  EXPECT_EQ(anomalies[1].layer, "decode");
  EXPECT_FALSE(anomalies[1].head.has_protocol);
  const auto flows = keeper.all<FlowRecord>();
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].reason, EndReason::kReset);
  EXPECT_EQ(flows[0].last_ns, 100);
  EXPECT_TRUE(flows[0].head.has_protocol);
}

TEST(DetectorRecords, OfAHandshakeThatNeverEndedTheListenerIsToldAtTheEnd) {
  Keeper keeper;
  Detector detector(trusting(), keeper);
  HandshakeStep challenge;
  detector.put(event_of(challenge, Direction::kToClient, AuthState::kPending));
  EXPECT_TRUE(keeper.all<ListenerRecord>().empty());
  Event ended = event_of(AuthChanged{});
  ended.what = FlowEnded{};
  detector.put(std::move(ended));
  ASSERT_EQ(keeper.all<ListenerRecord>().size(), 1U);
  EXPECT_EQ(keeper.all<ListenerRecord>()[0].head.auth, AuthState::kPending);
}

TEST(RuleCatalog, IsInOrderAndNamesEveryRuleOnce) {
  uint32_t last = 0;
  for (const RuleInfo& rule : rule_catalog()) {
    EXPECT_GT(rule.sid, last);
    last = rule.sid;
    EXPECT_TRUE(rule.cwe.starts_with("CWE-")) << rule.name;
    EXPECT_TRUE(rule.tactic.starts_with("TA")) << rule.name;
    EXPECT_TRUE(rule.technique.starts_with("T1")) << rule.name;
    EXPECT_FALSE(rule.category.empty() || rule.raised_when.empty() || rule.confidence.empty()) << rule.name;
  }
  for (unsigned i = 0; i < kPickleRuleCount; ++i) {
    const auto names = rule_names();
    EXPECT_EQ(std::count(names.begin(), names.end(), rule_name(static_cast<PickleRule>(i))), 1);
  }
}

}  // namespace
}  // namespace pickletap
