#include "sensor/net/dns_message.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "sensor/net/address_text.h"
#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

using frames::be16;
using frames::be32;

std::string wire_name(std::string_view dotted) {
  std::string out;
  for (size_t at = 0; at <= dotted.size();) {
    const size_t dot = std::min(dotted.find('.', at), dotted.size());
    out += static_cast<char>(dot - at);
    out += dotted.substr(at, dot - at);
    at = dot + 1;
  }
  return out + '\0';
}

std::string header(bool is_answer, unsigned questions, unsigned answers) {
  return be16(0x1234) + be16(is_answer ? 0x8180 : 0x0100) + be16(questions) + be16(answers) + be32(0);
}

std::string query(const std::string& name) { return header(false, 1, 0) + wire_name(name) + be16(1) + be16(1); }

std::string record(const std::string& owner, unsigned type, const std::string& data) {
  return owner + be16(type) + be16(1) + be32(60) + be16(static_cast<unsigned>(data.size())) + data;
}

/// From a block of exactly the message's size, so that the sanitizer sees every byte read outside it.
bool read(const std::string& bytes, DnsMessage& message, size_t max_addresses = 16) {
  const auto exact = std::make_unique<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  return read_dns({exact.get(), bytes.size()}, max_addresses, message);
}

TEST(DnsMessage, ReadsTheNameThatIsAskedFor) {
  const struct {
    const char* what;
    std::string bytes, want;
  } table[] = {
      {"plain", query("evil.example"), "evil.example"},
      {"capitals, as resolvers mix them in", query("eViL.ExamPLE"), "evil.example"},
      {"one label", query("attacker"), "attacker"},
      {"bytes that are not printable", header(false, 1, 0) + std::string("\3a\0.\1b\0", 7) + be32(0x00010001),
       "a\\000\\046.b"},
      {"without type and class", header(false, 1, 0) + wire_name("a.b"), "a.b"},
      {"the root", query(""), ""},
      {"no question", header(false, 0, 0) + wire_name("a.b") + be32(0x00010001), ""},
      {"cut in the name", query("evil.example").substr(0, 20), ""},
      {"cut in the header", query("evil.example").substr(0, 11), ""},
      {"a pointer to itself", header(false, 1, 0) + "\xc0\x0c" + be32(0), ""},
      {"a pointer into the header", header(false, 1, 0) + std::string("\xc0\x00", 2) + be32(0), ""},
      {"a label of another kind", header(false, 1, 0) + "\x41" + "a" + be32(0), ""},
      {"255 bytes and more",
       query(std::string(60, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
             std::string(63, 'd') + "." + std::string(9, 'e')),
       ""},
  };
  for (const auto& row : table) {
    DnsMessage message;
    EXPECT_EQ(read(row.bytes, message), !row.want.empty()) << row.what;
    if (!row.want.empty()) {
      EXPECT_EQ(message.name, row.want) << row.what;
      EXPECT_FALSE(message.is_answer) << row.what;
    }
  }
}

TEST(DnsMessage, ReadsTheAddressesOfAnAnswer) {
  const std::string v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  const std::string bytes = header(true, 1, 4) + wire_name("Evil.example") + be16(1) + be16(1) +
                            record("\xc0\x0c", 5, wire_name("other.example")) +
                            record(wire_name("other.example"), 1, "\x0a\x09\x08\x07") + record("\xc0\x0c", 28, v6) +
                            record("\xc0\x0c", 1, "\x01\x02\x03\x04");
  DnsMessage message;
  ASSERT_TRUE(read(bytes, message));
  EXPECT_TRUE(message.is_answer);
  EXPECT_EQ(message.name, "evil.example");
  ASSERT_EQ(message.addresses.size(), 3U);
  EXPECT_EQ(to_text(message.addresses[0]), "10.9.8.7");
  EXPECT_EQ(to_text(message.addresses[1]), "2001:db8::1");
  EXPECT_EQ(to_text(message.addresses[2]), "1.2.3.4");
  ASSERT_TRUE(read(bytes, message, 1));
  EXPECT_EQ(message.addresses.size(), 1U);
  // Cut anywhere: what stands before the cut, and nothing of another's.
  for (size_t size = 0; size < bytes.size(); ++size) {
    DnsMessage cut;
    read(bytes.substr(0, size), cut);
    EXPECT_LE(cut.addresses.size(), 2U) << size;
  }
}

TEST(DnsMessage, EndsWhateverTheBytes) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = header(true, 1, 9) + wire_name("a.example") + be32(0x00010001);
    for (unsigned i = 0; i < 60; ++i) bytes += static_cast<char>(random() % 4 == 0 ? 0xc0 : random() % 70);
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    DnsMessage message;
    if (!read(bytes, message)) continue;
    EXPECT_LE(message.name.size(), 1023U);
    EXPECT_LE(message.addresses.size(), 16U);
  }
}

TEST(DnsMessage, IsUnderItsParentOnly) {
  EXPECT_TRUE(is_name_under("evil.example", "evil.example"));
  EXPECT_TRUE(is_name_under("uid0.evil.example", "evil.example"));
  EXPECT_FALSE(is_name_under("devil.example", "evil.example"));
  EXPECT_FALSE(is_name_under("example", "evil.example"));
  EXPECT_FALSE(is_name_under("evil.example", ""));
}

}  // namespace
}  // namespace pickletap
