#include "sensor/net/tcp_receiver.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sensor/net/decode.h"
#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

/// None of these packets is in a tunnel.
DecodeResult decode_packet(LinkType link, ByteSpan frame, uint32_t wire_bytes, Packet& packet) {
  Encapsulation outer;
  return pickletap::decode_packet(link, frame, wire_bytes, packet, outer);
}

constexpr uint8_t kAck = TcpFlag::kAck;
constexpr uint32_t kFirst = 5001;  // the receiver's first byte

struct Header {
  uint8_t flags = kAck;
  uint32_t ack = kFirst;
  int64_t timestamp = -1;  ///< none
  bool signature = false;
};

Packet packet_of(const Header& header) {
  Packet packet;
  packet.flags = header.flags;
  packet.ack = header.ack;
  return packet;
}

TcpOptions options_of(const Header& header) {
  return {static_cast<uint32_t>(header.timestamp), header.timestamp >= 0, header.signature};
}

TcpReceiver established() {
  TcpReceiver receiver;
  receiver.start(kFirst);
  receiver.agree_on_timestamps();
  receiver.took_timestamp(1000);
  Packet sent;
  sent.flags = kAck;
  sent.seq = kFirst;
  sent.payload_missing = 100;
  receiver.spoke(sent, {});
  return receiver;
}

TEST(TcpReceiver, RefusesWhatLinuxDrops) {
  const struct {
    const char* name;
    Header header;
    Refusal want;
  } table[] = {
      {"data", {}, Refusal::kNone},
      {"no ACK flag", {.flags = 0}, Refusal::kNoAckFlag},
      {"PSH without ACK", {.flags = TcpFlag::kPsh}, Refusal::kNoAckFlag},
      {"all it sent", {.ack = kFirst + 100}, Refusal::kNone},
      {"one more than it sent", {.ack = kFirst + 101}, Refusal::kAckBeyondSent},
      {"its initial number", {.ack = kFirst - 1}, Refusal::kAckTooOld},
      {"long before its initial number", {.ack = kFirst - 100000}, Refusal::kAckTooOld},
      {"half the space away", {.ack = kFirst + 0x7fffff00U}, Refusal::kAckBeyondSent},
      {"the latest timestamp", {.timestamp = 1000}, Refusal::kNone},
      {"one below", {.timestamp = 999}, Refusal::kNone},
      {"two below", {.timestamp = 998}, Refusal::kOldTimestamp},
      {"ahead", {.timestamp = 900000}, Refusal::kNone},
      {"no timestamp", {.timestamp = -1}, Refusal::kNone},
      {"a signature", {.signature = true}, Refusal::kSignature},
  };
  for (const auto& c : table) {
    TcpReceiver receiver = established();
    EXPECT_EQ(to_text(receiver.judge(packet_of(c.header), options_of(c.header), ChecksumMode::kAuto)), to_text(c.want))
        << c.name;
  }
}

TEST(TcpReceiver, RefusesNothingOfWhatItDoesNotKnow) {
  TcpReceiver unknown;
  for (const uint32_t ack : {0U, kFirst - 1, kFirst + 100000}) {
    const Header header{.ack = ack, .timestamp = 5, .signature = true};
    EXPECT_EQ(unknown.judge(packet_of(header), options_of(header), ChecksumMode::kAuto), Refusal::kNone) << ack;
  }
}

TEST(TcpReceiver, TimestampsCountOnlyWhereTheyWereAgreedOn) {
  TcpReceiver receiver;
  receiver.start(kFirst);
  receiver.took_timestamp(1000);
  const Header old{.timestamp = 5};
  EXPECT_EQ(receiver.judge(packet_of(old), options_of(old), ChecksumMode::kAuto), Refusal::kNone);
  Packet reply;
  reply.flags = kAck;
  reply.seq = kFirst;
  receiver.spoke(reply, {7, true, false});  // it sends them itself
  EXPECT_EQ(receiver.judge(packet_of(old), options_of(old), ChecksumMode::kAuto), Refusal::kOldTimestamp);
}

TEST(TcpReceiver, TimestampsWrapAndOnlyRise) {
  TcpReceiver receiver = established();
  receiver.took_timestamp(10);  // an older one
  const Header header{.timestamp = 998};
  EXPECT_EQ(receiver.judge(packet_of(header), options_of(header), ChecksumMode::kAuto), Refusal::kOldTimestamp);
  TcpReceiver wrapped = established();
  wrapped.took_timestamp(0x7fffffff);
  wrapped.took_timestamp(0xfffffff0);
  wrapped.took_timestamp(5);
  const Header before{.timestamp = 0xfffffff0};
  EXPECT_EQ(wrapped.judge(packet_of(before), options_of(before), ChecksumMode::kAuto), Refusal::kOldTimestamp);
}

TEST(TcpReceiver, SignaturesAreNoSurpriseWhereTheReceiverSendsThem) {
  TcpReceiver receiver = established();
  Packet reply;
  reply.flags = kAck;
  reply.seq = kFirst;
  receiver.spoke(reply, {0, false, true});
  const Header header{.signature = true};
  EXPECT_EQ(receiver.judge(packet_of(header), options_of(header), ChecksumMode::kAuto), Refusal::kNone);
  EXPECT_TRUE(receiver.heeds_reset(packet_of(header), options_of(header), ChecksumMode::kAuto));
  TcpReceiver other = established();
  EXPECT_FALSE(other.heeds_reset(packet_of(header), options_of(header), ChecksumMode::kAuto));
}

/// A packet whose frame is kept, with the checksum that `change` makes of the right one.
struct Framed {
  explicit Framed(std::string_view payload, int change, bool v6 = false, size_t snap = SIZE_MAX) {
    for (unsigned value = 0;; ++value) {
      std::string tcp = frames::tcp(payload);
      tcp.replace(16, 2, frames::be16(value));
      frame = frames::ethernet(v6 ? frames::ipv6(tcp) : frames::ipv4(tcp), v6 ? 0x86dd : 0x0800);
      EXPECT_EQ(
          decode_packet(LinkType::kEthernet, frames::bytes_of(frame), static_cast<uint32_t>(frame.size()), packet),
          DecodeResult::kTcp);
      if (check_tcp_checksum(packet) == ChecksumState::kRight) {
        tcp.replace(16, 2, frames::be16((value + static_cast<unsigned>(change)) & 0xffff));
        frame = frames::ethernet(v6 ? frames::ipv6(tcp) : frames::ipv4(tcp), v6 ? 0x86dd : 0x0800);
        break;
      }
      if (value > 0xffff) {
        ADD_FAILURE() << "no value is right";
        break;
      }
    }
    EXPECT_EQ(decode_packet(LinkType::kEthernet, frames::bytes_of(frame).first(std::min(snap, frame.size())),
                            static_cast<uint32_t>(frame.size()), packet),
              DecodeResult::kTcp);
  }
  std::string frame;
  Packet packet;
};

TEST(TcpChecksum, IsRightWrongOrUnknown) {
  for (const bool v6 : {false, true}) {
    for (const char* payload : {"", "a", "ab", "abc", "abcdefghijk"}) {
      EXPECT_EQ(check_tcp_checksum(Framed(payload, 0, v6).packet), ChecksumState::kRight) << payload;
      EXPECT_EQ(check_tcp_checksum(Framed(payload, 1, v6).packet), ChecksumState::kWrong) << payload;
    }
  }
  EXPECT_EQ(check_tcp_checksum(Framed("abcdef", 0, false, 56).packet), ChecksumState::kUnknown);
  EXPECT_EQ(check_tcp_checksum(Packet{}), ChecksumState::kUnknown);
}

// The receiver drops a datagram before it looks at what is in it.
TEST(TcpChecksum, IsWrongBehindAWrongHeaderOfIpv4) {
  Framed framed("abc", 0);
  EXPECT_EQ(check_tcp_checksum(framed.packet), ChecksumState::kRight);
  framed.frame[14 + 10] = static_cast<char>(framed.frame[14 + 10] ^ 1);
  EXPECT_EQ(check_tcp_checksum(framed.packet), ChecksumState::kWrong);
  framed.frame[14 + 10] = static_cast<char>(framed.frame[14 + 10] ^ 1);
  framed.frame[14 + 8] = static_cast<char>(framed.frame[14 + 8] ^ 1);  // the TTL
  EXPECT_EQ(check_tcp_checksum(framed.packet), ChecksumState::kWrong);
}

/// Computed by hand: RFC 1071 over 10.0.0.1 → 10.0.0.2, protocol 6, length 21 and the segment of frames::tcp("a").
TEST(TcpChecksum, IsTheOneOfTheRfc) {
  std::string tcp = frames::tcp("a");
  uint64_t sum = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 21;
  tcp.push_back('\0');
  for (size_t i = 0; i < tcp.size(); i += 2) {
    sum += static_cast<uint64_t>(static_cast<uint8_t>(tcp[i])) << 8 | static_cast<uint8_t>(tcp[i + 1]);
  }
  tcp.pop_back();
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  tcp.replace(16, 2, frames::be16(static_cast<unsigned>(~sum & 0xffff)));
  const std::string frame = frames::ethernet(frames::ipv4(tcp));
  Packet packet;
  ASSERT_EQ(decode_packet(LinkType::kEthernet, frames::bytes_of(frame), static_cast<uint32_t>(frame.size()), packet),
            DecodeResult::kTcp);
  EXPECT_EQ(check_tcp_checksum(packet), ChecksumState::kRight);
}

TEST(TcpReceiver, WrongChecksumsSpeakAgainstASegmentWhereOthersAreRight) {
  const Framed right("abc", 0);
  const Framed wrong("abc", 1);
  const struct {
    ChecksumMode mode;
    bool right_before;
    Refusal want;
  } table[] = {
      {ChecksumMode::kAuto, false, Refusal::kNone},          {ChecksumMode::kAuto, true, Refusal::kBadChecksum},
      {ChecksumMode::kAlways, false, Refusal::kBadChecksum}, {ChecksumMode::kAlways, true, Refusal::kBadChecksum},
      {ChecksumMode::kNever, true, Refusal::kNone},
  };
  for (const auto& c : table) {
    TcpReceiver receiver;
    if (c.right_before) receiver.judge(right.packet, {}, c.mode);
    EXPECT_EQ(receiver.judge(wrong.packet, {}, c.mode), c.want);
    EXPECT_EQ(receiver.heeds_reset(wrong.packet, {}, c.mode), c.want == Refusal::kNone);
  }
}

TEST(TcpOptions, AreReadAsLinuxReadsThem) {
  const std::string nop(1, '\x01');
  const std::string stamp = std::string("\x08\x0a", 2) + frames::be32(77) + frames::be32(0);
  const std::string later = std::string("\x08\x0a", 2) + frames::be32(99) + frames::be32(0);
  const struct {
    const char* name;
    std::string options;
    TcpOptions want;
  } table[] = {
      {"none", "", {}},
      {"the usual", nop + nop + stamp, {77, true, false}},
      {"elsewhere", stamp + nop + nop, {77, true, false}},
      {"of two the last", stamp + later, {99, true, false}},
      {"behind the end of the list", std::string(4, '\0') + stamp + nop + nop, {}},
      {"of a wrong length", std::string("\x08\x08", 2) + std::string(6, '\0'), {}},
      {"cut", std::string("\x08\x0a\0\0", 4), {}},
      {"a length of zero ends the reading", std::string("\x03\0", 2) + stamp, {}},
      {"MD5", std::string("\x13\x12", 2) + std::string(16, 'x') + nop + nop, {0, false, true}},
      {"AO", std::string("\x1d\x04xx", 4), {0, false, true}},
  };
  for (const auto& c : table) {
    const std::string header = frames::tcp("", 1, 2, c.options);
    const TcpOptions got = read_tcp_options(frames::bytes_of(header));
    EXPECT_EQ(got.has_timestamp, c.want.has_timestamp) << c.name;
    EXPECT_EQ(got.timestamp, c.want.timestamp) << c.name;
    EXPECT_EQ(got.has_signature, c.want.has_signature) << c.name;
  }
}

}  // namespace
}  // namespace pickletap
