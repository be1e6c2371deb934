// Sums over workers: every cell counts, also one that was added to a struct later.
#include "sensor/counters.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>

#include "sensor/capture/packet_source.h"
#include "sensor/net/flow_table.h"
#include "sensor/net/unwrapper.h"

namespace pickletap {
namespace {

/// `Counters` is nothing but 64-bit cells; each is given a value of its own.
template <typename Counters>
void expect_every_cell_summed() {
  using Cells = std::array<uint64_t, sizeof(Counters) / sizeof(uint64_t)>;
  Cells values{};
  for (size_t i = 0; i < values.size(); ++i) values[i] = i + 1;
  const auto one = std::bit_cast<Counters>(values);
  auto sum = one;
  add_up(one, sum);
  const auto sums = std::bit_cast<Cells>(sum);
  for (size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i], 2 * (i + 1)) << "cell " << i;
}

TEST(AddUp, LeavesNoCellOut) {
  expect_every_cell_summed<CaptureCounters>();
  expect_every_cell_summed<UnwrapCounters>();
  expect_every_cell_summed<FlowTableCounters>();
  expect_every_cell_summed<DissectorCounters>();
}

}  // namespace
}  // namespace pickletap
