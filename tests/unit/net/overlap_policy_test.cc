// Overlaps as other systems than Linux settle them. No such kernel was asked: the truth are the rules of Suricata's
// host-os-policy, written down once more here, case by case.
#include "sensor/net/overlap_policy.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "sensor/net/address_text.h"
#include "sensor/net/stream_reassembler.h"
#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

constexpr OverlapPolicy kOthers[] = {OverlapPolicy::kBsd, OverlapPolicy::kSolaris, OverlapPolicy::kFirst,
                                     OverlapPolicy::kLast};

/// What a receiver hands to its program of these segments, at offsets, in this order.
struct Sent {
  int64_t offset;
  std::string data;
};
std::string read_by(OverlapPolicy policy, const std::vector<Sent>& segments, ReassemblyLimits limits = {}) {
  ReassemblyPool pool;
  pool.limits = limits;
  std::string out;
  {
    StreamReassembler stream(pool);
    stream.start(0);
    stream.set_policy(policy);
    stream.acknowledge(0, 0);
    for (const Sent& sent : segments) {
      stream.push({static_cast<uint32_t>(sent.offset), frames::bytes_of(sent.data), 0, false}, 0);
      StreamPiece piece;
      while (stream.take(piece)) out.append(reinterpret_cast<const char*>(piece.data.data()), piece.data.size());
      EXPECT_EQ(stream.queued_bytes(), pool.used_bytes);
      EXPECT_LE(stream.queued_blocks(), limits.max_blocks);
    }
  }
  EXPECT_EQ(pool.used_bytes, 0U);
  return out;
}

/// The older segment is [2, 5), the newer one any range that overlaps it: does the newer one count?
bool wins_by_the_book(OverlapPolicy policy, int64_t start, int64_t end) {
  const bool before = start<2, same_start = start == 2, same_end = end == 5, beyond = end> 5;
  switch (policy) {
    case OverlapPolicy::kLinux: ADD_FAILURE(); return false;
    case OverlapPolicy::kBsd: return before;
    case OverlapPolicy::kSolaris: return ((before || same_start) && (same_end || beyond)) || (start > 2 && beyond);
    case OverlapPolicy::kFirst: return false;
    case OverlapPolicy::kLast: return true;
  }
  return false;
}

TEST(OverlapPolicy, SettlesTwoQueuedSegmentsAsItsSystemDoes) {
  for (const OverlapPolicy policy : kOthers) {
    for (int64_t start = 1; start < 5; ++start) {
      for (int64_t end = std::max<int64_t>(start + 1, 3); end < 8; ++end) {
        std::string want(static_cast<size_t>(std::max<int64_t>(end, 5)), '.');
        const bool newer = wins_by_the_book(policy, start, end);
        for (int64_t at = 0; at < static_cast<int64_t>(want.size()); ++at) {
          const bool old_has = at >= 2 && at < 5, new_has = at >= start && at < end;
          char& byte = want[static_cast<size_t>(at)];
          if (old_has) byte = 'o';
          if (new_has && (newer || !old_has)) byte = 'n';
        }
        const std::string hole(static_cast<size_t>(std::min<int64_t>(start, 2)), '.');
        const std::string fresh(static_cast<size_t>(end - start), 'n');
        EXPECT_EQ(read_by(policy, {{2, "ooo"}, {start, fresh}, {0, hole}}), want) << start << " " << end;
      }
    }
  }
}

// Linux lets the segment that fills the hole win; with the others it is a segment like any other.
TEST(OverlapPolicy, SettlesTheSegmentThatFillsTheHole) {
  for (const OverlapPolicy policy : kOthers) {
    for (int64_t end = 3; end < 8; ++end) {
      const std::string fresh(static_cast<size_t>(end), 'n');
      std::string want = fresh.substr(0, 2) + std::string(3, wins_by_the_book(policy, 0, end) ? 'n' : 'o');
      if (end < 5 && wins_by_the_book(policy, 0, end)) want = fresh + std::string(static_cast<size_t>(5 - end), 'o');
      if (end > 5) want += std::string(static_cast<size_t>(end - 5), 'n');
      EXPECT_EQ(read_by(policy, {{2, "ooo"}, {0, fresh}}), want) << end;
    }
  }
  EXPECT_EQ(read_by(OverlapPolicy::kLinux, {{2, "ooo"}, {0, "nnn"}}), "nnnoo");
  EXPECT_EQ(read_by(OverlapPolicy::kLinux, {{2, "ooo"}, {0, "nnnnnnn"}}), "nnnnnnn");
}

TEST(OverlapPolicy, WhatIsDeliveredStandsWithEach) {
  for (const OverlapPolicy policy : kOthers) {
    EXPECT_EQ(read_by(policy, {{0, "abc"}, {0, "XYZd"}, {6, "g"}, {2, "UVef"}}), "abcdefg");
  }
}

// Where copies agree no policy matters, in whatever order and pieces they come; and no limit is exceeded.
TEST(OverlapPolicy, GivesTheStreamWhereCopiesAgree) {
  std::mt19937 random(7);
  std::string stream(600, ' ');
  for (char& c : stream) c = static_cast<char>('a' + random() % 26);
  for (const OverlapPolicy policy : kOthers) {
    for (int round = 0; round < 50; ++round) {
      std::vector<Sent> segments;
      for (size_t at = 0; at < stream.size(); at += 10) {
        const size_t begin = at - std::min<size_t>(at, random() % 40);
        segments.push_back({static_cast<int64_t>(begin), stream.substr(begin, at + 10 - begin + random() % 30)});
      }
      std::shuffle(segments.begin(), segments.end(), random);
      EXPECT_EQ(read_by(policy, segments), stream);
      ReassemblyLimits few;
      few.max_blocks = 4;
      const std::string read = read_by(policy, segments, few);
      EXPECT_EQ(read, stream.substr(0, read.size()));
    }
  }
}

TEST(OverlapPolicy, TheLongestPrefixThatFitsCounts) {
  const auto address = [](const char* text) { return *parse_address(text); };
  OverlapPolicies policies;
  EXPECT_TRUE(policies.empty());
  EXPECT_EQ(policies.of(address("10.1.2.3")), OverlapPolicy::kLinux);
  policies.add(address("10.0.0.0"), 8, OverlapPolicy::kBsd);
  policies.add(address("10.1.2.3"), 32, OverlapPolicy::kLast);
  policies.add(address("10.1.0.0"), 17, OverlapPolicy::kSolaris);
  policies.add(address("::"), 0, OverlapPolicy::kFirst);
  EXPECT_EQ(policies.of(address("10.2.2.3")), OverlapPolicy::kBsd);
  EXPECT_EQ(policies.of(address("10.1.2.3")), OverlapPolicy::kLast);
  EXPECT_EQ(policies.of(address("10.1.127.3")), OverlapPolicy::kSolaris);
  EXPECT_EQ(policies.of(address("10.1.128.3")), OverlapPolicy::kBsd);
  EXPECT_EQ(policies.of(address("11.1.2.3")), OverlapPolicy::kLinux);
  EXPECT_EQ(policies.of(address("fd00::1")), OverlapPolicy::kFirst);
}

TEST(OverlapPolicy, HasTheNamesOfTheConfiguration) {
  EXPECT_EQ(parse_overlap_policy("linux"), OverlapPolicy::kLinux);
  EXPECT_EQ(parse_overlap_policy("bsd"), OverlapPolicy::kBsd);
  EXPECT_EQ(parse_overlap_policy("windows"), OverlapPolicy::kBsd);
  EXPECT_EQ(parse_overlap_policy("solaris"), OverlapPolicy::kSolaris);
  EXPECT_EQ(parse_overlap_policy("first"), OverlapPolicy::kFirst);
  EXPECT_EQ(parse_overlap_policy("last"), OverlapPolicy::kLast);
  EXPECT_FALSE(parse_overlap_policy("Linux"));
}

}  // namespace
}  // namespace pickletap
