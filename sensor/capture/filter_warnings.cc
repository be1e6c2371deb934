// What a filter loses without saying so, found by trying it: the expression is compiled for Ethernet, a plain TCP
// packet that it accepts is looked for, and then the same packet is shown to it with VLAN tags, as a later fragment and
// inside tunnels. Which hosts and ports the filter wants is taken from the numbers and addresses in its text. When no
// plain packet is found that it accepts, nothing can be said, and nothing is.
// Limits: kMaxPorts, kMaxHosts and so some ten thousand frames of about a hundred bytes. Sources: pcap-filter(7), IEEE
// 802.1Q, RFC 791, RFC 8200 (4.5: fragments), RFC 2784 (GRE), RFC 7348 (VXLAN).
#include <arpa/inet.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sensor/capture/live_source.h"
#include "sensor/capture/pcap_handle.h"

namespace pickletap {
namespace {

constexpr size_t kMaxPorts = 8;
constexpr size_t kMaxHosts = 8;
constexpr int kSnaplenBytes = 262144;

std::string be16(unsigned value) { return {static_cast<char>((value >> 8) & 0xff), static_cast<char>(value & 0xff)}; }
std::string be32(unsigned value) { return be16(value >> 16) + be16(value); }

/// The words of the text that may name ports and hosts.
struct Wanted {
  std::vector<unsigned> ports;      ///< or VLAN ids: numbers
  std::vector<std::string> hosts4;  ///< in network byte order
  std::vector<std::string> hosts6;
};

template <typename Value>
void add(std::vector<Value>& values, const Value& value, size_t most) {
  if (values.size() < most && std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

/// "10.1" is the network 10.1.0.0 to pcap-filter(7).
std::optional<std::string> ipv4_address(std::string word) {
  for (auto dots = std::count(word.begin(), word.end(), '.'); dots >= 1 && dots < 3; ++dots) word += ".0";
  std::array<char, 4> bytes{};
  if (inet_pton(AF_INET, word.c_str(), bytes.data()) != 1) return std::nullopt;
  return std::string(bytes.data(), bytes.size());
}

std::optional<std::string> ipv6_address(const std::string& word) {
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET6, word.c_str(), bytes.data()) != 1) return std::nullopt;
  return std::string(bytes.data(), bytes.size());
}

void add_word(Wanted& wanted, const std::string& word) {
  const char* end = word.data() + word.size();
  unsigned number = 0;
  // "5000-5010" and "portrange": the first port is in the range.
  const auto [rest, error] = std::from_chars(word.data(), end, number);
  if (error == std::errc() && (rest == end || *rest == '-') && number <= 0xffff) {
    return add(wanted.ports, number, kMaxPorts);
  }
  if (const auto address = ipv4_address(word)) return add(wanted.hosts4, *address, kMaxHosts);
  if (const auto address = ipv6_address(word)) return add(wanted.hosts6, *address, kMaxHosts);
}

Wanted wanted_by(std::string_view filter) {
  Wanted wanted;
  std::string word;
  for (const char c : std::string(filter) + " ") {
    const bool in_word = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':' || c == '-';
    if (in_word) {
      word.push_back(c);
      continue;
    }
    if (!word.empty()) add_word(wanted, word);
    word.clear();
  }
  // Peers that the text does not name: two of each, for source and destination.
  for (const unsigned port : {50000U, 50001U}) add(wanted.ports, port, kMaxPorts + 2);
  for (const char* address : {"192.0.2.1", "192.0.2.2"}) add(wanted.hosts4, *ipv4_address(address), kMaxHosts + 2);
  for (const char* address : {"2001:db8::1", "2001:db8::2"}) add(wanted.hosts6, *ipv6_address(address), kMaxHosts + 2);
  return wanted;
}

/// A TCP packet without its Ethernet header, and what a later fragment of it is.
struct Sample {
  bool is_v6 = false;
  std::string source, destination;
  unsigned source_port = 0, destination_port = 0;

  std::string tcp() const {
    return be16(source_port) + be16(destination_port) + be32(1) + be32(1) + be16(0x5018) + be16(512) + be32(0) + "data";
  }
  std::string packet() const { return with_ip_header(tcp(), 6, 0); }
  std::string later_fragment() const {
    constexpr unsigned kOffset = 185;  // in units of eight bytes
    const std::string rest(24, 'x');
    if (!is_v6) return with_ip_header(rest, 6, kOffset);
    return with_ip_header(be16(6U << 8) + be16(kOffset << 3) + be32(1) + rest, 44, 0);
  }

 private:
  std::string with_ip_header(const std::string& body, unsigned protocol, unsigned fragment) const {
    const auto length = static_cast<unsigned>(body.size());
    if (is_v6) return be32(0x60000000) + be16(length) + be16((protocol << 8) | 64) + source + destination + body;
    return be16(0x4500) + be16(20 + length) + be16(1) + be16(fragment) + be16(0x4000 | protocol) + be16(0) + source +
           destination + body;
  }
};

class Filter {
 public:
  explicit Filter(const std::string& expression)
      : handle_(pcap_open_dead(DLT_EN10MB, kSnaplenBytes)),
        program_(compile_filter(handle_.get(), expression, "filter")) {}

  bool passes(const std::string& frame) const {
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
    return pcap_offline_filter(program_.get(), &header, reinterpret_cast<const u_char*>(frame.data())) != 0;
  }
  /// `tags`: what stands between the addresses and the type.
  bool passes(const Sample& sample, const std::string& packet, const std::string& tags = {}) const {
    return passes(std::string(12, '\x02') + tags + be16(sample.is_v6 ? 0x86dd : 0x0800) + packet);
  }

 private:
  PcapHandle handle_;
  FilterProgram program_;
};

/// A plain TCP packet that the filter accepts.
std::optional<Sample> accepted_sample(const Filter& filter, const Wanted& wanted, bool is_v6) {
  const auto& hosts = is_v6 ? wanted.hosts6 : wanted.hosts4;
  for (const std::string& source : hosts) {
    for (const std::string& destination : hosts) {
      for (const unsigned source_port : wanted.ports) {
        for (const unsigned destination_port : wanted.ports) {
          if (source == destination || source_port == destination_port) continue;
          const Sample sample{is_v6, source, destination, source_port, destination_port};
          if (filter.passes(sample, sample.packet())) return sample;
        }
      }
    }
  }
  return std::nullopt;
}

/// With any of the ids: the filter may ask for one. `outer`: a tag in front, or nothing.
bool passes_tagged(const Filter& filter, const Wanted& wanted, const Sample& sample, bool twice) {
  std::vector<unsigned> ids = wanted.ports;
  ids.push_back(1);
  for (const unsigned outer : ids) {
    for (const unsigned inner : ids) {
      if (outer > 0xfff || inner > 0xfff) continue;
      const std::string tags = twice ? be16(0x88a8) + be16(outer) : std::string();
      if (filter.passes(sample, sample.packet(), tags + be16(0x8100) + be16(inner))) return true;
    }
  }
  return false;
}

/// Between two machines that the filter does not know.
std::string in_tunnel(const std::string& payload, unsigned protocol) {
  const auto length = static_cast<unsigned>(20 + payload.size());
  return be16(0x4500) + be16(length) + be16(1) + be16(0) + be16(0x4000 | protocol) + be16(0) +
         *ipv4_address("198.51.100.1") + *ipv4_address("198.51.100.2") + payload;
}

bool passes_tunnelled(const Filter& filter, const Sample& sample) {
  const std::string type = be16(sample.is_v6 ? 0x86dd : 0x0800);
  const std::string gre = be16(0) + type + sample.packet();
  const std::string inner = std::string(12, '\x02') + type + sample.packet();
  const std::string vxlan = be16(49152) + be16(4789) + be16(static_cast<unsigned>(16 + inner.size())) + be16(0) +
                            be32(0x08000000) + be32(1U << 8) + inner;
  const Sample outer{};
  return filter.passes(outer, in_tunnel(gre, 47)) && filter.passes(outer, in_tunnel(vxlan, 17));
}

}  // namespace

std::vector<std::string> filter_warnings(const std::string& expression) {
  const Filter filter(expression);
  const Wanted wanted = wanted_by(expression);
  std::vector<Sample> samples;
  for (const bool is_v6 : {false, true}) {
    if (const auto sample = accepted_sample(filter, wanted, is_v6)) samples.push_back(*sample);
  }
  if (samples.empty()) return {};

  // What is added stands in front: behind the word vlan everything is read four bytes further on.
  std::vector<std::string> warnings;
  const std::string quoted = "(" + expression + ")";
  if (!passes_tagged(filter, wanted, samples.front(), false)) {
    warnings.push_back("the filter passes no VLAN-tagged packets; write " + quoted + " or (vlan and " + quoted + ")");
  } else if (!passes_tagged(filter, wanted, samples.front(), true)) {
    warnings.emplace_back(
        "the filter passes no packets with two VLAN tags; add once more at its end: or (vlan and (the condition))");
  }
  for (const Sample& sample : samples) {
    if (filter.passes(sample, sample.later_fragment())) continue;
    warnings.push_back(sample.is_v6
                           ? "the filter passes no later fragments of IPv6 packets, which have no ports; write " +
                                 std::string("(ip6 proto 44) or ") + quoted
                           : "the filter passes no later fragments of IPv4 packets, which have no ports; write " +
                                 std::string("(ip[6:2] & 0x1fff != 0) or ") + quoted);
  }
  if (!passes_tunnelled(filter, samples.front())) {
    warnings.push_back("the filter passes no packets inside GRE or VXLAN; write (ip proto 47) or (udp port 4789) or " +
                       quoted);
  }
  return warnings;
}

}  // namespace pickletap
