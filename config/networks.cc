#include "config/networks.h"

#include <arpa/inet.h>

#include <algorithm>

#include "config/text_checks.h"
#include "config/values.h"

namespace pickletap {
namespace {

constexpr uint64_t kMaxPort = 65535;
constexpr size_t kMaxAddressText = 64;
constexpr size_t kMaxWords = 16;
constexpr std::string_view kDigests[] = {"md5", "sha256", "sha384", "sha3_256", "sha3_384"};
constexpr std::string_view kOverlapPolicies[] = {"linux", "bsd", "windows", "solaris", "first", "last"};

/// Bits from `prefix_bits` on are zero.
bool is_clean(const AddressBytes& address, unsigned prefix_bits) {
  for (unsigned bit = prefix_bits; bit < 8 * address.size(); ++bit) {
    if ((address[bit / 8] >> (7 - bit % 8) & 1U) != 0) return false;
  }
  return true;
}

/// The words of a text; nothing when there are none or too many.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.size() > kMaxWords) return {};
  }
  return words;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::vector<Network>> parse_networks(std::string_view text) {
  std::vector<Network> networks;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto network = parse_network(text.substr(0, comma));
    if (!network || networks.size() >= kMaxNetworks) return std::nullopt;
    networks.push_back(*network);
    if (comma == text.size()) return networks;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

bool Network::contains(const AddressBytes& other, bool other_is_v6) const {
  if (other_is_v6 != is_v6) return false;
  const size_t whole = prefix_bits / 8;
  if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(whole), other.begin())) return false;
  const unsigned rest = prefix_bits % 8;
  return rest == 0 || (address[whole] ^ other[whole]) >> (8 - rest) == 0;
}

std::optional<Network> parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (address.size() > kMaxAddressText) return std::nullopt;
  Network network;
  network.is_v6 = address.find(':') != std::string::npos;
  if (inet_pton(network.is_v6 ? AF_INET6 : AF_INET, address.c_str(), network.address.data()) != 1) return std::nullopt;
  const unsigned most = network.is_v6 ? 128 : 32;
  network.prefix_bits = most;
  if (slash != std::string_view::npos) {
    const auto bits = parse_count(text.substr(slash + 1));
    if (!bits || *bits > most) return std::nullopt;
    network.prefix_bits = static_cast<unsigned>(*bits);
  }
  return is_clean(network.address, network.prefix_bits) ? std::optional(network) : std::nullopt;
}

std::optional<EndpointPattern> parse_endpoint_pattern(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  const auto network = parse_network(host);
  if (!network || network->is_v6 != brackets) return std::nullopt;
  EndpointPattern pattern{*network, std::nullopt};
  if (port == "*") return pattern;
  const auto number = parse_count(port);
  if (!number || *number == 0 || *number > kMaxPort) return std::nullopt;
  pattern.port = static_cast<uint16_t>(*number);
  return pattern;
}

std::optional<Expectation> parse_expectation(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.size() < 2) return std::nullopt;
  const auto at = parse_endpoint_pattern(words.front());
  if (!at) return std::nullopt;
  Expectation out;
  out.text = std::string(text);
  out.at = *at;
  for (size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == "key") {
      out.key = true;
    } else if (word == "no-manager") {
      out.no_manager = true;
    } else if (take_prefix(word, "digest=")) {
      if (std::find(std::begin(kDigests), std::end(kDigests), word) == std::end(kDigests)) return std::nullopt;
      out.least_digest = std::string(word);
    } else if (take_prefix(word, "peers=")) {
      auto peers = parse_networks(word);
      if (!peers) return std::nullopt;
      out.peers = std::move(*peers);
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<SuppressedCase> parse_suppressed_case(std::string_view text) {
  SuppressedCase out;
  const std::vector<std::string_view> words = words_of(text);
  if (words.empty()) return std::nullopt;
  for (std::string_view word : words) {
    if (take_prefix(word, "callable=")) {
      if (word.empty()) return std::nullopt;
      out.callable = std::string(word);
    } else if (take_prefix(word, "listener=")) {
      if (!(out.listener = parse_endpoint_pattern(word))) return std::nullopt;
    } else if (take_prefix(word, "source=")) {
      if (!(out.source = parse_network(word))) return std::nullopt;
    } else if (!(out.either_end = parse_network(word))) {
      return std::nullopt;
    }
  }
  return out;
}

bool matches_wildcard(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::optional<OverlapRule> parse_overlap_rule(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.size() != 2) return std::nullopt;
  const auto network = parse_network(words[0]);
  if (!network || std::ranges::find(kOverlapPolicies, words[1]) == std::end(kOverlapPolicies)) return std::nullopt;
  return OverlapRule{*network, std::string(words[1])};
}

std::string network_complaint(std::string_view text) {
  if (parse_network(text)) return "";
  return quoted_value(text) + " is no network (write 10.0.0.0/8, 192.0.2.7 or fd00::/8, no bits behind the prefix)";
}

std::string expectation_complaint(std::string_view text) {
  if (parse_expectation(text)) return "";
  return quoted_value(text) +
         " is no expectation (write '10.0.0.5:50000 key digest=sha256 no-manager peers=10.0.0.0/8', words as needed)";
}

std::string suppress_complaint(std::string_view text) {
  if (parse_suppressed_case(text)) return "";
  return quoted_value(text) +
         " is no case (write 10.0.0.0/8, source=NETWORK, listener=ADDRESS:PORT or callable=NAME, or several in one)";
}

std::string overlap_complaint(std::string_view text) {
  if (parse_overlap_rule(text)) return "";
  return quoted_value(text) +
         " is no overlap policy (write '10.0.0.0/8 windows', a network and linux, bsd, windows, solaris, first or "
         "last)";
}

}  // namespace pickletap
