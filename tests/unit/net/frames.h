// Hand-made packets for tests: IP and TCP headers as byte strings, and Packets as decode_packet would fill them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dissectors/dissector.h"
#include "sensor/net/packet.h"

namespace pickletap::frames {

inline std::string be16(unsigned value) {
  return {static_cast<char>((value >> 8) & 0xff), static_cast<char>(value & 0xff)};
}
inline std::string be32(uint32_t value) { return be16(value >> 16) + be16(value & 0xffff); }

inline ByteSpan bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

inline std::string tcp(std::string_view payload, unsigned source_port = 40000, unsigned destination_port = 5000,
                       std::string_view options = {}) {
  const auto words = static_cast<unsigned>((20 + options.size()) / 4);
  return be16(source_port) + be16(destination_port) + be32(1000) + be32(2000) + be16((words << 12) | 0x018) +
         be16(512) + be16(0) + be16(7) + std::string(options) + std::string(payload);
}

inline std::string ipv4(std::string_view body, unsigned protocol = 6, unsigned fragment = 0,
                        std::string_view options = {}, int total_length = -1) {
  const auto header = static_cast<unsigned>(20 + options.size());
  const unsigned total =
      total_length < 0 ? header + static_cast<unsigned>(body.size()) : static_cast<unsigned>(total_length);
  std::string ip = be16(0x4000 | ((header / 4) << 8)) + be16(total) + be16(1) + be16(fragment) +
                   be16(0x4000 | protocol) + be16(0) + std::string("\x0a\x00\x00\x01\x0a\x00\x00\x02", 8) +
                   std::string(options);
  unsigned sum = 0;  // RFC 791, 3.1
  for (size_t i = 0; i + 1 < ip.size(); i += 2) {
    sum += static_cast<unsigned>(static_cast<uint8_t>(ip[i])) << 8 | static_cast<uint8_t>(ip[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return ip.replace(10, 2, be16(~sum & 0xffff)) + std::string(body);
}

inline std::string ipv6(std::string_view body, unsigned next = 6, int payload_length = -1) {
  const unsigned length =
      payload_length < 0 ? static_cast<unsigned>(body.size()) : static_cast<unsigned>(payload_length);
  const std::string source("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  const std::string destination("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
  return be32(0x60000000) + be16(length) + be16((next << 8) | 64) + source + destination + std::string(body);
}

inline std::string ethernet(std::string_view body, unsigned type = 0x0800, std::string_view tags = {}) {
  return std::string(12, '\x02') + std::string(tags) + be16(type) + std::string(body);
}

}  // namespace pickletap::frames
