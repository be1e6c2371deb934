// deploy/grafana/pickletap.json without a Grafana: its form, its words, and whether its queries are PromQL over series
// that exist. That they return data is tested with a real Prometheus in tests/live/prometheus_test.cc.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/deploy/prometheus_files.h"
#include "tests/live/grafana_queries.h"

namespace pickletap::test {
namespace {

namespace json = boost::json;

json::object dashboard() { return json::parse(read_bytes(deploy_path("grafana/pickletap.json"))).as_object(); }

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

TEST(GrafanaDashboard, IsBoundToNoInstallation) {
  const json::object board = dashboard();
  EXPECT_FALSE(board.contains("__inputs"));
  EXPECT_TRUE(board.at("id").is_null());
  EXPECT_GE(board.at("schemaVersion").to_number<int>(), 39);
  std::map<std::string, std::string> variables;
  for (const json::value& variable : board.at("templating").at("list").as_array()) {
    variables[text_at(variable.as_object(), "name")] = text_at(variable.as_object(), "type");
  }
  EXPECT_EQ(variables["datasource"], "datasource");
  EXPECT_EQ(variables["instance"], "query");
}

TEST(GrafanaDashboard, EveryPanelExplainsItself) {
  std::set<int> ids;
  std::set<std::string> titles;
  std::vector<std::string> rows;
  const json::object board = dashboard();
  for (const json::value& value : board.at("panels").as_array()) {
    const json::object& panel = value.as_object();
    const std::string title = text_at(panel, "title");
    EXPECT_TRUE(ids.insert(panel.at("id").to_number<int>()).second) << title << ": its id is another's too";
    EXPECT_TRUE(titles.insert(title).second) << title << ": two of that title";
    if (text_at(panel, "type") == "row") {
      rows.push_back(title);
      continue;
    }
    EXPECT_GT(text_at(panel, "description").size(), 10U) << title;
    const json::object& defaults = panel.at("fieldConfig").at("defaults").as_object();
    EXPECT_NE(text_at(defaults, "unit"), "") << title;
    EXPECT_EQ(text_at(panel.at("datasource").as_object(), "uid"), "${datasource}") << title;
    for (const json::value& target : panel.at("targets").as_array()) {
      EXPECT_EQ(text_at(target.at("datasource").as_object(), "uid"), "${datasource}") << title;
      EXPECT_NE(text_at(target.as_object(), "legendFormat"), "") << title;
      EXPECT_NE(text_at(target.as_object(), "expr").find("instance=~\"$instance\""), std::string::npos)
          << title << ": does not follow the variable";
    }
  }
  EXPECT_EQ(rows, (std::vector<std::string>{"Is it alive?", "Traffic", "Detections", "Listeners and handshakes",
                                            "Health and outputs", "Process"}));
}

TEST(GrafanaDashboard, PanelsDoNotOverlap) {
  std::map<std::pair<int, int>, std::string> taken;
  const json::object board = dashboard();
  for (const json::value& value : board.at("panels").as_array()) {
    const std::string title = text_at(value.as_object(), "title");
    const auto at = [&](const char* key) { return value.at("gridPos").at(key).to_number<int>(); };
    EXPECT_LE(at("x") + at("w"), 24) << title;
    for (int x = at("x"); x < at("x") + at("w"); ++x) {
      for (int y = at("y"); y < at("y") + at("h"); ++y) {
        const auto [other, free] = taken.emplace(std::pair{x, y}, title);
        ASSERT_TRUE(free) << title << " lies on " << other->second;
      }
    }
  }
}

TEST(GrafanaDashboard, EveryQueryIsValidAndItsSeriesExist) {
  const auto queries = grafana_queries(read_bytes(deploy_path("grafana/pickletap.json")));
  EXPECT_GT(queries.size(), 50U);
  YAML::Emitter rules;
  rules << YAML::BeginMap << YAML::Key << "groups" << YAML::Value << YAML::BeginSeq << YAML::BeginMap;
  rules << YAML::Key << "name" << YAML::Value << "queries" << YAML::Key << "rules" << YAML::Value << YAML::BeginSeq;
  int number = 0;
  for (const GrafanaQuery& query : queries) {
    EXPECT_EQ(query.expression.find('$'), std::string::npos) << query.title << ": " << query.expression;
    for (const std::string& name : metric_names(query.expression)) EXPECT_EQ(unknown_metric(name), "") << query.title;
    rules << YAML::BeginMap << YAML::Key << "record" << YAML::Value << "query:number:" + std::to_string(number++);
    rules << YAML::Key << "expr" << YAML::Value << query.expression << YAML::EndMap;
  }
  rules << YAML::EndSeq << YAML::EndMap << YAML::EndSeq << YAML::EndMap;
  if (!installed("promtool")) GTEST_SKIP() << "promtool is not installed (deploy/install-packages test)";
  TempFolder folder;
  const Finished done = run({"promtool", "check", "rules", folder.write("queries.yml", rules.c_str())});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
}

}  // namespace
}  // namespace pickletap::test
