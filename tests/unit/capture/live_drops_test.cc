#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "sensor/capture/packet_socket.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

/// A folder like /sys/class/net with one interface.
class InterfaceDropsTest : public testing::Test {
 protected:
  InterfaceDropsTest() : folder_(testing::TempDir() + "interface-drops-" + std::to_string(getpid())) {
    fs::create_directories(folder_ + "/eth0/statistics");
    set("rx_dropped", 1000);
  }
  ~InterfaceDropsTest() override { fs::remove_all(folder_); }
  void set(const std::string& counter, uint64_t value) const {
    std::ofstream(folder_ + "/eth0/statistics/" + counter) << value << "\n";
  }

  const std::string folder_;
};

TEST_F(InterfaceDropsTest, CountWhatTheInterfaceLostSinceTheStart) {
  set("rx_missed_errors", 5);
  set("rx_fifo_errors", 7);
  InterfaceDrops drops("eth0", folder_);
  EXPECT_EQ(drops.total(), 0U);
  set("rx_missed_errors", 15);
  EXPECT_EQ(drops.total(), 10U);
  set("rx_fifo_errors", 8);
  EXPECT_EQ(drops.total(), 11U);
}

TEST_F(InterfaceDropsTest, LeaveOutWhatTheKernelThrowsAwayAfterTheSensorSawIt) {
  set("rx_missed_errors", 0);
  set("rx_fifo_errors", 0);
  InterfaceDrops drops("eth0", folder_);
  set("rx_dropped", 9999);
  EXPECT_EQ(drops.total(), 0U);
}

TEST_F(InterfaceDropsTest, GoOnFromZeroWithTheDriver) {
  set("rx_missed_errors", 100);
  set("rx_fifo_errors", 18446744073709551615U);
  InterfaceDrops drops("eth0", folder_);
  set("rx_missed_errors", 3);
  EXPECT_EQ(drops.total(), 3U);
  EXPECT_EQ(drops.total(), 3U);
}

TEST_F(InterfaceDropsTest, StandStillForWhatCannotBeRead) {
  set("rx_missed_errors", 5);
  std::ofstream(folder_ + "/eth0/statistics/rx_fifo_errors") << "many\n";
  InterfaceDrops drops("eth0", folder_);
  EXPECT_EQ(drops.total(), 0U);
  InterfaceDrops none("eth1", folder_);
  EXPECT_EQ(none.total(), 0U);
}

TEST(InterfaceDrops, CanBeReadOfThisKernel) {
  if (!fs::exists("/sys/class/net/lo/statistics/rx_missed_errors")) GTEST_SKIP() << "no sysfs here";
  InterfaceDrops drops("lo");
  EXPECT_EQ(drops.total(), 0U);
}

}  // namespace
}  // namespace pickletap
