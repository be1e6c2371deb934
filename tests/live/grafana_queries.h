// The queries of a Grafana dashboard as Prometheus gets them: variables replaced by what a person who chose nothing
// would have. Used by the tests of the dashboard's form and by the one with a real Prometheus.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace pickletap::test {

struct GrafanaQuery {
  std::string title;  ///< of the panel
  std::string expression;
};

inline std::string without_variables(std::string expression) {
  static const std::pair<std::string, std::string> values[] = {
      {"$__rate_interval", "15s"}, {"$__range", "1m"}, {"$instance", ".+"}};
  for (const auto& [variable, value] : values) {
    for (size_t at = 0; (at = expression.find(variable, at)) != expression.npos; at += value.size()) {
      expression.replace(at, variable.size(), value);
    }
  }
  return expression;
}

inline std::vector<GrafanaQuery> grafana_queries(const std::string& dashboard) {
  std::vector<GrafanaQuery> queries;
  const boost::json::value board = boost::json::parse(dashboard);
  for (const boost::json::value& value : board.at("panels").as_array()) {
    const boost::json::object& panel = value.as_object();
    const boost::json::value* targets = panel.if_contains("targets");
    if (targets == nullptr) continue;
    for (const boost::json::value& target : targets->as_array()) {
      queries.push_back(
          {std::string(panel.at("title").as_string()), without_variables(std::string(target.at("expr").as_string()))});
    }
  }
  return queries;
}

}  // namespace pickletap::test
