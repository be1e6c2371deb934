#include "sensor/net/flow_key.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

namespace pickletap {
namespace {

Packet random_packet(std::mt19937& random) {
  Packet packet;
  const bool v6 = random() % 2 == 0;
  for (IpAddress* address : {&packet.source, &packet.destination}) {
    address->is_v6 = v6;
    for (size_t i = 0; i < (v6 ? 16U : 4U); ++i) address->bytes[i] = static_cast<uint8_t>(random() % 3);
  }
  packet.source_port = static_cast<uint16_t>(random());
  packet.destination_port = static_cast<uint16_t>(random());
  for (unsigned i = 0; i < random() % 3; ++i) {
    packet.vlan.ids[packet.vlan.count++] = static_cast<uint16_t>(1 + random() % 4094);
  }
  return packet;
}

Packet reversed(Packet packet) {
  std::swap(packet.source, packet.destination);
  std::swap(packet.source_port, packet.destination_port);
  return packet;
}

TEST(FlowKey, BothDirectionsHaveOneKeyAndOppositeSides) {
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    const Packet packet = random_packet(random);
    const OrientedKey there = make_flow_key(packet);
    const OrientedKey back = make_flow_key(reversed(packet));
    ASSERT_EQ(there.key, back.key);
    ASSERT_NE(there.side, back.side);
    ASSERT_EQ(endpoint_of(there.key, there.side), (Endpoint{packet.source, packet.source_port}));
    ASSERT_EQ(endpoint_of(there.key, back.side), (Endpoint{packet.destination, packet.destination_port}));
    ASSERT_EQ(vlan_of(there.key), packet.vlan);
  }
}

TEST(FlowKey, EveryPartOfTheTupleMatters) {
  Packet packet;
  packet.source.bytes = {10, 0, 0, 1};
  packet.destination.bytes = {10, 0, 0, 2};
  packet.source_port = 1;
  packet.destination_port = 2;
  const FlowKey key = make_flow_key(packet).key;
  Packet other = packet;
  other.source_port = 3;
  EXPECT_FALSE(make_flow_key(other).key == key);
  other = packet;
  std::swap(other.source_port, other.destination_port);  // not the same as the other direction
  EXPECT_FALSE(make_flow_key(other).key == key);
  other = packet;
  other.vlan = {{7, 0}, 1};
  EXPECT_FALSE(make_flow_key(other).key == key);
  other.vlan = {{7, 7}, 2};
  EXPECT_FALSE(make_flow_key(other).key == key);
  other = packet;
  other.source.is_v6 = other.destination.is_v6 = true;
  EXPECT_FALSE(make_flow_key(other).key == key);
}

TEST(FlowHash, SpreadsNeighboursAndDependsOnItsSeed) {
  const FlowHash hash(1);
  const FlowHash other_seed(2);
  std::set<uint64_t> high;
  std::set<uint64_t> low;
  unsigned same = 0;
  for (uint32_t i = 0; i < 65536; ++i) {
    Packet packet;
    packet.source.bytes = {10, 0, 0, 1};
    packet.destination.bytes = {10, 0, 0, 2};
    packet.source_port = static_cast<uint16_t>(i);
    packet.destination_port = 80;
    const FlowKey key = make_flow_key(packet).key;
    high.insert(hash(key) >> 48);
    low.insert(hash(key) & 0xffff);
    same += static_cast<unsigned>(hash(key) == other_seed(key));
  }
  // 65536 random throws into 65536 bins hit about 63 % of them.
  EXPECT_GT(high.size(), 40000U);
  EXPECT_GT(low.size(), 40000U);
  EXPECT_EQ(same, 0U);
}

TEST(FlowHash, UsesAllBytesOfAnIpv6Address) {
  const FlowHash hash(1);
  std::set<uint64_t> seen;
  for (size_t i = 0; i < 16; ++i) {
    Packet packet;
    packet.source.is_v6 = packet.destination.is_v6 = true;
    packet.source.bytes[i] = 1;
    seen.insert(hash(make_flow_key(packet).key));
  }
  EXPECT_EQ(seen.size(), 16U);
}

}  // namespace
}  // namespace pickletap
