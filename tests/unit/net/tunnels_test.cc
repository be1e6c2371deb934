// Encapsulations: what decode_packet finds inside, where its limits are, and what a flow's identity takes of it. Real
// exchanges in each kind are in pcaps/tunnel/, agreed with tshark.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sensor/net/decode.h"
#include "sensor/net/flow_key.h"
#include "sensor/net/tunnel_table.h"
#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

using frames::be16;
using frames::be32;
using frames::ethernet;
using frames::ipv4;
using frames::ipv6;
using frames::tcp;

std::string udp(const std::string& body, unsigned port) {
  return be16(50000) + be16(port) + be16(static_cast<unsigned>(8 + body.size())) + be16(0) + body;
}
std::string gre(unsigned flags, unsigned type, const std::string& body) { return be16(flags) + be16(type) + body; }
std::string vxlan(uint32_t vni, const std::string& body) { return be32(0x08000000) + be32(vni << 8) + body; }
std::string label(uint32_t value, bool bottom) { return be32(value << 12 | (bottom ? 0x100U : 0U) | 64); }
std::string ppp(const std::string& body, unsigned protocol = 0x21) {
  return be16(0x1100) + be16(7) + be16(static_cast<unsigned>(body.size() + 2)) + be16(protocol) + body;
}
std::string gtp(unsigned flags, const std::string& rest) {
  return be16(flags << 8 | 255) + be16(static_cast<unsigned>(rest.size())) + be32(0xabcdef) + rest;
}

struct Decoded {
  DecodeResult result = DecodeResult::kOther;
  Packet packet;
  Encapsulation outer;
  std::string payload;
};

/// From a heap block of exactly the frame's size, so that the sanitizer sees every byte read outside it.
std::unique_ptr<Decoded> decode(const std::string& frame, size_t captured = SIZE_MAX) {
  captured = std::min(captured, frame.size());
  const auto exact = std::make_unique<uint8_t[]>(captured);
  std::memcpy(exact.get(), frame.data(), captured);
  auto out = std::make_unique<Decoded>();
  out->result = decode_packet(LinkType::kEthernet, {exact.get(), captured}, static_cast<uint32_t>(frame.size()),
                              out->packet, out->outer);
  if (out->result == DecodeResult::kTcp) {
    out->payload.assign(reinterpret_cast<const char*>(out->packet.payload.data()), out->packet.payload.size());
  }
  return out;
}

struct Case {
  const char* name;
  std::string frame;
  unsigned depth = 0;
  TunnelKind kind = TunnelKind::kIpInIp;
  uint32_t id = 0;
};

const std::string& inner() {
  static const std::string packet = ipv4(tcp("hello"));
  return packet;
}

std::vector<Case> cases() {
  const std::string v4 = inner(), v6 = ipv6(tcp("hello")), frame = ethernet(v4);
  const std::string word = be32(5);
  return {
      {"mpls", ethernet(label(3, false) + label(17, true) + v4, 0x8847)},
      {"mpls, ipv6", ethernet(label(17, true) + v6, 0x8848)},
      {"mpls, control word", ethernet(label(17, true) + word + frame, 0x8847)},
      {"mpls, no control word", ethernet(label(17, true) + frame, 0x8847)},
      {"mpls, an address that begins with 4", ethernet(label(17, true) + "\x40" + frame.substr(1), 0x8847)},
      {"mpls, an address that begins with 0",
       ethernet(label(17, true) + std::string(1, '\0') + frame.substr(1), 0x8847)},
      {"pppoe", ethernet(ppp(v4), 0x8864)},
      {"pppoe, ipv6", ethernet(ppp(v6, 0x57), 0x8864)},
      {"pppoe, short protocol",
       ethernet(be16(0x1100) + be16(7) + be16(static_cast<unsigned>(v4.size() + 1)) + "!" + v4, 0x8864)},
      {"pppoe, mpls", ethernet(ppp(label(5, true) + v4, 0x281), 0x8864)},
      {"ipip", ethernet(ipv4(v4, 4)), 1},
      {"6in4", ethernet(ipv4(v6, 41)), 1},
      {"4in6", ethernet(ipv6(v4, 4), 0x86dd), 1},
      {"6in6", ethernet(ipv6(v6, 41), 0x86dd), 1},
      {"mpls in ip", ethernet(ipv4(label(5, true) + v4, 137)), 1},
      {"gre", ethernet(ipv4(gre(0, 0x0800, v4), 47)), 1, TunnelKind::kGre},
      {"gre, all there is", ethernet(ipv4(gre(0xb000, 0x0800, be32(0) + be32(9) + be32(1) + v4), 47)), 1,
       TunnelKind::kGre, 9},
      {"gre, a tag", ethernet(ipv4(gre(0, 0x8100, be16(7) + be16(0x0800) + v4), 47)), 1, TunnelKind::kGre},
      {"gre, wccp 1", ethernet(ipv4(gre(0, 0x883e, v4), 47)), 1, TunnelKind::kGre},
      {"gre, wccp 2", ethernet(ipv4(gre(0, 0x883e, be32(0) + v4), 47)), 1, TunnelKind::kGre},
      {"gretap", ethernet(ipv4(gre(0, 0x6558, frame), 47)), 1, TunnelKind::kGre},
      {"erspan 1", ethernet(ipv4(gre(0, 0x88be, frame), 47)), 1, TunnelKind::kErspan},
      {"erspan 2", ethernet(ipv4(gre(0x1000, 0x88be, be32(1) + be16(0x1007) + be16(0x0405) + be32(0) + frame), 47)), 1,
       TunnelKind::kErspan, 5},
      {"erspan 3",
       ethernet(ipv4(gre(0x1000, 0x22eb, be32(1) + be16(0x2007) + be16(6) + be32(0) + be32(0) + frame), 47)), 1,
       TunnelKind::kErspan, 6},
      {"erspan 3, ip",
       ethernet(
           ipv4(gre(0x1000, 0x22eb, be32(1) + be16(0x2007) + be16(6) + be32(0) + be16(0) + be16(2 << 10) + v6), 47)),
       1, TunnelKind::kErspan, 6},
      {"vxlan", ethernet(ipv4(udp(vxlan(77, frame), 4789), 17)), 1, TunnelKind::kVxlan, 77},
      {"vxlan, old port", ethernet(ipv6(udp(vxlan(77, frame), 8472), 17), 0x86dd), 1, TunnelKind::kVxlan, 77},
      {"geneve",
       ethernet(ipv4(udp(be16(0x0200) + be16(0x6558) + be32(8 << 8) + std::string(8, 'o') + frame, 6081), 17)), 1,
       TunnelKind::kGeneve, 8},
      {"geneve, ip", ethernet(ipv4(udp(be16(0) + be16(0x86dd) + be32(8 << 8) + v6, 6081), 17)), 1, TunnelKind::kGeneve,
       8},
      {"gtp-u", ethernet(ipv4(udp(gtp(0x30, v4), 2152), 17)), 1, TunnelKind::kGtpU, 0xabcdef},
      {"gtp-u, sequence", ethernet(ipv4(udp(gtp(0x32, be32(0x00010000) + v6), 2152), 17)), 1, TunnelKind::kGtpU,
       0xabcdef},
      {"gtp-u, two extensions",
       ethernet(ipv4(
           udp(gtp(0x34, be32(0x85) + be16(0x0101) + be16(0x01c0) + be16(0x0201) + be32(0) + be16(0) + v4), 2152), 17)),
       1, TunnelKind::kGtpU, 0xabcdef},
  };
}

TEST(Tunnels, InnermostPacketIsFoundInEachKind) {
  for (const Case& c : cases()) {
    const auto got = decode(c.frame);
    EXPECT_EQ(to_text(got->result), "tcp") << c.name;
    EXPECT_EQ(got->payload, "hello") << c.name;
    EXPECT_EQ(got->outer.depth, c.depth) << c.name;
    EXPECT_EQ(got->packet.outer != nullptr, c.depth > 0) << c.name;
    if (c.depth == 0) continue;
    EXPECT_EQ(static_cast<int>(got->outer.layers[0].kind), static_cast<int>(c.kind)) << c.name;
    EXPECT_EQ(got->outer.layers[0].id, c.id) << c.name;
  }
}

TEST(Tunnels, EachInEachOtherWorksToo) {
  // Whatever ends in an Ethernet frame can hold everything.
  const std::vector<Case> all = cases();
  for (const Case& outer : all) {
    const size_t at = outer.frame.rfind(ethernet(inner()));
    if (at == std::string::npos || at == 0) continue;
    for (const Case& c : all) {
      const auto got = decode(ethernet(ipv4(udp(vxlan(1, c.frame), 4789), 17)));
      EXPECT_EQ(got->payload, "hello") << c.name;
      EXPECT_EQ(got->outer.depth, c.depth + 1) << c.name;
    }
  }
}

TEST(Tunnels, WhatIsNoTunnelIsSomethingElse) {
  const std::string v4 = inner(), frame = ethernet(v4);
  const struct {
    const char* name;
    std::string frame;
    const char* want = "other";
  } table[] = {
      {"gre version 1", ethernet(ipv4(gre(1, 0x0800, v4), 47))},
      {"gre with routes", ethernet(ipv4(gre(0x4000, 0x0800, be32(0) + v4), 47))},
      {"gre keep-alive", ethernet(ipv4(gre(0, 0, ""), 47))},
      {"vxlan without a network", ethernet(ipv4(udp(be32(0) + be32(0) + frame, 4789), 17)), "udp"},
      {"from the port of vxlan", ethernet(ipv4(be16(4789) + be16(53) + be16(8) + be16(0), 17)), "udp"},
      {"geneve version 1", ethernet(ipv4(udp(be16(0x4000) + be16(0x6558) + be32(0) + frame, 6081), 17)), "udp"},
      {"geneve, options longer than the packet", ethernet(ipv4(udp(be16(0x3f00) + be16(0x6558) + be32(0), 6081), 17)),
       "udp"},
      {"gtp echo", ethernet(ipv4(udp(be16(0x3001) + be16(0) + be32(0), 2152), 17)), "udp"},
      {"gtp prime", ethernet(ipv4(udp(be16(0x20ff) + be16(4) + be32(0) + v4, 2152), 17)), "udp"},
      {"gtp, extension without length", ethernet(ipv4(udp(gtp(0x34, be32(0x85) + be32(0) + v4), 2152), 17)), "udp"},
      {"erspan of version 3", ethernet(ipv4(gre(0x1000, 0x88be, be32(1) + be32(0x30000000) + be32(0) + frame), 47))},
      {"pppoe, lcp", ethernet(ppp("1234", 0xc021), 0x8864)},
      {"pppoe, discovery code", ethernet(be16(0x1109) + be16(0) + be16(4) + be32(0), 0x8864)},
      {"mpls, operations", ethernet(label(13, true) + be32(0x10000000) + std::string(20, 'x'), 0x8847)},
      {"udp with a length of 3", ethernet(ipv4(be16(1) + be16(4789) + be16(3) + be16(0) + vxlan(1, frame), 17))},
  };
  for (const auto& row : table) EXPECT_EQ(to_text(decode(row.frame)->result), row.want) << row.name;
}

TEST(Tunnels, ToADepthThatIsCounted) {
  std::string packet = inner();
  for (unsigned depth = 1; depth <= kMaxEncapsulations + 3; ++depth) {
    packet = ipv4(packet, 4);
    const auto got = decode(ethernet(packet));
    EXPECT_EQ(to_text(got->result), depth <= kMaxEncapsulations ? "tcp" : "too_many_encapsulations") << depth;
    EXPECT_EQ(layer_of(got->result), depth <= kMaxEncapsulations ? "" : "tunnel");
  }
  // Those without addresses count, too, and a label stack has an end.
  std::string frame = ethernet(inner());
  for (unsigned depth = 1; depth <= kMaxEncapsulations + 1; ++depth) frame = ethernet(label(1, true) + frame, 0x8847);
  EXPECT_EQ(to_text(decode(frame)->result), "too_many_encapsulations");
  std::string labels;
  for (unsigned i = 0; i < kMaxMplsLabels; ++i) labels += label(16 + i, false);
  EXPECT_EQ(to_text(decode(ethernet(labels + inner(), 0x8847))->result), "too_many_encapsulations");
}

TEST(Tunnels, EveryTruncationAndDamageIsReadInsideItsBounds) {
  std::mt19937_64 random(5);
  for (const Case& c : cases()) {
    for (size_t length = 0; length < c.frame.size(); ++length) {
      EXPECT_NE(decode(c.frame.substr(0, length))->payload, "hello");
      const auto cut = decode(c.frame, length);  // by the snap length
      EXPECT_TRUE(std::string("hello").starts_with(cut->payload));
    }
    for (int i = 0; i < 400; ++i) {
      std::string damaged = c.frame;
      for (unsigned n = 0; n < 1 + random() % 3; ++n) damaged[random() % damaged.size()] = static_cast<char>(random());
      decode(damaged);
    }
  }
}

// ---- Identity -------------------------------------------------------------------------------------------------------

/// `packet` outlives the answer's use.
uint32_t name_of(TunnelTable& table, const std::string& frame, int64_t second = 0) {
  Packet packet;
  Encapsulation outer;
  EXPECT_EQ(
      decode_packet(LinkType::kEthernet, frames::bytes_of(frame), static_cast<uint32_t>(frame.size()), packet, outer),
      DecodeResult::kTcp);
  packet.time_ns = second * 1'000'000'000;
  return table.name_of(packet);
}

std::string in_vxlan(uint32_t vni, const std::string& tags = {}, unsigned source_port = 50000) {
  const std::string inside = vxlan(vni, ethernet(inner(), 0x0800, tags));
  return ethernet(ipv4(be16(source_port) + udp(inside, 4789).substr(2), 17));
}

/// The outer addresses the other way round.
std::string turned(const std::string& frame) {
  std::string out = frame;
  return out.replace(26, 4, frame.substr(30, 4)).replace(30, 4, frame.substr(26, 4));
}

TEST(TunnelTable, NamesTunnelsByWhatBothDirectionsShare) {
  TunnelTable table(100, 10, 1);
  const uint32_t first = name_of(table, in_vxlan(1));
  EXPECT_EQ(name_of(table, turned(in_vxlan(1))), first);
  EXPECT_EQ(name_of(table, in_vxlan(1, {}, 50001)), first) << "the source port is a hash of the flow";
  const std::string tag = be16(0x8100) + be16(7);
  const std::vector<std::string> others = {in_vxlan(2), in_vxlan(1, tag), ethernet(in_vxlan(1).substr(14), 0x0800, tag),
                                           ethernet(ipv4(inner(), 4))};
  for (const std::string& other : others) EXPECT_NE(name_of(table, other), first);
  EXPECT_EQ(table.counters().tunnels, 5U);
  EXPECT_EQ(table.find(first)->info.outermost.id, 1U);
  EXPECT_EQ(table.find(first)->info.outermost.source_port, 50001) << "as of its latest packet";
  EXPECT_EQ(table.find(5), nullptr);
}

TEST(TunnelTable, EndpointIdsOfGtpAreEachDirectionsOwn) {
  TunnelTable table(100, 10, 1);
  const std::string one = ethernet(ipv4(udp(gtp(0x30, inner()), 2152), 17));
  std::string other = turned(one);
  other.replace(other.find("\xab\xcd\xef"), 3, "\x01\x02\x03");
  EXPECT_EQ(name_of(table, one), name_of(table, other));
}

TEST(TunnelTable, SharesANameWhenItIsFullAndSaysSo) {
  TunnelTable table(3, 10, 1);
  for (uint32_t vni = 0; vni < 3; ++vni) EXPECT_EQ(name_of(table, in_vxlan(vni), 100 + vni), vni);
  EXPECT_EQ(name_of(table, in_vxlan(3), 105), TunnelTable::kUntracked);
  EXPECT_EQ(name_of(table, in_vxlan(4), 105), TunnelTable::kUntracked);
  EXPECT_EQ(table.counters().untracked_packets, 2U);
  EXPECT_EQ(table.find(TunnelTable::kUntracked), nullptr);
  // One that was silent for long gives way.
  EXPECT_EQ(name_of(table, in_vxlan(0), 106), 0U);
  EXPECT_EQ(name_of(table, in_vxlan(3), 112), 1U);
  EXPECT_EQ(name_of(table, in_vxlan(1), 112), TunnelTable::kUntracked) << "its name belongs to another now";
  EXPECT_EQ(table.size(), 3U);
}

TEST(TunnelTable, TunnelledFlowsHaveKeysOfTheirOwn) {
  Packet plain;
  plain.source_port = 1;
  Packet tunnelled = plain;
  tunnelled.tunnel = 0;
  Packet tagged = plain;
  tagged.vlan = {{1, 0}, 1};
  Packet second = plain;
  second.tunnel = 1;
  const std::vector<FlowKey> keys = {make_flow_key(plain).key, make_flow_key(tunnelled).key, make_flow_key(tagged).key,
                                     make_flow_key(second).key};
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t j = 0; j < keys.size(); ++j) EXPECT_EQ(keys[i] == keys[j], i == j) << i << " and " << j;
  }
  EXPECT_EQ(keys[3].tunnel(), 1U);
  EXPECT_EQ(vlan_of(keys[3]).count, 0U);
}

}  // namespace
}  // namespace pickletap
