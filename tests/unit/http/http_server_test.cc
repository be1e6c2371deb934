// What a well-behaved client sees, over a real socket.
#include "sensor/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/unit/http/http_client.h"

namespace pickletap {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() { fake::make_busy(sensor_); }
  fake::Sensor sensor_;
};

TEST_F(HttpServerTest, AnswersEveryPath) {
  RunningServer server(sensor_);
  const struct {
    std::string target, status, type, part;
  } cases[] = {
      {"/healthz", "200", "text/plain; charset=utf-8", "ok"},
      {"/readyz", "200", "text/plain; charset=utf-8", "ready"},
      {"/metrics", "200", "text/plain; version=0.0.4; charset=utf-8", "pickletap_packets_total 8123456"},
      {"/metrics?x=1", "200", "text/plain; version=0.0.4; charset=utf-8", "pickletap_build_info{"},
      {"/api/v1/status", "200", "application/json", "\"sensor\":\"dc1-tap\""},
      {"/api/v1/listeners", "200", "application/json", "\"port\":50002"},
      {"/api/v1/alerts?limit=1", "200", "application/json", "pickle.code-execution"},
      {"/", "200", "text/html; charset=utf-8", "<title>pickletap</title>"},
      {"/app.js", "200", "text/javascript; charset=utf-8", "\"use strict\""},
      {"/style.css", "200", "text/css; charset=utf-8", "prefers-color-scheme"},
      {"/icon.svg", "200", "image/svg+xml", "<svg"},
      {"http://localhost:1/healthz", "200", "text/plain; charset=utf-8", "ok"},
      {"/api/v1/alerts?limit=0", "400", "application/json", "\"error\":"},
      {"/api/v1/status?a=b", "400", "application/json", "'a'"},
      {"/metrics/", "404", "text/plain; charset=utf-8", "nothing here"},
      {"/../etc/passwd", "404", "text/plain; charset=utf-8", "nothing here"},
      {"*", "404", "text/plain; charset=utf-8", "nothing here"},
  };
  for (const auto& c : cases) {
    const std::string answer = fetch(server.port(), c.target);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + c.status + " ")) << c.target;
    EXPECT_THAT(answer, HasSubstr("Content-Type: " + c.type + "\r\n")) << c.target;
    EXPECT_THAT(body_of(answer), HasSubstr(c.part)) << c.target;
  }
}

TEST_F(HttpServerTest, SaysWhyItIsNotReady) {
  sensor_.now.ready = false;
  sensor_.now.not_ready_reason = "no packet could be read from eth0: No such device";
  RunningServer server(sensor_);
  const std::string answer = fetch(server.port(), "/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(body_of(answer), HasSubstr("eth0: No such device"));
  EXPECT_THAT(fetch(server.port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, EveryAnswerCarriesTheSecurityHeaders) {
  RunningServer server(sensor_);
  for (const char* target : {"/", "/metrics", "/api/v1/alerts", "/nowhere"}) {
    const std::string answer = fetch(server.port(), target);
    for (const char* header :
         {"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
          "img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'\r\n",
          "X-Content-Type-Options: nosniff\r\n", "Referrer-Policy: no-referrer\r\n", "Cache-Control: no-store\r\n",
          "Cross-Origin-Resource-Policy: same-origin\r\n", "Date: "}) {
      EXPECT_THAT(answer, HasSubstr(header)) << target;
    }
    EXPECT_THAT(answer, Not(HasSubstr("Access-Control-Allow-Origin"))) << target;
  }
}

TEST_F(HttpServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  sensor_.packets_a_call = 0;
  RunningServer server(sensor_);
  for (const char* target : {"/", "/healthz", "/api/v1/listeners"}) {
    const std::string get = fetch(server.port(), target), head = fetch(server.port(), target, "HEAD");
    EXPECT_THAT(head, HasSubstr("Content-Length: " + std::to_string(body_of(get).size()) + "\r\n")) << target;
    EXPECT_EQ(body_of(head), "") << target;
  }
}

TEST_F(HttpServerTest, TakesOtherMethodsForWhatTheyAre) {
  RunningServer server(sensor_);
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"}) {
    const std::string answer = fetch(server.port(), "/api/v1/status", method);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n")) << method;
  }
}

TEST_F(HttpServerTest, RefusesForeignHosts) {
  Config config = RunningServer::any_port();
  config.http.allowed_hosts = {"tap1.example.net"};
  RunningServer server(sensor_, config);
  EXPECT_THAT(fetch(server.port(), "/metrics", "GET", "tap1.example.net:9502"), StartsWith("HTTP/1.1 200 "));
  const std::string refused = fetch(server.port(), "/api/v1/alerts", "GET", "rebound.example");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(refused, HasSubstr("http.allowed_hosts"));
  EXPECT_THAT(refused, Not(HasSubstr("code-execution")));
  EXPECT_THAT(fetch(server.port(), "http://rebound.example/api/v1/alerts"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(fetch(server.port(), "http://127.0.0.1/healthz", "GET", "rebound.example"), StartsWith("HTTP/1.1 421 "));
}

TEST_F(HttpServerTest, WantsOneHostOfHttp11AndNoneOfHttp10) {
  RunningServer server(sensor_);
  const struct {
    std::string request, status;
  } cases[] = {
      {"GET /healthz HTTP/1.1\r\n\r\n", "400"},
      {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n\r\n", "400"},
      {"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", "421"},
      {"GET /healthz HTTP/1.0\r\n\r\n", "200"},
      {"GET /healthz HTTP/1.0\r\nHost: rebound.example\r\n\r\n", "421"},
  };
  for (const auto& c : cases) {
    RawClient client(server.port());
    ASSERT_TRUE(client.send(c.request));
    EXPECT_TRUE(client.read_until_hung_up()) << c.request;
    EXPECT_THAT(client.text(), ::testing::MatchesRegex("HTTP/1\\.[01] " + c.status + " [^$]*")) << c.request;
  }
}

TEST_F(HttpServerTest, CountsRequestsByHandlerAndClass) {
  RunningServer server(sensor_);
  fetch(server.port(), "/healthz");
  fetch(server.port(), "/healthz");
  fetch(server.port(), "/healthz", "POST");
  fetch(server.port(), "/api/v1/alerts?limit=x");
  fetch(server.port(), "/wp-login.php");
  const std::string metrics = fetch(server.port(), "/metrics");
  for (const char* series : {"{handler=\"healthz\",code=\"2xx\"} 2\n", "{handler=\"healthz\",code=\"4xx\"} 1\n",
                             "{handler=\"alerts\",code=\"4xx\"} 1\n", "{handler=\"other\",code=\"4xx\"} 1\n",
                             "{handler=\"metrics\",code=\"2xx\"} 0\n", "{handler=\"page\",code=\"5xx\"} 0\n"}) {
    EXPECT_THAT(metrics, HasSubstr("pickletap_http_requests_total" + std::string(series)));
  }
  EXPECT_THAT(fetch(server.port(), "/metrics"),
              HasSubstr("pickletap_http_requests_total{handler=\"metrics\",code=\"2xx\"} 1\n"));
}

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  RunningServer server(sensor_);
  RawClient client(server.port());
  for (size_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    ASSERT_TRUE(client.read_until([i](const std::string& text) { return RawClient::count_in(text, "ok\n") == i; }));
  }
  EXPECT_FALSE(client.hung_up());
}

TEST_F(HttpServerTest, AFailingSensorIsA500AndTheServerLivesOn) {
  sensor_.throws = true;
  RunningServer server(sensor_);
  EXPECT_THAT(fetch(server.port(), "/metrics"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(fetch(server.port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server.count(HttpHandler::kOther, 2), 0U);
  EXPECT_EQ(server.count(HttpHandler::kMetrics, 2), 1U);
}

TEST_F(HttpServerTest, NamesTheKeyWhenItCannotListen) {
  boost::asio::io_context io;
  Config config = RunningServer::any_port();
  const HttpServer first(io, config, sensor_);
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  const struct {
    std::string listen, part;
  } cases[] = {
      {taken, "Address already in use"},
      {"203.0.113.99:9502", "Cannot assign requested address"},
      {"", "ADDRESS:PORT"},
      {"9502", "ADDRESS:PORT"},
      {":9502", "ADDRESS:PORT"},
      {"localhost:9502", "ADDRESS:PORT"},
      {"127.0.0.1", "ADDRESS:PORT"},
      {"127.0.0.1:65536", "ADDRESS:PORT"},
      {"::1:9502", "ADDRESS:PORT"},
      {"[127.0.0.1]:9502", "ADDRESS:PORT"},
  };
  for (const auto& c : cases) {
    config.http.listen = c.listen;
    try {
      const HttpServer second(io, config, sensor_);
      ADD_FAILURE() << "listens on " << c.listen;
    } catch (const HttpListenError& error) {
      EXPECT_THAT(error.what(), StartsWith("http.listen: cannot listen on \"" + c.listen + "\": "));
      EXPECT_THAT(error.what(), HasSubstr(c.part));
    }
  }
}

TEST_F(HttpServerTest, WaitingClientsAreServedOnceItStarts) {
  boost::asio::io_context io;
  HttpServer server(io, RunningServer::any_port(), sensor_);
  RawClient client(server.port());  // opened, as in the time before privileges are dropped
  ASSERT_TRUE(client.send("GET /healthz HTTP/1.0\r\n\r\n"));
  server.start();
  ASSERT_TRUE(eventually([&] {
    io.poll();
    return server.counters().requests[static_cast<size_t>(HttpHandler::kHealthz)][0] == 1;
  }));
  server.stop();
  server.stop();
  io.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(client.read_until_hung_up());
  EXPECT_THAT(client.text(), HasSubstr("ok\n"));
}

TEST_F(HttpServerTest, MayGoBeforeItsClientsAndItsIoContext) {
  boost::asio::io_context io;
  auto server = std::make_unique<HttpServer>(io, RunningServer::any_port(), sensor_);
  server->start();
  RawClient silent(server->port()), half(server->port()), whole(server->port());
  ASSERT_TRUE(half.send("GET /metr"));
  ASSERT_TRUE(whole.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  for (int i = 0; i < 3; ++i) io.run_one_for(std::chrono::milliseconds(100));  // somewhere in the middle
  server.reset();
  io.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(silent.read_until_hung_up());
  EXPECT_TRUE(half.read_until_hung_up());
  EXPECT_TRUE(whole.read_until_hung_up());
}

TEST_F(HttpServerTest, ListensOnIpv6) {
  boost::asio::io_context io;
  Config config;
  config.http.listen = "[::1]:0";
  try {
    const HttpServer server(io, config, sensor_);
    EXPECT_NE(server.port(), 0);
  } catch (const HttpListenError& error) {
    if (std::string_view(error.what()).find("Cannot assign") == std::string_view::npos &&
        std::string_view(error.what()).find("not supported") == std::string_view::npos) {
      throw;
    }
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
}

}  // namespace
}  // namespace pickletap
