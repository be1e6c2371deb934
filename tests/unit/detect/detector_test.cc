// The Detector told what dissectors saw, fact by fact.
#include "sensor/detect/detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "sensor/net/address_text.h"

namespace pickletap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMs = 1'000'000;

/// "rule src outcome" of each alert, "listener change auth" of each listener event, in order.
class Written final : public RecordSink {
 public:
  void write(const Record& record) override {
    if (const auto* alert = std::get_if<Alert>(&record)) {
      std::string line(alert->rule->name);
      line += " from " + std::to_string(alert->head.sender().port);
      if (alert->has_outcome) line += alert->outcome == Outcome::kNotUnpickled ? " not-unpickled" : " attempted";
      alerts.push_back(line);
      severities.push_back(alert->rule->severity);
    } else if (const auto* listener = std::get_if<ListenerRecord>(&record)) {
      listeners.push_back(std::string(listener->change) + " " + std::string(to_text(listener->head.auth)) + " at " +
                          std::to_string(listener->head.server().port));
    }
  }
  std::vector<std::string> alerts, listeners;
  std::vector<Severity> severities;
};

constexpr uint16_t kServerPort = 50000;
constexpr uint16_t kClientPort = 40000;

/// Makes events of one flow.
class FlowOf {
 public:
  explicit FlowOf(uint64_t id, uint16_t server_port = kServerPort) {
    flow_.flow_id = id;
    flow_.initiator.port = kClientPort;
    flow_.responder.port = server_port;
    observation_.auth = AuthState::kNone;
  }
  FlowOf& at(int64_t time_ns) {
    time_ns_ = time_ns;
    return *this;
  }
  FlowOf& auth(AuthState state, bool settled) {
    observation_.auth = state;
    observation_.auth_settled = settled;
    return *this;
  }
  FlowOf& application(Application application) {
    observation_.application = application;
    return *this;
  }
  FlowOf& unseen_by_tap() {
    flow_.unseen_bytes[index_of(Direction::kToClient)] = 59;
    return *this;
  }
  FlowOf& server_is_initiator() {
    observation_.server_is_initiator = true;
    return *this;
  }
  Event fact(Direction from, Fact fact) const {
    Observation observation = observation_;
    observation.from = from;
    observation.fact = std::move(fact);
    return Event{time_ns_, 0, 0, flow_, std::move(observation)};
  }
  Event ended() const { return Event{time_ns_, 0, 0, flow_, FlowEnded{}}; }
  Event server_unseen() const { return Event{time_ns_, 0, 0, flow_, BytesUnseen{Direction::kToClient}}; }

 private:
  int64_t time_ns_ = 0;
  FlowContext flow_;
  Observation observation_;
};

PickleSeen pickle_with(PickleRule rule, const std::string& callable) {
  PickleSeen seen;
  seen.report.end = PickleEnd::kStop;
  seen.report.findings.push_back({rule, callable, "category", "does something", 0, {}, {}, {}});
  return seen;
}

PickleSeen attack() { return pickle_with(PickleRule::kCodeExecution, "posix.system"); }

HandshakeStep step(HandshakeStepKind kind, Digest digest = Digest::kSha256) {
  HandshakeStep step;
  step.kind = kind;
  step.digest = digest;
  if (kind != HandshakeStepKind::kChallenge) return step;
  const std::string challenge = "{sha256}" + std::string(40, 'c');  // as long as CPython's
  step.length = static_cast<uint16_t>(challenge.size());
  std::copy(challenge.begin(), challenge.end(), step.bytes.begin());
  return step;
}

class DetectorTest : public ::testing::Test {
 protected:
  DetectorTest() { config_.networks.trusted.emplace_back("0.0.0.0"); }  // where no address is said
  Written written_;
  Config config_;
};

TEST_F(DetectorTest, HoldsAnEarlyPickleUntilTheServerChallenges) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  detector.put(flow.fact(Direction::kToServer, attack()));
  EXPECT_THAT(written_.alerts, IsEmpty());
  detector.put(flow.auth(AuthState::kPending, true).fact(Direction::kToClient, step(HandshakeStepKind::kChallenge)));
  EXPECT_THAT(written_.alerts, ElementsAre("pickle.code-execution from 40000 not-unpickled"));
}

TEST_F(DetectorTest, TakesAnEarlyPickleForAttemptedWhenTheServerSendsData) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  detector.put(flow.fact(Direction::kToServer, attack()));
  detector.put(flow.auth(AuthState::kNone, true).fact(Direction::kToClient, AuthChanged{}));
  EXPECT_THAT(written_.alerts,
              ElementsAre("pickle.code-execution from 40000 attempted", "exposure.unauthenticated from 40000"));
  EXPECT_THAT(written_.listeners, ElementsAre("new none at 50000"));
}

TEST_F(DetectorTest, WaitsForTheServerNoLongerThanHalfASecondOfPacketTime) {
  Detector detector(config_, written_);
  detector.put(FlowOf(1).at(0).fact(Direction::kToServer, attack()));
  detector.tick(499 * kMs);
  EXPECT_THAT(written_.alerts, IsEmpty());
  detector.tick(500 * kMs);
  EXPECT_EQ(written_.alerts.size(), 2U);
}

TEST_F(DetectorTest, LetsGoWhatWaitsWhenTheFlowEnds) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  detector.put(flow.fact(Direction::kToServer, attack()));
  detector.put(flow.ended());
  EXPECT_EQ(written_.alerts.size(), 2U);
}

TEST_F(DetectorTest, DoesNotWaitWhereTheListenerIsKnownToAskForNoKey) {
  Detector detector(config_, written_);
  detector.put(FlowOf(1).auth(AuthState::kNone, true).fact(Direction::kToClient, AuthChanged{}));
  detector.put(FlowOf(2).fact(Direction::kToServer, attack()));
  EXPECT_EQ(written_.alerts.size(), 2U);
}

TEST_F(DetectorTest, DoesNotCallAListenerUnauthenticatedForWhatTheTapLost) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  detector.put(flow.unseen_by_tap().fact(Direction::kToServer, attack()));
  detector.put(flow.ended());
  EXPECT_THAT(written_.alerts, ElementsAre("pickle.code-execution from 40000 attempted"));
}

TEST_F(DetectorTest, DropsAWaitingExposureWhenTheServersWordsTurnOutLost) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  detector.put(flow.fact(Direction::kToServer, attack()));
  detector.put(flow.server_unseen());
  detector.finish();
  EXPECT_THAT(written_.alerts, ElementsAre("pickle.code-execution from 40000 attempted"));
}

TEST_F(DetectorTest, TellsAnUnauthenticatedFlowOnce) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  flow.auth(AuthState::kNone, true);
  detector.put(flow.fact(Direction::kToServer, PickleSeen{}));
  detector.put(flow.fact(Direction::kToServer, PickleSeen{}));
  detector.put(FlowOf(2).auth(AuthState::kNone, true).fact(Direction::kToServer, PickleSeen{}));
  EXPECT_THAT(written_.alerts,
              ElementsAre("exposure.unauthenticated from 40000", "exposure.unauthenticated from 40000"));
}

TEST_F(DetectorTest, JudgesLookAlikesWithoutMakingListenersOfThem) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  detector.put(flow.application(Application::kLogging).fact(Direction::kToServer, attack()));
  detector.put(flow.ended());
  EXPECT_THAT(written_.alerts, ElementsAre("pickle.code-execution from 40000 attempted"));
  EXPECT_THAT(written_.listeners, IsEmpty());
}

TEST_F(DetectorTest, TellsAnUnknownCallableOncePerListener) {
  Detector detector(config_, written_);
  const auto seen = pickle_with(PickleRule::kUnknownCall, "shapes.Circle");
  for (const uint64_t flow : {1, 2}) {
    detector.put(FlowOf(flow).auth(AuthState::kMutual, true).fact(Direction::kToServer, seen));
  }
  detector.put(FlowOf(3, 50001).auth(AuthState::kMutual, true).fact(Direction::kToServer, seen));
  EXPECT_EQ(written_.alerts.size(), 2U);
  const auto suppressed = [&] {
    const auto& counts = detector.counters().suppressed;
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  };
  EXPECT_EQ(suppressed(), 1U);

  // Those that the flow was told of, and that are not found again, count as well.
  PickleSeen again;
  again.report.told_before = 3;
  detector.put(FlowOf(1).auth(AuthState::kMutual, true).fact(Direction::kToServer, again));
  EXPECT_EQ(written_.alerts.size(), 2U);
  EXPECT_EQ(suppressed(), 4U);
}

TEST_F(DetectorTest, AProxyIsNewsWhereItLeadsElsewhere) {
  Detector detector(config_, written_);
  const auto proxy_of = [](const std::string& host) {
    PickleSeen seen = pickle_with(PickleRule::kUnknownCall, "multiprocessing.managers.RebuildProxy");
    seen.report.findings.front().host = host;
    return seen;
  };
  FlowOf flow(1);
  flow.auth(AuthState::kMutual, true);
  const auto send = [&](const std::string& host) { detector.put(flow.fact(Direction::kToServer, proxy_of(host))); };
  send(to_text(IpAddress{}));  // the flow's own: it comes back to its manager
  EXPECT_THAT(written_.alerts, IsEmpty());
  send("192.0.2.1");
  send("192.0.2.1");
  EXPECT_EQ(written_.alerts.size(), 1U);
  send("192.0.2.2");
  EXPECT_EQ(written_.alerts.size(), 2U);
}

TEST_F(DetectorTest, BlamesARefusedKeyOnTheSideThatGaveTheAnswer) {
  Detector detector(config_, written_);
  FlowOf flow(1);
  flow.auth(AuthState::kFailed, true);
  detector.put(flow.fact(Direction::kToClient, step(HandshakeStepKind::kFailure)));
  EXPECT_THAT(written_.alerts, ElementsAre("auth.failed from 40000"));
  HandshakeStep by_client = step(HandshakeStepKind::kFailure);
  by_client.server_challenges = false;
  detector.put(FlowOf(2).auth(AuthState::kFailed, true).fact(Direction::kToServer, by_client));
  EXPECT_EQ(written_.alerts.back(), "auth.failed from 50000");
}

TEST_F(DetectorTest, TellsMd5OncePerListenerAndOnlyWhenItWasJudged) {
  Detector detector(config_, written_);
  for (const uint64_t id : {1, 2}) {
    FlowOf flow(id);
    flow.auth(AuthState::kPending, true);
    detector.put(flow.fact(Direction::kToServer, step(HandshakeStepKind::kResponse, Digest::kMd5)));
    EXPECT_EQ(written_.alerts.size(), id - 1);
    detector.put(flow.fact(Direction::kToClient, step(HandshakeStepKind::kWelcome, Digest::kMd5)));
    EXPECT_THAT(written_.alerts, ElementsAre("auth.legacy-digest from 40000"));
    written_.alerts.resize(1);
  }
}

TEST_F(DetectorTest, NamesTheListenerByWhoChallengedWhenTheSynWasMissed) {
  Detector detector(config_, written_);
  detector.put(FlowOf(1).auth(AuthState::kMutual, true).server_is_initiator().fact(Direction::kToServer, attack()));
  EXPECT_THAT(written_.listeners, ElementsAre("new mutual at 40000"));
  EXPECT_THAT(written_.alerts, ElementsAre("pickle.code-execution from 40000 attempted"));
}

TEST_F(DetectorTest, ReportsAListenerWhenSomethingChangedOnly) {
  Detector detector(config_, written_);
  for (const uint64_t id : {1, 2, 3}) {
    detector.put(FlowOf(id).auth(AuthState::kFailed, true).fact(Direction::kToClient, AuthChanged{}));
  }
  detector.put(FlowOf(4).auth(AuthState::kMutual, true).fact(Direction::kToClient, AuthChanged{}));
  detector.put(FlowOf(5).auth(AuthState::kFailed, true).fact(Direction::kToClient, AuthChanged{}));
  EXPECT_THAT(written_.listeners, ElementsAre("new failed at 50000", "auth mutual at 50000"));
}

TEST_F(DetectorTest, ObeysTheConfiguredSeverityAndSilence) {
  config_.rules["pickle.code-execution"].severity = 3;
  config_.rules["exposure.unauthenticated"].enabled = false;
  Detector detector(config_, written_);
  detector.put(FlowOf(1).auth(AuthState::kNone, true).fact(Direction::kToServer, attack()));
  EXPECT_THAT(written_.alerts, ElementsAre("pickle.code-execution from 40000 attempted"));
  EXPECT_EQ(written_.severities.front(), Severity::kLow);
  uint64_t suppressed = 0;
  for (const uint64_t count : detector.counters().suppressed) suppressed += count;
  EXPECT_EQ(suppressed, 1U);
}

TEST_F(DetectorTest, LetsTheOldestGoWhenTooManyWait) {
  Detector detector(config_, written_);
  for (uint64_t id = 1; id <= Detector::kMaxParked; ++id) {
    detector.put(
        FlowOf(id, static_cast<uint16_t>(id)).at(static_cast<int64_t>(id)).fact(Direction::kToServer, attack()));
  }
  // Each flow leaves two records: the attack and the exposure.
  EXPECT_GT(detector.counters().parked_early, 0U);
  EXPECT_FALSE(written_.alerts.empty());
  const size_t before = written_.alerts.size();
  detector.finish();
  EXPECT_EQ(written_.alerts.size(), 2 * Detector::kMaxParked);
  EXPECT_LT(before, written_.alerts.size());
}

TEST(Listeners, CountsWhatTheInventoryHasNoRoomFor) {
  Listeners listeners;
  RecordHead head;
  head.auth = AuthState::kMutual;
  for (size_t i = 0; i < Listeners::kMaxListeners + 3; ++i) {
    head.flow.responder.port = static_cast<uint16_t>(i);
    head.flow.responder.address.bytes[0] = static_cast<uint8_t>(i >> 16);
    listeners.update(head, true);
  }
  EXPECT_EQ(listeners.dropped(), 3U);
  EXPECT_EQ(listeners.count_by_auth()[static_cast<size_t>(AuthState::kMutual)], Listeners::kMaxListeners);
}

}  // namespace
}  // namespace pickletap
