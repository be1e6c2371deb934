#include "sensor/http/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "sensor/build_info.h"
#include "tests/unit/http/fake_sensor.h"

namespace pickletap {
namespace {

namespace json = boost::json;

constexpr int64_t kNow = 1'795'255'200'123'456'789;

TEST(Api, StatusHasWhatThePageShows) {
  fake::Sensor sensor;
  fake::make_busy(sensor);
  sensor.now.start_time_ns = kNow - 1'000'000'000;
  ProcessStatus process;
  process.resident_bytes = 4096;
  const json::value status = json::parse(status_json(sensor.now, process, kNow));
  EXPECT_EQ(status.at("sensor"), "dc1-tap");
  EXPECT_EQ(status.at("version").as_string(), json::string_view(kVersion.data(), kVersion.size()));
  EXPECT_EQ(status.at("now"), "2026-11-21T10:00:00.123456+0000");
  EXPECT_EQ(status.at("start_time"), "2026-11-21T09:59:59.123456+0000");
  EXPECT_EQ(status.at("ready"), true);
  EXPECT_TRUE(status.at("not_ready_reason").is_null());
  EXPECT_EQ(status.at("reload").at("successful"), false);
  EXPECT_EQ(status.at("process").at("resident_bytes"), 4096);
  EXPECT_TRUE(status.at("process").at("threads").is_null());
  EXPECT_EQ(status.at("interfaces").at(1).at("up"), false);
  EXPECT_EQ(status.at("interfaces").at(1).at("trouble"), "No such device");
  EXPECT_TRUE(status.at("interfaces").at(0).at("trouble").is_null());
  EXPECT_EQ(status.at("outputs").at(1).at("queued_bytes"), 4096);
  EXPECT_EQ(status.at("counters").at("alerts_total"), 42) << "the sum over all rules";
}

TEST(Api, StatusOfASensorThatHasSeenNothing) {
  const json::value status = json::parse(status_json({}, {}, kNow));
  EXPECT_TRUE(status.at("last_packet").is_null());
  EXPECT_TRUE(status.at("start_time").is_null());
  EXPECT_EQ(status.at("ready"), false);
  EXPECT_TRUE(status.at("interfaces").as_array().empty());
}

TEST(Api, ListenersInFull) {
  fake::Sensor sensor;
  fake::make_busy(sensor);
  sensor.known_listeners[2].first_seen_ns = kNow;
  sensor.known_listeners[2].departures = Departure::kNoKey | Departure::kPeer;
  const json::value answer = json::parse(listeners_json(sensor.known_listeners));
  const json::array& listeners = answer.at("listeners").as_array();
  ASSERT_EQ(listeners.size(), 4U);
  EXPECT_EQ(listeners[2], json::parse(R"({"address":"10.99.0.1","port":50002,"vlan":[100,7],
      "auth":{"state":"one-way","digest":"md5","weak_key":false},"application":"connection","messages":null,"python":"<=3.11",
      "first_seen":"2026-11-21T10:00:00.123456+0000","last_seen":")" +
                                      std::string(listeners[2].at("last_seen").as_string()) +
                                      R"(","flows":3,"peers":2,"untrusted_peers":0,
      "departures":["no-key","unexpected-peer"]})"));
  EXPECT_EQ(listeners[1].at("address"), "2001:db8::1");
  EXPECT_TRUE(listeners[0].at("auth").at("digest").is_null());
  EXPECT_TRUE(listeners[0].at("python").is_null());
  EXPECT_TRUE(listeners[0].at("vlan").as_array().empty());
}

TEST(Api, ListenersHaveAMaximumAndItFits) {
  ListenerSummary largest =
      fake::listener(65535, AuthState::kUnknown, Digest::kSha3_384, PythonGuess::kUpTo311, Application::kConnection);
  largest.endpoint.address.is_v6 = true;
  largest.endpoint.address.bytes.fill(0xab);
  largest.vlan = {{4094, 4094}, 255};
  largest.first_seen_ns = largest.last_seen_ns = INT64_MIN;
  largest.flows = largest.peers = largest.untrusted_peers = UINT64_MAX;
  largest.departures = UINT32_MAX;
  const std::vector<ListenerSummary> many(Listeners::kMaxSummaries + 500, largest);
  const json::value answer = json::parse(listeners_json(many));
  EXPECT_EQ(answer.at("listeners").as_array().size(), Listeners::kMaxSummaries);
}

TEST(Api, AlertsAreTheEveEventsAsTheyAre) {
  fake::Sensor sensor;
  fake::make_busy(sensor);
  const json::value answer = json::parse(alerts_json(sensor.alerts));
  ASSERT_EQ(answer.at("alerts").as_array().size(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(answer.at("alerts").at(i), json::parse(*sensor.alerts[i]));
  EXPECT_EQ(answer.at("truncated"), false);
  EXPECT_EQ(json::parse(alerts_json({})), json::parse(R"({"alerts":[],"truncated":false})"));
}

TEST(Api, AlertsAreCutAtTheirBoundAndSayIt) {
  for (const size_t bytes : {size_t{2}, size_t{1000}, size_t{65'535}}) {
    const auto line =
        std::make_shared<const std::string>(bytes == 2 ? "{}" : "{\"a\":\"" + std::string(bytes - 8, 'x') + "\"}");
    for (const size_t count : {kMaxAlertsBytes / (bytes + 1) - 1, kMaxAlertsBytes / bytes + 1}) {
      const std::vector<std::shared_ptr<const std::string>> alerts(count, line);
      const std::string text = alerts_json(alerts);
      EXPECT_LE(text.size(), kMaxAlertsBytes);
      const json::value answer = json::parse(text);
      const size_t shown = answer.at("alerts").as_array().size();
      EXPECT_EQ(answer.at("truncated"), shown < count) << bytes << " × " << count;
      EXPECT_GE((shown + 2) * (bytes + 1) + 64, std::min(count * (bytes + 1), kMaxAlertsBytes)) << "cut too early";
    }
  }
}

TEST(Api, LimitsOfAlerts) {
  const struct {
    const char* query;
    size_t want;  ///< 0: refused
  } cases[] = {
      {"", 100},
      {"limit=1", 1},
      {"limit=1000", 1000},
      {"limit=007", 7},
      {"limit=0", 0},
      {"limit=1001", 0},
      {"limit=", 0},
      {"limit", 0},
      {"limit=-1", 0},
      {"limit=+1", 0},
      {"limit=1e3", 0},
      {"limit=1 ", 0},
      {"limit=5&limit=6", 0},
      {"limit=5&offset=1", 0},
      {"LIMIT=5", 0},
      {"x", 0},
      {"&", 0},
      {"limit=5&", 5},
      {"limit=18446744073709551617", 0},
  };
  for (const auto& c : cases) {
    if (c.want != 0) {
      EXPECT_EQ(alerts_limit(c.query), c.want) << c.query;
    } else {
      EXPECT_THROW(alerts_limit(c.query), BadParameter) << c.query;
    }
  }
  EXPECT_NO_THROW(expect_no_parameter(""));
  EXPECT_THROW(expect_no_parameter("a=b"), BadParameter);
}

TEST(Api, ErrorsAreJsonWhateverWasAsked) {
  try {
    alerts_limit("\"\x1b[2J\xff" + std::string(5000, 'x') + "=1");
    FAIL();
  } catch (const BadParameter& error) {
    const std::string text = error_json(error.what());
    EXPECT_LT(text.size(), 300U);
    EXPECT_TRUE(json::parse(text).at("error").is_string());
  }
}

}  // namespace
}  // namespace pickletap
