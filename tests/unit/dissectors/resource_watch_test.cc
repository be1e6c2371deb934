// The sums of ResourceWatch by themselves, at and around their bounds. What CPython really does with such pickles, and
// what the machine says of them: resource_bombs_test.cc.
#include "dissectors/pickle/resource_watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace pickletap {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

ResourceWatch watch_of(uint64_t frame_bytes) {
  ResourceWatch watch;
  watch.reset(frame_bytes);
  return watch;
}

HashCost tuple_of(const std::vector<HashCost>& items) {
  HashCost cost = HashCost::of_leaf();
  for (const HashCost& item : items) cost.combine(item);
  return cost;
}

HashCost doubled(unsigned levels, HashCost cost = HashCost::of_leaf()) {
  for (unsigned i = 0; i < levels; ++i) cost = tuple_of({cost, cost});
  return cost;
}

__extension__ using Int128 = __int128;

/// As LONG1 gives it.
HashCost long_of(Int128 value) {
  std::vector<uint8_t> bytes;
  for (;;) {
    bytes.push_back(static_cast<uint8_t>(value & 0xff));
    value >>= 8;
    const bool sign = (bytes.back() & 0x80) != 0;
    if ((value == 0 && !sign) || (value == -1 && sign)) break;
  }
  return HashCost::of_integer_bytes(bytes.data(), bytes.size(), bytes.size());
}
constexpr Int128 kModulus = (Int128{1} << 61) - 1;

TEST(ResourceWatch, AnnouncedSizesOutOfProportion) {
  const struct {  // NOLINT(clang-analyzer-optin.performance.Padding): as it reads
    Opcode code;
    uint64_t size, left, frame;
    bool bomb;
    const char* story;
  } table[] = {
      // NOLINT(clang-analyzer-optin.performance.Padding): as it reads
      {Opcode::kBinBytes, uint64_t{1} << 30, 3, 10, true, "a gigabyte of which nothing comes"},
      {Opcode::kBinBytes8, uint64_t{1} << 40, 3, 14, true, "more than any memory"},
      {Opcode::kBinBytes8, UINT64_MAX, 3, 14, true, "the largest number"},
      {Opcode::kByteArray8, 64 * kMiB, 3, 14, true, "the least"},
      {Opcode::kByteArray8, 64 * kMiB - 1, 3, 14, false, "less than the least"},
      {Opcode::kBinBytes8, 100 * kMiB, 100 * kMiB, 101 * kMiB, false, "what fits"},
      {Opcode::kBinBytes8, 100 * kMiB, 50 * kMiB, 51 * kMiB, false, "half of an honest message"},
      {Opcode::kBinBytes8, 100 * kMiB, kMiB, kMiB + 10, true, "a hundredth of it"},
      {Opcode::kBinUnicode8, uint64_t{1} << 40, 3, 14, false, "is compared with what is there first"},
      {Opcode::kLong4, 0x7fffffff, 3, 14, false, "so is a long"},
      {Opcode::kBinBytes8, uint64_t{1} << 36, UINT64_MAX, UINT64_MAX, false, "a file of unknown length"},
      {Opcode::kBinBytes8, uint64_t{1} << 50, 1 << 20, UINT64_MAX, true, "that cannot be"},
  };
  for (const auto& row : table) {
    ResourceWatch watch = watch_of(row.frame);
    watch.announced(row.code, row.size, 2, row.left);
    EXPECT_EQ(watch.bomb().has_value(), row.bomb) << row.story;
    if (watch.bomb()) {
      EXPECT_EQ(watch.bomb()->offset, 2U) << row.story;
    }
  }
}

TEST(ResourceWatch, MemoIndicesNoPicklerWrites) {
  ResourceWatch watch = watch_of(100);
  watch.memo_index((uint64_t{1} << 22) - 1, 3);
  EXPECT_FALSE(watch.bomb());
  watch.memo_index(uint64_t{1} << 22, 9);
  ASSERT_TRUE(watch.bomb());
  EXPECT_EQ(watch.bomb()->offset, 9U);
  watch.memo_index(UINT64_MAX, 12);
  EXPECT_EQ(watch.bomb()->offset, 9U) << "the first stays";

  ResourceWatch dense = watch_of(UINT64_MAX);
  dense.memo_index(uint64_t{1} << 24, uint64_t{1} << 26);  // 64 MB were read before it
  EXPECT_FALSE(dense.bomb());
}

TEST(ResourceWatch, DigitsCostTheirSquare) {
  ResourceWatch one = watch_of(UINT64_MAX);
  one.digits(100'000, 0);
  EXPECT_FALSE(one.bomb());
  one.reset(UINT64_MAX);
  one.digits(200'000, 0);
  EXPECT_TRUE(one.bomb());

  ResourceWatch several = watch_of(UINT64_MAX);  // 150,000 each: the second is too much
  several.digits(150'000, 0);
  EXPECT_FALSE(several.bomb());
  several.digits(150'000, 150'003);
  EXPECT_TRUE(several.bomb());

  ResourceWatch many = watch_of(UINT64_MAX);  // 20 MB of numbers of 5,000 digits: each is cheap
  for (uint64_t i = 0; i < 4'000; ++i) many.digits(5'000, i * 5'003);
  EXPECT_FALSE(many.bomb());
  many.digits(UINT64_MAX, 1);
  EXPECT_TRUE(many.bomb());
}

TEST(ResourceWatch, HashCostIsWhatHashingVisits) {
  const HashCost leaf = HashCost::of_leaf();
  EXPECT_EQ(leaf.nodes, 1);
  EXPECT_EQ(leaf.depth, 0U);
  EXPECT_EQ(tuple_of({}).nodes, 1);
  const HashCost pair = tuple_of({leaf, tuple_of({leaf, leaf, leaf})});
  EXPECT_EQ(pair.nodes, 6);
  EXPECT_EQ(pair.depth, 2U);
  EXPECT_EQ(doubled(20).nodes, std::ldexp(1.0F, 21) - 1);
  EXPECT_TRUE(std::isinf(doubled(1000).nodes));
  EXPECT_FALSE(std::isnan(tuple_of({doubled(1000), doubled(1000)}).nodes));

  HashCost deep = leaf;
  for (int i = 0; i < 100'000; ++i) deep = tuple_of({deep});
  EXPECT_EQ(deep.depth, UINT16_MAX);
  const HashCost kept = tuple_of({doubled(20).as_frozenset(), leaf});
  EXPECT_EQ(kept.nodes, 3);
  EXPECT_EQ(kept.depth, 1U);
  EXPECT_GT(kept.compared, 2e6F);
}

TEST(ResourceWatch, HashWorkAgainstBytes) {
  ResourceWatch bomb = watch_of(60);
  bomb.hashed(doubled(30), 40);
  EXPECT_TRUE(bomb.bomb());

  ResourceWatch endless = watch_of(600);
  endless.hashed(doubled(500), 540);
  EXPECT_TRUE(endless.bomb());

  ResourceWatch little = watch_of(60);
  little.hashed(doubled(20), 40);  // 4 ms
  EXPECT_FALSE(little.bomb());
  for (int i = 0; i < 10; ++i) little.hashed(doubled(20), 40U + static_cast<uint64_t>(i));
  EXPECT_TRUE(little.bomb()) << "it adds up";

  ResourceWatch honest = watch_of(UINT64_MAX);  // a million keys of 100 values each, three bytes a value
  const HashCost key = tuple_of(std::vector<HashCost>(100));
  for (uint64_t i = 0; i < 1'000'000; ++i) honest.hashed(key, i * 300);
  EXPECT_FALSE(honest.bomb());

  ResourceWatch again = watch_of(100'000);  // one key of 30,000 values, from the memo, for 4 bytes each time
  const HashCost wide = tuple_of(std::vector<HashCost>(30'000));
  for (uint64_t i = 0; i < 30'000; ++i) again.hashed(wide, 30'000 + 4 * i);
  EXPECT_TRUE(again.bomb());

  ResourceWatch number = watch_of(1'000'000);  // an integer of 500 kB as a key, again and again
  const std::vector<uint8_t> bytes(4096, 0x7f);
  for (uint64_t i = 0; i < 125'000; ++i) {
    number.hashed(HashCost::of_integer_bytes(bytes.data(), bytes.size(), 500'000), 500'010 + 4 * i);
  }
  EXPECT_TRUE(number.bomb());
}

TEST(ResourceWatch, DepthThatOverflowsAStack) {
  HashCost cost = HashCost::of_leaf();
  while (cost.depth < 8000) cost = tuple_of({cost});
  ResourceWatch watch = watch_of(10'000);
  watch.hashed(cost, 8010);
  EXPECT_FALSE(watch.bomb());
  watch.hashed(tuple_of({cost}), 8020);
  ASSERT_TRUE(watch.bomb());
  EXPECT_EQ(watch.bomb()->offset, 8020U);
}

TEST(ResourceWatch, EqualKeysThatAreDearToCompare) {
  HashCost set = HashCost::of_integer(1);
  for (int i = 0; i < 30; ++i) set = tuple_of({set, set}).as_frozenset();
  ResourceWatch one = watch_of(200);
  one.hashed(set, 100);
  EXPECT_FALSE(one.bomb()) << "nothing to compare it with";
  one.hashed(set, 190);
  EXPECT_TRUE(one.bomb());

  ResourceWatch chain = watch_of(200);  // each level is a member of the next: all different
  HashCost level = HashCost::of_integer(1);
  for (uint64_t i = 0; i < 60; ++i) {
    level = tuple_of({level, level}).as_frozenset();
    chain.hashed(level, 3 * i);
  }
  EXPECT_FALSE(chain.bomb());
}

TEST(ResourceWatch, ManyKeysOfOneHash) {
  // hash(-1) == hash(-2): 2**12 distinct tuples of twelve of them, and of 2**12 of ordinary numbers.
  const auto feed = [](int64_t low, int64_t high) {
    ResourceWatch watch = watch_of(UINT64_MAX);
    for (uint64_t bits = 0; bits < 4096; ++bits) {
      std::vector<HashCost> items;
      for (unsigned i = 0; i < 12; ++i) items.push_back(HashCost::of_integer((bits >> i & 1) != 0 ? low : high));
      watch.hashed(tuple_of(items), bits * 30);
    }
    return watch.bomb().has_value();
  };
  EXPECT_TRUE(feed(-1, -2));
  EXPECT_FALSE(feed(-1, 2));
  EXPECT_FALSE(feed(1, 2));

  ResourceWatch multiples = watch_of(UINT64_MAX), others = watch_of(UINT64_MAX), negative = watch_of(UINT64_MAX);
  for (uint64_t i = 1; i <= 20'000; ++i) {
    multiples.hashed(long_of(kModulus * i + 7), i * 12);
    negative.hashed(long_of(-kModulus * static_cast<int64_t>(i)), i * 12);
    others.hashed(long_of(kModulus * i + Int128{i} * 1000), i * 12);
  }
  EXPECT_TRUE(multiples.bomb());
  EXPECT_TRUE(negative.bomb());
  EXPECT_FALSE(others.bomb());

  ResourceWatch hidden = watch_of(UINT64_MAX);  // every second key is another
  for (uint64_t i = 1; i <= 20'000; ++i) {
    hidden.hashed(long_of(kModulus * i), i * 24);
    hidden.hashed(long_of(kModulus * i + Int128{i} * 1000), i * 24 + 12);
  }
  EXPECT_TRUE(hidden.bomb());
}

TEST(ResourceWatch, OrdinaryKeysDoNotCollide) {
  ResourceWatch grid = watch_of(UINT64_MAX);  // points around zero, in a thousand dicts
  for (int64_t dict = 0; dict < 1000; ++dict) {
    for (int64_t x = -10; x < 10; ++x) {
      for (int64_t y = -10; y < 10; ++y) {
        grid.hashed(tuple_of({HashCost::of_integer(x), HashCost::of_integer(y)}),
                    static_cast<uint64_t>(dict) * 2000 + static_cast<uint64_t>(x + 10) * 100);
      }
    }
  }
  EXPECT_FALSE(grid.bomb());

  ResourceWatch rows = watch_of(UINT64_MAX);  // (i, -1): every one may collide, by what stands beside it none does
  for (int64_t i = 0; i < 300'000; ++i) {
    rows.hashed(tuple_of({HashCost::of_integer(i), HashCost::of_integer(-1)}), static_cast<uint64_t>(i) * 10);
    rows.hashed(tuple_of({HashCost::of_integer(-1), HashCost::of_text(static_cast<uint32_t>(i))}),
                static_cast<uint64_t>(i) * 10);
  }
  EXPECT_FALSE(rows.bomb());
}

TEST(ResourceWatch, WhatWasForgottenIsNeverCheaper) {
  ResourceWatch watch = watch_of(UINT64_MAX);
  watch.made(tuple_of(std::vector<HashCost>(2'000'000)), 5'000'000);  // long, and as many bytes
  EXPECT_EQ(watch.lost().nodes, 1);
  watch.made(doubled(30), 5'000'100);  // 2e9 visits for 5 MB: dear, and not out of all proportion
  EXPECT_EQ(watch.lost().nodes, 1);
  watch.made(doubled(60), 5'300'100);
  EXPECT_GT(watch.lost().nodes, 1e18F);
  watch.hashed(watch.lost(), 5'600'000);
  EXPECT_TRUE(watch.bomb());
}

// Keys of one hash that were forgotten before the dict was made: as good as known, once so many were built.
TEST(ResourceWatch, ForgottenKeysOfOneHash) {
  for (const bool alike : {true, false}) {
    ResourceWatch watch = watch_of(UINT64_MAX);
    for (uint64_t bits = 0; bits < 8192; ++bits) {
      std::vector<HashCost> items;
      for (unsigned i = 0; i < 13; ++i)
        items.push_back(HashCost::of_integer((bits >> i & 1) != 0 ? -1 : alike ? -2 : 2));
      watch.made(tuple_of(items), bits * 30);
    }
    const HashCost made_of_it = tuple_of({watch.lost(), HashCost::of_integer(5)});
    for (uint64_t i = 0; i < 3000; ++i) watch.hashed(made_of_it, 300'000);
    EXPECT_FALSE(watch.bomb());
    for (uint64_t i = 0; i < 5000; ++i) watch.hashed(watch.lost(), 300'000);
    EXPECT_EQ(watch.bomb().has_value(), alike);
  }
}

TEST(ResourceWatch, ResetForgetsEverything) {
  ResourceWatch watch = watch_of(60);
  for (uint64_t i = 1; i <= 6'000; ++i) watch.hashed(long_of(kModulus * i), i * 12);
  watch.hashed(doubled(40), 40);
  EXPECT_TRUE(watch.bomb());
  watch.made(doubled(40), 44);
  watch.reset(60);
  EXPECT_FALSE(watch.bomb());
  EXPECT_EQ(watch.lost().nodes, 1);
  watch.hashed(doubled(19), 40);
  watch.hashed(long_of(kModulus), 44);
  watch.digits(100'000, 50);
  EXPECT_FALSE(watch.bomb());
}

}  // namespace
}  // namespace pickletap
