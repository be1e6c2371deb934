// Addresses as text: dotted quads, and RFC 5952 for IPv6. Used where something is reported, never per packet.
#pragma once

#include <optional>
#include <string>

#include "sensor/net/packet.h"

namespace pickletap {

std::string to_text(const IpAddress& address);
/// Nothing for what is no address, such as a host name.
std::optional<IpAddress> parse_address(const std::string& text);

}  // namespace pickletap
