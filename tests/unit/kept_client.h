// A client's packets on a flow of its own, for tests of what is kept for evidence.
#pragma once

#include <array>
#include <string>

#include "sensor/packet_keeper.h"

namespace pickletap::test {

struct Client {
  explicit Client(uint64_t id) {
    packet.source.bytes = {10, 0, 0, 1};
    packet.destination.bytes = {10, 0, 0, 2};
    packet.source_port = static_cast<uint16_t>(40000 + id);
    packet.destination_port = 50000;
    packet.ttl = 61;
    packet.flags = TcpFlag::kAck;
    const OrientedKey oriented = make_flow_key(packet);
    flow.key = oriented.key;
    flow.flow_id = id;
    if (oriented.side == 1) flow.set(FlowFlag::kUpperInitiates);
    flow.set(FlowFlag::kSyn | FlowFlag::kSynAck | FlowFlag::kTimestamps);
    flow.set(FlowFlag::kStartKnown * 3);
    flow.start_seq[oriented.side] = 0xffffff00;  // wraps on the way
    flow.start_seq[oriented.side ^ 1] = 7000;
  }
  void send(PacketKeeper& keeper, uint32_t offset, const std::string& bytes) {
    make(offset, bytes);
    keeper.keep(flow, packet);
    keeper.trim();
  }
  /// `packet` becomes the next one; it points at `bytes`.
  void make(uint32_t offset, const std::string& bytes) {
    const uint32_t seq = 0xffffff00 + offset;
    header = {0x9c, 0x41, 0xc3, 0x50, 0, 0, 0, 0,  0,    0,    0,    0,    0x80, 0x10, 1, 0,
              0x12, 0x34, 0,    0,    1, 1, 8, 10, 0x11, 0x22, 0x33, 0x44, 5,    6,    7, 8};
    for (unsigned i = 0; i < 4; ++i) header[4 + i] = static_cast<uint8_t>(seq >> (24 - 8 * i));
    packet.tcp_header = header;
    packet.seq = seq;
    packet.payload = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
    ++packet.number;
  }
  Flow flow;
  Packet packet;
  std::array<uint8_t, 32> header{};
};

}  // namespace pickletap::test
