// What every source does with one record of libpcap: its time, decoding, counting, and on to the handler. On the way of
// each packet: no allocation, no system call. Internal to sensor/capture.
// Source: pcap_loop(3PCAP); tv_usec holds nanoseconds, for all our handles ask for that precision.
#pragma once

#include <pcap/pcap.h>

#include <algorithm>
#include <cstdint>

#include "sensor/capture/packet_source.h"
#include "sensor/net/decode.h"

namespace pickletap {

inline constexpr int64_t kNsPerSecond = 1'000'000'000;
/// The last second whose nanoseconds fit an int64_t with room to calculate; pcapng can name any.
inline constexpr int64_t kLastSecond = 4'000'000'000;

/// Both fields are what the input says, however odd.
inline int64_t record_time_ns(const pcap_pkthdr& header) {
  const int64_t seconds = std::clamp<int64_t>(header.ts.tv_sec, 0, kLastSecond);
  return seconds * kNsPerSecond + std::clamp<int64_t>(header.ts.tv_usec, 0, kNsPerSecond - 1);
}

/// `packet` has its time and number.
inline void deliver_record(const pcap_pkthdr& header, const u_char* bytes, LinkType link, Packet& packet,
                           CaptureCounters& counters, PacketHandler& handler) {
  const uint32_t wire_bytes = std::max(header.len, header.caplen);
  const DecodeResult result = decode_packet(link, {bytes, header.caplen}, wire_bytes, packet);
  ++counters.packets;
  counters.bytes += wire_bytes;
  counters.cut_by_snap_length += static_cast<uint64_t>(header.caplen < wire_bytes);
  ++counters.by_result[index_of(result)];
  handler.on_packet(packet, result);
}

}  // namespace pickletap
