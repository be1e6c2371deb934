#include "sensor/net/decode.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

using frames::be16;
using frames::be32;
using frames::ethernet;
using frames::ipv4;
using frames::ipv6;
using frames::tcp;

/// Decodes from a heap block of exactly the frame's size, so that the sanitizer sees every byte read outside it.
DecodeResult decode(LinkType link, const std::string& frame, Packet& packet, uint32_t wire_bytes = 0) {
  Encapsulation outer;
  const auto exact = std::make_unique<uint8_t[]>(frame.size());
  std::copy(frame.begin(), frame.end(), exact.get());
  const auto length = static_cast<uint32_t>(frame.size());
  const DecodeResult result =
      decode_packet(link, {exact.get(), frame.size()}, wire_bytes == 0 ? length : wire_bytes, packet, outer);
  if (result == DecodeResult::kTcp) {
    uint64_t sum = 0;
    for (const uint8_t byte : packet.payload) sum += byte;
    EXPECT_GE(sum + 1, 1U);
    EXPECT_LE(packet.payload.size(), frame.size());
  }
  packet.payload = {};
  packet.outer = nullptr;
  return result;
}

std::string extension(unsigned next, unsigned extra_words = 0) {
  return std::string{static_cast<char>(next), static_cast<char>(extra_words)} + std::string(6 + 8 * extra_words, '\0');
}

std::string fragment_header(unsigned next, unsigned offset_and_more) {
  return std::string{static_cast<char>(next), '\0'} + be16(offset_and_more) + be32(99);
}

struct Case {
  const char* name;
  LinkType link;
  std::string frame;
  DecodeResult want;
  size_t payload = 0;
};

std::vector<Case> cases() {
  using enum DecodeResult;
  const std::string body = tcp("hello");
  const std::string v4 = ipv4(body);
  const std::string v6 = ipv6(body, 6);
  const std::string tag = be16(0x8100) + be16(0x2064);
  std::string nine_tags;
  for (int i = 0; i < 9; ++i) nine_tags += tag;
  std::string many_options;
  for (unsigned i = 0; i < kMaxExtensionHeaders; ++i) {
    many_options += extension(i + 1 == kMaxExtensionHeaders ? 6 : 60);
  }
  const std::string sll = be16(0) + be16(1) + be16(6) + std::string(8, '\1');
  const std::string sll2 = be16(0) + be32(3) + be16(1) + std::string{'\0', '\6'} + std::string(8, '\1');
  const std::string netlink = be16(0) + be16(824) + be16(0) + std::string(8, '\0');
  return {
      {"ethernet ipv4", LinkType::kEthernet, ethernet(v4), kTcp, 5},
      {"ethernet ipv4, padded by the link", LinkType::kEthernet, ethernet(v4) + std::string(9, 'x'), kTcp, 5},
      {"ethernet ipv4 with options", LinkType::kEthernet, ethernet(ipv4(body, 6, 0, std::string(8, '\1'))), kTcp, 5},
      {"tcp with options", LinkType::kEthernet, ethernet(ipv4(tcp("abc", 1, 2, std::string(12, '\1')))), kTcp, 3},
      {"no payload", LinkType::kEthernet, ethernet(ipv4(tcp(""))), kTcp, 0},
      {"don't fragment", LinkType::kEthernet, ethernet(ipv4(body, 6, 0x4000)), kTcp, 5},
      {"total length 0 of offload", LinkType::kEthernet, ethernet(ipv4(body, 6, 0, {}, 0)), kTcp, 5},
      {"ethernet ipv6", LinkType::kEthernet, ethernet(v6, 0x86dd), kTcp, 5},
      {"ipv6 payload length 0", LinkType::kEthernet, ethernet(ipv6(body, 6, 0), 0x86dd), kTcp, 5},
      {"one tag", LinkType::kEthernet, ethernet(v4, 0x0800, tag), kTcp, 5},
      {"stacked tags", LinkType::kEthernet, ethernet(v6, 0x86dd, be16(0x88a8) + be16(7) + tag), kTcp, 5},
      {"nine tags", LinkType::kEthernet, ethernet(v4, 0x0800, nine_tags), kTooManyVlanTags},
      {"sll", LinkType::kLinuxSll, sll + be16(0x0800) + v4, kTcp, 5},
      {"sll ipv6", LinkType::kLinuxSll, sll + be16(0x86dd) + v6, kTcp, 5},
      {"sll netlink", LinkType::kLinuxSll, netlink + be16(0x0800) + v4, kOther},
      {"sll2", LinkType::kLinuxSll2, be16(0x0800) + sll2 + v4, kTcp, 5},
      {"sll2 ipv6", LinkType::kLinuxSll2, be16(0x86dd) + sll2 + v6, kTcp, 5},
      {"raw ipv4", LinkType::kRawIp, v4, kTcp, 5},
      {"raw ipv6", LinkType::kRawIp, v6, kTcp, 5},
      {"raw version 5", LinkType::kRawIp, "\x55" + v4.substr(1), kBadIpVersion},
      {"null, big-endian", LinkType::kNullLoopback, be32(2) + v4, kTcp, 5},
      {"null, little-endian", LinkType::kNullLoopback, std::string("\2\0\0\0", 4) + v4, kTcp, 5},
      {"null ipv6 of Darwin", LinkType::kNullLoopback, std::string("\x1e\0\0\0", 4) + v6, kTcp, 5},
      {"null ipv6 of FreeBSD", LinkType::kNullLoopback, be32(28) + v6, kTcp, 5},
      {"null, unknown family", LinkType::kNullLoopback, be32(77) + v4, kOther},
      {"hop by hop, routing, options", LinkType::kRawIp,
       ipv6(extension(43) + extension(60, 2) + extension(6) + body, 0), kTcp, 5},
      {"as many extension headers as there may be", LinkType::kRawIp, ipv6(many_options + body, 60), kTcp, 5},
      {"one extension header more", LinkType::kRawIp, ipv6(extension(60) + many_options + body, 60),
       kTooManyExtensionHeaders},
      {"extension longer than the packet", LinkType::kRawIp, ipv6(extension(6, 1).substr(0, 9), 60), kTruncatedIp},
      {"atomic fragment", LinkType::kRawIp, ipv6(fragment_header(6, 0) + body, 44), kTcp, 5},
      {"first fragment of ipv6", LinkType::kRawIp, ipv6(fragment_header(6, 1) + body, 44), kFragment},
      {"later fragment of ipv6", LinkType::kRawIp, ipv6(fragment_header(6, 8) + body, 44), kFragment},
      {"fragment of icmp over ipv6", LinkType::kRawIp, ipv6(fragment_header(58, 8) + body, 44), kOther},
      {"authentication header", LinkType::kRawIp, ipv6(extension(6) + body, 51), kOther},
      {"first fragment of ipv4", LinkType::kRawIp, ipv4(body, 6, 0x2000), kFragment},
      {"later fragment of ipv4", LinkType::kRawIp, ipv4(body, 6, 3), kFragment},
      {"fragment of icmp", LinkType::kRawIp, ipv4(body, 1, 3), kOther},
      {"udp, length 0 of offload", LinkType::kEthernet, ethernet(ipv4(be32(0x9c400035) + be32(0) + "hello", 17)), kUdp,
       5},
      {"udp, longer than the packet", LinkType::kEthernet, ethernet(ipv4(be32(1) + be16(14) + be16(0) + "hello", 17)),
       kOther},
      {"udp", LinkType::kEthernet, ethernet(ipv4(be16(40000) + be16(53) + be16(13) + be16(0) + "hello", 17)), kUdp, 5},
      {"udp over ipv6", LinkType::kRawIp, ipv6(be16(40000) + be16(53) + be16(13) + be16(0) + "hello", 17), kUdp, 5},
      {"udp, padded by the link", LinkType::kEthernet,
       ethernet(ipv4(be16(1) + be16(9) + be16(8) + be16(0), 17)) + std::string(18, 'x'), kUdp, 0},
      {"udp, shorter than its header", LinkType::kEthernet, ethernet(ipv4(be16(1) + be16(2), 17)), kOther},
      {"arp", LinkType::kEthernet, ethernet(v4, 0x0806), kOther},
      {"802.3 length", LinkType::kEthernet, ethernet(v4, 45), kOther},
      {"ipv6 behind the type of ipv4", LinkType::kEthernet, ethernet(v6, 0x0800), kBadIpVersion},
      {"header length below 20", LinkType::kRawIp, "\x44" + v4.substr(1), kBadIpHeaderLength},
      {"total length below the header's", LinkType::kRawIp, ipv4(body, 6, 0, {}, 19), kBadIpLength},
      {"total length beyond the frame", LinkType::kRawIp, ipv4(body, 6, 0, {}, 46), kBadIpLength},
      {"ipv6 length beyond the frame", LinkType::kRawIp, ipv6(body, 6, 26), kBadIpLength},
      {"tcp header cut by the ip length", LinkType::kRawIp, ipv4(body.substr(0, 19)), kTruncatedTcp},
      {"data offset 4", LinkType::kRawIp, ipv4(body.substr(0, 12) + "\x40" + body.substr(13)), kBadTcpHeaderLength},
      {"data offset beyond the packet", LinkType::kRawIp, ipv4(body.substr(0, 12) + "\xf0" + body.substr(13)),
       kBadTcpHeaderLength},
  };
}

TEST(Decode, TellsWhatEachFrameIs) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Packet packet;
    Encapsulation outer;
    const auto length = static_cast<uint32_t>(c.frame.size());
    const DecodeResult got = decode_packet(c.link, frames::bytes_of(c.frame), length, packet, outer);
    EXPECT_EQ(to_text(got), to_text(c.want));
    EXPECT_EQ(is_error(got), !layer_of(got).empty());
    EXPECT_EQ(packet.captured_bytes, length);
    if (got != DecodeResult::kTcp || c.want != got) continue;
    EXPECT_EQ(packet.payload.size(), c.payload);
    EXPECT_EQ(packet.payload_missing, 0U);
    EXPECT_EQ(packet.seq, 1000U);
    EXPECT_EQ(packet.ack, 2000U);
    EXPECT_EQ(packet.flags, TcpFlag::kAck | TcpFlag::kPsh);
    EXPECT_EQ(packet.window, 512);
    EXPECT_EQ(packet.urgent, 7);
    EXPECT_NE(packet.source, packet.destination);
    EXPECT_EQ(packet.destination.bytes[packet.destination.is_v6 ? 15 : 3], 2);
  }
}

TEST(Decode, EveryTruncationIsReadInsideItsBounds) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    for (size_t length = 0; length <= c.frame.size(); ++length) {
      Packet packet;
      decode(c.link, c.frame.substr(0, length), packet);  // a shorter frame
      decode(c.link, c.frame.substr(0, length), packet,
             static_cast<uint32_t>(c.frame.size()));  // cut by the snap length
    }
  }
}

TEST(Decode, RandomlyDamagedFramesAreReadInsideTheirBounds) {
  std::mt19937 random(7);
  const std::vector<Case> all = cases();
  for (int round = 0; round < 20000; ++round) {
    std::string frame = all[random() % all.size()].frame;
    for (unsigned i = 0; i < 1 + random() % 4; ++i) frame[random() % frame.size()] = static_cast<char>(random());
    Packet packet;
    decode(static_cast<LinkType>(random() % 5), frame, packet, static_cast<uint32_t>(frame.size() + random() % 3));
  }
}

TEST(Decode, SnapLengthLeavesMissingPayload) {
  const std::string frame = ethernet(ipv4(tcp("0123456789")));
  for (size_t cut = 0; cut <= 10; ++cut) {
    Packet packet;
    Encapsulation outer;
    ASSERT_EQ(decode_packet(LinkType::kEthernet, frames::bytes_of(frame).first(frame.size() - cut),
                            static_cast<uint32_t>(frame.size()), packet, outer),
              DecodeResult::kTcp);
    EXPECT_EQ(packet.payload.size(), 10 - cut);
    EXPECT_EQ(packet.payload_missing, cut);
    EXPECT_EQ(packet.wire_bytes, frame.size());
  }
}

TEST(Decode, SnapLengthInsideTcpOptionsStillCounts) {
  const std::string frame = ethernet(ipv4(tcp("abc", 1, 2, std::string(12, '\1'))));
  Packet packet;
  Encapsulation outer;
  ASSERT_EQ(decode_packet(LinkType::kEthernet, frames::bytes_of(frame).first(14 + 20 + 20),
                          static_cast<uint32_t>(frame.size()), packet, outer),
            DecodeResult::kTcp);
  EXPECT_TRUE(packet.payload.empty());
  EXPECT_EQ(packet.payload_missing, 3U);
}

TEST(Decode, RecordsTwoVlanIdsAndNoPriorityTag) {
  const auto tag = [](unsigned id) { return be16(0x8100) + be16(id); };
  const struct {
    std::string tags;
    VlanTags want;
  } table[] = {
      {"", {}},
      {tag(0x6000), {}},  // priority 3, id 0
      {tag(0x2064), {{100, 0}, 1}},
      {tag(1) + tag(2), {{1, 2}, 2}},
      {tag(0) + tag(5), {{5, 0}, 1}},
      {tag(1) + tag(2) + tag(3), {{1, 2}, 2}},
  };
  for (const auto& row : table) {
    Packet packet;
    packet.vlan = {{9, 9}, 2};
    ASSERT_EQ(decode(LinkType::kEthernet, ethernet(ipv4(tcp("x")), 0x0800, row.tags), packet), DecodeResult::kTcp);
    EXPECT_EQ(packet.vlan, row.want);
  }
}

TEST(Decode, KnowsTheLinkTypesItReads) {
  for (const int dlt : {0, 1, 12, 14, 101, 108, 113, 228, 229, 276}) EXPECT_TRUE(link_type_of(dlt)) << dlt;
  for (const int dlt : {-1, 9, 105, 127, 147}) EXPECT_FALSE(link_type_of(dlt)) << dlt;
}

}  // namespace
}  // namespace pickletap
