#include "dissectors/python_mp/python_mp.h"

#include <gtest/gtest.h>

#include "tests/unit/dissectors/conversation.h"

namespace pickletap {
namespace {

using namespace std::string_literals;
using truth::Conversation;
using truth::frame;

// Pickles that CPython sends, protocol 4: a manager's request and reply, a log record, a batch of metrics.
std::string text(std::string_view value) {
  return "\x8c" + std::string(1, static_cast<char>(value.size())) + std::string(value) + "\x94";
}
std::string request(std::string_view method, std::string_view args) {
  return "\x80\x04(N" + text(method) + std::string(args) + "}\x94t\x94.";
}
std::string reply(std::string_view kind) { return "\x80\x04" + text(kind) + "N\x86\x94."; }
std::string log_record() {
  std::string out = "}q\0("s;
  for (const std::string_view key : {"name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module",
                                     "exc_info", "lineno", "funcName", "created"}) {
    out += "X" + std::string(1, static_cast<char>(key.size())) + "\0\0\0"s + std::string(key) + "N";
  }
  return out + "u.";
}
std::string metrics(std::string_view value) {
  return "\x80\x02]q\0X\x0a\0\0\0"
         "web.cpu.1m"s +
         "G" + std::string(8, 'A') + std::string(value) +
         "\x86\x86"
         "a.";
}

TEST(PythonMp, TellsOfEveryMessageWhenAsked) {
  Conversation talk(true, true);
  truth::shake_hands(talk);
  talk.client(frame(truth::harmless()) + frame("bytes") + frame(""));
  talk.server(frame(truth::harmless()));
  EXPECT_EQ(talk.count("frame handshake"), 6U) << talk.all();
  EXPECT_TRUE(talk.has("> connection mutual md5 <=3.11 | pickle 3 11 at "));
  EXPECT_TRUE(talk.has("| frame bytes 4 5 at "));
  EXPECT_TRUE(talk.has("| frame empty 5 0 at "));
  EXPECT_TRUE(talk.has("< connection mutual md5 <=3.11 | pickle 3 11 at "));
  EXPECT_EQ(talk.counters.frames[0], 6U);
  EXPECT_EQ(talk.counters.frames[1], 4U);
  EXPECT_EQ(talk.counters.pickles[0], 2U);
}

TEST(PythonMp, CountsPicklesByVerdict) {
  Conversation talk;
  talk.client(frame(truth::harmless()) +
              frame("\x80\x02"
                    "capp\nCls\n)R.") +
              frame(truth::attack()));
  EXPECT_EQ(talk.counters.pickles[0], 1U);
  EXPECT_EQ(talk.counters.pickles[1], 1U);
  EXPECT_EQ(talk.counters.pickles[2], 1U);
}

TEST(PythonMp, TellsOfAnUnknownCallableOnceAFlow) {
  const auto calls = [](const std::string& name) {
    return frame(
        "\x80\x02"
        "capp\n" +
        name + "\n)R.");
  };
  const auto task = [](const std::string& name) {
    return frame(
        "\x80\x02(K\x01K\x02"
        "capp\n" +
        name + "\n)}t.");
  };
  Conversation talk;
  talk.client(calls("Cls") + calls("Cls") + calls("Other") + task("run") + task("run"));
  talk.server(calls("Other"));
  std::vector<std::string> told;
  unsigned told_before = 0;
  for (const Observation& o : talk.observations) {
    const auto* seen = std::get_if<PickleSeen>(&o.fact);
    if (seen == nullptr) continue;
    for (const PickleFinding& finding : seen->report.findings) told.push_back(finding.callable);
    told_before += seen->report.told_before;
  }
  EXPECT_EQ(told, (std::vector<std::string>{"app.Cls", "app.Other", "app.run"}));
  EXPECT_EQ(told_before, 3U);
  EXPECT_EQ(talk.counters.pickles[1], 6U);

  // Whatever else such a pickle does is told as ever.
  talk.client(
      frame("\x80\x02"
            "capp\nCls\n)R0cos\nsystem\nX\x02\0\0\0id\x85R."s));
  EXPECT_TRUE(talk.has("pickle.code-execution")) << talk.all();

  // With every pickle in full, each is told by itself.
  Conversation full(true, true);
  full.client(calls("Cls") + calls("Cls"));
  EXPECT_EQ(full.count("pickle.unknown-call"), 2U) << full.all();
}

TEST(PythonMp, WithoutAChallengeTheServersFirstWordSettlesIt) {
  Conversation talk;
  talk.client(frame(truth::harmless()));
  ASSERT_FALSE(talk.observations.empty());
  EXPECT_FALSE(talk.observations.back().auth_settled);
  talk.server(frame(truth::harmless()));
  EXPECT_TRUE(talk.observations.back().auth_settled);
  EXPECT_EQ(to_text(talk.observations.back().auth), "none");

  Conversation silent;  // the server never speaks: settled by the end
  silent.client(frame(truth::harmless()));
  silent.end_both();
  EXPECT_TRUE(silent.observations.back().auth_settled);
}

TEST(PythonMp, LookAlikesAreToldByContentAndDirection) {
  const struct {
    const char* story;
    std::string client, server, want;
  } table[] = {
      {"log records", frame(log_record()) + frame(log_record()), "", "logging"},
      {"log records that are answered", frame(log_record()), frame(truth::harmless()), "connection"},
      {"metrics", frame(metrics("K\x01")), "", "carbon"},
      {"metrics with a call", frame(metrics("cos\nsystem\nS'id'\n\x85R")), "", "carbon"},
      {"metrics that are answered", frame(metrics("K\x01")), frame(truth::harmless()), "connection"},
      {"eight-byte lengths", frame("") + frame(truth::harmless()) + frame("") + frame(truth::harmless()), "", "stream"},
      {"not for ever", frame("") + frame(truth::harmless()) + frame(truth::harmless()), "", "connection"},
      {"lists", frame(truth::harmless()), "", "connection"},
  };
  for (const auto& row : table) {
    Conversation talk;
    talk.client(row.client);
    talk.server(row.server);
    ASSERT_FALSE(talk.observations.empty()) << row.story;
    EXPECT_EQ(to_text(talk.observations.back().application), row.want) << row.story << "\n" << talk.all();
  }
  Conversation keyed;  // look-alikes have no handshake
  truth::shake_hands(keyed);
  keyed.client(frame(log_record()));
  EXPECT_EQ(to_text(keyed.observations.back().application), "connection");
}

TEST(PythonMp, ManagersAreToldByRequestsAndReplies) {
  const struct {
    const char* story;
    std::string client, server, method;
  } table[] = {
      {"a request", request("create", text("dict") + "\x85\x94"), "", " method create dict"},
      {"without arguments", request("shutdown", ")"), "", " method shutdown "},
      {"a reply", "", reply("#RETURN"), ""},
      {"an error", "", reply("#TRACEBACK"), ""},
      {"XML", "", "<params><param/></params>", ""},
  };
  for (const auto& row : table) {
    Conversation talk;
    truth::shake_hands(talk);
    if (!row.client.empty()) talk.client(frame(row.client));
    if (!row.server.empty()) talk.server(frame(row.server));
    EXPECT_EQ(to_text(talk.observations.back().application), "manager") << row.story << "\n" << talk.all();
    EXPECT_TRUE(talk.has("found manager"));
    if (!row.method.empty()) {
      EXPECT_TRUE(talk.has(row.method)) << talk.all();
    }
  }
  for (const std::string& other : {request("not a name", ")"), reply("#OTHER"), request("x", "K\x01"), "<param>"s}) {
    Conversation talk;
    truth::shake_hands(talk);
    talk.client(frame(other));
    EXPECT_EQ(to_text(talk.observations.back().application), "connection") << other;
  }
}

TEST(PythonMp, PythonOfTheServerIsGuessed) {
  Conversation from_312, up_to_311, python_2;
  from_312.server(truth::challenge("{sha256}"));
  EXPECT_EQ(from_312.observations.back().server_python, PythonGuess::kFrom312);
  up_to_311.server(truth::challenge());
  EXPECT_EQ(up_to_311.observations.back().server_python, PythonGuess::kUpTo311);
  python_2.client(frame(truth::harmless()));
  python_2.server(frame("\x80\x02]q\0."s));
  EXPECT_EQ(python_2.observations.back().server_python, PythonGuess::k27);
}

TEST(PythonMp, OversizedFramesAreToldOnceWhenTheFlowIsOurs) {
  DissectorLimits limits;
  limits.frame_bytes = 1000;
  Conversation talk(true, false, limits);
  talk.client(frame(truth::harmless()) + truth::big_endian(1001, 4) + std::string(900, 'x'));
  EXPECT_EQ(talk.count("oversized 1001"), 1U);
  talk.client(std::string(101, 'x') + truth::big_endian(1000, 4));
  EXPECT_EQ(talk.count("oversized"), 1U);

  Conversation late(true, false, limits);  // known to be ours only from within it
  late.client(truth::big_endian(5000, 4) + "cos\nsystem\n(S'id'\ntR");
  EXPECT_EQ(late.count("oversized 5000"), 1U) << late.all();
}

TEST(PythonMp, MalformedPicklesAreTold) {
  const struct {
    std::string pickle;
    bool want;
  } table[] = {
      {truth::harmless(), false}, {"\x80\x04]", true},   {"\x80\x04].rest", true},  {"\x80\x04]\xff", true},
      {"\x80\x06]", false},       {"just bytes", false}, {"cos\nsystem\n)R", true}, {"I1\n.rest", false},
  };
  for (const auto& row : table) {
    Conversation talk;
    truth::shake_hands(talk);
    talk.client(frame(row.pickle));
    EXPECT_EQ(talk.has("pickle.malformed"), row.want) << row.pickle << "\n" << talk.all();
  }
}

TEST(PythonMp, WhatEndsBeforeItsFrameDoesIsNeverLoaded) {
  const std::string cut = truth::big_endian(100, 4) + "cos\nsystem\n(S'id'\ntR";
  const struct {
    EndReason reason;
    bool never_loaded;
  } table[] = {
      {EndReason::kFin, true},      {EndReason::kReset, true},    {EndReason::kTimeout, false},
      {EndReason::kEvicted, false}, {EndReason::kCapture, false},
  };
  for (const auto& row : table) {
    Conversation talk;
    talk.client(cut);
    talk.end_both(row.reason);
    EXPECT_TRUE(talk.has("pickle.code-execution"));
    EXPECT_EQ(talk.has("never loaded"), row.never_loaded) << static_cast<int>(row.reason);
  }
  Conversation harmless;
  truth::shake_hands(harmless);
  harmless.client(truth::big_endian(100, 4) + truth::harmless().substr(0, 8));
  harmless.end_both();
  EXPECT_FALSE(harmless.has("pickle"));
}

/// Of the latest pickle: does it say that bytes before it, or of its own, were lost?
bool says_after_gap(const Conversation& talk) {
  bool after_gap = false;
  for (const Observation& observation : talk.observations) {
    if (const auto* seen = std::get_if<PickleSeen>(&observation.fact)) after_gap = seen->frame.after_gap;
  }
  return after_gap;
}

TEST(PythonMp, GapsInABodyLoseThatMessageOnly) {
  Conversation talk;
  truth::shake_hands(talk);
  talk.client(truth::big_endian(1000, 4) + "\x80\x04");
  talk.gap(truth::kServer, 900);
  talk.client(std::string(98, 'x') + frame(truth::attack()));
  EXPECT_EQ(talk.count("pickle.code-execution"), 1U) << talk.all();
  EXPECT_FALSE(talk.has("pickle.malformed"));
  EXPECT_FALSE(says_after_gap(talk)) << "the length says where this one begins";

  Conversation seen;  // the call was captured, the rest was not
  truth::shake_hands(seen);
  seen.client(truth::big_endian(1000, 4) + "cos\nsystem\n(S'id'\ntR");
  seen.gap(truth::kServer, 900);
  seen.client(std::string(1000 - 900 - 20, 'x'));
  EXPECT_EQ(seen.count("pickle.code-execution"), 1U) << seen.all();
  EXPECT_TRUE(says_after_gap(seen));
}

// A long harmless message of which most is lost, in several places, behind the first: the next one is where it must be.
TEST(PythonMp, ALongMessageWithManyHolesEndsWhereItsLengthSays) {
  for (const bool wide : {false, true}) {
    Conversation talk;
    const std::string pickle = "\x80\x04X" + std::string("\x00\x00\x20\x00", 4) + std::string(0x200000, 'a') + ".";
    const std::string message = wide ? truth::long_frame(pickle) : frame(pickle);
    talk.client(frame(truth::harmless()));
    for (size_t at = 0; at < message.size(); at += 50000) {
      const std::string_view piece = std::string_view(message).substr(at, 50000);
      if (at % 3 == 0) {
        talk.client(piece);
      } else {
        talk.gap(truth::kServer, piece.size());
      }
    }
    EXPECT_FALSE(talk.has("frame_sync_lost")) << talk.all();
    talk.client(frame(truth::attack()));
    EXPECT_EQ(talk.count("pickle.code-execution"), 1U) << talk.all();
    EXPECT_FALSE(says_after_gap(talk));
  }
}

TEST(PythonMp, GapsOverAHeaderAreFollowedByALookForTheNextMessage) {
  Conversation talk;
  truth::shake_hands(talk);
  talk.client(truth::big_endian(100, 4) + std::string(10, 'x'));
  talk.gap(truth::kServer, 5000);
  EXPECT_TRUE(talk.has("anomaly frame_sync_lost 5000")) << talk.all();
  talk.client("in the middle of something");
  talk.client(frame(truth::attack()));
  EXPECT_TRUE(talk.has("pickle.code-execution")) << talk.all();
  EXPECT_FALSE(talk.has("oversized"));
  EXPECT_TRUE(says_after_gap(talk)) << "found by its looks";
}

TEST(PythonMp, MidstreamFlowsTurnRoundWhenTheInitiatorChallenges) {
  Conversation talk(false);
  talk.client(truth::challenge());
  ASSERT_FALSE(talk.observations.empty());
  EXPECT_TRUE(talk.observations.back().server_is_initiator) << talk.all();
  Conversation fresh;  // here the SYN says who is who
  fresh.client(truth::challenge());
  fresh.server(truth::answer());
  for (const Observation& o : fresh.observations) EXPECT_FALSE(o.server_is_initiator);
  Conversation unknown(false);
  unknown.client(frame(truth::harmless()));
  EXPECT_EQ(to_text(unknown.observations.back().auth), "unknown");
}

}  // namespace
}  // namespace pickletap
