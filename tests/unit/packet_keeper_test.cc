// Packets kept for evidence: within bounds, first and last, the bytes of one message out of them, and the frames made of
// them, which say again what was on the wire.
#include "sensor/packet_keeper.h"

#include <gtest/gtest.h>

#include <string>

#include "sensor/net/decode.h"
#include "sensor/net/tcp_checksum.h"
#include "sensor/net/tcp_options.h"
#include "tests/unit/kept_client.h"

namespace pickletap {
namespace {

using test::Client;

TEST(PacketKeeper, PutsAMessageTogetherFromWhatWasKept) {
  PacketKeeper keeper(1 << 20);
  Client client(1);
  const std::string text(600, 'm');
  client.send(keeper, 0, "head" + text.substr(0, 296));
  client.send(keeper, 500, std::string(104, 'b'));
  client.send(keeper, 300, std::string(250, 'a'));  // overlaps what is there: the first copy stands
  const KeptFlow kept = keeper.flow(1);
  EXPECT_EQ(message_of(kept, Direction::kToServer, 4, 596),
            text.substr(0, 296) + std::string(200, 'a') + std::string(100, 'b'));
  EXPECT_FALSE(message_of(kept, Direction::kToServer, 4, 601)) << "one byte more than there is";
  EXPECT_FALSE(message_of(kept, Direction::kToClient, 0, 1));
  EXPECT_FALSE(message_of(keeper.flow(2), Direction::kToServer, 0, 1));
  EXPECT_FALSE(message_of(kept, Direction::kToServer, 0, uint64_t{1} << 40)) << "no allocation by the wire";
}

TEST(PacketKeeper, FramesSayAgainWhatWasOnTheWire) {
  PacketKeeper keeper(1 << 20);
  Client client(1);
  client.packet.payload_missing = 11;
  client.send(keeper, 0, "payload");
  const auto frames = frames_of(keeper.flow(1));
  ASSERT_EQ(frames.size(), 3U) << "SYN and SYN-ACK, made anew, and the packet";
  std::vector<Packet> packets;
  for (const EvidencePacket& frame : frames) {
    Packet packet;
    Encapsulation outer;
    const auto* bytes = reinterpret_cast<const uint8_t*>(frame.bytes.data());
    ASSERT_EQ(decode_packet(LinkType::kEthernet, {bytes, frame.bytes.size()}, frame.wire_bytes, packet, outer),
              DecodeResult::kTcp);
    packets.push_back(packet);
  }
  EXPECT_EQ(packets[0].flags, TcpFlag::kSyn);
  EXPECT_EQ(packets[0].seq, 0xfffffeffU);
  EXPECT_EQ(read_tcp_options(packets[0].tcp_header).timestamp, 0x11223344U) << "of the first segment";
  EXPECT_EQ(packets[1].flags, TcpFlag::kSyn | TcpFlag::kAck);
  EXPECT_TRUE(read_tcp_options(packets[1].tcp_header).has_timestamp);
  EXPECT_EQ(check_tcp_checksum(packets[1]), ChecksumState::kWrong) << "as in a capture made on the sending host";
  const Packet& last = packets[2];
  EXPECT_TRUE(std::equal(last.tcp_header.begin(), last.tcp_header.end(), client.header.begin(), client.header.end()));
  EXPECT_EQ(std::string(last.payload.begin(), last.payload.end()), "payload");
  EXPECT_EQ(last.payload_missing, 11U);
  EXPECT_EQ(last.ttl, 61);
  EXPECT_EQ(last.source, client.packet.source);
  EXPECT_EQ(last.vlan, client.packet.vlan);
}

TEST(PacketKeeper, ChecksumsOfTheHandshakeAreRightWhereTheyWere) {
  PacketKeeper keeper(1 << 20);
  Client client(1);
  client.flow.set(FlowFlag::kRightSum * 3);
  client.send(keeper, 0, "payload");
  const auto frames = frames_of(keeper.flow(1));
  ASSERT_EQ(frames.size(), 4U) << "the ACK of the SYN-ACK as well";
  for (size_t i = 0; i < 3; ++i) {
    Packet packet;
    Encapsulation outer;
    const auto* bytes = reinterpret_cast<const uint8_t*>(frames[i].bytes.data());
    ASSERT_EQ(decode_packet(LinkType::kEthernet, {bytes, frames[i].bytes.size()}, frames[i].wire_bytes, packet, outer),
              DecodeResult::kTcp);
    EXPECT_EQ(check_tcp_checksum(packet), ChecksumState::kRight) << i;
  }
}

TEST(PacketKeeper, GivesWhatCameSince) {
  PacketKeeper keeper(uint64_t{64} << 20);
  Client client(1);
  for (uint32_t i = 0; i < 40; ++i) client.send(keeper, i * 1000, std::string(1000, 'x'));
  const KeptFlow all = keeper.flow(1);
  ASSERT_EQ(all.segments.size(), 40U);
  EXPECT_EQ(keeper.flow(1, 5).segments.size(), 35U);
  EXPECT_EQ(keeper.flow(1, 39).segments.size(), 1U);
  EXPECT_TRUE(keeper.flow(1, all.segments.back().number).segments.empty());
}

TEST(PacketKeeper, KeepsFirstAndLastOfALongFlow) {
  PacketKeeper keeper(uint64_t{64} << 20);
  Client client(1);
  const std::string piece(1400, 'x');
  for (uint32_t i = 0; i < 4000; ++i) client.send(keeper, i * 1400, piece);
  EXPECT_LE(keeper.bytes(), PacketKeeper::kFlowBytes + PacketKeeper::kMaxFirst + PacketKeeper::kMaxLast);
  EXPECT_GT(keeper.packets_let_go(), 3000U);
  const KeptFlow kept = keeper.flow(1);
  EXPECT_TRUE(message_of(kept, Direction::kToServer, 0, 1400));
  EXPECT_TRUE(message_of(kept, Direction::kToServer, 3999 * 1400, 1400));
  EXPECT_FALSE(message_of(kept, Direction::kToServer, 2000 * 1400, 1400));
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
  EXPECT_TRUE(keeper.flow(2).segments.empty());
  EXPECT_FALSE(keeper.flow(1).segments.empty());
  EXPECT_FALSE(keeper.flow(499).segments.empty());
}

TEST(PacketKeeper, OneFlowLeavesRoomForAnother) {
  constexpr uint64_t kMost = 200'000;
  PacketKeeper keeper(kMost);
  Client client(1);
  for (uint32_t i = 0; i < 1000; ++i) {
    client.send(keeper, i * 1400, std::string(1400, 'x'));
    EXPECT_LE(keeper.bytes(), kMost);
  }
}

}  // namespace
}  // namespace pickletap
