#include "sensor/net/unwrapper.h"

#include <bit>

namespace pickletap {
namespace {

constexpr std::array<std::string_view, kFragmentDropCount + 1> kTroubleNames = {
    "fragment_duplicate", "fragment_overlap",    "fragment_contradiction", "fragment_too_long",
    "fragment_ecn",       "fragment_bad_header", "fragment_cut_off",       "fragment_distance",
    "fragment_timeout",   "fragment_evicted",    "tunnel_untracked"};

}  // namespace

const Packet* Unwrapper::unwrap(const Packet& packet, DecodeResult result) {
  outer_ = *packet.outer;
  packet_ = packet;
  has_datagram_ = false;
  packet_.outer = &outer_;
  for (;;) {
    if (outer_.depth != 0) packet_.tunnel = tunnels_.name_of(packet_);
    if (result == DecodeResult::kTcp) return &packet_;
    has_datagram_ = result == DecodeResult::kUdp;
    if (result != DecodeResult::kFragment) return nullptr;
    const auto datagram = defragmenter_.add(packet_);
    if (!datagram) return nullptr;
    outer_.fragment.protocol = datagram->protocol;
    packet_.wire_bytes = packet_.captured_bytes = datagram->wire_bytes;
    packet_.payload = {};
    result = decode_reassembled(datagram->bytes, packet_, outer_);
    packet_.outer = &outer_;
    ++by_result_[index_of(result)];
  }
}

bool Unwrapper::take_trouble(StreamTrouble& trouble) {
  for (unsigned i = 0; i < kTroubles; ++i) {
    const uint64_t count =
        i < kFragmentDropCount ? defragmenter_.counters().dropped[i] : tunnels_.counters().untracked_packets;
    if (std::bit_width(count) == std::bit_width(told_[i])) continue;
    told_[i] = count;
    trouble = {"decode", kTroubleNames[i], count};
    return true;
  }
  return false;
}

}  // namespace pickletap
