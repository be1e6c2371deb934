#include "config/output_address.h"

#include <gtest/gtest.h>

namespace pickletap {
namespace {

using Kind = OutputAddress::Kind;

/// "tcp HOST 6379", "unix PATH", "none": what was read, for tables.
std::string text(const std::optional<OutputAddress>& address) {
  if (!address) return "none";
  if (address->kind == Kind::kUnix) return "unix " + address->path;
  return (address->kind == Kind::kTcp ? "tcp " : "udp ") + address->host + " " + std::to_string(address->port);
}

TEST(OutputAddress, ReadsWhatOperatorsWrite) {
  const struct {
    std::string_view in;
    std::string_view want;
  } cases[] = {
      {"redis.example.org", "tcp redis.example.org 99"},
      {"10.0.0.1:6380", "tcp 10.0.0.1 6380"},
      {"[::1]", "tcp ::1 99"},
      {"[fe80::1%eth0]:514", "tcp fe80::1%eth0 514"},
      {"udp://loghost:514", "udp loghost 514"},
      {"tcp://[2001:db8::1]:601", "tcp 2001:db8::1 601"},
      {"unix:///run/redis/redis.sock", "unix /run/redis/redis.sock"},
      {"host:65535", "tcp host 65535"},
      {"", "none"},
      {":6379", "none"},
      {"host:", "none"},
      {"host:0", "none"},
      {"host:65536", "none"},
      {"host:-1", "none"},
      {"host:12x", "none"},
      {"host:1:2", "none"},
      {"::1", "none"},
      {"[::1", "none"},
      {"[::1]6379", "none"},
      {"[10.0.0.1]:5", "none"},
      {"ho st", "none"},
      {"-host", "none"},
      {"h\xC3\xB6st", "none"},
      {"http://host", "none"},
      {"UDP://host", "none"},
      {"udp://", "none"},
      {"unix://relative", "none"},
      {"unix://", "none"},
  };
  for (const auto& c : cases) EXPECT_EQ(text(parse_output_address(c.in, 99)), c.want) << c.in;
}

TEST(OutputAddress, WantsAPortWhereThereIsNoDefault) {
  EXPECT_EQ(text(parse_output_address("host", 0)), "none");
  EXPECT_EQ(text(parse_output_address("host:1", 0)), "tcp host 1");
}

TEST(OutputAddress, BoundsPathAndHost) {
  const std::string path = "/" + std::string(kMaxSocketPathBytes - 1, 'p');
  EXPECT_EQ(text(parse_output_address("unix://" + path, 1)), "unix " + path);
  EXPECT_EQ(text(parse_output_address("unix://" + path + "p", 1)), "none");
  EXPECT_EQ(text(parse_output_address(std::string_view("unix:///a\0b", 11), 1)), "none");
  const std::string host(kMaxHostBytes, 'h');
  EXPECT_EQ(text(parse_output_address(host, 1)), "tcp " + host + " 1");
  EXPECT_EQ(text(parse_output_address(host + "h", 1)), "none");
}

TEST(OutputAddress, SyslogNeedsASchemeAndHasThePortsOfItsTransports) {
  EXPECT_EQ(text(parse_syslog_address("udp://loghost")), "udp loghost 514");
  EXPECT_EQ(text(parse_syslog_address("tcp://loghost")), "tcp loghost 601");
  EXPECT_EQ(text(parse_syslog_address("tcp://loghost:514")), "tcp loghost 514");
  EXPECT_EQ(text(parse_syslog_address("unix:///dev/log")), "unix /dev/log");
  EXPECT_EQ(text(parse_syslog_address("loghost:514")), "none");
  EXPECT_EQ(text(parse_syslog_address("/dev/log")), "none");
}

TEST(OutputAddress, RedisIsNeverUdp) {
  EXPECT_EQ(text(parse_redis_address("127.0.0.1")), "tcp 127.0.0.1 6379");
  EXPECT_EQ(text(parse_redis_address("[::1]:6380")), "tcp ::1 6380");
  EXPECT_EQ(text(parse_redis_address("unix:///run/redis.sock")), "unix /run/redis.sock");
  EXPECT_EQ(text(parse_redis_address("udp://127.0.0.1")), "none");
}

}  // namespace
}  // namespace pickletap
