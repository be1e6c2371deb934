// The identity of a flow: its full tuple (addresses, ports, VLAN ids or tunnel) with the two endpoints in a fixed order,
// so that both directions have the same key. Which endpoint sent a packet is its "side": 0 the lower one, 1 the upper
// one. A tunnel, with all VLANs around and in it, is its index in the worker's TunnelTable (tunnel_table.h).
// The hash is only a way to find a key, never its identity. It is keyed by a secret (FlowHash's seed, new in every
// process; a fixed one in tests): two rounds of a 64x64 multiplication folded onto itself, both operands masked by
// secrets, so that nobody who lacks the seed can choose addresses and ports that fall into one bucket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sensor/event.h"
#include "sensor/net/packet.h"

namespace pickletap {

struct FlowKey {
  /// Lower address (2 words), upper address (2 words), then from bit 0: lower port 16, upper port 16, place 24, IPv6 1,
  /// tunnelled 1. The place is the first and second VLAN id, 12 bits each, or the index of the tunnel.
  std::array<uint64_t, 5> words{};

  friend bool operator==(const FlowKey& a, const FlowKey& b) {
    return ((a.words[0] ^ b.words[0]) | (a.words[1] ^ b.words[1]) | (a.words[2] ^ b.words[2]) |
            (a.words[3] ^ b.words[3]) | (a.words[4] ^ b.words[4])) == 0;
  }
  bool is_v6() const { return ((words[4] >> 56) & 1) != 0; }
  bool is_tunnelled() const { return ((words[4] >> 57) & 1) != 0; }
  /// Where is_tunnelled().
  uint32_t tunnel() const { return static_cast<uint32_t>(words[4] >> 32) & 0xffffff; }
};

/// The bits of a key's last word that say where a packet was: VLANs or tunnel, and the IP version.
inline uint64_t place_bits(const Packet& packet) {
  const uint64_t version = uint64_t{packet.source.is_v6} << 56;
  if (packet.tunnel != kNoTunnel) [[unlikely]] {
    return version | uint64_t{1} << 57 | (packet.tunnel & uint64_t{0xffffff}) << 32;
  }
  return version | (packet.vlan.ids[0] & uint64_t{0xfff}) << 32 | (packet.vlan.ids[1] & uint64_t{0xfff}) << 44;
}

/// A packet's key, and the side it came from.
struct OrientedKey {
  FlowKey key;
  unsigned side = 0;
};

inline OrientedKey make_flow_key(const Packet& packet) {
  std::array<uint64_t, 2> a{};
  std::array<uint64_t, 2> b{};
  std::memcpy(a.data(), packet.source.bytes.data(), 16);
  std::memcpy(b.data(), packet.destination.bytes.data(), 16);
  const uint64_t port_a = packet.source_port;
  const uint64_t port_b = packet.destination_port;
  // Any total order does. Which way a packet goes is unforeseeable, hence no branch on the outcome.
  bool swap = false;
  if (a[0] != b[0]) {
    swap = a[0] > b[0];
  } else if (a[1] != b[1]) {
    swap = a[1] > b[1];
  } else {
    swap = port_a > port_b;
  }
  const uint64_t mask = uint64_t{0} - static_cast<uint64_t>(swap);
  const uint64_t flip0 = (a[0] ^ b[0]) & mask;
  const uint64_t flip1 = (a[1] ^ b[1]) & mask;
  const uint64_t flip_port = (port_a ^ port_b) & mask;
  OrientedKey result;
  result.key.words = {a[0] ^ flip0, a[1] ^ flip1, b[0] ^ flip0, b[1] ^ flip1,
                      (port_a ^ flip_port) | ((port_b ^ flip_port) << 16) | place_bits(packet)};
  result.side = static_cast<unsigned>(swap);
  return result;
}

inline Endpoint endpoint_of(const FlowKey& key, size_t side) {
  Endpoint endpoint;
  std::memcpy(endpoint.address.bytes.data(), &key.words[side * 2], 16);
  endpoint.address.is_v6 = key.is_v6();
  endpoint.port = static_cast<uint16_t>(key.words[4] >> (side * 16));
  return endpoint;
}

inline VlanTags vlan_of(const FlowKey& key) {
  VlanTags tags;
  if (key.is_tunnelled()) return tags;  // the TunnelTable knows them
  for (unsigned i = 0; i < tags.ids.size(); ++i) {
    const auto id = static_cast<uint16_t>((key.words[4] >> (32 + 12 * i)) & 0xfff);
    if (id != 0) tags.ids[tags.count++] = id;
  }
  return tags;
}

class FlowHash {
 public:
  explicit FlowHash(uint64_t seed) {
    for (uint64_t& secret : secrets_) secret = next_secret(seed);
  }

  /// Of any bytes; for tables beside the flow table.
  uint64_t operator()(const uint8_t* bytes, size_t size) const {
    uint64_t hash = size ^ secrets_[0];
    for (; size > 16; bytes += 16, size -= 16) hash = mix(hash, bytes, 16);
    return mix(hash, bytes, size);
  }

  uint64_t operator()(const FlowKey& key) const {
    uint64_t rest = key.words[4] ^ secrets_[2];
    if (key.is_v6()) rest ^= fold(key.words[1] ^ secrets_[3], key.words[3] ^ secrets_[4]);
    return fold(fold(key.words[0] ^ secrets_[0], key.words[2] ^ secrets_[1]) ^ secrets_[5], rest);
  }

 private:
  /// At most 16 bytes.
  uint64_t mix(uint64_t hash, const uint8_t* bytes, size_t size) const {
    std::array<uint64_t, 2> words{};
    std::memcpy(words.data(), bytes, size);
    return fold(fold(words[0] ^ secrets_[1], words[1] ^ secrets_[2]) ^ secrets_[3], hash ^ secrets_[4]);
  }
  static uint64_t fold(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  /// splitmix64: spreads one seed over all secrets.
  static uint64_t next_secret(uint64_t& state) {
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::array<uint64_t, 6> secrets_{};
};

}  // namespace pickletap
