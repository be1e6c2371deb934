// What the configuration says of networks: "10.0.0.0/8", the expectations of `networks.listeners`, the cases of
// `rules.NAME.suppress` and the networks of `stream.overlap_policy`. Parsed from single texts, so that files, the environment and --set all can carry them; each
// parser gives nothing for what is no such text, and the *_complaint functions say why. Pure but for inet_pton(3).
//
// An expectation is "ADDRESS:PORT WORD…" with the words key, digest=NAME, no-manager and peers=NETWORK,NETWORK…; a case
// is one or more of NETWORK, source=NETWORK, listener=ADDRESS:PORT and callable=NAME, and all of them must hold.
// ADDRESS may be a network, PORT may be *, NAME may hold *. Limits: kMaxNetworks a text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pickletap {

/// Bytes of an address: IPv4 in the first four, the rest zero.
using AddressBytes = std::array<uint8_t, 16>;

struct Network {
  AddressBytes address{};
  bool is_v6 = false;
  unsigned prefix_bits = 0;
  bool contains(const AddressBytes& other, bool other_is_v6) const;
};
inline constexpr size_t kMaxNetworks = 64;

/// "10.0.0.0/8", "192.0.2.7", "fd00::/8". Bits behind the prefix must be zero.
std::optional<Network> parse_network(std::string_view text);

/// Endpoints of listeners: "10.0.0.5:50000", "10.0.0.0/8:*", "[fd00::1]:50000", "[fd00::/8]:*".
struct EndpointPattern {
  Network network;
  std::optional<uint16_t> port;  ///< any when empty
  bool matches(const AddressBytes& address, bool is_v6, uint16_t at) const {
    return (!port || *port == at) && network.contains(address, is_v6);
  }
};
std::optional<EndpointPattern> parse_endpoint_pattern(std::string_view text);

/// One item of networks.listeners.
struct Expectation {
  std::string text;  ///< as the operator wrote it, for alerts
  EndpointPattern at;
  bool key = false;          ///< a handshake is required
  std::string least_digest;  ///< "md5", "sha256", … or empty: any
  bool no_manager = false;
  std::vector<Network> peers;  ///< any when empty
};
std::optional<Expectation> parse_expectation(std::string_view text);

/// One item of rules.NAME.suppress. What is empty holds always.
struct SuppressedCase {
  std::optional<Network> either_end, source;
  std::optional<EndpointPattern> listener;
  std::string callable;
};
std::optional<SuppressedCase> parse_suppressed_case(std::string_view text);

/// One item of stream.overlap_policy: "NETWORK NAME".
struct OverlapRule {
  Network network;
  std::string policy;  ///< "linux", "bsd", "windows", "solaris", "first" or "last"
};
std::optional<OverlapRule> parse_overlap_rule(std::string_view text);

/// `*` stands for any bytes, none included. Linear in `text` times the stars of `pattern`.
bool matches_wildcard(std::string_view pattern, std::string_view text);

// For the table of keys: what is wrong, empty when nothing is.
std::string network_complaint(std::string_view text);
std::string expectation_complaint(std::string_view text);
std::string suppress_complaint(std::string_view text);
std::string overlap_complaint(std::string_view text);

}  // namespace pickletap
