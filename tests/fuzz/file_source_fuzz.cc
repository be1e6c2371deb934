// The bytes of a capture file, plain or compressed. What is read lies inside them, and reading ends.
#include <algorithm>
#include <cstring>

#include "sensor/capture/file_source.h"

using namespace pickletap;

struct Bytes final : ByteStream {
  explicit Bytes(std::span<const uint8_t> bytes) : rest(bytes), all(bytes.size()) {}
  size_t read(uint8_t* to, size_t size) override {
    const size_t count = std::min({size, rest.size(), size_t{1000}});
    if (count != 0) std::memcpy(to, rest.data(), count);
    rest = rest.subspan(count);
    return count;
  }
  uint64_t file_bytes() const override { return all - rest.size(); }
  std::span<const uint8_t> rest;
  size_t all;
};

struct Look final : PacketHandler {
  void on_packet(const Packet& packet, DecodeResult result) override {
    if (packet.time_ns < 0 || packet.captured_bytes > packet.wire_bytes) __builtin_trap();
    if (result == DecodeResult::kTcp) sum += std::count(packet.payload.begin(), packet.payload.end(), 0);
  }
  ptrdiff_t sum = 0;
};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Look look;
  try {
    FileSource source(std::make_unique<Bytes>(std::span(data, size)), "input", {});
    unsigned batches = 0;
    while (source.dispatch(look, 100) == ReadState::kMore && ++batches < 100'000) continue;
  } catch (const CaptureError&) {
    return 0;  // at opening, with a reason
  }
  return look.sum < 0 ? 1 : 0;
}
