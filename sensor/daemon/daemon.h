// `pickletap run`: live capture until SIGTERM or SIGINT, SIGHUP reloads. The main thread runs one Asio loop with the
// signals, the timers and the HTTP server; each worker, the detection thread and each output have a thread of their own.
// Order of start-up: configuration and policy; capture, HTTP and the service manager's socket are opened; privileges
// are dropped; files are restricted; threads start, each with its system-call list; then the main thread takes its own.
// Order of the end: capture stops and its rings are read out; flows end; the detection thread empties the queues; the
// outputs get a bounded time to write what waits.
#pragma once

#include <functional>
#include <string>

#include "config/config.h"

namespace pickletap {

/// Runs until it is told to end. `config_file`: where `config` began, empty for the defaults; its folder stays
/// readable. `load` reads the configuration anew for SIGHUP; it throws ConfigError. Returns an exit
/// code: 0, or 1 when something could not be started or an output ended with events it could not write (said in the
/// log). Throws ConfigError and PolicyError before anything was started.
int run_daemon(const Config& config, const std::string& config_file, const std::function<Config()>& load);

}  // namespace pickletap
