// filter_warnings() against what libpcap makes of the filters, and its advice against itself: what it says to write
// must pass what was lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sensor/capture/live_source.h"

namespace pickletap {
namespace {

using ::testing::HasSubstr;

constexpr char kVlan[] = "no VLAN-tagged packets";
constexpr char kTwoVlans[] = "two VLAN tags";
constexpr char kFragments4[] = "fragments of IPv4";
constexpr char kFragments6[] = "fragments of IPv6";
constexpr char kTunnels[] = "inside GRE or VXLAN";

std::vector<std::string> lost(const std::string& filter) {
  std::vector<std::string> found;
  for (const std::string& warning : filter_warnings(filter)) {
    for (const char* kind : {kVlan, kTwoVlans, kFragments4, kFragments6, kTunnels}) {
      if (warning.find(kind) != std::string::npos) found.emplace_back(kind);
    }
  }
  return found;
}

TEST(FilterWarnings, NameWhatTheFilterLoses) {
  const struct {
    const char* filter;
    std::vector<std::string> want;
  } cases[] = {
      {"", {}},
      {"ether[0] & 1 = 0", {}},
      {"tcp port 5000", {kVlan, kFragments4, kFragments6, kTunnels}},
      {"tcp dst port 5000 and src host 10.1.2.3", {kVlan, kFragments4, kTunnels}},
      {"portrange 5000-5010", {kVlan, kFragments4, kFragments6, kTunnels}},
      {"host 10.1.2.3", {kVlan, kTunnels}},
      {"net 10.20", {kVlan, kTunnels}},
      {"net 10.0.0.0/8 and not port 22", {kVlan, kTunnels}},
      {"ip6 host 2001:db8::5 and port 5000", {kVlan, kFragments6, kTunnels}},
      {"not port 22", {}},
      {"not host 10.0.0.1", {}},
      {"ip and tcp", {kVlan, kTunnels}},
      {"tcp port 5000 or (vlan and tcp port 5000)", {kTwoVlans, kFragments4, kFragments6, kTunnels}},
      {"tcp port 5000 or (vlan 300 and tcp port 5000)", {kTwoVlans, kFragments4, kFragments6, kTunnels}},
      {"tcp port 5000 or vlan", {kFragments4, kFragments6, kTunnels}},
      {"tcp port 5000 or ip proto 47 or udp port 4789", {kVlan, kFragments4, kFragments6}},
      // Nothing plain passes: nothing is known about what the filter is for.
      {"arp", {}},
      {"udp port 53", {}},
      {"vlan and tcp port 5000", {}},
      {"ether host 00:11:22:33:44:55", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(lost(c.filter), c.want) << c.filter;
}

TEST(FilterWarnings, AdviceIsAFilterThatLosesItNoMore) {
  // Each warning ends with the filter to write; all of them, one after the other.
  std::string filter = "tcp port 5000";
  for (const char* kind : {kFragments4, kFragments6, kTunnels, kVlan}) {
    std::string advice;
    for (const std::string& warning : filter_warnings(filter)) {
      const size_t begin = warning.find("; write ");
      if (warning.find(kind) != std::string::npos && begin != std::string::npos) advice = warning.substr(begin + 8);
    }
    ASSERT_NE(advice, "") << kind << ": " << filter;
    filter = advice;
    EXPECT_THAT(lost(filter), ::testing::Not(::testing::Contains(kind))) << filter;
  }
  EXPECT_EQ(lost(filter), std::vector<std::string>{kTwoVlans}) << filter;
  EXPECT_EQ(lost(filter + " or (vlan and tcp port 5000)"), std::vector<std::string>{}) << filter;
}

TEST(FilterWarnings, RefuseAFilterThatDoesNotCompile) {
  try {
    filter_warnings("tcp prot 5000");
    ADD_FAILURE() << "no error";
  } catch (const CaptureError& error) {
    EXPECT_EQ(error.kind(), CaptureError::Kind::kFilter);
    EXPECT_THAT(error.what(), HasSubstr("\"tcp prot 5000\": "));
    EXPECT_THAT(error.what(), HasSubstr("syntax error"));
  }
}

}  // namespace
}  // namespace pickletap
