#include "sensor/daemon/service_notify.h"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

std::string status_line(const std::string& status) {
  std::string line = "STATUS=";
  append_printable(line, status, ServiceNotify::kMaxStatusCharacters);
  return line;
}

}  // namespace

ServiceNotify::ServiceNotify() : managed_(std::getenv("NOTIFY_SOCKET") != nullptr) {
  uint64_t interval_us = 0;
  if (sd_watchdog_enabled(0, &interval_us) > 0) {
    watchdog_interval_ =
        std::max(std::chrono::milliseconds(1),
                 std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(interval_us / 2)));
  }
}

void ServiceNotify::ready(const std::string& status) { send("READY=1\n" + status_line(status)); }

void ServiceNotify::reloading() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();  // CLOCK_MONOTONIC
  send("RELOADING=1\nMONOTONIC_USEC=" +
       std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

void ServiceNotify::status(const std::string& status) { send(status_line(status)); }

void ServiceNotify::stopping() { send("STOPPING=1"); }

void ServiceNotify::watchdog() { send("WATCHDOG=1"); }

void ServiceNotify::send(const std::string& assignments) {
  if (!managed_) return;
  const int result = sd_notify(0, assignments.c_str());
  if (result > 0) return;
  if (failures_++ == 0) {
    spdlog::warn("the service manager does not take messages (NOTIFY_SOCKET): {}", std::strerror(-result));
  }
}

}  // namespace pickletap
