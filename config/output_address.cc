#include "config/output_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace pickletap {
namespace {

using Kind = OutputAddress::Kind;

constexpr std::string_view kSchemeEnd = "://";
constexpr uint16_t kSyslogUdpPort = 514;  // RFC 5426
constexpr uint16_t kSyslogTcpPort = 601;  // IANA's syslog-conn
constexpr uint16_t kRedisPort = 6379;

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// An IPv6 address, perhaps with the interface it is on ("fe80::1%eth0").
bool is_v6_address(std::string_view text) {
  in6_addr address{};
  const std::string plain(text.substr(0, text.find('%')));
  return inet_pton(AF_INET6, plain.c_str(), &address) == 1;
}

bool is_host_name(std::string_view text) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !text.empty() && text.size() <= kMaxHostBytes && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), is_allowed);
}

std::optional<OutputAddress> parse_host_and_port(std::string_view text, uint16_t default_port) {
  OutputAddress address;
  std::string_view rest;  // ":PORT" or nothing
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || !is_v6_address(text.substr(1, end - 1))) return std::nullopt;
    address.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    // A second colon would be an IPv6 address without brackets, where nobody can tell the port: no host name has one.
    const size_t colon = std::min(text.find(':'), text.size());
    address.host = text.substr(0, colon);
    rest = text.substr(colon);
    if (!is_host_name(address.host)) return std::nullopt;
  }
  address.port = default_port;
  if (!rest.empty()) {
    if (rest.front() != ':') return std::nullopt;
    const auto port = parse_port(rest.substr(1));
    if (!port) return std::nullopt;
    address.port = *port;
  }
  if (address.port == 0) return std::nullopt;
  return address;
}

}  // namespace

std::optional<OutputAddress> parse_output_address(std::string_view text, uint16_t default_port) {
  const size_t scheme_end = text.find(kSchemeEnd);
  if (scheme_end == std::string_view::npos) return parse_host_and_port(text, default_port);
  const std::string_view scheme = text.substr(0, scheme_end), rest = text.substr(scheme_end + kSchemeEnd.size());
  if (scheme == "unix") {
    if (!rest.starts_with('/') || rest.size() > kMaxSocketPathBytes || rest.find('\0') != std::string_view::npos) {
      return std::nullopt;
    }
    OutputAddress address;
    address.kind = Kind::kUnix;
    address.path = rest;
    return address;
  }
  if (scheme != "tcp" && scheme != "udp") return std::nullopt;
  auto address = parse_host_and_port(rest, default_port);
  if (address) address->kind = scheme == "udp" ? Kind::kUdp : Kind::kTcp;
  return address;
}

std::optional<OutputAddress> parse_syslog_address(std::string_view text) {
  if (text.find(kSchemeEnd) == std::string_view::npos) return std::nullopt;
  return parse_output_address(text, text.starts_with("udp") ? kSyslogUdpPort : kSyslogTcpPort);
}

std::optional<OutputAddress> parse_redis_address(std::string_view text) {
  auto address = parse_output_address(text, kRedisPort);
  if (address && address->kind == Kind::kUdp) return std::nullopt;
  return address;
}

}  // namespace pickletap
