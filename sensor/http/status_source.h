// What the HTTP server shows and where it gets it: one call that adds up everything at the moment of the request. The
// daemon implements it; the server and its tests know nothing else of the sensor. All calls on the HTTP thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sensor/detect/listeners.h"
#include "sensor/record.h"

namespace pickletap {

/// A histogram as it is now. `counts` are per bucket, not cumulative, and have one more entry than `upper_bounds`: what
/// is above the last.
struct HistogramSnapshot {
  std::vector<double> upper_bounds;
  std::vector<uint64_t> counts;
  double sum = 0;
};

/// One capture interface, all its workers together.
struct InterfaceStatus {
  std::string name;
  bool up = false;
  std::string trouble;  ///< why it is not up; empty when it is
  uint64_t packets = 0, bytes = 0, dropped = 0;
};

struct OutputStatus {
  std::string name;     ///< as in the metrics: "file", "syslog", "socket", "redis"
  bool up = false;      ///< it took what it was last given
  std::string trouble;  ///< why it is not up
  uint64_t events = 0, dropped = 0, queued_bytes = 0;
};

struct SensorStatus {
  std::string sensor_name;
  int64_t start_time_ns = 0;        ///< wall clock
  int64_t last_packet_time_ns = 0;  ///< 0: none yet
  int64_t packet_clock_lag_ns = 0;  ///< wall clock less the latest packet's time, when it was read
  bool ready = false;               ///< capture is open and packets are being read
  std::string not_ready_reason;
  bool last_reload_successful = true;
  std::string last_reload_error;
  int64_t last_reload_success_ns = 0;
  std::vector<InterfaceStatus> interfaces;
  std::vector<OutputStatus> outputs;
  std::vector<StatsRecord::Counter> counters;  ///< every series of ours but the histogram, without `pickletap_`
  HistogramSnapshot packet_latency;            ///< seconds from capture to alert
};

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  virtual SensorStatus status() = 0;
  /// EVE lines without their newline, the newest first.
  virtual std::vector<std::shared_ptr<const std::string>> recent_alerts(size_t max) = 0;
  /// The inventory as it was at most a second ago; never null. At most Listeners::kMaxSummaries, last seen first.
  virtual std::shared_ptr<const std::vector<ListenerSummary>> listeners() = 0;
};

}  // namespace pickletap
