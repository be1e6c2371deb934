// Whom a request believes to talk to. A page in somebody's browser can make a name of its own resolve to 127.0.0.1 and
// then read what answers there ("DNS rebinding"); such a request carries that name in its Host field. So only names that
// no stranger can own are answered: IP literals, "localhost", and those of http.allowed_hosts. Pure; any thread.
// Sources: RFC 9110 section 7.2, RFC 3986 section 3.2.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pickletap {

/// Host and port of an authority: "host", "host:port", "[v6]", "[v6]:port". The host is without brackets, the port is
/// empty where there is none.
struct Authority {
  std::string_view host, port;
  bool is_bracketed = false;
};

/// Nothing for what is no authority: an empty host, user information, a port that is no number up to 65535.
std::optional<Authority> parse_authority(std::string_view text);

/// `host` is a Host field. Names are compared without regard to case.
bool is_allowed_host(std::string_view host, std::span<const std::string> allowed_names);

}  // namespace pickletap
