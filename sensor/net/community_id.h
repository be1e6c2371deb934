// Community ID v1 with seed 0: the name that Zeek, Suricata and others give the same flow. Computed per event, not per
// packet. Source: https://github.com/corelight/community-id-spec
#pragma once

#include <string>

#include "sensor/event.h"

namespace pickletap {

/// "1:" and the base64 of a SHA-1 over the ordered tuple. TCP or UDP; the order of the two endpoints does not matter.
std::string community_id(const Endpoint& a, const Endpoint& b, bool is_udp = false);

}  // namespace pickletap
