// The captures of pcaps/ with what MANIFEST.yaml says is true of each, and the events the program prints, as JSON.
#pragma once

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <boost/json.hpp>
#include <cctype>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "tests/replay/program.h"

namespace pickletap::test {

struct ExpectedAlert {
  std::string rule, src, outcome;  ///< outcome is empty where the rule has none
  unsigned count = 0;
  std::vector<std::string> callables;
  std::string args_contain;
};

struct ExpectedListener {
  std::string address, port, auth, digest, application;
};

struct Capture {
  std::string file, app_proto;
  std::optional<bool> executed;  ///< whether the payload ran when the capture was made
  std::vector<ExpectedAlert> alerts;
  std::vector<ExpectedListener> listeners;
};

inline void PrintTo(const Capture& capture, std::ostream* out) { *out << capture.file; }

inline std::string source_path(const std::string& name) { return std::string(PICKLETAP_SOURCE_DIR) + "/" + name; }
inline std::string capture_path(const std::string& file) { return source_path("pcaps/" + file); }

inline Capture capture_from(const YAML::Node& node) {
  const auto text = [](const YAML::Node& value) { return value.IsDefined() ? value.as<std::string>() : std::string(); };
  Capture capture{text(node["file"]), text(node["app_proto"]), {}, {}, {}};
  if (node["executed"].IsDefined()) capture.executed = node["executed"].as<bool>();
  for (const YAML::Node& alert : node["alerts"]) {
    ExpectedAlert expected{
        text(alert["rule"]),        text(alert["src"]), text(alert["outcome"]), alert["count"].as<unsigned>(), {},
        text(alert["args_contain"])};
    for (const YAML::Node& callable : alert["callables"]) expected.callables.push_back(text(callable));
    capture.alerts.push_back(std::move(expected));
  }
  for (const YAML::Node& listener : node["listeners"]) {
    capture.listeners.push_back({text(listener["address"]), text(listener["port"]), text(listener["auth"]),
                                 text(listener["digest"]), text(listener["application"])});
  }
  return capture;
}

/// Every capture of the manifest, read once; empty when it cannot be read, which Manifest.IsNotEmpty says.
inline const std::vector<Capture>& manifest() {
  static const std::vector<Capture> captures = [] {
    std::vector<Capture> all;
    try {
      for (const YAML::Node& node : YAML::LoadFile(capture_path("MANIFEST.yaml"))["captures"]) {
        all.push_back(capture_from(node));
      }
    } catch (const std::exception& error) {
      std::cerr << "MANIFEST.yaml: " << error.what() << "\n";
    }
    return all;
  }();
  return captures;
}

/// For INSTANTIATE_TEST_SUITE_P: the file's name with what GoogleTest allows in one.
inline std::string test_name(const testing::TestParamInfo<Capture>& info) {
  std::string name = info.param.file;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

using Event = boost::json::object;

/// The lines of `out`, each of which must be a JSON object that ends with a newline.
inline std::vector<Event> events_of(const std::string& out) {
  std::vector<Event> events;
  EXPECT_TRUE(out.empty() || out.ends_with('\n')) << "the last line has no end: " << out.substr(out.rfind('\n') + 1);
  for (size_t at = 0; at < out.size();) {
    const size_t end = std::min(out.find('\n', at), out.size());
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(out.substr(at, end - at), error);
    if (error.failed() || !value.is_object()) {
      ADD_FAILURE() << "no JSON object: " << out.substr(at, std::min<size_t>(end - at, 400));
    } else {
      events.push_back(value.get_object());
    }
    at = end + 1;
  }
  return events;
}

/// The value at a path of names, as text; empty where there is none.
inline std::string text_at(const Event& event, std::initializer_list<const char*> path) {
  const boost::json::object* object = &event;
  const boost::json::value* value = nullptr;
  for (const char* name : path) {
    if (object == nullptr) return {};
    value = object->if_contains(name);
    object = value == nullptr ? nullptr : value->if_object();
  }
  if (value == nullptr) return {};
  return value->is_string() ? std::string(value->get_string()) : boost::json::serialize(*value);
}

inline std::vector<Event> events_of_type(const std::vector<Event>& events, const std::string& type) {
  std::vector<Event> kept;
  for (const Event& event : events) {
    if (text_at(event, {"event_type"}) == type) kept.push_back(event);
  }
  return kept;
}

using Counted = std::map<std::string, unsigned>;  ///< a multiset that can be read

inline std::string alert_text(const std::string& rule, const std::string& src, const std::string& outcome) {
  return rule + " from " + src + (outcome.empty() ? "" : " (" + outcome + ")");
}

inline std::string alert_text(const Event& alert) {
  return alert_text(text_at(alert, {"alert", "rule"}), text_at(alert, {"src_ip"}),
                    text_at(alert, {"python_mp", "outcome"}));
}

inline Counted counted(const std::vector<Event>& alerts) {
  Counted out;
  for (const Event& alert : alerts) ++out[alert_text(alert)];
  return out;
}

inline Counted counted(const std::vector<ExpectedAlert>& alerts) {
  Counted out;
  for (const ExpectedAlert& alert : alerts) out[alert_text(alert.rule, alert.src, alert.outcome)] += alert.count;
  return out;
}

inline std::string list_text(const Counted& items) {
  std::string out;
  for (const auto& [item, count] : items) {
    out += (out.empty() ? "" : ", ") + item + (count == 1 ? "" : " ×" + std::to_string(count));
  }
  return out.empty() ? "–" : out;
}

/// What of `from` is not in `other`.
inline Counted without(const Counted& from, const Counted& other) {
  Counted out;
  for (const auto& [item, count] : from) {
    const auto found = other.find(item);
    const unsigned have = found == other.end() ? 0 : found->second;
    if (count > have) out[item] = count - have;
  }
  return out;
}

/// Empty when both are the same; else what is missing and what is too much.
inline std::string difference(const Counted& want, const Counted& got) {
  if (want == got) return {};
  return "\n  missing: " + list_text(without(want, got)) + "\n  extra:   " + list_text(without(got, want));
}

/// A configuration with every event type on, in `folder`.
inline std::string all_types_config(const TempFolder& folder) {
  return folder.write("all-types.yaml",
                      "sensor: {name: test}\n"
                      "outputs: {eve: {types: [alert, listener, stats, python_mp, flow, anomaly]}}\n");
}

}  // namespace pickletap::test
