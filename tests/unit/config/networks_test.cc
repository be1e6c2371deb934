#include "config/networks.h"

#include <gtest/gtest.h>

#include <string>

namespace pickletap {
namespace {

AddressBytes bytes_of(const std::string& address) { return parse_network(address)->address; }

TEST(Networks, ContainWhatTheirPrefixSays) {
  struct Row {
    std::string network, address;
    bool in;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.255.1.2", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"172.16.0.0/12", "172.31.9.9", true},
      {"172.16.0.0/12", "172.32.0.0", false},
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.6", false},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"fc00::/7", "fdff::1", true},
      {"fc00::/7", "fe00::1", false},
      {"fe80::/10", "febf::1", true},
      {"::1", "::1", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "10.0.0.1", false},
  };
  for (const Row& row : rows) {
    const auto network = parse_network(row.network);
    ASSERT_TRUE(network) << row.network;
    const bool is_v6 = row.address.find(':') != std::string::npos;
    EXPECT_EQ(network->contains(bytes_of(row.address), is_v6), row.in) << row.network << " " << row.address;
  }
}

TEST(Networks, RefuseWhatIsNone) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "fd00::/129", "host", "10.0.0.0/",
                           "10.0.0.0/-1", "::1/64", "10.0.0.0/8 "}) {
    EXPECT_FALSE(parse_network(text)) << text;
    EXPECT_NE(network_complaint(text), "") << text;
  }
}

TEST(Networks, ReadsAnExpectation) {
  const auto read = parse_expectation("10.0.0.5:50000 key digest=sha256 no-manager peers=10.0.0.0/8,fd00::/8");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->key && read->no_manager);
  EXPECT_EQ(read->least_digest, "sha256");
  EXPECT_EQ(read->peers.size(), 2U);
  EXPECT_TRUE(read->at.matches(bytes_of("10.0.0.5"), false, 50000));
  EXPECT_FALSE(read->at.matches(bytes_of("10.0.0.5"), false, 50001));
  const auto any_port = parse_expectation("[fd00::/64]:* key");
  ASSERT_TRUE(any_port);
  EXPECT_TRUE(any_port->at.matches(bytes_of("fd00::99"), true, 1));
  for (const char* text : {"10.0.0.5:50000", "10.0.0.5 key", "10.0.0.5:0 key", "10.0.0.5:70000 key", "fd00::1:5 key",
                           "10.0.0.5:5 keys", "10.0.0.5:5 digest=sha1", "10.0.0.5:5 peers=", "", "[10.0.0.5]:5 key"}) {
    EXPECT_FALSE(parse_expectation(text)) << text;
  }
}

TEST(Networks, ReadsASuppressedCase) {
  const auto read = parse_suppressed_case("source=10.1.0.0/16 listener=10.0.0.5:50000 callable=shapes.*");
  ASSERT_TRUE(read && read->source && read->listener);
  EXPECT_FALSE(read->either_end);
  EXPECT_EQ(read->callable, "shapes.*");
  EXPECT_TRUE(parse_suppressed_case("10.0.0.0/8")->either_end);
  for (const char* text : {"", " ", "source=", "listener=10.0.0.5", "callable=", "host=1", "10.0.0.0/8 x"}) {
    EXPECT_FALSE(parse_suppressed_case(text)) << text;
  }
}

TEST(Networks, ReadsAnOverlapRule) {
  const auto read = parse_overlap_rule("10.1.0.0/16 windows");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->network.prefix_bits, 16U);
  EXPECT_EQ(read->policy, "windows");
  for (const char* text : {"", "windows", "10.1.0.0/16", "10.1.0.0/16 Windows", "10.1.0.0/16 vista",
                           "windows 10.0.0.0/8", "10.1.0.0/16 bsd first", "10.1.0.1/16 bsd"}) {
    EXPECT_FALSE(parse_overlap_rule(text)) << text;
    EXPECT_NE(overlap_complaint(text), "");
  }
}

TEST(Networks, MatchesStars) {
  struct Row {
    std::string pattern, text;
    bool matches;
  };
  const Row rows[] = {{"shapes.*", "shapes.Circle", true},
                      {"shapes.*", "shape.Circle", false},
                      {"*", "", true},
                      {"a*b*c", "axxbxxbc", true},
                      {"a*b*c", "axxbxx", false},
                      {"abc", "abc", true},
                      {"abc", "abcd", false},
                      {"*.Circle", "a.b.Circle", true},
                      {"", "a", false}};
  for (const Row& row : rows) EXPECT_EQ(matches_wildcard(row.pattern, row.text), row.matches) << row.pattern;
}

}  // namespace
}  // namespace pickletap
