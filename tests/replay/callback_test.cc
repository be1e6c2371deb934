// attack.callback over captures of real call-backs: what ties the flows, and what the configuration does about them.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

class Callbacks : public testing::Test {
 protected:
  void SetUp() override { empty_ = folder_.write("empty.yaml", ""); }

  std::vector<Event> alerts(const std::string& capture, const std::string& rule,
                            const std::string& setting = {}) const {
    Arguments arguments = {"replay", "--json", "-c", empty_, capture_path(capture)};
    if (!setting.empty()) arguments.insert(arguments.end(), {"--set", setting});
    const Finished result = pickletap(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<Event> kept;
    for (const Event& alert : events_of_type(events_of(result.out), "alert")) {
      if (text_at(alert, {"alert", "rule"}) == rule) kept.push_back(alert);
    }
    return kept;
  }

  TempFolder folder_;
  std::string empty_;
};

TEST_F(Callbacks, TieTheFlowThatBroughtThePickle) {
  const auto pickle = alerts("callback-bash-27.pcap", "pickle.code-execution");
  const auto found = alerts("callback-bash-27.pcap", "attack.callback");
  ASSERT_EQ(pickle.size(), 1U);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(text_at(found[0], {"other_flow", "flow_id"}), text_at(pickle[0], {"flow_id"}));
  EXPECT_NE(text_at(found[0], {"flow_id"}), text_at(pickle[0], {"flow_id"}));
  EXPECT_EQ(text_at(found[0], {"src_ip"}), text_at(pickle[0], {"dest_ip"}));
  EXPECT_EQ(text_at(found[0], {"dest_ip"}) + ":" + text_at(found[0], {"dest_port"}), "10.99.0.2:4444");
  EXPECT_EQ(text_at(found[0], {"callback", "kind"}), "connection");
  EXPECT_EQ(text_at(found[0], {"callback", "named"}), "10.99.0.2:4444");
  EXPECT_EQ(text_at(found[0], {"callback", "rule"}), "pickle.code-execution");
  EXPECT_EQ(text_at(found[0], {"callback", "callable"}), "posix.system");
  EXPECT_EQ(text_at(found[0], {"python_mp", "pickle", "program"}),
            text_at(pickle[0], {"python_mp", "pickle", "program"}));
  EXPECT_EQ(text_at(found[0], {"python_mp", "outcome"}), "executed");
  EXPECT_FALSE(found[0].contains("app_proto"));  // what is spoken there is not known
}

TEST_F(Callbacks, NamesAreFollowedToTheAddressesTheyHave) {
  const auto found = alerts("callback-fetch-by-name-311.pcap", "attack.callback");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(text_at(found[0], {"callback", "kind"}), "query");
  EXPECT_EQ(text_at(found[0], {"callback", "query"}), "callback.example");
  EXPECT_EQ(text_at(found[0], {"proto"}), "UDP");
  EXPECT_EQ(text_at(found[1], {"callback", "kind"}), "connection");
  EXPECT_EQ(text_at(found[1], {"callback", "named"}), "callback.example:8081");
  const auto by_hand = alerts("callback-dns-by-hand-39.pcap", "attack.callback");
  ASSERT_EQ(by_hand.size(), 1U);
  EXPECT_EQ(text_at(by_hand[0], {"callback", "query"}), "uid-0.callback.example");
}

TEST_F(Callbacks, TheWindowEndsThem) {
  const std::string late = "callback-late-310.pcap";
  EXPECT_EQ(alerts(late, "attack.callback", "alerts.callback_window=3s").size(), 1U);
  EXPECT_EQ(alerts(late, "attack.callback", "alerts.callback_window=1s").size(), 0U);
  EXPECT_EQ(alerts("callback-socket-313.pcap", "attack.callback", "alerts.callback_window=0").size(), 0U);
  EXPECT_EQ(alerts("callback-socket-313.pcap", "pickle.code-execution", "alerts.callback_window=0").size(), 1U);
}

}  // namespace
}  // namespace pickletap::test
