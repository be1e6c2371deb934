// Addresses as text: dotted quads, and RFC 5952 for IPv6. Used where something is reported, never per packet.
#pragma once

#include <string>

#include "sensor/net/packet.h"

namespace pickletap {

std::string to_text(const IpAddress& address);

}  // namespace pickletap
