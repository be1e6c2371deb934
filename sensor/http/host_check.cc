#include "sensor/http/host_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace pickletap {
namespace {

constexpr std::string_view kNeverInHosts("@/?# \t\0", 7);

bool is_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_address(int family, std::string_view text) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(family, std::string(text).c_str(), address) == 1;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, end - 1);
    authority.is_bracketed = true;
    rest = text.substr(end + 1);
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    authority.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (authority.host.empty() || authority.host.find_first_of(kNeverInHosts) != std::string_view::npos) {
    return std::nullopt;
  }
  if (rest.empty()) return authority;
  authority.port = rest.substr(1);
  if (rest.front() != ':' || !is_port(authority.port)) return std::nullopt;
  return authority;
}

bool is_allowed_host(std::string_view host, std::span<const std::string> allowed_names) {
  const std::optional<Authority> authority = parse_authority(host);
  if (!authority) return false;
  if (authority->is_bracketed) return is_address(AF_INET6, authority->host);
  if (is_address(AF_INET, authority->host) || is_same_name(authority->host, "localhost")) return true;
  return std::any_of(allowed_names.begin(), allowed_names.end(),
                     [&](const std::string& name) { return is_same_name(authority->host, name); });
}

}  // namespace pickletap
