#include "sensor/net/community_id.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

#include "sensor/net/address_text.h"

namespace pickletap {
namespace {

Endpoint endpoint(const std::string& address, uint16_t port) {
  Endpoint result;
  result.address.is_v6 = address.find(':') != std::string::npos;
  EXPECT_EQ(inet_pton(result.address.is_v6 ? AF_INET6 : AF_INET, address.c_str(), result.address.bytes.data()), 1);
  result.port = port;
  return result;
}

TEST(CommunityId, AgreesWithPublishedVectorsInBothDirections) {
  // From the baseline of corelight/community-id-spec and from Zeek's tests.
  const struct {
    const char* a;
    uint16_t a_port;
    const char* b;
    uint16_t b_port;
    const char* want;
  } table[] = {
      {"128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
      {"1.2.3.4", 1122, "5.6.7.8", 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM="},
  };
  for (const auto& row : table) {
    const Endpoint a = endpoint(row.a, row.a_port);
    const Endpoint b = endpoint(row.b, row.b_port);
    EXPECT_EQ(community_id(a, b), row.want);
    EXPECT_EQ(community_id(b, a), row.want);
  }
}

TEST(CommunityId, KnowsUdp) {
  // From the same baseline.
  EXPECT_EQ(community_id(endpoint("192.168.1.52", 54585), endpoint("8.8.8.8", 53), true),
            "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
}

TEST(CommunityId, IsTheSameForBothDirectionsOverIpv6AndBetweenEqualAddresses) {
  const Endpoint a = endpoint("2001:db8::1", 5000);
  const Endpoint b = endpoint("2001:db8::2", 40000);
  EXPECT_EQ(community_id(a, b), community_id(b, a));
  const Endpoint c = endpoint("127.0.0.1", 5000);
  const Endpoint d = endpoint("127.0.0.1", 40000);
  EXPECT_EQ(community_id(c, d), community_id(d, c));
  EXPECT_NE(community_id(a, b), community_id(c, d));
}

TEST(AddressText, WritesTheShortForms) {
  for (const char* text : {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::1", "2001:db8:0:1::"}) {
    EXPECT_EQ(to_text(endpoint(text, 0).address), text);
  }
}

}  // namespace
}  // namespace pickletap
