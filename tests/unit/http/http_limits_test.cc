// Clients that misbehave: slow, greedy, half gone, or not speaking HTTP at all. Each costs the server a bounded amount
// and is counted, and the next client is served as ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "tests/unit/http/http_client.h"

namespace pickletap {
namespace {

using ::testing::AnyOf;
using ::testing::StartsWith;

constexpr std::string_view kHealthz = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

HttpLimits short_limits() {
  HttpLimits limits;
  limits.header_timeout = limits.idle_timeout = limits.response_timeout = std::chrono::milliseconds(300);
  limits.linger_timeout = std::chrono::milliseconds(200);
  return limits;
}

/// Answers of 4 MB each: together more than any kernel takes off the server's hands.
constexpr size_t kManyRequests = 50;
std::string many_large_requests() {
  std::string requests;
  for (size_t i = 0; i < kManyRequests; ++i) {
    requests += "GET /api/v1/alerts?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }
  return requests;
}

class HttpLimitsTest : public ::testing::Test {
 protected:
  HttpLimitsTest() { fake::make_quiet(sensor_); }
  static void expect_alive(RunningServer& server) {
    EXPECT_THAT(fetch(server.port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  }
  fake::Sensor sensor_;
};

TEST_F(HttpLimitsTest, HangsUpOnWhoSendsAHeaderByteByByte) {
  RunningServer server(sensor_, RunningServer::any_port(), short_limits());
  RawClient client(server.port());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: localhost\r\n"));
  // A byte now and then, much oftener than the time-out, must not keep it from coming.
  EXPECT_TRUE(eventually([&] { return !client.send("X"); }));
  EXPECT_TRUE(client.read_until_hung_up());
  EXPECT_EQ(client.text(), "");
  EXPECT_EQ(server.counters().timeouts[static_cast<size_t>(HttpPhase::kHeader)], 1U);
  expect_alive(server);
}

TEST_F(HttpLimitsTest, HangsUpOnTheSilentAndTheIdle) {
  RunningServer server(sensor_, RunningServer::any_port(), short_limits());
  RawClient silent(server.port()), idle(server.port());
  ASSERT_TRUE(idle.send(kHealthz));
  EXPECT_TRUE(silent.read_until_hung_up());
  EXPECT_TRUE(idle.read_until_hung_up());
  EXPECT_EQ(silent.text(), "");
  EXPECT_EQ(idle.count("ok\n"), 1U);
  EXPECT_EQ(server.counters().timeouts[static_cast<size_t>(HttpPhase::kHeader)], 0U);
}

TEST_F(HttpLimitsTest, HangsUpOnWhoDoesNotTakeTheAnswer) {
  for (int i = 0; i < 200; ++i) sensor_.add_alert("{\"text\":\"" + std::string(20'000, 'x') + "\"}");
  RunningServer server(sensor_, RunningServer::any_port(), short_limits());
  RawClient client(server.port(), 4096);
  ASSERT_TRUE(client.send(many_large_requests()));
  EXPECT_TRUE(eventually([&] { return server.counters().timeouts[static_cast<size_t>(HttpPhase::kResponse)] == 1; }));
  EXPECT_TRUE(client.read_until_hung_up());
  EXPECT_LT(client.count("HTTP/1.1 200"), kManyRequests);
  expect_alive(server);
}

TEST_F(HttpLimitsTest, AnswersOnTheirWayHaveABoundForAllClientsTogether) {
  for (int i = 0; i < 200; ++i) sensor_.add_alert("{\"text\":\"" + std::string(20'000, 'x') + "\"}");
  HttpLimits limits;
  limits.max_unsent_bytes = 5'000'000;
  RunningServer server(sensor_, RunningServer::any_port(), limits);
  {
    RawClient greedy(server.port(), 4096);
    ASSERT_TRUE(greedy.send(many_large_requests()));
    EXPECT_TRUE(
        eventually([&] { return fetch(server.port(), "/api/v1/alerts?limit=200").starts_with("HTTP/1.1 503 "); }));
    EXPECT_GE(server.count(HttpHandler::kAlerts, 2), 1U);
    expect_alive(server);
  }
  // The greedy one is gone, and with it what it held.
  EXPECT_TRUE(
      eventually([&] { return fetch(server.port(), "/api/v1/alerts?limit=200").starts_with("HTTP/1.1 200 "); }));
}

TEST_F(HttpLimitsTest, RefusesHeadersAboveTheLimitAndTakesThoseBelow) {
  RunningServer server(sensor_);
  const auto request = [](size_t bytes) {
    std::string text = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Filler: ";
    text += std::string(bytes - text.size() - 4, 'x') + "\r\n\r\n";
    return text;
  };
  const struct {
    size_t bytes;
    const char* status;
  } cases[] = {{8000, "HTTP/1.1 200 "}, {8300, "HTTP/1.1 431 "}, {200'000, "HTTP/1.1 431 "}};
  for (const auto& c : cases) {
    RawClient client(server.port());
    client.send(request(c.bytes));
    EXPECT_TRUE(client.read_until_hung_up()) << c.bytes;
    EXPECT_THAT(client.text(), StartsWith(c.status)) << c.bytes;
  }
  std::string many = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 20'000; ++i) many += "a: b\r\n";
  RawClient client(server.port());
  client.send(many);
  EXPECT_TRUE(client.read_until_hung_up());
  EXPECT_THAT(client.text(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpLimitsTest, RefusesBodies) {
  RunningServer server(sensor_);
  const struct {
    std::string fields, status;
  } cases[] = {
      {"Content-Length: 5\r\n\r\nhello", "413"},
      {"Content-Length: 18446744073709551615\r\n\r\n", "413"},
      {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "413"},
      {"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "413"},
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "400"},
      {"Content-Length: -1\r\n\r\n", "400"},
  };
  for (const auto& c : cases) {
    RawClient client(server.port());
    ASSERT_TRUE(client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + c.fields));
    EXPECT_TRUE(client.read_until_hung_up()) << c.fields;
    EXPECT_THAT(client.text(), StartsWith("HTTP/1.1 " + c.status + " ")) << c.fields;
    EXPECT_EQ(client.count("HTTP/1.1 "), 1U) << "the body was taken for a request: " << c.fields;
  }
}

TEST_F(HttpLimitsTest, AnswersWhatIsSentAheadInItsOrder) {
  RunningServer server(sensor_);
  RawClient client(server.port());
  std::string requests;
  constexpr size_t kTimes = 300;  // far more than the header buffer holds
  for (size_t i = 0; i < kTimes; ++i) {
    requests += i % 2 == 0 ? std::string(kHealthz) : "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }
  ASSERT_TRUE(client.send(requests));
  EXPECT_TRUE(client.read_until([](const std::string& text) {
    return RawClient::count_in(text, "HTTP/1.1 200 OK") == kTimes && text.ends_with("ready\n");
  }));
  size_t at = 0;
  for (size_t i = 0; i < kTimes; ++i) {
    at = client.text().find("\r\n\r\n", at) + 4;
    EXPECT_EQ(client.text().compare(at, 2, i % 2 == 0 ? "ok" : "re"), 0) << i;
  }
}

TEST_F(HttpLimitsTest, AnswersWhoHasClosedItsHalf) {
  RunningServer server(sensor_);
  RawClient client(server.port());
  ASSERT_TRUE(client.send(std::string(kHealthz) + std::string(kHealthz)));
  client.half_close();
  EXPECT_TRUE(client.read_until_hung_up());
  EXPECT_EQ(client.count("ok\n"), 2U);
  RawClient cut(server.port());
  ASSERT_TRUE(cut.send("GET /heal"));
  cut.half_close();
  EXPECT_TRUE(cut.read_until_hung_up());
  EXPECT_EQ(cut.text(), "");
}

TEST_F(HttpLimitsTest, SurvivesGarbage) {
  RunningServer server(sensor_, RunningServer::any_port(), short_limits());
  std::mt19937 random(11);
  std::vector<std::string> texts{"\r\n\r\n",
                                 "GET\r\n\r\n",
                                 "GET / HTTP/9.9\r\n\r\n",
                                 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                 "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
                                 "GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
                                 std::string("GET /\0 HTTP/1.1\r\n\r\n", 18),
                                 std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),  // a TLS hello
                                 std::string(10'000, '\0')};
  for (int i = 0; i < 60; ++i) {
    std::string text(1 + random() % 3000, 0);
    for (char& c : text) c = static_cast<char>(random());
    texts.push_back(i % 2 == 0 ? text : "GET / HTTP/1.1\r\nHost: " + text + "\r\n\r\n");
  }
  for (const std::string& text : texts) {
    RawClient client(server.port());
    client.send(text);
    client.half_close();
    EXPECT_TRUE(client.read_until_hung_up());
    EXPECT_THAT(client.text(), AnyOf("", StartsWith("HTTP/1.1 4"), StartsWith("HTTP/1.1 505 ")));
  }
  EXPECT_GT(server.count(HttpHandler::kOther, 1), 20U);
  expect_alive(server);
}

TEST_F(HttpLimitsTest, HangsUpOnClientsBeyondTheMaximumAndCountsThem) {
  Config config = RunningServer::any_port();
  config.http.max_connections = 4;
  RunningServer server(sensor_, config);
  std::vector<std::unique_ptr<RawClient>> guests;
  for (int i = 0; i < 4; ++i) {
    guests.push_back(std::make_unique<RawClient>(server.port()));
    ASSERT_TRUE(guests.back()->send(kHealthz));
    ASSERT_TRUE(guests.back()->read_until([](const std::string& text) { return text.ends_with("ok\n"); }));
  }
  for (int i = 0; i < 10; ++i) {
    RawClient beyond(server.port());
    beyond.send(kHealthz);
    EXPECT_TRUE(beyond.read_until_hung_up());
    EXPECT_EQ(beyond.text(), "");
  }
  EXPECT_EQ(server.counters().connections_rejected, 10U);
  ASSERT_TRUE(guests[0]->send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_TRUE(guests[0]->read_until([](const std::string& text) {
    return text.find("pickletap_http_connections_rejected_total 10\n") != text.npos;
  }));
  guests.clear();
  EXPECT_TRUE(eventually([&] {
    return RawClient(server.port()).send("") && server.counters().connections_rejected >= 10 &&
           fetch(server.port(), "/healthz").starts_with("HTTP/1.1 200");
  }));
}

TEST_F(HttpLimitsTest, ManyClientsAtOnceAreAllServed) {
  Config config = RunningServer::any_port();
  config.http.max_connections = 64;
  RunningServer server(sensor_, config);
  std::vector<std::unique_ptr<RawClient>> clients;
  clients.reserve(60);
  for (int i = 0; i < 60; ++i) clients.push_back(std::make_unique<RawClient>(server.port()));
  for (int round = 1; round <= 3; ++round) {
    for (auto& client : clients) ASSERT_TRUE(client->send(kHealthz));
    for (auto& client : clients) {
      EXPECT_TRUE(client->read_until([round](const std::string& text) {
        return RawClient::count_in(text, "ok\n") == static_cast<size_t>(round);
      }));
    }
  }
  EXPECT_EQ(server.counters().connections_rejected, 0U);
}

}  // namespace
}  // namespace pickletap
