#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "sensor/capture/packet_socket.h"

namespace pickletap {
namespace {

// As Linux 6.18 writes it.
constexpr char kProcNetDev[] =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n"
    "    lo: 1516492    6410    0    0    0     0          0         0  1516492    6410    0    9    9     0       0   "
    "       0\n"
    "  eth0: 71289382  101443    3   12    5     0          0         7 17321443   72222    0    1    1     0       0  "
    " "
    "       0\n"
    "enp129s0f0np0:99999999999999 888888888888    0 18446744073709551 1     0          0         7 17321443   72222   "
    " 0    1    1     0       0          0\n"
    "  bad0: 1 2 3\n";

TEST(ReceiveDrops, AddsWhatTheInterfaceLost) {
  EXPECT_EQ(receive_drops(kProcNetDev, "lo"), 0U);
  EXPECT_EQ(receive_drops(kProcNetDev, "eth0"), 17U);
  EXPECT_EQ(receive_drops(kProcNetDev, "enp129s0f0np0"), 18446744073709552U);
  for (const char* name : {"eth", "eth1", "bad0", "face |bytes", ""}) {
    EXPECT_EQ(receive_drops(kProcNetDev, name), std::nullopt) << name;
  }
  EXPECT_EQ(receive_drops("", "lo"), std::nullopt);
}

TEST(ReceiveDrops, ReadsWhatThisKernelWrites) {
  std::ifstream file("/proc/net/dev");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) GTEST_SKIP() << "no /proc/net/dev";
  EXPECT_TRUE(receive_drops(text, "lo").has_value()) << text;
}

TEST(InterfaceDrops, StandStillForAnInterfaceThatIsNotThere) {
  InterfaceDrops drops("no-such-if0");
  EXPECT_EQ(drops.total(), 0U);
  EXPECT_EQ(drops.total(), 0U);
}

}  // namespace
}  // namespace pickletap
