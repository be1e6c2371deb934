// What an attacker may say to make an attack look harmless, and what loss makes of a handshake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "config/policy_files.h"
#include "dissectors/observation.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/registry.h"

namespace pickletap {
namespace {

using ::testing::ElementsAre;

constexpr Direction kClient = Direction::kToServer;
constexpr Direction kServer = Direction::kToClient;
const std::string kAttack = "cposix\nsystem\n(S'id'\ntR.";
const std::string kChallenge = "#CHALLENGE#{sha256}" + std::string(40, 'x');
const std::string kAnswer = "{sha256}" + std::string(32, 'y');

/// One flow, told message by message. Notes "auth loaded|never" of each pickle.
class Flow final : public ObservationSink {
 public:
  Flow() { add_builtin_policy(policy_); }

  Flow& says(Direction from, const std::string& message) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(message.size() >> shift & 0xff));
    return piece(from, bytes + message);
  }
  Flow& piece(Direction from, const std::string& bytes) {
    dissector_->on_data(from, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, *this);
    return *this;
  }
  Flow& loses(Direction from, uint64_t bytes) {
    dissector_->on_gap(from, bytes, *this);
    return *this;
  }
  void emit(Observation&& observation) override {
    state = observation.auth;
    settled = observation.auth_settled;
    const auto* seen = std::get_if<PickleSeen>(&observation.fact);
    if (seen == nullptr) return;
    pickles.push_back(std::string(to_text(observation.auth)) + (seen->not_unpickled ? " never" : " loaded"));
    malformed = malformed || std::any_of(seen->report.findings.begin(), seen->report.findings.end(),
                                         [](const auto& f) { return f.rule == PickleRule::kMalformed; });
  }

  AuthState state = AuthState::kUnknown;
  bool settled = false;
  bool malformed = false;
  std::vector<std::string> pickles;

 private:
  Policy policy_;
  DissectorLimits limits_;
  PickleMachinePool machines_{policy_, limits_};
  DissectorCounters counters_;
  DissectorContext context_{limits_, machines_, counters_, false};
  std::unique_ptr<Dissector> dissector_ = make_dissector(context_, true);
};

TEST(HandshakeLies, AChallengeByTheClientAloneIsNone) {
  Flow flow;
  flow.says(kClient, kChallenge).says(kClient, "#FAILURE#").says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("none loaded"));
}

TEST(HandshakeLies, AServerThatRefusesNobodysAnswerHasRefusedNothing) {
  Flow flow;
  flow.says(kServer, kChallenge).says(kServer, "#FAILURE#").says(kServer, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("pending loaded"));
}

TEST(HandshakeLies, AClientCannotFailAHandshakeThatTheServerIsNotIn) {
  // The server asks for the key and proves none: it never answers the client's challenge, and reads data.
  Flow flow;
  flow.says(kServer, kChallenge).says(kClient, kAnswer).says(kServer, "#WELCOME#");
  flow.says(kClient, kChallenge).says(kClient, "#FAILURE#").says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("failed loaded"));
}

TEST(HandshakeLies, AnAnswerNobodyAskedForHidesNothing) {
  Flow flow;
  flow.says(kClient, kAnswer).says(kClient, kAttack).says(kServer, "]\x94.").says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("none loaded", "none loaded", "none loaded"));
}

TEST(Handshake, WhatAKeyedServerReadsAsAnAnswerIsNeverLoaded) {
  Flow flow;
  flow.says(kServer, kChallenge).says(kClient, kAttack).says(kServer, "#FAILURE#").says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("pending never", "failed never"));
}

TEST(Handshake, DataOfAClientThatDoesNotChallengeIsLoaded) {
  Flow flow;
  flow.says(kServer, kChallenge).says(kClient, kAnswer).says(kServer, "#WELCOME#").says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("one-way loaded"));
}

TEST(Handshake, IsMutualWhenBothProvedTheKey) {
  Flow flow;
  flow.says(kServer, kChallenge).says(kClient, kAnswer).says(kServer, "#WELCOME#");
  flow.says(kClient, kChallenge).says(kServer, kAnswer).says(kClient, "#WELCOME#").says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("mutual loaded"));
}

TEST(Handshake, IsUnknownAfterItsBeginningWasLost) {
  Flow flow;
  flow.loses(kServer, 63).says(kClient, kAnswer).says(kClient, kChallenge).says(kClient, "#WELCOME#");
  flow.says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("unknown loaded"));
  EXPECT_TRUE(flow.settled);
}

TEST(Handshake, StaysMutualWhenLaterBytesAreLost) {
  Flow flow;
  flow.says(kServer, kChallenge).says(kClient, kAnswer).says(kServer, "#WELCOME#");
  flow.says(kClient, kChallenge).says(kServer, kAnswer).says(kClient, "#WELCOME#");
  flow.loses(kServer, 100).says(kClient, kAttack);
  EXPECT_THAT(flow.pickles, ElementsAre("mutual loaded"));
}

TEST(Loss, OfPartOfAPickleIsNotItsSendersFault) {
  Flow flow;
  flow.says(kServer, kChallenge).says(kClient, kAnswer).says(kServer, "#WELCOME#").says(kClient, kAttack);
  const std::string begun = std::string("\0\0\0\x40\x80\x04", 6) + kAttack.substr(0, kAttack.size() - 1);
  flow.piece(kClient, begun).loses(kClient, 0x40 + 4 - begun.size()).says(kClient, kAttack);
  EXPECT_EQ(flow.pickles.size(), 3U);
  EXPECT_FALSE(flow.malformed);
}

}  // namespace
}  // namespace pickletap
