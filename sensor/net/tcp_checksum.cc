#include "sensor/net/tcp_checksum.h"

#include <bit>
#include <cstring>

namespace pickletap {
namespace {

/// Sum of 32-bit words in memory order; the ones' complement sum does not mind which byte order (RFC 1071).
uint64_t sum_of(std::span<const uint8_t> bytes) {
  uint64_t sum = 0;
  size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    sum += word;
  }
  if (at < bytes.size()) {
    uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, bytes.size() - at);
    sum += word;
  }
  return sum;
}

uint64_t fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

uint64_t in_memory_order(uint16_t value) {
  if constexpr (std::endian::native == std::endian::little) return static_cast<uint16_t>((value << 8) | (value >> 8));
  return value;
}

}  // namespace

ChecksumState check_tcp_checksum(const Packet& packet) {
  const size_t length = packet.tcp_header.size() + packet.payload.size();
  if (packet.payload_missing != 0 || length > kMaxChecksumBytes || packet.tcp_header.size() < 20) {
    return ChecksumState::kUnknown;
  }
  if (packet.tcp_header.size() != (size_t{packet.tcp_header[12]} >> 4) * 4) return ChecksumState::kUnknown;
  if (packet.ip_header_bytes != 0) {
    const uint8_t* ip = packet.tcp_header.data() - packet.ip_header_bytes;
    if (fold(sum_of({ip, packet.ip_header_bytes})) != 0xffff) return ChecksumState::kWrong;
  }
  const size_t address_bytes = packet.source.is_v6 ? 16 : 4;
  uint64_t sum = sum_of(std::span(packet.source.bytes).first(address_bytes)) +
                 sum_of(std::span(packet.destination.bytes).first(address_bytes));
  sum += in_memory_order(6) + in_memory_order(static_cast<uint16_t>(length));
  sum += sum_of(packet.tcp_header) + sum_of(packet.payload);
  return fold(sum) == 0xffff ? ChecksumState::kRight : ChecksumState::kWrong;
}

}  // namespace pickletap
