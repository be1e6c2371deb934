// An attack on a wire, and a real Prometheus and Alertmanager that learn of it: with the rules and the examples that
// ship, only their intervals shortened. And every query of the Grafana dashboard against that Prometheus.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/live/grafana_queries.h"
#include "tests/live/http_get.h"
#include "tests/live/netns.h"

namespace pickletap::test {
namespace {

namespace json = boost::json;

constexpr uint16_t kSensorPort = 9502, kPrometheusPort = 9090, kAlertmanagerPort = 9093;
const std::string kDeploy = PICKLETAP_SOURCE_DIR "/deploy/";

/// The first of these programs that is not there; empty when all are.
std::string missing_program() {
  for (const char* program : {"prometheus", "prometheus-alertmanager", "promtool", "python3"}) {
    if (run({"sh", "-c", "command -v \"$0\" >/dev/null", program}).exit_code != 0) return program;
  }
  return "";
}

/// Asks ten times a second, for a minute.
template <typename Condition>
bool in_time(Condition condition) {
  const auto asked = [&] {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return false;
  };
  return eventually(asked, std::chrono::seconds(60));
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  ASSERT_NE(at, text.npos) << what << ": not in the shipped example any more";
  text.replace(at, what.size(), by);
}

class PrometheusLive : public testing::Test {
 protected:
  void SetUp() override {
    PICKLETAP_NEEDS_NAMESPACES();
    if (const std::string program = missing_program(); !program.empty()) {
      GTEST_SKIP() << program << " is not installed (deploy/install-packages test)";
    }
    wire_ = std::make_unique<VethPair>("prometheus");
    chmod(folder_.path().c_str(), 0755);
    mkdir(folder_.path("log").c_str(), 0700);
    ASSERT_EQ(chmod(folder_.path("log").c_str(), 0777), 0);  // the sensor writes as nobody
    start_sensor();
    start_prometheus();
    start(wire_->a, "alertmanager",
          {"prometheus-alertmanager", "--config.file=" + kDeploy + "alertmanager/alertmanager.yml",
           "--storage.path=" + folder_.path("alertmanager-data"),
           "--cluster.listen-address=", "--web.listen-address=127.0.0.1:" + std::to_string(kAlertmanagerPort)});
    ASSERT_TRUE(in_time([this] { return get(kSensorPort, "/readyz").status == 200; })) << logs();
    ASSERT_TRUE(in_time([this] { return get(kAlertmanagerPort, "/-/ready").status == 200; })) << logs();
    ASSERT_TRUE(in_time([this] { return get(kPrometheusPort, "/-/ready").status == 200; })) << logs();
  }

  void TearDown() override {
    if (HasFailure()) std::cerr << logs();
  }

  void start(const VethPair::End& end, const std::string& name, const Arguments& command) {
    services_[name] = std::make_unique<Process>(VethPair::inside(end, command), folder_.path(name + ".log"));
  }
  void start_peer(const VethPair::End& end, const std::string& name, Arguments words) {
    words.insert(words.begin(), {"python3", PICKLETAP_SOURCE_DIR "/tests/live/prometheus_peer.py"});
    start(end, name, words);
  }
  void start_sensor() {
    const std::string config = folder_.write(
        "pickletap.yaml",
        "capture:\n  interfaces: [" + wire_->a.interface + "]\noutputs:\n  eve:\n    file: " + eve_path() +
            "\nhttp:\n  listen: 127.0.0.1:" + std::to_string(kSensorPort) + "\nsandbox:\n  user: nobody\n");
    start(wire_->a, "sensor", {PICKLETAP_BINARY, "run", "-c", config});
  }
  void start_prometheus() {
    std::string config = read_bytes(kDeploy + "prometheus/prometheus.yml");
    replace(config, "scrape_interval: 15s", "scrape_interval: 1s");
    replace(config, "evaluation_interval: 15s", "evaluation_interval: 1s");
    replace(config, "- pickletap.rules.yml", "- " + kDeploy + "prometheus/pickletap.rules.yml");
    start(wire_->a, "prometheus",
          {"prometheus", "--config.file=" + folder_.write("prometheus.yml", config),
           "--storage.tsdb.path=" + folder_.path("prometheus-data"),
           "--web.listen-address=127.0.0.1:" + std::to_string(kPrometheusPort)});
  }

  HttpReply get(uint16_t port, const std::string& target) const { return http_get(wire_->a, port, target); }

  /// The result of an instant query; none when Prometheus refuses it, which is a failure.
  json::array query(const std::string& expression) const {
    const HttpReply reply = get(kPrometheusPort, "/api/v1/query?query=" + url_encoded(expression));
    if (reply.status != 200) {
      ADD_FAILURE() << expression << ": " << reply.status << " " << reply.body;
      return {};
    }
    const json::value answer = json::parse(reply.body);
    return answer.at("data").at("result").as_array();
  }
  /// The value of a query that has one sample; -1 when it has none.
  double value_of(const std::string& expression) const {
    const json::array result = query(expression);
    return result.empty() ? -1 : std::stod(std::string(result[0].at("value").at(1).as_string()));
  }
  /// Of Alertmanager, by alertname.
  json::array alerts_at_alertmanager(const std::string& name) const {
    const HttpReply reply =
        get(kAlertmanagerPort, "/api/v2/alerts?filter=" + url_encoded("alertname=\"" + name + "\""));
    return reply.status == 200 ? json::parse(reply.body).as_array() : json::array();
  }

  /// Rules that Prometheus could not evaluate, or has not yet, with its reason.
  std::string unhealthy_rules() const {
    const HttpReply reply = get(kPrometheusPort, "/api/v1/rules");
    if (reply.status != 200) return reply.body;
    std::string found;
    const json::value answer = json::parse(reply.body);
    for (const json::value& group : answer.at("data").at("groups").as_array()) {
      for (const json::value& rule : group.at("rules").as_array()) {
        if (rule.at("health") != "ok") found += json::serialize(rule) + "\n";
      }
    }
    return found;
  }

  std::string eve_path() const { return folder_.path("log/eve.json"); }
  /// EVE alerts of a rule.
  std::vector<json::object> eve_alerts(const std::string& rule) const {
    std::vector<json::object> found;
    if (!std::filesystem::exists(eve_path())) return found;
    std::istringstream lines(read_bytes(eve_path()));
    for (std::string line; std::getline(lines, line);) {
      if (lines.eof()) break;  // a line that is being written
      json::object event = json::parse(line).as_object();
      const bool alert = event["event_type"] == "alert";
      if (alert && event["alert"].at("rule").as_string() == rule) found.push_back(std::move(event));
    }
    return found;
  }
  std::string logs() const {
    std::string all;
    for (const auto& [name, service] : services_) {
      const std::string log = read_bytes(folder_.path(name + ".log"));
      all += "---- " + name + "\n" + (log.size() > 4000 ? "…" + log.substr(log.size() - 4000) : log);
    }
    return all;
  }

  TempFolder folder_;
  std::unique_ptr<VethPair> wire_;  // outlives what runs on it. a: everything but the peer, which is at b
  std::map<std::string, std::unique_ptr<Process>> services_;
};

TEST_F(PrometheusLive, AnAttackOnTheWireIsAnAlertAtAlertmanager) {
  const std::string address = wire_->a.ipv4;
  const std::string count = "pickletap_alerts_total{rule=\"pickle.code-execution\"}";
  const std::string firing = "ALERTS{alertname=\"PickletapCodeExecution\", alertstate=\"firing\"}";
  start_peer(wire_->a, "victim", {"serve", address, "51000"});
  start_peer(wire_->b, "worker", {"work", address, "51000"});

  // Harmless messages are counted and no reason for an alert, and the series of the first alert is there at 0.
  ASSERT_TRUE(in_time([&] { return value_of("sum(pickletap_pickles_total{verdict=\"harmless\"})") > 3; }));
  EXPECT_EQ(value_of(count), 0);
  EXPECT_TRUE(query(firing).empty());
  services_.at("worker")->terminate();

  const std::string marker = folder_.path("log/pickletap-was-here");
  start_peer(wire_->b, "attacker", {"attack", address, "51000", "touch " + marker});
  ASSERT_TRUE(in_time([&] { return std::filesystem::exists(marker); })) << "the attack did not work";

  ASSERT_TRUE(in_time([&] { return !eve_alerts("pickle.code-execution").empty(); })) << "no EVE line";
  const json::object alert = eve_alerts("pickle.code-execution").front();
  EXPECT_EQ(alert.at("src_ip").as_string(), wire_->b.ipv4);
  EXPECT_EQ(alert.at("dest_ip").as_string(), wire_->a.ipv4);
  ASSERT_TRUE(in_time([&] { return value_of(count) == 1; })) << "not scraped";
  ASSERT_TRUE(in_time([&] { return !query(firing).empty(); })) << "not firing";
  const json::object labels = query(firing)[0].at("metric").as_object();
  EXPECT_EQ(labels.at("rule"), "pickle.code-execution");
  EXPECT_EQ(labels.at("severity"), "critical");
  EXPECT_EQ(labels.at("site"), "example") << "a label of the target got lost";

  ASSERT_TRUE(in_time([&] { return !alerts_at_alertmanager("PickletapCodeExecution").empty(); }));
  const json::object received = alerts_at_alertmanager("PickletapCodeExecution")[0].as_object();
  EXPECT_EQ(received.at("status").at("state"), "active");
  EXPECT_EQ(received.at("receivers").at(0).at("name"), "security-page");
  EXPECT_EQ(received.at("labels").at("rule"), "pickle.code-execution");
  const std::string description(received.at("annotations").at("description").as_string());
  EXPECT_NE(description.find("raised pickle.code-execution"), std::string::npos) << description;
  RecordProperty("alertmanager_alert", json::serialize(received));

  // The listener asks for no key, and that is known too, as long as it is.
  EXPECT_TRUE(in_time([&] { return !alerts_at_alertmanager("PickletapUnauthenticatedListener").empty(); }));
  EXPECT_TRUE(query("ALERTS{alertname=~\"PickletapDown|PickletapOutputDropping|PickletapEventsDropped\"}").empty());
  EXPECT_EQ(services_.at("sensor")->terminate(), 0) << "the sensor did not end as it should";
}

TEST_F(PrometheusLive, PromtoolHasNothingToSayOfALiveScrape) {
  RunOptions scrape;
  scrape.input = get(kSensorPort, "/metrics").body;
  ASSERT_NE(scrape.input.find("pickletap_packets_total"), std::string::npos) << scrape.input;
  const Finished done = run({"promtool", "check", "metrics"}, scrape);
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.out + done.err, "");
}

TEST_F(PrometheusLive, EveryQueryOfTheDashboardReturnsData) {
  const std::string address = wire_->a.ipv4;
  start_peer(wire_->a, "keyed victim", {"serve", address, "51001", "a key"});
  start_peer(wire_->b, "worker", {"work", address, "51001", "a key"});
  ASSERT_TRUE(in_time([this] { return value_of("pickletap_alerts_total{rule=\"pickle.code-execution\"}") == 0; }))
      << "not scraped";
  start_peer(wire_->b, "attacker", {"attack", address, "51001", "true", "a key"});
  ASSERT_TRUE(in_time([&] { return !eve_alerts("pickle.code-execution").empty(); })) << "no EVE line";

  const auto queries = grafana_queries(read_bytes(kDeploy + "grafana/pickletap.json"));
  ASSERT_GT(queries.size(), 50U);
  for (const GrafanaQuery& one : queries) {
    EXPECT_TRUE(in_time([&] { return HasFailure() || !query(one.expression).empty(); }))
        << one.title << ": no data: " << one.expression;
  }
  EXPECT_TRUE(in_time([this] { return unhealthy_rules().empty(); })) << unhealthy_rules();
  // Not only some data: what the panels show is what happened.
  EXPECT_TRUE(in_time(
      [&] { return value_of("sum(pickletap_alerts_total{rule=\"pickle.code-execution\",severity=\"1\"})") == 1; }));
  EXPECT_TRUE(in_time([&] { return value_of("sum(pickletap_listeners{auth=\"mutual\"})") == 1; }));
  EXPECT_TRUE(in_time([&] { return value_of("instance:pickletap_packets:rate5m") > 0; }));
  EXPECT_TRUE(in_time([&] { return value_of("instance:pickletap_packet_latency_seconds:p99_15m") > 0; }));
}

}  // namespace
}  // namespace pickletap::test
