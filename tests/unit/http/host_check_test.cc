#include "sensor/http/host_check.h"

#include <gtest/gtest.h>

#include <vector>

namespace pickletap {
namespace {

TEST(HostCheck, AnswersOnlyToNamesNoStrangerCanOwn) {
  const std::vector<std::string> names{"sensor1.example.net", "TAP"};
  const struct {
    std::string host;
    bool allowed;
  } cases[] = {
      {"127.0.0.1", true},
      {"127.0.0.1:9502", true},
      {"192.0.2.7:1", true},
      {"[::1]", true},
      {"[::1]:9502", true},
      {"[2001:db8::1]:80", true},
      {"localhost", true},
      {"LocalHost:9502", true},
      {"sensor1.example.net", true},
      {"SENSOR1.example.NET:9502", true},
      {"tap", true},
      {"", false},
      {":9502", false},
      {"evil.example", false},
      {"evil.example:9502", false},
      {"localhost.evil.example", false},
      {"127.0.0.1.evil.example", false},
      {"sensor1.example.net.evil.example", false},
      {"127.0.0.1@evil.example", false},
      {"127.0.0.1:80@evil.example", false},
      {"127.1", false},  // inet_aton would take these
      {"2130706433", false},
      {"0x7f.0.0.1", false},
      {"127.0.0.1:", false},
      {"127.0.0.1:65536", false},
      {"127.0.0.1:-1", false},
      {"127.0.0.1:80x", false},
      {"::1", false},  // no authority: which colon begins the port?
      {"[::1", false},
      {"[::1]x", false},
      {"[localhost]", false},
      {"[127.0.0.1]", false},
      {"[]", false},
      {std::string("localhost\0.evil", 15), false},
      {std::string("[::1\0]", 6), false},
      {"localhost/", false},
      {"local host", false},
      {std::string(100'000, 'a'), false},
      {std::string(100'000, '['), false},
  };
  for (const auto& c : cases) EXPECT_EQ(is_allowed_host(c.host, names), c.allowed) << c.host.substr(0, 80);
}

TEST(HostCheck, SplitsAuthorities) {
  const auto v6 = parse_authority("[2001:db8::1]:443");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->port, "443");
  EXPECT_TRUE(v6->is_bracketed);
  const auto name = parse_authority("localhost");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->host, "localhost");
  EXPECT_TRUE(name->port.empty());
}

}  // namespace
}  // namespace pickletap
