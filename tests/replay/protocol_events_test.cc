// python_mp events: one for each message and handshake, and with a manager what was asked of it and what it answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

using ::testing::IsSupersetOf;

std::vector<Event> protocol_events(const std::string& capture) {
  return events_of(
      pickletap({"replay", "--json", "--set", "outputs.eve.types=[python_mp, stats]", capture_path(capture)}).out);
}

TEST(ProtocolEvents, EachMessageHasOne) {
  for (const char* capture : {"sync-manager-s313-c313.pcapng", "sync-manager-s27-c27.pcap", "manager-wrong-key-38.pcap",
                              "attack-eval.pcap"}) {
    const auto events = protocol_events(capture);
    ASSERT_FALSE(events.empty());
    size_t messages = 0;
    for (const Event& event : events_of_type(events, "python_mp")) {
      if (event.at("python_mp").as_object().contains("frame")) ++messages;
    }
    uint64_t counted = 0;
    for (const char* direction : {"to_server", "to_client"}) {
      counted += std::stoull(text_at(events.back(), {"stats", "frames_total", direction}));
    }
    EXPECT_GT(counted, 0U);
    EXPECT_EQ(messages, counted) << capture;
  }
}

TEST(ProtocolEvents, SayWhatIsAskedOfAManagerAndWhatItAnswers) {
  std::set<std::string> said;
  for (const char* capture : {"sync-manager-s313-c313.pcapng", "manager-forbidden-313.pcap"}) {
    for (const Event& event : events_of_type(protocol_events(capture), "python_mp")) {
      const auto& mp = event.at("python_mp").as_object();
      if (!mp.contains("manager")) continue;
      said.insert(text_at(mp, {"direction"}) + " " + boost::json::serialize(mp.at("manager")));
      EXPECT_TRUE(mp.contains("pickle"));
    }
  }
  EXPECT_THAT(said, IsSupersetOf({
                        R"(to_server {"method":"create","typeid":"list"})",
                        R"(to_client {"method":"create","typeid":"list","reply":"#RETURN"})",
                        R"(to_server {"method":"append","typeid":"list"})",
                        R"(to_client {"method":"append","typeid":"list","reply":"#RETURN"})",
                        R"(to_client {"method":"__init__","typeid":"Calculator","reply":"#TRACEBACK"})",
                    }));
}

}  // namespace
}  // namespace pickletap::test
