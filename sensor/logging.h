// Messages on standard error, by spdlog's default logger: one line each, nothing in it that steers a terminal, for file
// names and YAML are other people's. Commands say "pickletap: message"; the daemon says
// "2026-11-21T10:00:00.123Z LEVEL message" (UTC), or "<N>message" with the priority of syslog(3) when standard error is
// the journal's, which has stamps of its own. Set up once by the main thread before others start; the daemon's logger
// may be used by any thread.
// Sources: sd-daemon(3), "Automatic Logging" ($JOURNAL_STREAM) of systemd.exec(5).
#pragma once

#include <string>

namespace pickletap {

enum class LogStyle { kCommand, kDaemon };

/// `level`: "debug", "info", "warning" or "error". May be called again, with another style.
void set_up_logging(LogStyle style, const std::string& level);

}  // namespace pickletap
