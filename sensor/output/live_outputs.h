// The outputs of the daemon as the configuration has them, each behind its own queue and thread.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "sensor/output/queued_output.h"

namespace pickletap {

struct LiveOutput {
  std::unique_ptr<QueuedOutput> output;
  EventTypes types;
  bool uses_network = false;  ///< its thread opens sockets and resolves names; else files only
};

/// In the order file, syslog, socket, redis; those without a place are left out; a file "-" is standard output. Opens
/// nothing but the password file. `config.sensor.name` is the HOSTNAME of syslog messages. Throws ConfigError
/// ("KEY: what is wrong") for an address that is none, or a password file that cannot be read.
std::vector<LiveOutput> make_live_outputs(const Config& config);

}  // namespace pickletap
