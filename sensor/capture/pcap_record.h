// What every source does with one record: its time, decoding, counting, and on to the handler. On the way of each
// packet: no allocation, no system call. Internal to sensor/capture.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "sensor/capture/packet_source.h"
#include "sensor/net/decode.h"

namespace pickletap {

inline constexpr int64_t kNsPerSecond = 1'000'000'000;
/// The last second whose nanoseconds fit an int64_t with room to calculate; files can name any.
inline constexpr int64_t kLastSecond = 4'000'000'000;

/// Both are what the input says, however odd.
inline int64_t unix_time_ns(int64_t seconds, uint64_t nanoseconds) {
  return std::clamp<int64_t>(seconds, 0, kLastSecond) * kNsPerSecond +
         static_cast<int64_t>(std::min<uint64_t>(nanoseconds, kNsPerSecond - 1));
}

/// `packet` has its lengths.
inline void count_record(const Packet& packet, DecodeResult result, CaptureCounters& counters) {
  ++counters.packets;
  counters.bytes += packet.wire_bytes;
  counters.cut_by_snap_length += static_cast<uint64_t>(packet.captured_bytes < packet.wire_bytes);
  ++counters.by_result[index_of(result)];
}

/// `packet` has its time and number. `wire_bytes` is at least what was captured.
inline void deliver_record(LinkType link, std::span<const uint8_t> frame, uint32_t wire_bytes, Packet& packet,
                           Encapsulation& outer, CaptureCounters& counters, PacketHandler& handler) {
  const DecodeResult result = decode_packet(link, frame, wire_bytes, packet, outer);
  count_record(packet, result, counters);
  handler.on_packet(packet, result);
}

}  // namespace pickletap
