#include "sensor/net/stream_readings.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/policy_files.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/policy.h"
#include "dissectors/registry.h"
#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

constexpr Direction kFrom = Direction::kToServer;

std::string message(std::string_view body) {
  return frames::be32(static_cast<uint32_t>(body.size())) + std::string(body);
}
/// Both run through; which callable is the difference.
std::string call(std::string_view callable) {
  return message("\x80\x02" + std::string("c") + std::string(callable) + "\n(U\x02idtR.");
}

struct Sink final : ObservationSink {
  void emit(Observation&& observation) override {
    const auto* seen = std::get_if<PickleSeen>(&observation.fact);
    if (seen == nullptr) return;
    for (const PickleFinding& finding : seen->report.findings) {
      (observation.other_reading ? other : first).push_back(finding.callable);
    }
  }
  std::vector<std::string> first, other;
};

/// A stream whose Dissector is the real one.
class StreamReadingsTest : public testing::Test {
 protected:
  void deliver(std::string_view text) {
    readings.delivered(kFrom, frames::bytes_of(text));
    dissector->on_data(kFrom, frames::bytes_of(text), sink);
    readings.compare_kept(kFrom, acked, *dissector);
    readings.flush(sink);
  }
  void copy(uint64_t offset, std::string_view text) {
    readings.compare(kFrom, offset, frames::bytes_of(text), acked, *dissector);
    readings.flush(sink);
  }
  void acknowledge(uint64_t offset) {
    acked = offset;
    readings.acknowledged(kFrom, offset, *dissector);
  }

  static const Policy& builtin_policy() {
    static Policy policy;
    if (policy.size() == 0) add_builtin_policy(policy);
    return policy;
  }

  const Policy& policy = builtin_policy();
  DissectorLimits limits;
  PickleMachinePool machines{policy, limits};
  DissectorCounters seen;
  DissectorContext context{limits, machines, seen, false};
  std::unique_ptr<Dissector> dissector = make_dissector(context, true);
  HistoryPool pool;
  StreamReadingCounters counters;
  StreamReadings readings{pool, counters};
  Sink sink;
  uint64_t acked = 0;
};

const std::string kExploit = call("posix\nsystem");
const std::string kHarmless = call("builtins\nstr");
const size_t kAt = kExploit.find("posix");

TEST_F(StreamReadingsTest, ReadsTheOtherCopyOfAMessageThatIsNotAcknowledged) {
  ASSERT_EQ(kExploit.size(), kHarmless.size());
  deliver(kHarmless);
  EXPECT_TRUE(sink.first.empty());
  copy(0, kExploit);
  EXPECT_EQ(sink.other, std::vector<std::string>{"posix.system"});
  const auto conflict = readings.take_conflict();
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->offset, kAt);
  EXPECT_EQ(conflict->bytes, 12U);
  EXPECT_FALSE(readings.take_conflict());
  acknowledge(kHarmless.size());
  EXPECT_FALSE(readings.has_readings());  // stands where the first one does
  EXPECT_EQ(pool.readings, 0U);
}

TEST_F(StreamReadingsTest, ReadsNoCopyOfWhatTheReceiverHas) {
  deliver(kHarmless + kHarmless.substr(0, 10));
  acknowledge(kHarmless.size() + 10);
  copy(0, kExploit);
  EXPECT_TRUE(sink.other.empty());
  EXPECT_FALSE(readings.has_readings());
}

TEST_F(StreamReadingsTest, SameCopiesSayNothing) {
  deliver(kExploit);
  copy(0, kExploit);
  copy(5, std::string_view(kExploit).substr(5));
  EXPECT_EQ(counters.conflicts, 0U);
  EXPECT_EQ(sink.first.size(), 1U);
}

TEST_F(StreamReadingsTest, EveryMixtureOfThreeConflictsIsRead) {
  // The receiver took the first copy of the first two bytes, the second of the next two, the first of the rest.
  std::string decoyed = kExploit;
  decoyed.replace(kAt + 2, 2, "xx");
  deliver(decoyed.substr(0, kAt + 6));
  copy(kAt, "yy");
  copy(kAt + 2, std::string_view(kExploit).substr(kAt + 2, 2));
  copy(kAt + 4, "zz");
  deliver(decoyed.substr(kAt + 6));
  EXPECT_EQ(sink.other, std::vector<std::string>{"posix.system"});
}

TEST_F(StreamReadingsTest, KeptCopyIsReadOnceItsPlaceIsDelivered) {
  readings.keep(kFrom, kAt, frames::bytes_of(std::string_view(kExploit).substr(kAt)), Refusal::kNone, false);
  deliver(kHarmless);
  EXPECT_EQ(sink.other, std::vector<std::string>{"posix.system"});
  EXPECT_FALSE(readings.has_kept(kFrom));
}

TEST_F(StreamReadingsTest, RefusedCopyIsGivenOutWhenAcknowledged) {
  readings.keep(kFrom, 0, frames::bytes_of(kExploit), Refusal::kBadChecksum, false);
  EXPECT_FALSE(readings.take_confirmed(kFrom, 0, kExploit.size() - 1));
  const auto kept = readings.take_confirmed(kFrom, 0, kExploit.size());
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->bytes.size(), kExploit.size());
  EXPECT_EQ(counters.confirmed_segments, 1U);
  EXPECT_EQ(pool.used_bytes, 0U);
}

TEST_F(StreamReadingsTest, ReadsWhatNobodyConfirmed) {
  deliver(kExploit.substr(0, 10));
  readings.keep(kFrom, 20, frames::bytes_of(std::string_view(kExploit).substr(20)), Refusal::kOldTimestamp, false);
  readings.keep(kFrom, 10, frames::bytes_of(std::string_view(kExploit).substr(10, 10)), Refusal::kOldTimestamp, false);
  readings.read_kept(kFrom, *dissector);
  readings.flush(sink);
  EXPECT_EQ(sink.other, std::vector<std::string>{"posix.system"});
}

TEST_F(StreamReadingsTest, OtherLengthInAHeaderIsFollowedForTheRestOfTheFlow) {
  // In the other reading the first message is empty and a second one begins in its body.
  const std::string inner = message("\x80\x02]q\x01.") + kExploit;
  deliver(frames::be32(static_cast<uint32_t>(inner.size())));
  copy(0, frames::be32(0));
  deliver(inner);
  EXPECT_TRUE(sink.first.empty());
  EXPECT_EQ(sink.other, std::vector<std::string>{"posix.system"});
}

TEST_F(StreamReadingsTest, MessageTooLongToBeKeptIsSaidNotToBeFollowed) {
  deliver(frames::be32(1 << 20) + "\x80\x02T");
  deliver(std::string(ByteHistory::kMaxBytes + 100, 'x'));
  copy(ByteHistory::kMaxBytes, "yyyy");
  EXPECT_FALSE(readings.has_readings());
  EXPECT_EQ(counters.not_followed, 1U);
  EXPECT_TRUE(readings.take_not_followed());
  EXPECT_FALSE(readings.take_not_followed());
}

TEST_F(StreamReadingsTest, StormOfOneByteCopiesIsBounded) {
  deliver(frames::be32(60000) + "\x80\x02" + std::string(50000, 'N'));
  for (uint64_t i = 0; i < 40000; ++i) copy(10 + i, "x");
  EXPECT_LE(counters.readings, 64U);
  EXPECT_TRUE(readings.take_not_followed());
  EXPECT_LE(pool.used_bytes, (StreamReadings::kMaxReadings + 1) * 2 * uint64_t{ByteHistory::kMaxBytes});
}

TEST_F(StreamReadingsTest, KeptCopiesAreBounded) {
  for (uint64_t i = 0; i < 1000; ++i) {
    readings.keep(kFrom, 100 + i, frames::bytes_of(std::string(1000, 'x')), Refusal::kBadChecksum, false);
  }
  EXPECT_LE(pool.used_bytes, StreamReadings::kMaxKeptBytes + StreamReadings::kMaxKept * 64);
  EXPECT_GT(counters.kept_limit_segments, 900U);
  EXPECT_TRUE(readings.take_kept_limit());
}

TEST_F(StreamReadingsTest, BudgetOfAllHistoriesIsKept) {
  pool.budget_bytes = 4096;
  deliver(frames::be32(60000) + "\x80\x02" + std::string(50000, 'N'));
  EXPECT_LE(pool.used_bytes, 4096U);
  EXPECT_GT(pool.dropped_bytes, 0U);
  copy(10, "x");
  EXPECT_FALSE(readings.has_readings());
}

TEST(ByteHistory, KeepsTheLatestBytes) {
  HistoryPool pool;
  {
    ByteHistory history(pool, 7);
    std::string all;
    for (unsigned i = 0; i < 300; ++i) {
      const std::string piece(1 + i * 7 % 900, static_cast<char>('a' + i % 26));
      history.append(frames::bytes_of(piece));
      all += piece;
      if (i % 17 == 3) history.forget_before(history.begin() + (history.end() - history.begin()) / 3);
      ASSERT_EQ(history.end(), 7 + all.size());
      ASSERT_LE(history.end() - history.begin(), ByteHistory::kMaxBytes);
      const ByteSpan kept = history.from(history.begin());
      ASSERT_EQ(std::string(kept.begin(), kept.end()), all.substr(history.begin() - 7)) << i;
    }
    history.append(frames::bytes_of(std::string(200000, 'z')));
    EXPECT_EQ(history.end() - history.begin(), ByteHistory::kMaxBytes);
    history.skip(5);
    EXPECT_EQ(history.begin(), history.end());
  }
  EXPECT_EQ(pool.used_bytes, 0U);
}

}  // namespace
}  // namespace pickletap
