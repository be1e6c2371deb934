// What the configuration does to alerts on keys, peers and repetition, over captures of real Pythons.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

class Keys : public testing::Test {
 protected:
  void SetUp() override { empty_ = folder_.write("empty.yaml", ""); }

  std::vector<Event> alerts(const std::string& capture, const std::vector<std::string>& settings,
                            const std::string& rule) const {
    Arguments arguments = {"replay", "--json", "-c", empty_, capture_path(capture)};
    for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
    const Finished result = pickletap(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<Event> kept;
    for (const Event& alert : events_of_type(events_of(result.out), "alert")) {
      if (text_at(alert, {"alert", "rule"}) == rule) kept.push_back(alert);
    }
    return kept;
  }
  static std::string signature(const Event& alert) { return text_at(alert, {"alert", "signature"}); }

  TempFolder folder_;
  std::string empty_;
};

TEST_F(Keys, AWeakKeyIsMaskedUnlessAskedFor) {
  const auto masked = alerts("weak-key-313.pcap", {}, "auth.weak-key");
  ASSERT_EQ(masked.size(), 1U);
  EXPECT_NE(signature(masked[0]).find("(s***d, 15 bytes)"), std::string::npos) << signature(masked[0]);
  EXPECT_EQ(boost::json::serialize(masked[0]).find("secret password"), std::string::npos);
  EXPECT_EQ(text_at(masked[0], {"python_mp", "auth", "key"}), "weak");
  const auto shown = alerts("weak-key-313.pcap", {"auth.show_keys=true"}, "auth.weak-key");
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_NE(signature(shown[0]).find("'secret password'"), std::string::npos);
  EXPECT_TRUE(alerts("weak-key-313.pcap", {"auth.weak_key_cpu=0"}, "auth.weak-key").empty());
}

TEST_F(Keys, TheOperatorsFileStandsBesideTheList) {
  // The key of all captures that are not about weak ones.
  const std::string file = folder_.write("leaked.txt", "# ours\r\nother\r\nb3e9-not-on-any-list-71fd\r\n");
  for (const char* capture : {"plain-keyed-s27-c27.pcap", "plain-keyed-s313-c313.pcapng", "digest-sha384.pcap",
                              "digest-sha3-256.pcap", "digest-md5-named.pcap"}) {
    EXPECT_TRUE(alerts(capture, {}, "auth.weak-key").empty()) << capture;
    const auto found = alerts(capture, {"auth.weak_keys=" + file}, "auth.weak-key");
    ASSERT_EQ(found.size(), 1U) << capture;
    EXPECT_NE(signature(found[0]).find(file + ":3 (b***d, 25 bytes)"), std::string::npos) << signature(found[0]);
  }
  const std::string broken = folder_.write("broken.txt", "ok\nnot\\ok\n");
  const Finished refused =
      pickletap({"replay", "-c", empty_, "--set", "auth.weak_keys=" + broken, capture_path("weak-key-313.pcap")});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("broken.txt:2: "), std::string::npos) << refused.err;
}

TEST_F(Keys, AlertsAlikeAreCollapsedAndNoneIsLost) {
  struct Row {
    std::string after, window;
    size_t lines;
  };
  const Row rows[] = {{"1", "1m", 2}, {"5", "1m", 6}, {"11", "1m", 12}, {"12", "1m", 12}, {"5", "0", 12}};
  for (const Row& row : rows) {
    const auto failed =
        alerts("bruteforce-312.pcap", {"alerts.collapse_after=" + row.after, "alerts.collapse_window=" + row.window},
               "auth.failed");
    EXPECT_EQ(failed.size(), row.lines) << row.after << " " << row.window;
    int64_t happened = 0;
    for (const Event& alert : failed) {
      const auto* repeated = alert.at("alert").as_object().if_contains("repeated");
      happened += repeated == nullptr ? 1 : repeated->as_int64();
    }
    EXPECT_EQ(happened, 12) << row.after << " " << row.window;
  }
}

TEST_F(Keys, ThresholdsAndCasesQuietenARule) {
  const auto failed = [&](const std::vector<std::string>& settings) {
    return alerts("bruteforce-312.pcap", settings, "auth.failed").size();
  };
  const std::string all = "alerts.collapse_window=0";
  EXPECT_EQ(failed({all, "rules.auth.failed.threshold.count=12"}), 1U);
  EXPECT_EQ(failed({all, "rules.auth.failed.threshold.count=13"}), 0U);
  EXPECT_EQ(failed({all, "rules.auth.failed.suppress=source=10.99.0.2"}), 0U);
  EXPECT_EQ(failed({all, "rules.auth.failed.suppress=source=10.99.0.1"}), 12U);
  EXPECT_EQ(failed({all, "rules.auth.failed.suppress=listener=10.99.0.1:*"}), 0U);
  EXPECT_EQ(alerts("bruteforce-312.pcap", {"auth.bruteforce.failures=13"}, "auth.bruteforce").size(), 0U);
  const auto unknown = [&](const std::string& callable) {
    return alerts("user-main-point.pcap", {"rules.pickle.unknown-call.suppress=callable=" + callable},
                  "pickle.unknown-call")
        .size();
  };
  EXPECT_GT(unknown("no.such.thing"), 0U);
  EXPECT_EQ(unknown("*"), 0U);
}

TEST_F(Keys, NetworksSayWhoIsTrustedAndWhatIsExpected) {
  EXPECT_TRUE(alerts("plain-keyed-s312-c312.pcap", {}, "exposure.untrusted-peer").empty());
  EXPECT_EQ(alerts("plain-keyed-s312-c312.pcap", {"networks.trusted=192.168.0.0/16"}, "exposure.untrusted-peer").size(),
            1U);
  EXPECT_TRUE(
      alerts("untrusted-peer-313.pcap", {"networks.trusted=[203.0.113.0/24]"}, "exposure.untrusted-peer").empty());
  struct Row {
    const char *capture, *words;
    size_t departures;
  };
  const Row rows[] = {
      {"plain-keyed-s312-c312.pcap", "key digest=sha256 no-manager peers=10.99.0.0/24", 0},
      {"plain-keyed-s312-c312.pcap", "digest=sha384", 1},
      {"plain-keyed-s312-c312.pcap", "peers=10.99.0.1", 1},
      {"plain-keyed-s36-c36.pcap", "key digest=sha256", 1},
      {"no-key-38.pcap", "key", 1},
      {"sync-manager-s38-c38.pcap", "no-manager", 1},
      {"manager-xmlrpc-313.pcap", "no-manager", 1},
  };
  for (const Row& row : rows) {
    const std::string expectation = std::string("10.99.0.1:* ") + row.words;
    const auto found = alerts(row.capture, {"networks.listeners=" + expectation}, "exposure.unexpected");
    EXPECT_EQ(found.size(), row.departures) << row.capture << " " << row.words;
    for (const Event& alert : found) EXPECT_NE(signature(alert).find("'" + expectation + "'"), std::string::npos);
  }
}

TEST_F(Keys, AListenerOfBytesIsToldApart) {
  const auto messages = [&](const std::string& capture) {
    std::string last;
    const Finished result = pickletap({"replay", "--json", "-c", empty_, capture_path(capture)});
    for (const Event& event : events_of_type(events_of(result.out), "listener")) {
      if (event.at("listener").as_object().contains("messages")) last = text_at(event, {"listener", "messages"});
    }
    return last;
  };
  EXPECT_EQ(messages("json-keyed.pcap"), "bytes");
  EXPECT_EQ(messages("manager-xmlrpc-313.pcap"), "xml-rpc");
  EXPECT_EQ(messages("manager-xmlrpc-38.pcap"), "xml-rpc");
  EXPECT_EQ(messages("plain-keyed-s312-c312.pcap"), "") << "pickles are what is expected";
}

TEST_F(Keys, BothFlowsOfARelayAreNamed) {
  const auto found = alerts("relay-313.pcap", {}, "auth.challenge-reuse");
  ASSERT_EQ(found.size(), 2U);
  for (const Event& alert : found) {
    const std::string other = text_at(alert, {"other_flow", "flow_id"});
    EXPECT_NE(other, text_at(alert, {"flow_id"}));
    EXPECT_NE(signature(alert).find("(flow " + other + ")"), std::string::npos) << signature(alert);
  }
}

}  // namespace
}  // namespace pickletap::test
