// Packets kept for evidence: within bounds, first and last, and the bytes of one message out of them.
#include "sensor/packet_keeper.h"

#include <gtest/gtest.h>

#include <string>

namespace pickletap {
namespace {

/// A client's packets on a flow of its own.
struct Client {
  explicit Client(uint64_t id) {
    packet.source.bytes = {10, 0, 0, 1};
    packet.destination.bytes = {10, 0, 0, 2};
    packet.source_port = static_cast<uint16_t>(40000 + id);
    packet.destination_port = 50000;
    packet.flags = TcpFlag::kAck;
    const OrientedKey oriented = make_flow_key(packet);
    flow.key = oriented.key;
    flow.flow_id = id;
    if (oriented.side == 1) flow.set(FlowFlag::kUpperInitiates);
    flow.set(FlowFlag::kSyn | FlowFlag::kSynAck);
    flow.set(FlowFlag::kStartKnown * 3);
    flow.start_seq[oriented.side] = 0xffffff00;  // wraps on the way
    flow.start_seq[oriented.side ^ 1] = 7000;
  }
  void send(PacketKeeper& keeper, uint32_t offset, const std::string& bytes) {
    packet.seq = 0xffffff00 + offset;
    packet.payload = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
    keeper.keep(flow, packet);
    keeper.trim();
  }
  Flow flow;
  Packet packet;
};

TEST(PacketKeeper, PutsAMessageTogetherFromWhatWasKept) {
  PacketKeeper keeper(1 << 20);
  Client client(1);
  const std::string text(600, 'm');
  client.send(keeper, 0, "head" + text.substr(0, 296));
  client.send(keeper, 500, std::string(104, 'b'));
  client.send(keeper, 300, std::string(250, 'a'));  // overlaps what is there: the first copy stands
  EXPECT_EQ(keeper.bytes_of(1, Direction::kToServer, 4, 596),
            text.substr(0, 296) + std::string(200, 'a') + std::string(100, 'b'));
  EXPECT_FALSE(keeper.bytes_of(1, Direction::kToServer, 4, 601)) << "one byte more than there is";
  EXPECT_FALSE(keeper.bytes_of(1, Direction::kToClient, 0, 1));
  EXPECT_FALSE(keeper.bytes_of(2, Direction::kToServer, 0, 1));
  EXPECT_FALSE(keeper.bytes_of(1, Direction::kToServer, 0, uint64_t{1} << 40)) << "no allocation by the wire";
  EXPECT_EQ(keeper.packets_of(1).size(), 5U) << "SYN and SYN-ACK, made anew, and three more";
}

TEST(PacketKeeper, KeepsFirstAndLastOfALongFlow) {
  PacketKeeper keeper(uint64_t{64} << 20);
  Client client(1);
  const std::string piece(1400, 'x');
  for (uint32_t i = 0; i < 4000; ++i) client.send(keeper, i * 1400, piece);
  EXPECT_LE(keeper.bytes(), PacketKeeper::kMaxFirst + PacketKeeper::kMaxLast);
  EXPECT_GT(keeper.packets_let_go(), 3000U);
  EXPECT_TRUE(keeper.bytes_of(1, Direction::kToServer, 0, 1400));
  EXPECT_TRUE(keeper.bytes_of(1, Direction::kToServer, 3999 * 1400, 1400));
  EXPECT_FALSE(keeper.bytes_of(1, Direction::kToServer, 2000 * 1400, 1400));
}

TEST(PacketKeeper, FlowSilentForLongestMakesRoom) {
  constexpr uint64_t kMost = 100'000;
  PacketKeeper keeper(kMost);
  Client first(1);
  first.send(keeper, 0, std::string(1000, 'x'));
  for (uint64_t id = 2; id < 500; ++id) {
    Client(id).send(keeper, 0, std::string(1000, 'x'));
    first.send(keeper, static_cast<uint32_t>(id), "y");
    EXPECT_LE(keeper.bytes(), kMost);
  }
  EXPECT_TRUE(keeper.packets_of(2).empty());
  EXPECT_FALSE(keeper.packets_of(1).empty());
  EXPECT_FALSE(keeper.packets_of(499).empty());
}

}  // namespace
}  // namespace pickletap
