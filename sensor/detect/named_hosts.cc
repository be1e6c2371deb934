#include "sensor/detect/named_hosts.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "sensor/net/address_text.h"

namespace pickletap {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_host_char(char c) { return is_digit(c) || is_alpha(c) || c == '.' || c == '-' || c == '_' || c == ':'; }
bool is_quote(char c) { return c == '\'' || c == '"' || c == '\\'; }

/// 1 to 65535; else 0.
uint16_t port_of(std::string_view digits) {
  if (digits.empty() || digits.size() > 5 || !std::all_of(digits.begin(), digits.end(), is_digit)) return 0;
  uint32_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<uint32_t>(c - '0');
  return value <= UINT16_MAX ? static_cast<uint16_t>(value) : uint16_t{0};
}

/// "2130706433" and "0x7f000001", which stand for addresses in URLs.
std::optional<IpAddress> address_of_number(std::string_view text) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    const bool letter = is_hex && is_alpha(c) && (c | 0x20) <= 'f';
    if (!is_digit(c) && !letter) return std::nullopt;
    value = value * (is_hex ? 16 : 10) + static_cast<uint64_t>(letter ? (c | 0x20) - 'a' + 10 : c - '0');
  }
  if (value > UINT32_MAX) return std::nullopt;
  IpAddress address;
  for (size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
  return address;
}

/// The IPv4 address in ::ffff:a.b.c.d; any other as it is.
IpAddress unmapped(const IpAddress& address) {
  static constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!address.is_v6 || !std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) return address;
  IpAddress v4;
  std::copy_n(address.bytes.begin() + 12, 4, v4.bytes.begin());
  return v4;
}

enum class Reach : uint8_t { kNowhere, kThisHost, kFar };

Reach reach_of(const IpAddress& address) {
  const auto& bytes = address.bytes;
  const size_t size = address.is_v6 ? 16 : 4;
  const bool zeros = std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size - 1),
                                 [](uint8_t byte) { return byte == 0; });
  if (zeros && bytes[size - 1] == 0) return Reach::kNowhere;
  if (address.is_v6) return zeros && bytes[15] == 1 ? Reach::kThisHost : Reach::kFar;
  return bytes[0] == 127 ? Reach::kThisHost : Reach::kFar;
}

/// Labels of letters, digits, '-' and '_'; with `dotted` two of them or more, and no digits in the last.
bool is_name(std::string_view name, bool dotted) {
  if (name.empty() || name.size() > 253) return false;
  size_t label = 0, labels = 1;
  bool only_letters = true;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      ++labels;
      only_letters = true;
      continue;
    }
    if (!is_host_char(c) || c == ':' || ++label > 63) return false;
    only_letters = only_letters && is_alpha(c);
  }
  if (label == 0 || is_digit(name.front())) {
    if (label == 0 || std::none_of(name.begin(), name.end(), is_alpha)) return false;
  }
  return !dotted || (labels >= 2 && label >= 2 && only_letters);
}

class Scanner {
 public:
  void scan(std::string_view text) {
    const size_t room = NamedHosts::kMaxText - read_;
    if (text.size() > room) {
      out_.more = true;
      text = text.substr(0, room);
    }
    read_ += text.size();
    text_ = text;
    for (size_t at = 0; at < text_.size();) {
      if (text_[at] == '[') {
        at = bracketed(at);
      } else if (is_host_char(text_[at])) {
        at = word(at);
      } else {
        ++at;
      }
    }
  }

  NamedHosts take() {
    out_.hosts = std::move(sure_);
    for (NamedHost& name : names_) {
      const bool known = std::any_of(out_.hosts.begin(), out_.hosts.end(),
                                     [&](const NamedHost& other) { return other.host == name.host; });
      if (!known) out_.hosts.push_back(std::move(name));
    }
    return std::move(out_);
  }

  void add_url(std::string_view scheme, std::string_view authority) {
    if (const size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
    uint16_t port = default_port(scheme);
    std::string_view host = authority;
    if (authority.starts_with('[')) {
      const size_t end = std::min(authority.find(']'), authority.size());
      host = authority.substr(1, end - 1);
      if (authority.substr(end).starts_with("]:")) port = port_of(authority.substr(end + 2));
    } else if (const size_t colon = authority.find(':'); colon != std::string_view::npos) {
      host = authority.substr(0, colon);
      const std::string_view rest = authority.substr(colon + 1);
      port = port_of(rest.substr(0, std::min(rest.size(), rest.find_first_not_of("0123456789"))));
    }
    while (host.starts_with('.')) host.remove_prefix(1);
    while (host.ends_with('.')) host.remove_suffix(1);
    if (const auto address = address_of_number(host)) {
      add_address(*address, port);
    } else if (!add_address(host, port) && is_name(host, false)) {
      add_name(host, port, true);
    }
  }

 private:
  static uint16_t default_port(std::string_view scheme) {
    static constexpr std::array<std::pair<std::string_view, uint16_t>, 8> kPorts = {{{"http", 80},
                                                                                     {"https", 443},
                                                                                     {"ftp", 21},
                                                                                     {"ssh", 22},
                                                                                     {"sftp", 22},
                                                                                     {"ldap", 389},
                                                                                     {"ws", 80},
                                                                                     {"wss", 443}}};
    for (const auto& [name, port] : kPorts) {
      if (scheme == name) return port;
    }
    return 0;
  }

  /// "[fd00::1]:4444". Behind it, or behind the bracket.
  size_t bracketed(size_t at) {
    constexpr size_t kLongest = 48;
    const size_t end = text_.substr(at, kLongest).find(']');
    if (end == std::string_view::npos || end < 3) return at + 1;
    const std::string_view inner = text_.substr(at + 1, end - 1);
    if (!std::all_of(inner.begin(), inner.end(), is_host_char) || inner.find(':') == std::string_view::npos)
      return at + 1;
    uint16_t port = 0;
    const std::string_view rest = text_.substr(at + end + 1);
    if (rest.starts_with(':')) port = port_of(digits_at(at + end + 2));
    return add_address(inner, port) ? at + end + 1 : at + 1;
  }

  std::string_view digits_at(size_t at) const {
    size_t end = at;
    while (end < text_.size() && end - at < 6 && is_digit(text_[end])) ++end;
    return text_.substr(at, end - at);
  }

  /// The port that follows a host in an argument of its own: `nc HOST PORT`, `("HOST", PORT)`.
  uint16_t port_behind(size_t end) const {
    constexpr size_t kMaxBetween = 8;
    size_t at = end;
    while (at < text_.size() && at - end < kMaxBetween &&
           (text_[at] == ' ' || text_[at] == ',' || is_quote(text_[at]))) {
      ++at;
    }
    if (at == end) return 0;
    const std::string_view digits = digits_at(at);
    const size_t behind = at + digits.size();
    // "2>/dev/null", "5s"
    if (behind < text_.size() && (is_host_char(text_[behind]) || text_[behind] == '>')) return 0;
    return port_of(digits);
  }

  size_t word(size_t begin) {
    size_t end = begin;
    while (end < text_.size() && is_host_char(text_[end])) ++end;
    const std::string_view before = text_.substr(0, begin);
    std::string_view token = text_.substr(begin, end - begin);
    if (text_.substr(end).starts_with("//") && token.ends_with(':'))
      return url(token.substr(0, token.size() - 1), end + 2);
    // "\n10.0.0.1" in a string as Python writes it
    if (before.ends_with('\\') && (token.front() == 'n' || token.front() == 't' || token.front() == 'r')) {
      token.remove_prefix(1);
    }
    // "%s.evil.example", "$USER.evil.example": what stands in its place is not known.
    if (before.ends_with('%') || before.ends_with('$')) token.remove_prefix(std::min(token.find('.'), token.size()));
    const auto is_margin = [](char c) { return c == '.' || c == '-' || c == ':'; };
    while (!token.empty() && is_margin(token.front()) && !token.starts_with("::")) token.remove_prefix(1);
    while (!token.empty() && is_margin(token.back()) && !token.ends_with("::")) token.remove_suffix(1);
    if (token.empty()) return end;
    const bool is_device = before.ends_with("/dev/tcp/") || before.ends_with("/dev/udp/");
    const bool has_slash = end < text_.size() && text_[end] == '/';
    const uint16_t behind = is_device && has_slash ? port_of(digits_at(end + 1)) : port_behind(end);
    if (token.find(':') != std::string_view::npos && add_address(token, behind)) return end;
    parts(token, behind, before, end, is_device);
    return end;
  }

  size_t url(std::string_view scheme, size_t begin) {
    const size_t end =
        std::min(text_.size(), text_.find_first_of(std::string_view(" \t\r\n/?#'\"\\<>|;&`(){},\0", 22), begin));
    std::string lower(scheme.substr(0, 16));
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return is_alpha(c) ? static_cast<char>(c | 0x20) : c; });
    add_url(lower, text_.substr(begin, end - begin));
    return end;
  }

  /// "HOST", "HOST:PORT", and socat's "TCP:HOST:PORT".
  void parts(std::string_view token, uint16_t behind, std::string_view before, size_t end, bool is_device) {
    const bool called = end < text_.size() && (text_[end] == '(' || text_[end] == '=');
    const bool quoted = !before.empty() && is_quote(before.back()) && end < text_.size() && is_quote(text_[end]);
    for (size_t at = 0; at <= token.size();) {
      const size_t colon = std::min(token.find(':', at), token.size());
      const std::string_view part = token.substr(at, colon - at);
      const std::string_view rest = colon < token.size() ? token.substr(colon + 1) : std::string_view();
      const uint16_t attached = port_of(rest.substr(0, std::min(rest.find(':'), rest.size())));
      const uint16_t port = attached != 0 ? attached : rest.empty() ? behind : uint16_t{0};
      at = colon + 1;
      if (add_address(part, port) || called) continue;
      const bool is_path = before.ends_with('/') && !is_device;
      if (is_device ? is_name(part, false) : !is_path && is_name(part, true)) {
        add_name(part, port, port != 0);
      } else if (quoted && port != 0 && attached == 0 && text_.substr(end, 3).find(',') != std::string_view::npos &&
                 is_name(part, false)) {
        add_name(part, port, true);  // ("attacker", 4444)
      }
    }
  }

  bool add_address(std::string_view text, uint16_t port) {
    constexpr size_t kLongest = 45;
    if (text.size() < 2 || text.size() > kLongest) return false;
    const auto address = parse_address(std::string(text));
    if (address) add_address(unmapped(*address), port);
    return address.has_value();
  }

  void add_address(const IpAddress& address, uint16_t port) {
    const Reach reach = reach_of(address);
    if (reach == Reach::kNowhere || (reach == Reach::kThisHost && port == 0)) return;
    add(sure_, NamedHosts::kMaxSure, {to_text(address), port, address});
  }

  void add_name(std::string_view name, uint16_t port, bool sure) {
    NamedHost host{std::string(name), port, {}};
    for (char& c : host.host) c = is_alpha(c) ? static_cast<char>(c | 0x20) : c;
    if (host.host == "localhost") {
      IpAddress loopback;
      loopback.bytes = {127, 0, 0, 1};
      return add_address(loopback, port);
    }
    if (sure) {
      add(sure_, NamedHosts::kMaxSure, std::move(host));
    } else {
      add(names_, NamedHosts::kMaxNames, std::move(host));
    }
  }

  void add(std::vector<NamedHost>& list, size_t max, NamedHost&& host) {
    const bool known = std::any_of(list.begin(), list.end(), [&](const NamedHost& other) {
      return other.host == host.host && other.port == host.port;
    });
    if (known) return;
    if (list.size() >= max) {
      out_.more = true;
      return;
    }
    list.push_back(std::move(host));
  }

  std::string_view text_;
  size_t read_ = 0;
  std::vector<NamedHost> sure_, names_;
  NamedHosts out_;
};

}  // namespace

std::string NamedHost::text() const {
  if (port == 0) return host;
  return (address && address->is_v6 ? "[" + host + "]:" : host + ":") + std::to_string(port);
}

NamedHosts named_hosts(const PickleReport& report) {
  Scanner scanner;
  for (const PickleCall& call : report.calls) scanner.scan(call.args);
  for (const std::string& command : report.indicators.commands) scanner.scan(command);
  for (const std::string& url : report.indicators.urls) scanner.scan(url);
  for (const PickleFinding& finding : report.findings) scanner.scan(finding.host);
  scanner.scan(report.program);
  return scanner.take();
}

}  // namespace pickletap
