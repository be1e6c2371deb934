// What stands where a handshake step is due.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/unit/dissectors/conversation.h"

namespace pickletap {
namespace {

using truth::answer;
using truth::challenge;
using truth::Conversation;
using truth::frame;
using truth::welcome;

TEST(HandshakeBreaches, AreToldWithTheirPlaceAndLength) {
  const std::string json = R"({"job": 1})";
  struct Row {
    const char* name;
    std::function<void(Conversation&)> tell;
    std::string_view breach;  // empty: none
  };
  const Row rows[] = {
      {"a whole handshake", [](Conversation& t) { truth::shake_hands(t, "{sha256}", 32); }, ""},
      {"too long an answer",
       [](Conversation& t) {
         t.server(challenge());
         t.client(frame(std::string(300, '?')));
       },
       "breach oversized 1st by client 300\n"},
      {"data for an answer",
       [&](Conversation& t) {
         t.server(challenge());
         t.client(frame(json));
         t.server(truth::failure());
       },
       "breach no answer 1st by client 10\n"},
      {"data before the challenge",
       [&](Conversation& t) {
         t.client(frame(json));
         t.server(challenge());
       },
       "breach no answer 1st by client 10\n"},
      {"a client without a key sends its first pickle",
       [](Conversation& t) {
         t.server(challenge());
         t.client(frame(truth::harmless()));
       },
       ""},
      {"and a large one",
       [](Conversation& t) {
         t.server(challenge());
         t.client(frame("\x80\x04X\xf4\x01" + std::string("\0\0", 2) + std::string(500, 'a') + "."));
       },
       ""},
      {"and one before the challenge",
       [](Conversation& t) {
         t.client(frame(truth::harmless()));
         t.server(challenge());
       },
       ""},
      {"an answer that the tap saw before the challenge",
       [](Conversation& t) {
         t.client(answer());
         t.server(challenge());
       },
       ""},
      {"data for a verdict",
       [&](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(frame(json));
       },
       "breach no verdict 1st by server 10\n"},
      {"a manager's traceback for what is no answer",
       [&](Conversation& t) {
         t.server(challenge());
         t.client(frame(truth::harmless()));
         t.server(frame(json));
       },
       ""},
      {"data for the server's answer",
       [&](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(welcome());
         t.client(challenge());
         t.server(frame(json));
       },
       "breach no answer 2nd by server 10\n"},
      {"data for the client's verdict",
       [&](Conversation& t) {
         t.server(challenge());
         t.client(answer());
         t.server(welcome());
         t.client(challenge());
         t.server(answer());
         t.client(frame(json));
       },
       "breach no verdict 2nd by client 10\n"},
  };
  for (const Row& row : rows) {
    Conversation talk;
    row.tell(talk);
    talk.end_both();
    const std::string facts = talk.facts();
    if (row.breach.empty()) {
      EXPECT_EQ(facts.find("breach"), std::string::npos) << row.name << "\n" << facts;
    } else {
      EXPECT_NE(facts.find(row.breach), std::string::npos) << row.name << "\n" << facts;
      EXPECT_EQ(talk.count("breach"), 1U) << row.name;
    }
  }
}

TEST(HandshakeBreaches, TheFirstMessageThatIsNoPickleIsToldOfAFlow) {
  Conversation talk;
  truth::shake_hands(talk);
  for (int i = 0; i < 3; ++i) talk.client(frame("{}"));
  EXPECT_EQ(talk.count("frame bytes"), 1U) << talk.all();
}

}  // namespace
}  // namespace pickletap
