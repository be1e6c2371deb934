#include "config/text_checks.h"

#include <arpa/inet.h>

#include <algorithm>

#include "config/output_address.h"
#include "config/values.h"

namespace pickletap {
namespace {

constexpr size_t kMaxInterfaceBytes = 15;  // IFNAMSIZ without its null byte
constexpr uint64_t kMaxPort = 65535;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
bool is_space_or_control(char c) { return c == ' ' || is_control(c); }
bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

template <typename Test>
bool any(std::string_view text, Test test) {
  return std::any_of(text.begin(), text.end(), test);
}

bool is_address(int family, std::string_view text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

bool is_listen_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port > kMaxPort) return false;
  const std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) return is_address(AF_INET6, host.substr(1, host.size() - 2));
  return is_address(AF_INET, host);
}

}  // namespace

std::string quoted_value(std::string_view value) {
  std::string out = "'";
  for (const char c : value.substr(0, kMaxShownBytes)) out += is_control(c) ? '?' : c;
  return out + (value.size() > kMaxShownBytes ? "…'" : "'");
}

std::string interface_complaint(std::string_view name) {
  if (name.find(',') != std::string_view::npos)
    return quoted_value(name) + " is no interface name (write [eth0, eth1])";
  const bool right = !name.empty() && name.size() <= kMaxInterfaceBytes && name != "." && name != ".." &&
                     !any(name, [](char c) { return c == '/' || c == ':' || is_space_or_control(c); });
  return right ? "" : quoted_value(name) + " is no interface name (1 to 15 bytes, no spaces, no / and no :)";
}

std::string listen_complaint(std::string_view address) {
  if (address.empty() || is_listen_address(address)) return "";
  return "expected ADDRESS:PORT with an IP address, not " + quoted_value(address) +
         " (write 127.0.0.1:9502, [::1]:9502 or 0.0.0.0:9502)";
}

std::string host_complaint(std::string_view name) {
  const bool right = !name.empty() && name.size() <= kMaxHostBytes && is_letter_or_digit(name.front()) &&
                     !any(name, [](char c) { return !is_letter_or_digit(c) && c != '-' && c != '.' && c != '_'; });
  return right ? "" : quoted_value(name) + " is no host name (write sensor.example.org, without a port)";
}

std::string user_complaint(std::string_view name) {
  const bool right = !name.empty() && name.front() != '-' &&
                     !any(name, [](char c) { return c == ':' || c == '/' || is_space_or_control(c); });
  return right ? "" : quoted_value(name) + " is no user name";
}

std::string syslog_complaint(std::string_view address) {
  if (address.empty() || parse_syslog_address(address)) return "";
  return quoted_value(address) + " is no address (write unix:///dev/log, udp://HOST:514 or tcp://HOST:601)";
}

std::string redis_complaint(std::string_view address) {
  if (address.empty() || parse_redis_address(address)) return "";
  return quoted_value(address) + " is no address (write HOST:6379, [::1]:6379 or unix:///run/redis/redis.sock)";
}

std::string socket_path_complaint(std::string_view path) {
  if (path.empty() || parse_output_address("unix://" + std::string(path), 0)) return "";
  return quoted_value(path) + " is no path of a socket (at most " + std::to_string(kMaxSocketPathBytes) + " bytes)";
}

std::string redis_key_complaint(std::string_view key) { return key.empty() ? "must not be empty" : ""; }

}  // namespace pickletap
