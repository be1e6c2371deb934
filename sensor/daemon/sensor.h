// Everything of the daemon that is not its main loop: capture threads, detection thread, outputs, and what the HTTP
// interface shows of them. Main thread only. Made and opened while privileges last, started after they are gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "sensor/capture/live_clock.h"
#include "sensor/daemon/capture_thread.h"
#include "sensor/daemon/detection_thread.h"
#include "sensor/daemon/evidence_thread.h"
#include "sensor/daemon/kept_packets.h"
#include "sensor/daemon/key_thread.h"
#include "sensor/daemon/list_writer.h"
#include "sensor/daemon/policy_store.h"
#include "sensor/daemon/recent_alerts.h"
#include "sensor/event_queue.h"
#include "sensor/http/status_source.h"
#include "sensor/output/event_writer.h"
#include "sensor/output/live_outputs.h"

namespace pickletap {

class Sensor final : public StatusSource {
 public:
  /// Opens all interfaces. Throws CaptureError, ConfigError, PolicyError.
  explicit Sensor(const Config& config);
  ~Sensor() override;

  /// Starts all threads: outputs, detection, capture. Throws what their sandboxes throw.
  void start();
  /// Each thread has its list of system calls. After start().
  bool restricts_threads() const;
  /// Ends them in the order of the data and writes what waits. False: some output lost events.
  bool stop();

  /// Takes what can be taken without a restart, throws ConfigError or PolicyError and changes nothing otherwise.
  /// Returns the keys that need a restart.
  std::vector<std::string> reload(const Config& next);
  /// A reload failed before it came to us.
  void note_reload_failure(std::string error);
  void reopen_outputs();

  /// Every thread did something since the last call: what the watchdog wants to know.
  bool is_alive();
  /// Says in the log which interfaces and clocks changed since the last call.
  void log_changes();
  const Config& config() const { return config_; }
  bool has_network_outputs() const;

  SensorStatus status() override;
  std::vector<std::shared_ptr<const std::string>> recent_alerts(size_t max) override;
  std::shared_ptr<const std::vector<ListenerSummary>> listeners() override;

 private:
  using Counters = DetectionThread::Counters;

  void open_interfaces();
  void add_outputs();
  /// Main thread and detection thread: reads nothing that a reload changes.
  Counters gather() const;
  std::vector<InterfaceStatus> interface_status() const;

  Config config_;
  const std::vector<std::string> interfaces_;
  const uint64_t memory_limit_bytes_;
  PolicyStore policies_;
  LiveClock clock_;
  EventWriter writer_;
  RecentAlerts* recent_alerts_ = nullptr;  // writer_ owns it and the queued outputs
  struct QueuedPlace {
    QueuedOutput* output;
    bool uses_network;
  };
  std::vector<QueuedPlace> queued_outputs_;
  std::vector<std::unique_ptr<EventQueue>> queues_;
  std::unique_ptr<ListWriter> learned_writer_;  // policy.mode: learn; else null
  std::vector<std::unique_ptr<KeptPackets>>
      kept_packets_;                          // of each capture thread; none without outputs.evidence.folder
  std::unique_ptr<EvidenceThread> evidence_;  // asks kept_packets_; null like them
  std::unique_ptr<DetectionThread> detection_;
  std::unique_ptr<KeyThread> keys_;                       // ends before detection_, which it delivers to
  std::vector<std::unique_ptr<CaptureThread>> captures_;  // all workers of the first interface, then the next's
  std::string why_no_seccomp_;
  int64_t start_time_ns_ = 0;
  bool last_reload_successful_ = true;
  std::string last_reload_error_;
  int64_t last_reload_success_ns_ = 0;
  std::vector<std::string> logged_trouble_;  // by interface; "" when it was up
  uint64_t logged_jumps_ = 0;
  std::vector<uint64_t> beats_;
};

}  // namespace pickletap
