// Handshakes told step by step: guessing, challenges seen before, downgrades, breaches, weak keys.
#include "sensor/detect/auth_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sensor/detect/detector.h"

namespace pickletap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;

class Written final : public RecordSink {
 public:
  void write(const Record& record) override {
    if (const auto* alert = std::get_if<Alert>(&record)) alerts.push_back(*alert);
    if (const auto* listener = std::get_if<ListenerRecord>(&record)) changes.emplace_back(listener->change);
  }
  std::vector<std::string> rules() const {
    std::vector<std::string> out;
    for (const Alert& alert : alerts) out.emplace_back(alert.rule->name);
    return out;
  }
  std::vector<Alert> alerts;
  std::vector<std::string> changes;
};

IpAddress address(uint8_t last, uint8_t first = 10) {
  IpAddress out;
  out.bytes = {first, 0, 0, last};
  return out;
}

/// One flow of two hosts 10.0.0.x; handshakes are told to `detector`.
class Flow {
 public:
  Flow(Detector& detector, uint64_t id, uint8_t client, uint8_t server, int64_t time_ns = 0) : detector_(detector) {
    event_.flow.flow_id = id;
    event_.flow.initiator = {address(client), static_cast<uint16_t>(40000 + id)};
    event_.flow.responder = {address(server), 50000};
    event_.time_ns = time_ns;
  }
  Flow& from_outside() {
    event_.flow.initiator.address = address(5, 203);
    return *this;
  }
  void with_a_hole(bool midstream) {
    event_.flow.midstream = midstream;
    if (!midstream) event_.flow.unseen_bytes[index_of(Direction::kToServer)] = 35;
  }
  void step(HandshakeStepKind kind, bool server_challenges, const std::string& bytes, Digest digest,
            AuthState state = AuthState::kPending) {
    HandshakeStep step;
    step.kind = kind;
    step.server_challenges = server_challenges;
    step.digest = digest;
    step.length = static_cast<uint16_t>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), step.bytes.begin());
    const bool by_challenger = kind != HandshakeStepKind::kResponse;
    tell(by_challenger == server_challenges ? Direction::kToClient : Direction::kToServer, step, state, digest);
  }
  void challenge(const std::string& prefix, char fill, bool by_server = true) {
    static const std::map<std::string, Digest> digests = {{"", Digest::kMd5}, {"{sha256}", Digest::kSha256}};
    const auto at = digests.find(prefix);
    const std::string random(prefix.empty() ? 20 : 40, fill);
    step(HandshakeStepKind::kChallenge, by_server, prefix + random,
         at == digests.end() ? Digest::kUnknown : at->second);
  }
  void answer(Digest digest, bool to_server = true) {
    const std::string prefix = digest == Digest::kMd5 ? "" : "{" + std::string(to_text(digest)) + "}";
    step(HandshakeStepKind::kResponse, to_server, prefix + std::string(digest == Digest::kMd5 ? 16 : 32, 'r'), digest);
  }
  void welcome(Digest digest) { step(HandshakeStepKind::kWelcome, true, "", digest); }
  void failure(Digest digest) { step(HandshakeStepKind::kFailure, true, "", digest, AuthState::kFailed); }
  void tell(Direction from, Fact fact, AuthState state, Digest digest = Digest::kNone) {
    Observation observation;
    observation.from = from;
    observation.auth = state;
    observation.auth_settled = true;
    observation.digest = digest;
    observation.fact = std::move(fact);
    Event event = event_;
    event.what = std::move(observation);
    detector_.put(std::move(event));
  }

 private:
  Detector& detector_;
  Event event_;
};

class AuthWatchTest : public ::testing::Test {
 protected:
  AuthWatchTest() {
    for (const char* rule : {"auth.failed", "auth.legacy-digest"}) config_.rules[rule].enabled = false;
    config_.alerts.collapse_window_s = 0;
  }
  void fail(uint8_t client, uint8_t server, int64_t at_ns) {
    Flow flow(detector(), ++id_, client, server, at_ns);
    flow.challenge("{sha256}", static_cast<char>(id_));
    flow.answer(Digest::kSha256);
    flow.failure(Digest::kSha256);
  }
  Detector& detector() {
    if (!detector_) detector_ = std::make_unique<Detector>(config_, written_);
    return *detector_;
  }

  Config config_;
  Written written_;
  std::unique_ptr<Detector> detector_;
  uint64_t id_ = 100;
};

TEST_F(AuthWatchTest, TellsOfGuessingAtTheThresholdAndOnceAWindow) {
  for (int i = 0; i < 9; ++i) fail(1, 2, i * kSecond);
  for (int i = 0; i < 9; ++i) fail(3, 2, i * kSecond);  // another source
  for (int i = 0; i < 9; ++i) fail(1, 4, i * kSecond);  // another listener
  EXPECT_THAT(written_.rules(), IsEmpty());
  fail(1, 2, 9 * kSecond);
  EXPECT_THAT(written_.rules(), ElementsAre("auth.bruteforce"));
  EXPECT_THAT(written_.alerts.back().signature, HasSubstr("10 failures within 9 seconds"));
  for (int i = 10; i < 69; ++i) fail(1, 2, i * kSecond);
  EXPECT_EQ(written_.alerts.size(), 1U);
  fail(1, 2, 69 * kSecond);
  EXPECT_EQ(written_.alerts.size(), 2U);
  EXPECT_THAT(written_.alerts.back().signature, HasSubstr("60 more failures"));
}

TEST_F(AuthWatchTest, GuessingRestsOnTheFlowsThatFailedWithinABound) {
  for (int i = 0; i < 10; ++i) fail(1, 2, i * kSecond);
  ASSERT_EQ(written_.alerts.size(), 1U);
  EXPECT_THAT(written_.alerts.back().rests_on, ElementsAre(101U, 102U, 103U, 104U, 105U, 106U, 107U, 108U, 109U, 110U));
  config_.auth.bruteforce_failures = 100;
  detector().configure(config_);
  for (int i = 0; i < 100; ++i) fail(5, 2, 100 * kSecond);
  ASSERT_EQ(written_.alerts.size(), 2U);
  EXPECT_EQ(written_.alerts.back().rests_on.size(), Alert::kMaxRestsOn);
  EXPECT_EQ(written_.alerts.back().rests_on.back(), 210U);
}

TEST_F(AuthWatchTest, SlowFailuresAreNoGuessing) {
  for (int i = 0; i < 100; ++i) fail(1, 2, i * 7 * kSecond);  // ten take 63 s
  EXPECT_THAT(written_.rules(), IsEmpty());
}

TEST_F(AuthWatchTest, TellsWhenGuessingSucceeds) {
  for (int i = 0; i < 10; ++i) fail(1, 2, i);
  Flow flow(detector(), 1, 1, 2, kSecond);
  flow.challenge("{sha256}", 'z');
  flow.answer(Digest::kSha256);
  flow.welcome(Digest::kSha256);
  EXPECT_THAT(written_.rules(), ElementsAre("auth.bruteforce", "auth.bruteforce"));
  EXPECT_THAT(written_.alerts.back().signature, HasSubstr("guessed the key"));
}

TEST_F(AuthWatchTest, OneFlowIsOneFailure) {
  Flow flow(detector(), 1, 1, 2);
  flow.challenge("{sha256}", 'z');
  for (int i = 0; i < 20; ++i) flow.failure(Digest::kSha256);
  EXPECT_THAT(written_.rules(), IsEmpty());
}

TEST_F(AuthWatchTest, KnowsAChallengeAgain) {
  struct Row {
    const char* name;
    uint8_t client, server;  // of the second flow; the first is 1 → 2, and 2 challenges
    bool by_server;
    const char* sentence;  // null: no alert
  };
  const Row rows[] = {
      {"passed on", 3, 1, true, "was relayed"},
      {"back to its maker", 2, 1, true, "was reflected"},
      {"back to its maker, as the client's", 1, 2, false, "was reflected"},
      {"repeated by its maker", 3, 2, true, "was sent again"},
      {"from elsewhere", 3, 4, true, "replayed, or relayed out of sight"},
  };
  for (const Row& row : rows) {
    Written written;
    Detector detector(config_, written);
    Flow first(detector, 1, 1, 2, 0), second(detector, 2, row.client, row.server, 1);
    first.challenge("{sha256}", 'c');
    second.challenge("{sha256}", 'c', row.by_server);
    ASSERT_EQ(written.rules(), std::vector<std::string>{"auth.challenge-reuse"}) << row.name;
    EXPECT_THAT(written.alerts.back().signature, HasSubstr(row.sentence)) << row.name;
    EXPECT_EQ(written.alerts.back().head.flow.flow_id, 2U);
    EXPECT_EQ(written.alerts.back().other_flow->flow_id, 1U);
  }
}

TEST_F(AuthWatchTest, SaysTheSameWhicheverWorkerWasFirst) {
  Flow later(detector(), 2, 3, 1, 5), earlier(detector(), 1, 1, 2, 4);
  later.challenge("{sha256}", 'c');
  earlier.challenge("{sha256}", 'c');
  ASSERT_EQ(written_.alerts.size(), 1U);
  EXPECT_THAT(written_.alerts.back().signature, HasSubstr("was relayed"));
}

TEST_F(AuthWatchTest, AConnectionSeenTwiceIsNoReuse) {
  Flow first(detector(), 1, 1, 2, 0), other_tap(detector(), 1, 1, 2, kSecond / 100),
      later(detector(), 1, 1, 2, 2 * kSecond);
  first.challenge("{sha256}", 'c');
  other_tap.challenge("{sha256}", 'c');
  EXPECT_THAT(written_.rules(), IsEmpty());
  later.challenge("{sha256}", 'c');
  EXPECT_THAT(written_.rules(), ElementsAre("auth.challenge-reuse"));
}

TEST_F(AuthWatchTest, AWeakerChallengeThanBeforeIsADowngradeOnce) {
  for (uint64_t id = 1; id < 6; ++id) {
    Flow flow(detector(), id, 1, 2);
    flow.challenge(id == 1 ? "{sha256}" : "", static_cast<char>('a' + id));
  }
  EXPECT_THAT(written_.rules(), ElementsAre("auth.downgrade"));
  EXPECT_EQ(written_.alerts.back().head.from, Direction::kToClient);
}

TEST_F(AuthWatchTest, ADowngradeRestsOnTheLatestFlowThatDidBetter) {
  Flow(detector(), 1, 1, 2, 0).challenge("{sha256}", 'a');
  Flow(detector(), 2, 1, 2, kSecond).challenge("{sha256}", 'b');
  Flow(detector(), 3, 1, 2, 2 * kSecond).challenge("", 'c');
  ASSERT_THAT(written_.rules(), ElementsAre("auth.downgrade"));
  EXPECT_THAT(written_.alerts.back().rests_on, ElementsAre(2U));
}

/// Mixed versions fall back to MD5 and are no downgrade: 3.12 servers take a bare answer, old clients give one.
TEST_F(AuthWatchTest, AnOldClientOfANewListenerIsNoDowngrade) {
  for (uint64_t id = 1; id < 4; ++id) {
    Flow flow(detector(), id, static_cast<uint8_t>(id), 9);
    flow.challenge("{sha256}", static_cast<char>('a' + id));
    flow.answer(Digest::kMd5);
    flow.welcome(Digest::kMd5);
    flow.challenge("", static_cast<char>('k' + id), false);
    flow.answer(Digest::kMd5, false);
  }
  // A new client of an old listener: it asks by name, the listener cannot.
  Flow flow(detector(), 7, 1, 8);
  flow.challenge("", 'x');
  flow.answer(Digest::kMd5);
  flow.welcome(Digest::kMd5);
  flow.challenge("{sha256}", 'y', false);
  flow.answer(Digest::kMd5, false);
  EXPECT_THAT(written_.rules(), IsEmpty());
}

TEST_F(AuthWatchTest, APeerThatKnewBetterIsADowngrade) {
  for (uint64_t id = 1; id < 4; ++id) {
    Flow flow(detector(), id, 1, 2);
    flow.challenge("{sha256}", static_cast<char>('a' + id));
    flow.answer(id == 1 ? Digest::kSha256 : Digest::kMd5);
    flow.welcome(id == 1 ? Digest::kSha256 : Digest::kMd5);
  }
  EXPECT_THAT(written_.rules(), ElementsAre("auth.downgrade"));
}

TEST_F(AuthWatchTest, APeerThatAsksForMoreThanItGivesIsADowngrade) {
  Flow client(detector(), 1, 1, 2);
  client.challenge("{sha256}", 'a');
  client.answer(Digest::kMd5);
  client.welcome(Digest::kMd5);
  client.challenge("{sha256}", 'b', false);
  EXPECT_THAT(written_.rules(), ElementsAre("auth.downgrade"));
  Flow server(detector(), 2, 3, 4);
  server.challenge("{sha256}", 'c');
  server.answer(Digest::kSha256);
  server.welcome(Digest::kSha256);
  server.challenge("{sha256}", 'd', false);
  server.answer(Digest::kMd5, false);
  EXPECT_THAT(written_.rules(), ElementsAre("auth.downgrade", "auth.downgrade"));
}

TEST_F(AuthWatchTest, NamesStepsThatNoCPythonMakes) {
  struct Row {
    const char* name;
    std::function<void(Flow&)> tell;
    const char* sentence;
    Direction by;
  };
  const auto challenge = [](const std::string& bytes, Digest digest) {
    return [=](Flow& f) { f.step(HandshakeStepKind::kChallenge, true, bytes, digest); };
  };
  const auto breach = [](HandshakeBreach what, Direction by, uint64_t length) {
    return [=](Flow& f) { f.tell(by, HandshakeViolation{what, true, by, length}, AuthState::kPending); };
  };
  constexpr Direction kServer = Direction::kToClient, kClient = Direction::kToServer;
  const Row rows[] = {
      {"short", challenge(std::string(10, 'c'), Digest::kMd5), "too short: 10 bytes", kServer},
      {"short behind a name", challenge("{sha256}" + std::string(20, 'c'), Digest::kSha256), "too short", kServer},
      {"long", challenge(std::string(40, 'c'), Digest::kMd5), "too long", kServer},
      {"unknown digest", challenge("{sha1}" + std::string(40, 'c'), Digest::kUnknown), "does not know", kServer},
      {"other digest",
       [](Flow& f) {
         f.challenge("{sha256}", 'c');
         f.answer(Digest::kSha384);
       },
       "answered a challenge for sha256 with sha384", kClient},
      {"oversized", breach(HandshakeBreach::kOversized, kClient, 300), "300 bytes", kClient},
      {"no answer", breach(HandshakeBreach::kNoAnswer, kClient, 1), "(1 byte) in place of an answer", kClient},
      {"no verdict", breach(HandshakeBreach::kNoVerdict, kServer, 20), "in place of its verdict", kServer},
  };
  for (const Row& row : rows) {
    Written written;
    Detector detector(config_, written);
    Flow flow(detector, 1, 1, 2);
    row.tell(flow);
    ASSERT_EQ(written.rules(), std::vector<std::string>{"auth.protocol-violation"}) << row.name;
    EXPECT_THAT(written.alerts.back().signature, HasSubstr(row.sentence));
    EXPECT_EQ(written.alerts.back().head.from, row.by) << row.name;
  }
}

TEST_F(AuthWatchTest, TellsDataOnAOneWayFlowOnce) {
  Flow flow(detector(), 1, 1, 2);
  for (int i = 0; i < 3; ++i) flow.tell(Direction::kToServer, AuthChanged{}, AuthState::kOneWay, Digest::kSha256);
  EXPECT_THAT(written_.rules(), ElementsAre("auth.one-way"));
}

TEST_F(AuthWatchTest, WhatTheTapMissedIsNobodysBreach) {
  for (const bool midstream : {true, false}) {
    Flow flow(detector(), midstream ? 1 : 2, 1, 2);
    flow.with_a_hole(midstream);
    flow.tell(Direction::kToServer, HandshakeViolation{}, AuthState::kPending);
    flow.tell(Direction::kToServer, AuthChanged{}, AuthState::kOneWay, Digest::kSha256);
  }
  EXPECT_THAT(written_.rules(), IsEmpty());
}

// ---- Weak keys

/// Gives back what it is told to, later.
class SlowChecker final : public KeyChecker {
 public:
  uint64_t version() const override { return list_version; }
  std::optional<KeyVerdict> check(KeyJob&& job) override {
    jobs.push_back(std::move(job));
    return std::nullopt;
  }
  uint64_t list_version = 1;
  std::vector<KeyJob> jobs;
};

class WeakKeysTest : public AuthWatchTest {
 protected:
  void shake_hands(int64_t at_ns) {
    Flow flow(detector(), ++id_, 1, 2, at_ns);
    flow.challenge("{sha256}", static_cast<char>(id_));
    flow.answer(Digest::kSha256);
    flow.welcome(Digest::kSha256);
    flow.tell(Direction::kToClient, HandshakeEnded{}, AuthState::kMutual, Digest::kSha256);
  }
  KeyVerdict verdict(const KeyJob& job, bool found) const {
    KeyVerdict out{job.head, job.exchange, checker_.list_version, 10, found, false, found ? "hunter2" : "", "keys:7"};
    return out;
  }
  SlowChecker checker_;
};

TEST_F(WeakKeysTest, TriesAListenerOnceUntilTheListChangesOrTimeHasPassed) {
  detector().set_key_checker(&checker_);
  shake_hands(0);
  shake_hands(1);
  EXPECT_EQ(checker_.jobs.size(), 1U) << "one is on its way";
  detector().put_key_verdict(verdict(checker_.jobs.back(), false));
  shake_hands(2);
  EXPECT_EQ(checker_.jobs.size(), 1U);
  checker_.list_version = 2;
  shake_hands(3);
  EXPECT_EQ(checker_.jobs.size(), 2U);
  detector().put_key_verdict(verdict(checker_.jobs.back(), false));
  shake_hands(WeakKeys::kTryAgainNs + 3);
  EXPECT_EQ(checker_.jobs.size(), 3U);
  EXPECT_THAT(written_.rules(), IsEmpty());
}

TEST_F(WeakKeysTest, MasksTheKeyAndMarksTheListener) {
  detector().set_key_checker(&checker_);
  shake_hands(0);
  detector().put_key_verdict(verdict(checker_.jobs.back(), true));
  detector().put_key_verdict(verdict(checker_.jobs.back(), true));
  ASSERT_THAT(written_.rules(), ElementsAre("auth.weak-key")) << "once a listener, digest, key and version";
  EXPECT_THAT(written_.alerts.back().signature, HasSubstr("keys:7 (h***, 7 bytes)"));
  EXPECT_THAT(written_.changes, ElementsAre("new", "key"));
  EXPECT_EQ(detector().snapshot().listener_gauges.weak_key, 1U);
  Flow flow(detector(), 1, 3, 2);
  flow.tell(Direction::kToServer, HandshakeViolation{}, AuthState::kPending);
  EXPECT_TRUE(written_.alerts.back().head.weak_key);
}

TEST_F(WeakKeysTest, ShowsTheKeyWhenAsked) {
  config_.auth.show_keys = true;
  detector().set_key_checker(&checker_);
  shake_hands(0);
  detector().put_key_verdict(verdict(checker_.jobs.back(), true));
  EXPECT_THAT(written_.alerts.back().signature, HasSubstr("'hunter2'"));
}

TEST_F(WeakKeysTest, ARefusedKeyIsNotTried) {
  detector().set_key_checker(&checker_);
  fail(1, 2, 0);
  EXPECT_TRUE(checker_.jobs.empty());
}

TEST(MaskedKey, ShowsLittle) {
  struct Row {
    std::string key, masked;
  };
  const Row rows[] = {{"", "the empty key"},          {"a", "***, 1 byte"},
                      {"abc", "***, 3 bytes"},        {"abcd", "a***, 4 bytes"},
                      {"abcdefgh", "a***h, 8 bytes"}, {std::string("\x01zzzzzz\xff", 8), "***, 8 bytes"}};
  for (const Row& row : rows) EXPECT_EQ(masked_key(row.key), row.masked);
  EXPECT_EQ(quoted_key(std::string("a'\\\x00\xff", 5)), R"('a\'\\\x00\xff')");
}

// ---- Who talks with a listener

TEST_F(AuthWatchTest, APeerFromOutsideIsToldOnceANetwork) {
  for (uint64_t id = 1; id < 4; ++id) {
    Flow flow(detector(), id, 1, 2);
    flow.from_outside().tell(Direction::kToServer, AuthChanged{}, AuthState::kMutual, Digest::kSha256);
  }
  Flow inside(detector(), 9, 1, 2);
  inside.tell(Direction::kToServer, AuthChanged{}, AuthState::kMutual, Digest::kSha256);
  ASSERT_THAT(written_.rules(), ElementsAre("exposure.untrusted-peer"));
  EXPECT_THAT(written_.alerts.back().signature, HasSubstr("203.0.0.5 (203.0.0.0/24)"));
  EXPECT_EQ(detector().snapshot().listener_gauges.untrusted, 1U);
  EXPECT_EQ(detector().listeners().summaries().front().untrusted_peers, 1U);
}

TEST_F(AuthWatchTest, DeparturesQuoteTheExpectation) {
  config_.networks.listeners = {"10.0.0.2:50000 key digest=sha256 no-manager peers=10.0.0.1"};
  Flow(detector(), 1, 1, 2).tell(Direction::kToServer, AuthChanged{}, AuthState::kNone);
  Flow(detector(), 2, 1, 2).tell(Direction::kToServer, AuthChanged{}, AuthState::kNone);
  Flow(detector(), 3, 1, 2).tell(Direction::kToServer, AuthChanged{}, AuthState::kMutual, Digest::kMd5);
  Flow(detector(), 4, 7, 2).tell(Direction::kToServer, AuthChanged{}, AuthState::kMutual, Digest::kSha256);
  Flow(detector(), 5, 7, 3).tell(Direction::kToServer, AuthChanged{}, AuthState::kNone);  // another listener
  ASSERT_THAT(written_.rules(), ElementsAre("exposure.unexpected", "exposure.unexpected", "exposure.unexpected"));
  EXPECT_THAT(written_.alerts[0].signature, HasSubstr("asks for no key"));
  EXPECT_THAT(written_.alerts[1].signature, HasSubstr("HMAC with md5"));
  EXPECT_THAT(written_.alerts[2].signature, HasSubstr("10.0.0.7"));
  for (const Alert& alert : written_.alerts) EXPECT_THAT(alert.signature, HasSubstr(config_.networks.listeners[0]));
}

}  // namespace
}  // namespace pickletap
