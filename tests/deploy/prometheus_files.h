// What the tests of deploy/prometheus and deploy/grafana share: the rule file as data, and which metrics a PromQL
// expression names. The files are read anew by each test; nothing here outlives it.
#pragma once

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sensor/metric_catalog.h"
#include "tests/replay/program.h"

namespace pickletap::test {

inline std::string deploy_path(const std::string& name) { return PICKLETAP_SOURCE_DIR "/deploy/" + name; }

struct PrometheusRule {
  std::string record, alert;  ///< one of them
  std::string expression, severity, summary, description, runbook_url;
};

inline std::string text_of(const YAML::Node& node) { return node ? node.as<std::string>() : std::string(); }

inline std::vector<PrometheusRule> prometheus_rules() {
  std::vector<PrometheusRule> rules;
  for (const auto& group : YAML::LoadFile(deploy_path("prometheus/pickletap.rules.yml"))["groups"]) {
    for (const auto& rule : group["rules"]) {
      const auto notes = rule["annotations"];
      const bool alert = static_cast<bool>(rule["alert"]);
      rules.push_back({text_of(rule["record"]), text_of(rule["alert"]), text_of(rule["expr"]),
                       alert ? text_of(rule["labels"]["severity"]) : "", alert ? text_of(notes["summary"]) : "",
                       alert ? text_of(notes["description"]) : "", alert ? text_of(notes["runbook_url"]) : ""});
    }
  }
  return rules;
}

/// `expression` without the contents of its "strings".
inline std::string without_strings(std::string_view expression) {
  std::string left;
  bool inside = false;
  for (size_t i = 0; i < expression.size(); ++i) {
    if (inside && expression[i] == '\\') {
      ++i;
    } else if (expression[i] == '"') {
      inside = !inside;
    } else if (!inside) {
      left += expression[i];
    }
  }
  return left;
}

/// Names in `expression` that belong to a metric of the sensor or a recorded series: what holds "pickletap_" or ":", or
/// begins with "process_".
inline std::set<std::string> metric_names(std::string_view expression) {
  std::set<std::string> names;
  std::string word;
  for (const char c : without_strings(expression) + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':') {
      word += c;
      continue;
    }
    if (word.find("pickletap_") != word.npos || word.find(':') != word.npos || word.starts_with("process_")) {
      names.insert(word);
    }
    word.clear();
  }
  return names;
}

/// Why `name` is no series that a Prometheus with a sensor and the rule file has; empty when it is one.
inline std::string unknown_metric(std::string name) {
  static constexpr std::array<std::string_view, 7> kProcess = {"process_cpu_seconds_total",
                                                               "process_start_time_seconds",
                                                               "process_virtual_memory_bytes",
                                                               "process_resident_memory_bytes",
                                                               "process_threads",
                                                               "process_open_fds",
                                                               "process_max_fds"};
  if (name.find(':') != name.npos) {
    const auto rules = prometheus_rules();
    const bool known = std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return rule.record == name; });
    return known ? "" : name + ": no rule records it";
  }
  if (name.starts_with("process_")) {
    return std::find(kProcess.begin(), kProcess.end(), name) != kProcess.end() ? "" : name + ": not exported";
  }
  std::string_view bare = std::string_view(name).substr(std::string_view("pickletap_").size());
  const MetricInfo* metric = find_metric(bare);
  for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
    if (metric != nullptr || !bare.ends_with(part)) continue;
    metric = find_metric(bare.substr(0, bare.size() - part.size()));
    if (metric != nullptr && metric->kind != MetricKind::kHistogram) metric = nullptr;
  }
  return metric != nullptr ? "" : name + ": not in sensor/metric_catalog.cc";
}

/// The program is there; a test skips without it, and deploy/install-packages brings it.
inline bool installed(const std::string& program) {
  return run({"sh", "-c", "command -v \"$0\" >/dev/null", program}).exit_code == 0;
}

}  // namespace pickletap::test
