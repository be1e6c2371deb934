// Packet time as text, always UTC, microseconds: what EVE and the console print. Pure; no time zone data, no clock.
// Nanoseconds since the Unix epoch; times before it (a broken capture) are written right too.
#pragma once

#include <cstdint>
#include <string>

namespace pickletap {

/// "2026-11-21T10:00:00.123456+0000", as Suricata writes it.
std::string eve_time(int64_t time_ns);

/// "2026-11-21 10:00:00.123456Z", for people.
std::string readable_time(int64_t time_ns);

}  // namespace pickletap
