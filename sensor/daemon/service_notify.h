// What the daemon tells its service manager (sd_notify(3)); outside of systemd, that is without NOTIFY_SOCKET, each call
// does nothing. Main thread. sd_notify() opens a Unix datagram socket at each call, which the sandbox of the main thread
// allows. A manager that does not listen is said once in the log and tried again with the next message. Status texts are
// made one printable line of at most kMaxStatusCharacters, for a line break would begin another assignment.
// Sources: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5) of systemd 252, which has Type=notify with
// ExecReload= but not yet Type=notify-reload (253).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace pickletap {

class ServiceNotify {
 public:
  static constexpr size_t kMaxStatusCharacters = 256;

  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  ServiceNotify();
  /// READY=1: started, or a reload is over.
  void ready(const std::string& status);
  /// RELOADING=1 with MONOTONIC_USEC, as Type=notify-reload wants it; ready() ends it.
  void reloading();
  void status(const std::string& status);
  void stopping();
  /// Half of WATCHDOG_USEC; none when there is no watchdog.
  std::optional<std::chrono::milliseconds> watchdog_interval() const { return watchdog_interval_; }
  void watchdog();

  /// Messages that the manager did not take.
  uint64_t failures() const { return failures_; }

 private:
  void send(const std::string& assignments);

  bool managed_ = false;
  std::optional<std::chrono::milliseconds> watchdog_interval_;
  uint64_t failures_ = 0;
};

}  // namespace pickletap
