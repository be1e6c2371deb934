// The TCP options a receiver's decision leans on, read out of a segment's header: timestamps (RFC 7323) and signatures
// (RFC 2385, RFC 5925). Pure; reads only inside the header as captured. As Linux does it (net/ipv4/tcp_input.c of 6.18,
// tcp_parse_options): what is malformed ends the reading and leaves what was read, and of two timestamps the last counts.
#pragma once

#include <cstdint>

#include "dissectors/dissector.h"
#include "sensor/net/decode.h"

namespace pickletap {

struct TcpOptions {
  uint32_t timestamp = 0;
  bool has_timestamp = false;
  bool has_signature = false;  ///< MD5 or TCP-AO
};

namespace tcp_options_detail {

inline TcpOptions read_any(ByteSpan header) {
  constexpr uint8_t kEnd = 0, kNoOperation = 1, kTimestamps = 8, kMd5 = 19, kAuthentication = 29;
  TcpOptions options;
  for (size_t at = 20; at < header.size();) {
    const uint8_t kind = header[at];
    if (kind == kEnd) break;
    if (kind == kNoOperation) {
      ++at;
      continue;
    }
    if (at + 1 >= header.size()) break;
    const size_t length = header[at + 1];
    if (length < 2 || at + length > header.size()) break;
    if (kind == kTimestamps && length == 10) {
      options.has_timestamp = true;
      options.timestamp = load_be32(header.data() + at + 2);
    }
    options.has_signature |= kind == kMd5 || kind == kAuthentication;
    at += length;
  }
  return options;
}

}  // namespace tcp_options_detail

/// `header` is the TCP header with its options, as captured.
inline TcpOptions read_tcp_options(ByteSpan header) {
  if (header.size() <= 20) return {};
  // What nearly every segment has: NOP, NOP, timestamps, and nothing else.
  if (header.size() == 32 && load_be32(header.data() + 20) == 0x0101080a) {
    return {load_be32(header.data() + 24), true, false};
  }
  return tcp_options_detail::read_any(header);
}

}  // namespace pickletap
