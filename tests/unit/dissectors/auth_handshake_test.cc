#include "dissectors/python_mp/auth_handshake.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/dissectors/conversation.h"

namespace pickletap {
namespace {

using truth::answer;
using truth::challenge;
using truth::Conversation;
using truth::failure;
using truth::welcome;

struct Story {
  const char* name;
  std::function<void(Conversation&)> tell;
  std::string_view state, facts;  // the state at the end, and facts that must be among those told
  bool never_loaded;              // of the attack in it, where there is one
};

void check(const std::vector<Story>& stories) {
  for (const Story& story : stories) {
    Conversation talk;
    story.tell(talk);
    talk.end_both();
    ASSERT_FALSE(talk.observations.empty()) << story.name;
    EXPECT_EQ(to_text(talk.observations.back().auth), story.state) << story.name << "\n" << talk.all();
    EXPECT_NE(talk.facts().find(story.facts), std::string::npos) << story.name << "\n" << talk.all();
    const bool attack = talk.has("pickle.code-execution");
    if (attack) {
      EXPECT_EQ(talk.has("never loaded"), story.never_loaded) << story.name << "\n" << talk.all();
    }
  }
}

TEST(AuthHandshake, TellsHowItEnded) {
  check({
      {"both know the key, 3.11",
       [](Conversation& t) {
         truth::shake_hands(t);
         t.client(truth::frame(truth::attack()));
       },
       "mutual", "handshake ended\n", false},
      {"both know the key, 3.12",
       [](Conversation& t) {
         truth::shake_hands(t, "{sha256}", 32);
         t.client(truth::frame(truth::attack()));
       },
       "mutual",
       "challenge 1st sha256 48\nauth\nresponse 1st sha256 40\nwelcome 1st sha256 0\nchallenge 2nd sha256 48\n", false},
      {"the client's key is wrong",
       [](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(failure());
       },
       "failed", "failure 1st md5 0\nauth\nhandshake ended\n", false},
      {"the server's key is wrong",
       [](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(welcome());
         t.client(challenge());
         t.server(answer());
         t.client(failure());
       },
       "failed", "failure 2nd none 0\nauth\nhandshake ended\n", false},
      {"abandoned after the challenge", [](Conversation& t) { t.server(challenge()); }, "pending",
       "handshake abandoned\n", false},
      {"abandoned after the welcome",
       [](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(welcome());
       },
       "pending", "handshake abandoned\n", false},
      {"the client asks for no proof",
       [](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(welcome());
         t.client(truth::frame(truth::attack()));
       },
       "one-way", "pickle 1 ", false},
      {"a 3.12 server, a 3.11 client",
       [](Conversation& t) {
         t.server(challenge("{sha256}"));
         t.client(answer());
         t.server(welcome());
         t.client(challenge());
         t.server(answer());
         t.client(welcome());
       },
       "mutual", "challenge 1st sha256 48\nauth\nresponse 1st md5 16\n", false},
  });
}

TEST(AuthHandshake, WhatAReceiverNeverLoadsIsToldByItsOwnWords) {
  const std::string attack = truth::frame(truth::attack());
  check({
      {"without a key, before the challenge is on the wire",
       [=](Conversation& t) {
         t.client(attack);
         t.server(challenge());
       },
       "pending", "pickle 0 ", false},
      {"without a key, after the challenge",
       [=](Conversation& t) {
         t.server(challenge());
         t.client(attack);
       },
       "pending", "never loaded", true},
      {"after the refusal",
       [=](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(failure());
         t.client(attack);
       },
       "failed", "never loaded", true},
      {"instead of the verdict that the server waits for",
       [=](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(welcome());
         t.client(challenge());
         t.server(answer());
         t.client(attack);
       },
       "pending", "never loaded", true},
      {"a client that refuses itself",
       [=](Conversation& t) {
         t.client(truth::frame("#CHALLENGE#xxxxxxxxxxxxxxxxxxxx"));
         t.client(failure());
         t.client(attack);
         t.server(truth::frame(truth::harmless()));
       },
       "none", "pickle 2 ", false},
      {"a client that answers nobody",
       [=](Conversation& t) {
         t.client(answer());
         t.client(welcome());
         t.client(attack);
         t.server(truth::frame(truth::harmless()));
       },
       "none", "pickle 2 ", false},
  });
}

TEST(AuthHandshake, OrderOfTheDirectionsDoesNotMatter) {
  // The tap may see one side before the other.
  Conversation first, second;
  truth::shake_hands(first);
  second.server(challenge());
  second.client(answer() + challenge() + welcome());
  second.server(welcome() + answer());
  first.end_both();
  second.end_both();
  EXPECT_EQ(to_text(first.observations.back().auth), "mutual");
  EXPECT_EQ(to_text(second.observations.back().auth), "mutual") << second.all();
}

TEST(AuthHandshake, DigestsAreTakenFromTheirForm) {
  const struct {
    std::string message;
    Digest want;
  } table[] = {
      {std::string(16, 'x'), Digest::kMd5},
      {"{md5}" + std::string(16, 'x'), Digest::kMd5},
      {"{sha256}" + std::string(32, 'x'), Digest::kSha256},
      {"{sha384}" + std::string(48, 'x'), Digest::kSha384},
      {"{sha3_256}" + std::string(32, 'x'), Digest::kSha3_256},
      {"{sha3_384}" + std::string(48, 'x'), Digest::kSha3_384},
      {"{sha256}" + std::string(31, 'x'), Digest::kUnknown},
      {"{sha1}" + std::string(20, 'x'), Digest::kUnknown},
      {"{}" + std::string(14, 'x'), Digest::kMd5},
      {"{" + std::string(15, 'x'), Digest::kMd5},
      {std::string(17, 'x'), Digest::kUnknown},
      {"", Digest::kUnknown},
  };
  for (const auto& row : table) EXPECT_EQ(digest_of_response(truth::bytes_of(row.message)), row.want) << row.message;
  EXPECT_EQ(digest_of_challenge(truth::bytes_of("#CHALLENGE#{sha256}xx")), Digest::kSha256);
  EXPECT_EQ(digest_of_challenge(truth::bytes_of("#CHALLENGE#xxxxxxxx")), Digest::kMd5);
  EXPECT_EQ(digest_of_challenge(truth::bytes_of("#CHALLENGE#{sha9}xx")), Digest::kUnknown);
}

TEST(AuthHandshake, WordsAreWholeMessages) {
  EXPECT_TRUE(is_challenge(truth::bytes_of("#CHALLENGE#x")));
  EXPECT_FALSE(is_challenge(truth::bytes_of("#CHALLENGE" + std::string(300, '#'))));
  EXPECT_FALSE(is_challenge(truth::bytes_of("#CHALLENGE#" + std::string(300, 'x'))));
  EXPECT_FALSE(is_welcome(truth::bytes_of("#WELCOME#x")));
  EXPECT_FALSE(is_failure(truth::bytes_of("#FAILURE")));
}

TEST(AuthHandshake, LaterChallengesAreData) {
  Conversation talk;
  truth::shake_hands(talk);
  const size_t steps = talk.count("challenge");
  talk.server(challenge());
  talk.client(challenge());
  EXPECT_EQ(talk.count("challenge"), steps);
  EXPECT_EQ(to_text(talk.observations.back().auth), "mutual");
}

}  // namespace
}  // namespace pickletap
