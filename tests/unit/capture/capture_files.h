// Capture files made by hand, for tests: pcap and pcapng as byte strings in either byte order, and what comes out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sensor/capture/file_source.h"
#include "tests/unit/net/frames.h"

namespace pickletap::capture_files {

/// Numbers in the byte order of a file.
struct Order {
  bool big = false;
  std::string u16(unsigned value) const {
    const std::string big_endian = frames::be16(value);
    return big ? big_endian : std::string(big_endian.rbegin(), big_endian.rend());
  }
  std::string u32(uint32_t value) const {
    const std::string big_endian = frames::be32(value);
    return big ? big_endian : std::string(big_endian.rbegin(), big_endian.rend());
  }
  std::string u64(uint64_t value) const {
    const auto high = static_cast<uint32_t>(value >> 32), low = static_cast<uint32_t>(value);
    return big ? u32(high) + u32(low) : u32(low) + u32(high);
  }
};

inline constexpr uint32_t kMicro = 0xa1b2c3d4, kNano = 0xa1b23c4d, kKuznetzov = 0xa1b2cd34;

inline std::string pcap_header(Order o, uint32_t magic = kMicro, uint32_t link = 1, uint32_t snaplen = 262144,
                               unsigned minor = 4) {
  return o.u32(magic) + o.u16(2) + o.u16(minor) + o.u32(0) + o.u32(0) + o.u32(snaplen) + o.u32(link);
}

/// `extra`: what Kuznetzov's records have between header and frame.
inline std::string pcap_record(Order o, uint32_t seconds, uint32_t fraction, const std::string& frame,
                               const std::string& extra = {}) {
  const auto length = static_cast<uint32_t>(frame.size());
  return o.u32(seconds) + o.u32(fraction) + o.u32(length) + o.u32(length) + extra + frame;
}

inline std::string padded(const std::string& bytes) { return bytes + std::string((4 - bytes.size() % 4) % 4, '\0'); }

inline std::string block(Order o, uint32_t type, const std::string& body) {
  const std::string length = o.u32(static_cast<uint32_t>(padded(body).size() + 12));
  return o.u32(type) + length + padded(body) + length;
}

inline std::string section(Order o) {
  return block(o, 0x0a0d0d0a, o.u32(0x1a2b3c4d) + o.u16(1) + o.u16(0) + std::string(8, '\xff'));
}

inline std::string option(Order o, unsigned code, const std::string& value) {
  return o.u16(code) + o.u16(static_cast<unsigned>(value.size())) + padded(value);
}

inline std::string interface(Order o, unsigned link = 1, const std::string& options = {}, uint32_t snaplen = 0) {
  return block(o, 1, o.u16(link) + o.u16(0) + o.u32(snaplen) + options);
}

inline std::string enhanced(Order o, uint32_t interface_number, uint64_t ticks, const std::string& frame) {
  const auto length = static_cast<uint32_t>(frame.size());
  return block(o, 6,
               o.u32(interface_number) + o.u32(static_cast<uint32_t>(ticks >> 32)) +
                   o.u32(static_cast<uint32_t>(ticks)) + o.u32(length) + o.u32(length) + padded(frame));
}

/// A byte string as a file, handed out in pieces of `piece` bytes as a pipe may.
class BytesStream final : public ByteStream {
 public:
  explicit BytesStream(std::string bytes, size_t piece = SIZE_MAX) : bytes_(std::move(bytes)), piece_(piece) {}
  size_t read(uint8_t* to, size_t size) override {
    const size_t count = std::min({size, piece_, bytes_.size() - at_});
    std::memcpy(to, bytes_.data() + at_, count);
    at_ += count;
    return count;
  }
  uint64_t file_bytes() const override { return at_; }

 private:
  std::string bytes_;
  size_t piece_;
  size_t at_ = 0;
};

struct Contents final : PacketHandler {
  void on_packet(const Packet& packet, DecodeResult result) override {
    times.push_back(packet.time_ns);
    wire_bytes.push_back(packet.wire_bytes);
    results.push_back(result);
    numbers.push_back(packet.number);
    if (result != DecodeResult::kTcp) return;
    const std::string payload(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size());
    payloads += (payload.size() > 16 ? std::to_string(payload.size()) : payload) + ";";
  }
  std::vector<int64_t> times;
  std::vector<uint32_t> wire_bytes;
  std::vector<DecodeResult> results;
  std::vector<uint64_t> numbers;
  std::string payloads;  ///< of TCP packets: itself, or its length where it is long
  std::string error;     ///< at opening or while reading
};

/// All that a file holds, and how it ended.
inline Contents read_bytes(const std::string& bytes, size_t piece = SIZE_MAX, const FileSourceOptions& options = {}) {
  Contents contents;
  try {
    FileSource source(std::make_unique<BytesStream>(bytes, piece), "x", options);
    ReadState state = ReadState::kMore;
    while (state == ReadState::kMore) state = source.dispatch(contents, 2);
    contents.error = source.error();
  } catch (const CaptureError& error) {
    contents.error = error.what();
  }
  return contents;
}

inline std::string frame(std::string_view payload, unsigned destination_port = 5000) {
  return frames::ethernet(frames::ipv4(frames::tcp(payload, 40000, destination_port)));
}

}  // namespace pickletap::capture_files
