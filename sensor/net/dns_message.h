// What a DNS message asks for, and the addresses it answers with; also mDNS and LLMNR, which use the same form. Pure,
// keeps nothing, reads only inside the bytes given, linear: names are followed through compression pointers in the
// question only, with every pointer going backwards and kMaxLabels labels at most; owner names of answers are stepped
// over. Sources: RFC 1035 (4.1), RFC 3596 (AAAA), RFC 6762 (18), RFC 4795.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sensor/net/packet.h"

namespace pickletap {

struct DnsMessage {
  static constexpr unsigned kMaxLabels = 128;
  static constexpr unsigned kMaxRecords = 64;  ///< answers that are looked at
  bool is_answer = false;
  std::string name;  ///< of the first question: lower case, without the last dot; other bytes than printable as \DDD
  std::vector<IpAddress> addresses;  ///< A and AAAA, `max_addresses` at most
};

/// False: it is none, or has no question. An answer that was cut short gives the addresses before the cut.
bool read_dns(std::span<const uint8_t> bytes, size_t max_addresses, DnsMessage& message);

/// Is `name` the host `parent`, or below it? Both in lower case.
inline bool is_name_under(std::string_view name, std::string_view parent) {
  if (!name.ends_with(parent) || parent.empty()) return false;
  return name.size() == parent.size() || name[name.size() - parent.size() - 1] == '.';
}

}  // namespace pickletap
