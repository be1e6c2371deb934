// One frame of any link type, with what the capture may have cut: first byte the link type, second how much was cut.
#include <algorithm>

#include "sensor/net/decode.h"
#include "sensor/net/tunnel_table.h"

using namespace pickletap;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::span<const uint8_t> frame(data + 2, size - 2);
  Packet packet;
  Encapsulation outer;
  const DecodeResult result = decode_packet(static_cast<LinkType>(data[0] % 5), frame,
                                            static_cast<uint32_t>(frame.size()) + data[1], packet, outer);
  if (packet.outer != nullptr && outer.depth != 0) {
    TunnelTable table(4, 10, 1);
    if (table.name_of(packet) != 0) __builtin_trap();
  }
  if (outer.levels > kMaxEncapsulations || outer.depth > outer.levels) __builtin_trap();
  // What it points at lies in the frame, all of it.
  const std::span<const uint8_t> part = result == DecodeResult::kTcp ? packet.payload : outer.fragment.bytes;
  if (result != DecodeResult::kTcp && result != DecodeResult::kFragment) return 0;
  if (!part.empty() && (part.data() < frame.data() || part.data() + part.size() > data + size)) __builtin_trap();
  return static_cast<int>(std::count(part.begin(), part.end(), 0)) < 0 ? 1 : 0;
}
