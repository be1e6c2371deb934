// Which flows are ours: what is found to be, what never is, and what must not make us look away.
#include <gtest/gtest.h>

#include <random>

#include "dissectors/registry.h"
#include "tests/unit/dissectors/conversation.h"

namespace pickletap {
namespace {

using namespace std::string_literals;
using truth::Conversation;
using truth::frame;

char state_of(const Conversation& talk) {
  return talk.state() == Probe::kYes ? 'y' : talk.state() == Probe::kNo ? 'n' : '?';
}

std::string repeat(std::string_view what, unsigned times) {
  std::string out;
  for (unsigned i = 0; i < times; ++i) out += what;
  return out;
}

TEST(PythonMpIdentify, FirstMessagesDecide) {
  const struct {
    const char* story;
    std::string client, server;
    char want;
  } table[] = {
      {"a challenge", "", truth::challenge(), 'y'},
      {"a pickle of protocol 4", frame(truth::harmless()), "", 'y'},
      {"of protocol 2", frame("\x80\x02K\x05."), "", 'y'},
      {"of protocol 0 with a memo", frame("(lp0\nI1\na."), "", 'y'},
      {"of protocol 0, a call in half a message", truth::big_endian(100, 4) + "cos\nsystem\n(S'id'\ntR", "", 'y'},
      {"by the server", "", frame(truth::harmless()), 'y'},
      {"behind bytes", frame("hello") + frame(truth::harmless()), "", 'y'},
      {"behind an empty message", frame("") + frame(truth::harmless()), "", 'y'},
      {"with the long header", truth::long_frame(truth::harmless()), "", 'y'},
      {"a computed name and no header", frame("capp\nNAME\n\x8c\x06system\x93\x8c\x02id\x85R.rest"), "", 'y'},
      {"half a header", "\0\0"s, "", '?'},
      {"half a pickle", frame(truth::harmless()).substr(0, 9), "", '?'},
      {"a number of protocol 0", frame("I1\n."), "", '?'},
      {"bytes", frame("hello"), "", '?'},
      {"a challenge that is no first message", frame("hello") + truth::challenge(), "", '?'},
      {"sixteen messages of bytes", repeat(frame("hello"), 16), "", 'n'},
      {"a megabyte of bytes", frame(std::string(600'000, 'x')) + frame(std::string(600'000, 'x')), "", 'n'},
      {"a long message of bytes", frame(std::string(2'000'000, 'x')).substr(0, 100), "", 'n'},
      {"HTTP", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", 'n'},
      {"HTTP, the answer alone", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 'n'},
      {"TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"s + std::string(500, 'r'), "", 'n'},
      {"SSH", "SSH-2.0-OpenSSH_9.2p1\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n", 'n'},
      {"SMTP", "", "220 mail.example ESMTP\r\n", 'n'},
      {"Redis", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", 'n'},
      {"JSON lines", "{\"a\": 1}\n{\"b\": 2}\n", "", 'n'},
      {"JSON with the same lengths", repeat(frame("{\"method\": \"ping\", \"id\": 1}"), 16), "", 'n'},
      {"protobuf with the same lengths", repeat(frame("\x0a\x05hello\x10\x01"), 16), "", 'n'},
      {"Thrift", repeat(frame("\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01\0"s), 16), "", 'n'},
  };
  for (const auto& row : table) {
    for (const bool bytewise : {false, true}) {
      Conversation talk;
      std::vector<size_t> everywhere;
      for (size_t at = 1; bytewise && at < std::min<size_t>(row.client.size(), 2000); ++at) everywhere.push_back(at);
      talk.say(truth::kServer, row.client, everywhere);
      talk.server(row.server);
      EXPECT_EQ(state_of(talk), row.want) << row.story << "\n" << talk.all();
      if (row.want != 'y') {
        EXPECT_EQ(talk.lines.size(), 0U) << row.story;
      }
    }
  }
}

TEST(PythonMpIdentify, ProbeOfFirstBytesKeepsNoState) {
  const struct {
    std::string bytes;
    Probe want;
  } table[] = {
      {"", Probe::kNeedMore},
      {"GET", Probe::kNeedMore},
      {"GET ", Probe::kNeedMore},
      {"GET /", Probe::kNo},
      {"SSH-2", Probe::kNo},
      {"\x16\x03\x01\x02\0"s, Probe::kNo},
      {"\0\0\0\x05h"s, Probe::kNeedMore},
      {"\xff\xff\xff\xff\0"s, Probe::kNeedMore},
      {"\x80\0\0\0x"s, Probe::kNeedMore},
      {"\x40\0\0\0\x80"s, Probe::kNeedMore},
      {"\x40\0\0\0{"s, Probe::kNo},
  };
  for (const auto& row : table) EXPECT_EQ(probe_protocols(truth::bytes_of(row.bytes)), row.want) << row.bytes;
}

TEST(PythonMpIdentify, RandomBytesAreNeverOurs) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string bytes;
    for (size_t i = 0, size = 200 + random() % 2000; i < size; ++i) bytes.push_back(static_cast<char>(random()));
    Conversation raw;
    raw.client(bytes);
    EXPECT_NE(state_of(raw), 'y') << seed;
    Conversation framed;  // the same in messages
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = 1 + random() % 200;
      framed.client(frame(std::string_view(bytes).substr(at, size)));
      at += size;
    }
    framed.end_both();
    EXPECT_NE(state_of(framed), 'y') << seed;
  }
}

TEST(PythonMpIdentify, RandomWordsAreNeverOurs) {
  static constexpr std::string_view kWords[] = {
      "Mme. ",       "No. 5\n", "I am ",   "Name:", "] ",      "(ok) ",   "Feb. ",
      "{}",          "null",    "cannot ", "Kim. ", "Sir ",    "List\n",  "value ",
      "Version 2\n", ".",       "Unix ",   "0",     "put 1\n", "get 1\n", "global warming\n",
      "String 'x'\n"};
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    Conversation talk;
    for (int message = 0; message < 20; ++message) {
      std::string text;
      for (size_t i = 0, words = 1 + random() % 12; i < words; ++i) text += kWords[random() % std::size(kWords)];
      talk.client(frame(text));
    }
    EXPECT_NE(state_of(talk), 'y') << seed << talk.all();
  }
}

// Messages that prove nothing, each of which conn.recv() takes without complaint.
TEST(PythonMpIdentify, NothingLoadableMakesUsLookAway) {
  const struct {
    const char* story;
    std::string before;
  } table[] = {
      {"None of protocol 0", repeat(frame("N."), 100)},
      {"numbers of protocol 1", repeat(frame("K\x01."), 100)},
      {"a header and trailing bytes", repeat(frame("\x80\x04N.rest"), 100)},
      {"no header and trailing bytes", repeat(frame("N.rest"), 100)},
      {"two megabytes behind STOP", frame("\x80\x04N." + std::string(2'000'000, 'x'))},
      {"two megabytes behind STOP, no header", frame("N." + std::string(2'000'000, 'x'))},
      {"a dict that only Python 2.7 loads", repeat(frame("(Nd."), 100)},
      {"and with two megabytes behind", frame("(Nd." + std::string(2'000'000, 'x'))},
  };
  for (const auto& row : table) {
    Conversation talk;
    talk.client(row.before);
    talk.client(frame(truth::attack()));
    EXPECT_TRUE(talk.has("pickle.code-execution")) << row.story << " " << state_of(talk);
    Conversation cut;
    cut.say(truth::kServer, row.before, truth::random_cuts(row.before.size(), 1));
    cut.client(frame("cos\nsystem\n(S'id'\ntR."));
    EXPECT_TRUE(cut.has("pickle.code-execution")) << row.story;
  }
}

TEST(PythonMpIdentify, FactsOfUndecidedFlowsAreHeldAndBounded) {
  Conversation talk(true, true);
  talk.client(frame("I1\n.") + frame("I2\n."));
  EXPECT_TRUE(talk.lines.empty());
  talk.client(frame(truth::harmless()));
  EXPECT_EQ(talk.count("pickle"), 3U) << talk.all();
  Conversation many(true, true);
  many.client(repeat(frame("I1\n."), 500));
  EXPECT_GT(many.counters.held_facts_dropped, 400U);
  many.client(frame(truth::attack()));
  EXPECT_TRUE(many.has("pickle.code-execution"));
}

TEST(PythonMpIdentify, PicklesOfAllPythonsInOneMessageAreOurs) {
  size_t undecided = 0;
  for (const auto& row : truth::rows("ops.txt")) {
    Conversation talk;
    talk.client(frame(truth::from_hex(row[0])));
    EXPECT_EQ(state_of(talk), 'y') << row[0];
  }
  for (const auto& row : truth::rows("harmless.txt")) {
    const std::string pickle = truth::from_base64(row[0]);
    Conversation talk;
    talk.client(frame(pickle));
    if (pickle[0] == '\x80') {
      EXPECT_EQ(state_of(talk), 'y') << row[0];
    } else {
      undecided += state_of(talk) == '?' ? 1 : 0;
      EXPECT_NE(state_of(talk), 'n') << row[0];
    }
  }
  EXPECT_LT(undecided, 10U);  // numbers of protocol 0 and 1
}

}  // namespace
}  // namespace pickletap
