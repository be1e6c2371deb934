#include "sensor/http/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "sensor/build_info.h"
#include "sensor/metric_catalog.h"
#include "tests/unit/http/fake_sensor.h"

namespace pickletap {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SensorStatus busy() {
  fake::Sensor sensor;
  fake::make_busy(sensor);
  return sensor.now;
}

std::string text_of(const SensorStatus& status, const HttpCounters& http = {}) {
  return metrics_text(status, http, ProcessReader().read());
}

std::vector<std::string> lines_with(const std::string& text, const std::string& part) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(part) != std::string::npos) found.push_back(line);
  }
  return found;
}

TEST(Metrics, HasEveryFamilyOfTheCatalogueOnce) {
  for (const SensorStatus& status : {busy(), SensorStatus{}}) {
    const std::string text = text_of(status);
    for (const MetricInfo& info : metric_catalog()) {
      const std::string name = "pickletap_" + std::string(info.name);
      EXPECT_EQ(lines_with(text, "# TYPE " + name + " ").size(), 1U) << name;
      EXPECT_THAT(text, HasSubstr("# HELP " + name + " " + std::string(info.help) + "\n"));
    }
  }
}

TEST(Metrics, ShowsWhatTheStructsHold) {
  SensorStatus status = busy();
  status.last_packet_time_ns = 1'795'255'200'250'000'000;
  status.last_reload_success_ns = 1'795'255'100'000'000'000;
  status.packet_clock_lag_ns = 1'500'000;
  const std::string text = text_of(status);
  for (const char* series : {
           "pickletap_capture_interface_up{interface=\"eth0\"} 1\n",
           "pickletap_capture_interface_up{interface=\"eth1\"} 0\n",
           "pickletap_output_up{output=\"file\"} 1\n",
           "pickletap_output_up{output=\"redis\"} 0\n",
           "pickletap_output_queue_bytes{output=\"redis\"} 4096\n",
           "pickletap_config_last_reload_successful 0\n",
           "pickletap_config_last_reload_success_timestamp_seconds 1795255100\n",
           "pickletap_last_packet_timestamp_seconds 1795255200.25\n",
           "pickletap_packet_clock_lag_seconds 0.0015\n",
           "pickletap_packets_total 8123456\n",
           "pickletap_alerts_total{rule=\"pickle.code-execution\",severity=\"1\"} 40\n",
       }) {
    EXPECT_THAT(text, HasSubstr(series));
  }
  EXPECT_THAT(text, HasSubstr("pickletap_build_info{version=\"" + std::string(kVersion) + "\",revision=\"" +
                              std::string(kRevision) + "\"} 1\n"));
}

TEST(Metrics, AddsTheBucketsUp) {
  const std::string text = text_of(busy());
  for (const char* series :
       {"packet_latency_seconds_bucket{le=\"0.001\"} 30\n", "packet_latency_seconds_bucket{le=\"0.01\"} 38\n",
        "packet_latency_seconds_bucket{le=\"0.1\"} 40\n", "packet_latency_seconds_bucket{le=\"+Inf\"} 41\n",
        "packet_latency_seconds_count 41\n", "packet_latency_seconds_sum 1.25\n"}) {
    EXPECT_THAT(text, HasSubstr(series));
  }
}

TEST(Metrics, HasEveryPairOfTheServersLabelsFromTheStart) {
  const std::string text = text_of(busy());
  const auto series = lines_with(text, "pickletap_http_requests_total{");
  EXPECT_EQ(series.size(), 24U);
  for (const std::string& line : series) EXPECT_TRUE(line.ends_with(" 0")) << line;
  EXPECT_THAT(text, HasSubstr("pickletap_http_connections_rejected_total 0\n"));
}

TEST(Metrics, NoSeriesStandsTwice) {
  SensorStatus status = busy();
  // Of families that are made from the structs.
  status.counters.push_back({"output_up", {{"output", "file"}}, 7});
  status.counters.push_back({"build_info", {}, 7});
  status.counters.push_back({"packet_clock_lag_seconds", {}, 7});
  // Parted from its family.
  status.counters.push_back({"alerts_total", {{"rule", "auth.failed"}, {"severity", "3"}}, 1});
  const std::string text = text_of(status);
  std::set<std::string> seen;
  std::string family;
  std::set<std::string> families;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family;
    } else if (!line.starts_with('#')) {
      EXPECT_TRUE(line.starts_with(family)) << line << " in " << family;
      EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
    }
  }
  EXPECT_GT(seen.size(), 40U);
}

TEST(Metrics, AnUnknownCounterIsSeenAndNotLost) {
  SensorStatus status = busy();
  status.counters.push_back({"surprises_total", {{"kind", "new"}}, 3});
  EXPECT_THAT(text_of(status), HasSubstr("pickletap_surprises_total{kind=\"new\"} 3\n"));
}

TEST(Metrics, KeepsLargeNumbersAndEscapesLabels) {
  SensorStatus status = busy();
  status.counters = {{"bytes_total", {}, 9'007'199'254'740'991}};
  status.interfaces = {{"a\"b\\c\nd", true, "", 0, 0, 0}};
  const std::string text = text_of(status);
  double value = 0;
  for (const std::string& line : lines_with(text, "pickletap_bytes_total ")) {
    if (!line.starts_with('#')) value = std::stod(line.substr(line.rfind(' ')));
  }
  EXPECT_EQ(static_cast<uint64_t>(value), 9'007'199'254'740'991U);
  EXPECT_THAT(text, HasSubstr("{interface=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(Metrics, LeavesOutWhatTheKernelDidNotSay) {
  const std::string with = text_of(busy()), without = metrics_text(busy(), {}, {});
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
                           "process_open_fds", "process_max_fds", "process_start_time_seconds", "process_threads"}) {
    EXPECT_EQ(lines_with(with, std::string("# TYPE ") + name).size(), 1U) << name;
    EXPECT_THAT(with, HasSubstr("\n" + std::string(name) + " ")) << name;
    EXPECT_THAT(without, Not(HasSubstr("\n" + std::string(name) + " "))) << name;
  }
}

TEST(Metrics, PromtoolIsContent) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  const auto path = std::filesystem::temp_directory_path() / ("metrics-" + std::to_string(getpid()) + ".txt");
  for (const SensorStatus& status : {busy(), SensorStatus{}}) {
    std::ofstream(path) << text_of(status);
    const std::string check = "promtool check metrics < '" + path.string() + "' > '" + path.string() + ".out' 2>&1";
    const int result = std::system(check.c_str());
    std::ostringstream said;
    said << std::ifstream(path.string() + ".out").rdbuf();
    EXPECT_EQ(result, 0) << said.str();
    EXPECT_EQ(said.str(), "");
  }
  std::ofstream(path) << "pickletap_no_help_total 1\n";  // it does complain where there is something to complain of
  EXPECT_NE(std::system(("promtool check metrics < '" + path.string() + "' >/dev/null 2>&1").c_str()), 0);
  std::filesystem::remove(path);
  std::filesystem::remove(path.string() + ".out");
}

}  // namespace
}  // namespace pickletap
