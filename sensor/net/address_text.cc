#include "sensor/net/address_text.h"

#include <arpa/inet.h>

#include <array>

namespace pickletap {

std::string to_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  // Cannot fail: the family is known and the buffer is the longest text there is.
  inet_ntop(address.is_v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpAddress> parse_address(const std::string& text) {
  IpAddress address;
  address.is_v6 = text.find(':') != std::string::npos;
  const bool is_one = inet_pton(address.is_v6 ? AF_INET6 : AF_INET, text.c_str(), address.bytes.data()) == 1;
  return is_one ? std::optional(address) : std::nullopt;
}

}  // namespace pickletap
