#include "sensor/net/overlap_policy.h"

#include <algorithm>
#include <cstring>

namespace pickletap {
namespace {

bool fits(const IpAddress& network, unsigned bits, const IpAddress& address) {
  if (network.is_v6 != address.is_v6) return false;
  const size_t whole = bits / 8;
  if (std::memcmp(network.bytes.data(), address.bytes.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((network.bytes[whole] ^ address.bytes[whole]) >> (8 - rest)) == 0;
}

}  // namespace

std::optional<OverlapPolicy> parse_overlap_policy(std::string_view name) {
  if (name == "linux") return OverlapPolicy::kLinux;
  if (name == "bsd" || name == "windows") return OverlapPolicy::kBsd;
  if (name == "solaris") return OverlapPolicy::kSolaris;
  if (name == "first") return OverlapPolicy::kFirst;
  if (name == "last") return OverlapPolicy::kLast;
  return std::nullopt;
}

bool newer_wins(OverlapPolicy policy, int64_t start, int64_t end, int64_t newer_start, int64_t newer_end) {
  switch (policy) {
    case OverlapPolicy::kLinux:
    case OverlapPolicy::kBsd: return newer_start < start;
    case OverlapPolicy::kSolaris: return newer_start > start ? newer_end > end : newer_end >= end;
    case OverlapPolicy::kFirst: return false;
    case OverlapPolicy::kLast: return true;
  }
  return false;
}

void OverlapPolicies::add(const IpAddress& address, unsigned bits, OverlapPolicy policy) {
  const auto place = std::find_if(rows_.begin(), rows_.end(), [bits](const Row& row) { return row.bits < bits; });
  rows_.insert(place, {address, bits, policy});
}

OverlapPolicy OverlapPolicies::of(const IpAddress& receiver) const {
  for (const Row& row : rows_) {
    if (fits(row.address, row.bits, receiver)) return row.policy;
  }
  return OverlapPolicy::kLinux;
}

}  // namespace pickletap
