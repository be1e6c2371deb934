// Which of two segments that wait in a receiver's queue and overlap keeps the bytes they share. It differs by operating
// system, and only the tap's operator knows who runs what: `stream.overlap_policy` names networks. What is not named is
// Linux, of which the sensor knows more than this (stream_reassembler.h, tcp_receiver.h). A policy decides which reading
// is the first one; where the copies differ the other is read as well (stream_readings.h), so a wrong one costs no alert.
//
// Sources: for Linux pcaps/evasion; for the others no kernel was asked: they are what Suricata's `host-os-policy` and
// Snort's `stream_tcp` policies of the same names do. What was delivered stands with each of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sensor/net/packet.h"

namespace pickletap {

enum class OverlapPolicy : uint8_t {
  kLinux,
  kBsd,      ///< the older one, unless the newer begins before it. BSD, macOS; Windows up to 2003
  kSolaris,  ///< the newer one where it begins no later and ends no earlier, or begins and ends later
  kFirst,    ///< the older one. Windows since Vista
  kLast,     ///< the newer one
};

/// "linux", "bsd", "windows" (kBsd), "solaris", "first", "last".
std::optional<OverlapPolicy> parse_overlap_policy(std::string_view name);

/// Where a queued segment [start, end) and a newer one overlap: does the newer one's data count? Not for kLinux, whose
/// queue needs no rule of its own.
bool newer_wins(OverlapPolicy policy, int64_t start, int64_t end, int64_t newer_start, int64_t newer_end);

/// The policies of networks; the longest prefix that fits an address counts. Fixed once it is made.
class OverlapPolicies {
 public:
  /// `bits` of `address`, from the left.
  void add(const IpAddress& address, unsigned bits, OverlapPolicy policy);
  bool empty() const { return rows_.empty(); }
  OverlapPolicy of(const IpAddress& receiver) const;

 private:
  struct Row {
    IpAddress address;
    unsigned bits = 0;
    OverlapPolicy policy = OverlapPolicy::kLinux;
  };
  std::vector<Row> rows_;  ///< longest prefix first
};

}  // namespace pickletap
