// Thousands of flows that each leave a pickle open: the sensor stays within its memory, says what it could not follow,
// and still sees the one that matters.
#include <gtest/gtest.h>

#include <string>

#include "tests/replay/captures.h"
#include "tests/replay/program.h"

namespace pickletap::test {
namespace {

std::string big_endian(uint64_t value, unsigned width) {
  std::string out;
  for (unsigned shift = 8 * width; shift > 0; shift -= 8) out.push_back(static_cast<char>(value >> (shift - 8)));
  return out;
}
std::string little_endian(uint32_t value) {
  const std::string turned = big_endian(value, 4);
  return {turned.rbegin(), turned.rend()};
}

/// A capture of hand-made segments between clients 10.1.x.x and one listener.
class Wire {
 public:
  Wire()
      : bytes_(little_endian(0xa1b2c3d4) + little_endian(0x00040002) + std::string(8, '\0') + little_endian(65535) +
               little_endian(1)) {}

  void handshake(uint32_t client) {
    packet(client, true, 999, 0, 0x02);
    packet(client, false, 4999, 1000, 0x12);
    packet(client, true, 1000, 5000, 0x10);
  }
  /// What the client says at `offset` of its stream, and the listener's ACK.
  void say(uint32_t client, uint32_t offset, std::string_view data) {
    packet(client, true, 1000 + offset, 5000, 0x18, data);
    packet(client, false, 5000, 1000 + offset + static_cast<uint32_t>(data.size()), 0x10);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void packet(uint32_t client, bool from_client, uint32_t seq, uint32_t ack, uint8_t flags,
              std::string_view data = {}) {
    const std::string a = big_endian(0x0a010000 + client, 4), b = big_endian(0x0a000002, 4);
    const std::string ports =
        from_client ? big_endian(40000, 2) + big_endian(6000, 2) : big_endian(6000, 2) + big_endian(40000, 2);
    const std::string ip = big_endian(0x4500, 2) + big_endian(40 + data.size(), 2) + big_endian(0, 4) + "\x40\x06" +
                           big_endian(0, 2) + (from_client ? a + b : b + a);
    const std::string tcp = ports + big_endian(seq, 4) + big_endian(ack, 4) + "\x50" + static_cast<char>(flags) +
                            big_endian(65535, 2) + big_endian(0, 4);
    const std::string frame = std::string(12, '\x02') + "\x08" + std::string(1, '\0') + ip + tcp + std::string(data);
    const auto size = little_endian(static_cast<uint32_t>(frame.size()));
    ++time_us_;
    bytes_ += little_endian(1700000000 + time_us_ / 1000000) + little_endian(time_us_ % 1000000) + size + size + frame;
  }

  std::string bytes_;
  uint32_t time_us_ = 0;
};

constexpr uint32_t kFlows = 4000;
constexpr uint32_t kSegments = 3;

std::string attacked_wire() {
  std::string open = big_endian(100 << 20, 4) + "\x80\x04]";
  while (open.size() < kSegments * 1400) open += "}";
  const std::string exploit = "\x80\x04" + std::string(3000, ']') + "\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.";
  const std::string harmless = big_endian(5, 4) + "\x80\x04K\x01.", message = big_endian(exploit.size(), 4) + exploit;
  Wire wire;
  const uint32_t early = kFlows, late = kFlows + 1;
  for (const uint32_t client : {early, late}) {
    wire.handshake(client);
    wire.say(client, 0, harmless);
  }
  const auto half = static_cast<uint32_t>(harmless.size() + 1400);
  wire.say(early, 9, message.substr(0, 1000));
  wire.say(early, 1009, message.substr(1000, 400));  // open before all others, and complete after them
  for (uint32_t i = 0; i < kFlows; ++i) wire.handshake(i);
  for (uint32_t segment = 0; segment < kSegments; ++segment) {
    for (uint32_t i = 0; i < kFlows; ++i) wire.say(i, segment * 1400, open.substr(segment * 1400, 1400));
  }
  wire.say(early, half, message.substr(1400));
  wire.say(late, 9, message.substr(0, 1400));
  wire.say(late, half, message.substr(1400));
  return wire.bytes();
}

TEST(OpenPickles, OfThousandsOfFlowsFitTheMemoryAndHideNoAttack) {
  const TempFolder folder;
  const std::string capture = folder.write("open.pcap", attacked_wire());
#ifdef __SANITIZE_ADDRESS__
  const Arguments within;  // the sanitizer takes the address space for itself
#else
  const Arguments within{"prlimit", "--as=140000000"};
#endif
  Arguments command = within;
  command.insert(command.end(), {PICKLETAP_BINARY, "replay", "--json", "--set", "limits.memory=16MiB", capture});
  const Finished done = run(command);
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const auto events = events_of(done.out);
  const auto alerts = events_of_type(events, "alert");
  EXPECT_EQ(counted(alerts)[alert_text("pickle.code-execution", "10.1.15.161", "attempted")], 1U)
      << list_text(counted(alerts));
  EXPECT_EQ(counted(alerts)[alert_text("pickle.evasion", "10.1.15.160", "attempted")], 1U)
      << list_text(counted(alerts));
  const auto stats = events_of_type(events, "stats").back().at("stats").as_object();
  EXPECT_GT(stats.at("pickles_not_followed_total").to_number<uint64_t>(), kFlows / 4);
  EXPECT_GT(stats.at("pickles_limited_total").to_number<uint64_t>(), 0U);
}

}  // namespace
}  // namespace pickletap::test
