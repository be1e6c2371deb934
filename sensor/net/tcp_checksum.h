// Are a segment's checksums right: TCP's (RFC 9293, 3.1; RFC 8200, 8.1 for IPv6), and that of the IPv4 header in front of
// it (RFC 791, 3.1), without which no receiver looks at the other? A pure function over a decoded Packet. A
// segment that was cut by the snap length, or is longer than any link carries (kMaxBytes: what segmentation or receive
// offload made), cannot be told.
#pragma once

#include <cstdint>

#include "sensor/net/packet.h"

namespace pickletap {

enum class ChecksumState : uint8_t { kUnknown, kRight, kWrong };

inline constexpr uint32_t kMaxChecksumBytes = 9216;  ///< jumbo frames

ChecksumState check_tcp_checksum(const Packet& packet);

}  // namespace pickletap
