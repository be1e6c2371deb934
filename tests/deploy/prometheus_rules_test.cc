// deploy/prometheus: promtool's own checks and situations, and whether rules, runbook and README agree with each other,
// with the sensor's metrics and with its rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sensor/detect/rule_catalog.h"
#include "tests/deploy/prometheus_files.h"

namespace pickletap::test {
namespace {

const std::string kRules = deploy_path("prometheus/pickletap.rules.yml");
const std::string kSituations = deploy_path("prometheus/pickletap.rules.test.yml");

void expect_success(const Arguments& command) {
  if (!installed(command[0])) GTEST_SKIP() << command[0] << " is not installed (deploy/install-packages test)";
  const Finished done = run(command);
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
}

TEST(PrometheusRules, PromtoolTakesThem) { expect_success({"promtool", "check", "rules", kRules}); }

TEST(PrometheusRules, EverySituationHasTheAlertsItShould) {
  expect_success({"promtool", "test", "rules", kSituations});
}

TEST(PrometheusRules, ExampleConfigurationsAreValid) {
  expect_success({"promtool", "check", "config", deploy_path("prometheus/prometheus.yml")});
  expect_success({"amtool", "check-config", deploy_path("alertmanager/alertmanager.yml")});
}

/// promtool has to find a broken situation, or its success above says nothing.
TEST(PrometheusRules, PromtoolFindsAWrongSituation) {
  if (!installed("promtool")) GTEST_SKIP() << "promtool is not installed (deploy/install-packages test)";
  TempFolder folder;
  folder.write("pickletap.rules.yml", read_bytes(kRules));
  const std::string wrong = folder.write("wrong.yml", R"(
rule_files: [pickletap.rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'pickletap_alerts_total{job="pickletap", instance="a:1", rule="pickle.code-execution", severity="1"}'
        values: '0x5 1x5'
    alert_rule_test:
      - alertname: PickletapCodeExecution
        eval_time: 8m
        exp_alerts: []
)");
  const Finished done = run({"promtool", "test", "rules", wrong});
  EXPECT_NE(done.exit_code, 0);
  EXPECT_NE((done.out + done.err).find("pickle.code-execution"), std::string::npos) << done.out << done.err;
}

TEST(PrometheusRules, EveryAlertSaysWhatItIsAndWhereToRead) {
  const std::string runbook = read_bytes(deploy_path("prometheus/RUNBOOK.md"));
  const std::set<std::string> severities = {"critical", "warning", "info"};
  std::set<std::string> alerts;
  for (const PrometheusRule& rule : prometheus_rules()) {
    if (rule.alert.empty()) continue;
    alerts.insert(rule.alert);
    EXPECT_TRUE(severities.contains(rule.severity)) << rule.alert << ": severity " << rule.severity;
    EXPECT_FALSE(rule.summary.empty() || rule.description.empty()) << rule.alert;
    std::string anchor = rule.alert;
    std::transform(anchor.begin(), anchor.end(), anchor.begin(), [](char c) { return static_cast<char>(tolower(c)); });
    EXPECT_EQ(rule.runbook_url, "file:///usr/share/pickletap/prometheus/RUNBOOK.md#" + anchor);
    const size_t section = runbook.find("\n## " + rule.alert + "\n");
    ASSERT_NE(section, std::string::npos) << rule.alert << ": no section in RUNBOOK.md";
    const std::string body = runbook.substr(section, runbook.find("\n#", section + 4) - section);
    for (const char* part : {"- **Means**", "**Check", "o** ", "- **False alarm**"}) {
      EXPECT_NE(body.find(part), std::string::npos) << rule.alert << ": its section lacks " << part;
    }
  }
  EXPECT_GE(alerts.size(), 20U);
  // And no section for an alert that is no more.
  const std::regex heading("\n## (\\w+)\n");
  for (std::sregex_iterator at(runbook.begin(), runbook.end(), heading), end; at != end; ++at) {
    EXPECT_TRUE(alerts.contains((*at)[1])) << (*at)[1] << ": a section in RUNBOOK.md and no alert";
  }
}

TEST(PrometheusRules, EveryAlertFiresInASituationAndIsSilentInOne) {
  using AlertAndSeverity = std::pair<std::string, std::string>;
  std::set<AlertAndSeverity> fires;
  std::set<std::string> silent;
  for (const auto& situation : YAML::LoadFile(kSituations)["tests"]) {
    for (const auto& check : situation["alert_rule_test"]) {
      const std::string alert = text_of(check["alertname"]);
      if (check["exp_alerts"].size() == 0) silent.insert(alert);
      for (const auto& expected : check["exp_alerts"])
        fires.emplace(alert, text_of(expected["exp_labels"]["severity"]));
    }
  }
  for (const PrometheusRule& rule : prometheus_rules()) {
    if (rule.alert.empty()) continue;
    EXPECT_TRUE(fires.contains({rule.alert, rule.severity})) << rule.alert << ", " << rule.severity << ": never fires";
    EXPECT_TRUE(silent.contains(rule.alert)) << rule.alert << ": no situation in which it is silent";
  }
}

TEST(PrometheusRules, EveryMetricExists) {
  for (const PrometheusRule& rule : prometheus_rules()) {
    EXPECT_FALSE(metric_names(rule.expression).empty()) << rule.record << rule.alert;
    for (const std::string& name : metric_names(rule.expression)) {
      EXPECT_EQ(unknown_metric(name), "") << rule.record << rule.alert;
    }
  }
  EXPECT_NE(unknown_metric("pickletap_packets"), "");
  EXPECT_NE(unknown_metric("pickletap_packets_total_bucket"), "");
  EXPECT_NE(unknown_metric("instance:nothing:rate5m"), "");
  EXPECT_EQ(unknown_metric("pickletap_packet_latency_seconds_bucket"), "");
}

/// `rule` passes every matcher on the label rule that `expression` has; false when it has none.
bool selects(const std::string& expression, const std::string& rule) {
  static const std::regex matcher(R"re(\brule\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)")re");
  bool any = false;
  for (std::sregex_iterator at(expression.begin(), expression.end(), matcher), end; at != end; ++at) {
    const std::string op = (*at)[1];
    const std::string pattern = std::regex_replace((*at)[2].str(), std::regex(R"(\\\\)"), R"(\)");
    const bool equal = op.ends_with('~') ? std::regex_match(rule, std::regex(pattern)) : rule == pattern;
    if (equal != (op[0] == '=')) return false;
    any = true;
  }
  return any;
}

/// Which alerts are about each rule of the sensor, by the expressions.
std::vector<std::string> alerts_of(const std::string& rule) {
  std::vector<std::string> found;
  for (const PrometheusRule& one : prometheus_rules()) {
    if (!one.alert.empty() && selects(one.expression, rule)) found.push_back(one.alert);
  }
  return found;
}

bool sensor_raises(const std::string& rule) {
  const auto names = rule_names();
  return std::find(names.begin(), names.end(), rule) != names.end();
}

TEST(PrometheusRules, EveryRuleOfTheSensorHasOneAlertAndTheReadmeIsRight) {
  struct Row {
    std::string alert;
    bool raised = false;
  };
  std::map<std::string, Row> table;
  const std::string readme = read_bytes(deploy_path("prometheus/README.md"));
  const std::regex row(R"(\| `([a-z.-]+)` \| (\w+) \| (yes|not yet) \|)");
  for (std::sregex_iterator at(readme.begin(), readme.end(), row), end; at != end; ++at) {
    table[(*at)[1]] = {(*at)[2], (*at)[3] == "yes"};
  }
  for (const std::string_view name : rule_names()) {
    EXPECT_TRUE(table.contains(std::string(name))) << name << ": not in the table of README.md";
  }
  for (const auto& [rule, what] : table) {
    EXPECT_EQ(what.raised, sensor_raises(rule)) << rule << ": README.md is wrong about this sensor";
    EXPECT_EQ(alerts_of(rule), std::vector<std::string>{what.alert}) << rule;
  }
  EXPECT_EQ(alerts_of("rule.of-tomorrow"), std::vector<std::string>{"PickletapOtherDetection"});
}

}  // namespace
}  // namespace pickletap::test
