// Where an output goes, as operators write it: "unix:///run/x.sock", "udp://HOST:PORT", "tcp://HOST:PORT", plain
// "HOST:PORT" and "[v6]:PORT". Pure: nothing is resolved or opened here. No value means that the text is no such
// address. A host is at most 253 bytes (RFC 1035), a path what fits sockaddr_un (unix(7)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pickletap {

inline constexpr size_t kMaxSocketPathBytes = 107;  ///< sun_path without its final NUL
inline constexpr size_t kMaxHostBytes = 253;

struct OutputAddress {
  enum class Kind : uint8_t { kUnix, kTcp, kUdp };

  Kind kind = Kind::kTcp;
  std::string host;   ///< name or address, without brackets; empty for kUnix
  uint16_t port = 0;  ///< never 0, but for kUnix
  std::string path;   ///< kUnix: absolute
};

/// An address without a scheme is TCP. `default_port` 0: the port has to be given.
std::optional<OutputAddress> parse_output_address(std::string_view text, uint16_t default_port);

/// outputs.syslog.address: "unix:///PATH", "udp://HOST[:514]" or "tcp://HOST[:601]"; the scheme has to be given.
std::optional<OutputAddress> parse_syslog_address(std::string_view text);

/// outputs.redis.address: "HOST[:6379]" or "unix:///PATH".
std::optional<OutputAddress> parse_redis_address(std::string_view text);

}  // namespace pickletap
