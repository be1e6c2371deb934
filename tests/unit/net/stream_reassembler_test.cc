#include "sensor/net/stream_reassembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr uint32_t kStart = 1001;

/// A stream and what came out of it: data as it is, "<n>" for a hole, "[n]" for bytes cut off, "|word" for the end.
struct Reader {
  explicit Reader(uint32_t first_seq = kStart) : first(first_seq) { stream.start(first_seq); }

  /// A segment at `offset` of the stream.
  void push(int64_t offset, std::string_view data, bool fin = false, uint32_t missing = 0) {
    stream.push({first + static_cast<uint32_t>(offset), frames::bytes_of(data), missing, fin}, now_ns);
    drain();
    if (acknowledges_fins && stream.awaits_ack_of_fin()) {
      acknowledge(static_cast<int64_t>(stream.delivered_bytes()) + 1);
    }
  }
  void acknowledge(int64_t offset) {
    stream.acknowledge(first + static_cast<uint32_t>(offset), now_ns);
    drain();
  }
  void finish(EndReason reason) {
    stream.finish(reason);
    drain();
  }
  void drain() {
    StreamPiece piece;
    while (stream.take(piece)) {
      switch (piece.kind) {
        case StreamPiece::Kind::kData:
          EXPECT_FALSE(piece.data.empty());
          out.append(reinterpret_cast<const char*>(piece.data.data()), piece.data.size());
          break;
        case StreamPiece::Kind::kHole: out += "<" + std::to_string(piece.bytes) + ">"; break;
        case StreamPiece::Kind::kCutOff: out += "[" + std::to_string(piece.bytes) + "]"; break;
        case StreamPiece::Kind::kEnd: {
          const char* words[] = {"|fin", "|reset", "|timeout", "|evicted", "|capture"};
          out += words[static_cast<unsigned>(piece.reason)];
          break;
        }
      }
    }
  }

  ReassemblyPool pool;
  uint32_t first;
  StreamReassembler stream{pool};
  int64_t now_ns = 0;
  bool acknowledges_fins = true;
  std::string out;
};

struct Piece {
  int64_t offset;
  std::string_view data;
  bool fin = false;
  uint32_t missing = 0;
};

struct Case {
  const char* name;
  std::vector<Piece> segments;
  const char* want;
};

TEST(StreamReassembler, ReadsAsLinuxDoes) {
  const Case table[] = {
      {"in order", {{0, "abc"}, {3, "def"}}, "abcdef"},
      {"swapped", {{3, "def"}, {0, "abc"}}, "abcdef"},
      {"delivered data: the first copy stands", {{0, "abc"}, {0, "XYZ"}, {3, "d"}}, "abcd"},
      {"delivered data: a straddling segment adds its new bytes", {{0, "abc"}, {1, "XYZ"}}, "abcZ"},
      {"queued: the lower start wins the overlap", {{2, "CDE"}, {4, "VWX"}, {0, "ab"}}, "abCDEWX"},
      {"queued: the lower start wins though it came later", {{4, "VWX"}, {2, "CDE"}, {0, "ab"}}, "abCDEWX"},
      {"queued: equal start, the longer", {{2, "CD"}, {2, "wxyz"}, {0, "ab"}}, "abwxyz"},
      {"queued: equal start, the longer came first", {{2, "wxyz"}, {2, "CD"}, {0, "ab"}}, "abwxyz"},
      {"queued: equal length, the old one", {{2, "CD"}, {2, "wx"}, {0, "ab"}}, "abCD"},
      {"queued: one inside an older one", {{2, "CDEF"}, {3, "xy"}, {0, "ab"}}, "abCDEF"},
      {"queued: a newer one covers several", {{3, "D"}, {5, "F"}, {2, "wxyzv"}, {0, "ab"}}, "abwxyzv"},
      {"queued: covers one and meets the end of another", {{3, "D"}, {5, "FG"}, {2, "wxyzv"}, {0, "ab"}}, "abwxyzv"},
      {"the segment that fills the hole beats what it covers", {{2, "CDE"}, {0, "abwx"}}, "abwxE"},
      {"the segment that fills the hole beats several", {{2, "C"}, {4, "E"}, {0, "abwxyz"}}, "abwxyz"},
      {"nothing twice", {{3, "d"}, {3, "d"}, {0, "abc"}, {3, "d"}, {0, "abcd"}}, "abcd"},
      {"fin in order", {{0, "ab"}, {2, "", true}}, "ab|fin"},
      {"fin with data", {{0, "ab", true}}, "ab|fin"},
      {"fin waits for its turn", {{2, "cd", true}, {0, "ab"}}, "abcd|fin"},
      {"bare fin out of order", {{2, "", true}, {0, "ab"}}, "ab|fin"},
      {"fin is lost under in-order data", {{2, "", true}, {0, "abcd"}}, "abcd"},
      {"fin is lost to a longer one with the same start", {{2, "c", true}, {2, "cde"}, {0, "ab"}}, "abcde"},
      {"fin is lost inside queued data", {{2, "cdef"}, {3, "d", true}, {0, "ab"}}, "abcdef"},
      {"fin behind data that was sent again", {{0, "ab"}, {0, "ab", true}}, "ab|fin"},
      {"nothing after the end", {{0, "ab", true}, {2, "cd"}, {3, "de"}}, "ab|fin"},
      {"old fin", {{0, "abcd"}, {1, "b", true}, {4, "e"}}, "abcde"},
      {"cut by the snap length", {{0, "ab", false, 3}, {5, "f"}}, "ab[3]f"},
      {"cut by the snap length, out of order", {{2, "c", true, 2}, {0, "ab"}}, "abc[2]|fin"},
      {"all of it cut", {{0, "", false, 5}, {5, "f"}}, "[5]f"},
      {"sent again after a cut: the first copy stands", {{0, "a", false, 4}, {0, "abcde"}, {5, "f"}}, "a[4]f"},
      {"before the beginning: a keep-alive", {{-1, "x"}, {0, "ab"}}, "ab"},
      {"straddles the beginning", {{-2, "xxab"}, {2, "c"}}, "abc"},
  };
  for (const Case& c : table) {
    for (const uint32_t first : {kStart, uint32_t{0xfffffffe}, uint32_t{0x7ffffffd}, uint32_t{0}}) {
      SCOPED_TRACE(c.name);
      Reader reader(first);
      for (const Piece& s : c.segments) reader.push(s.offset, s.data, s.fin, s.missing);
      EXPECT_EQ(reader.out, c.want);
      EXPECT_EQ(reader.stream.queued_bytes(), 0U);
      EXPECT_EQ(reader.pool.used_bytes, 0U);
    }
  }
}

TEST(StreamReassembler, EveryOrderOfSixSegmentsGivesTheStream) {
  const std::string text = "abcdefghijkl";
  std::vector<int> order(6);
  std::iota(order.begin(), order.end(), 0);
  do {
    Reader reader(0xfffffffa);
    for (const int i : order) reader.push(2 * i, text.substr(2 * static_cast<size_t>(i), 2), i == 5);
    ASSERT_EQ(reader.out, text + "|fin");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(StreamReassembler, AnyCutShuffleAndRepetitionGivesTheStream) {
  std::mt19937 random(3);
  for (int round = 0; round < 400; ++round) {
    std::string text(1 + random() % 5000, '\0');
    for (char& c : text) c = static_cast<char>(random());
    struct Part {
      size_t begin, end, rank;
    };
    std::vector<Part> parts;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.size(), at + 1 + random() % 100);
      const size_t begin = at - std::min<size_t>(at, random() % 30);  // overlaps what came before
      for (unsigned copies = 1 + random() % 2; copies > 0; --copies) {
        parts.push_back({begin, end, parts.size() + random() % 40});
      }
      at = end;
    }
    std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.rank < b.rank; });
    Reader reader(static_cast<uint32_t>(random()));
    for (const Part& part : parts) {
      reader.push(static_cast<int64_t>(part.begin), std::string_view(text).substr(part.begin, part.end - part.begin),
                  part.end == text.size());
      if (random() % 4 == 0) reader.acknowledge(static_cast<int64_t>(reader.stream.delivered_bytes()));
    }
    ASSERT_EQ(reader.out, text + "|fin") << round;
    ASSERT_EQ(reader.pool.used_bytes, 0U);
  }
}

TEST(StreamReassembler, ReadsAStreamLongerThanTheSequenceSpace) {
  Reader reader(0xf0000000);
  const std::string chunk(1 << 16, 'x');
  uint64_t offset = 0;
  while (offset < (uint64_t{5} << 30)) {
    reader.push(static_cast<int64_t>(offset + 100'000'000), "", false, 1);  // far ahead, in the window
    reader.stream.push({reader.first + static_cast<uint32_t>(offset), {}, 100'000'000, false}, 0);
    StreamPiece piece;
    while (reader.stream.take(piece)) {
    }
    offset += 100'000'001;
    ASSERT_EQ(reader.stream.delivered_bytes(), offset);
  }
  reader.out.clear();
  reader.push(static_cast<int64_t>(offset), "end", true);
  EXPECT_EQ(reader.out, "end|fin");
}

TEST(StreamReassembler, StartsAtTheFirstSegmentWithoutASyn) {
  ReassemblyPool pool;
  StreamReassembler stream(pool);
  const std::string text = "abc";
  stream.push({77, frames::bytes_of(text), 0, false}, 0);
  StreamPiece piece;
  ASSERT_TRUE(stream.take(piece));
  EXPECT_EQ(piece.data.size(), 3U);
}

TEST(StreamReassembler, GivesUpAHoleThatThePeerAcknowledgedLongEnoughAgo) {
  Reader reader;
  reader.push(0, "ab");
  reader.push(5, "fg");
  reader.acknowledge(7);
  EXPECT_EQ(reader.out, "ab");
  reader.now_ns = 49 * kMs;
  reader.acknowledge(7);
  EXPECT_EQ(reader.out, "ab");
  reader.now_ns = 50 * kMs;
  reader.acknowledge(7);
  EXPECT_EQ(reader.out, "ab<3>fg");
  EXPECT_EQ(reader.pool.counters.gaps, 1U);
  EXPECT_EQ(reader.pool.counters.gap_bytes, 3U);
  reader.push(2, "late");  // too late
  reader.push(7, "h");
  EXPECT_EQ(reader.out, "ab<3>fgh");
}

TEST(StreamReassembler, KeepsAHoleThatThePeerDidNotAcknowledge) {
  Reader reader;
  reader.push(0, "ab");
  reader.acknowledge(2);
  reader.push(5, "fg");
  for (int i = 0; i < 100; ++i) {
    reader.now_ns += 1000 * kMs;
    reader.acknowledge(2);
    reader.push(5, "fg");
  }
  EXPECT_EQ(reader.out, "ab");
  reader.push(2, "cde");
  EXPECT_EQ(reader.out, "abcdefg");
}

TEST(StreamReassembler, SkipsNoFartherThanThePeerAcknowledged) {
  Reader reader;
  reader.push(100'000, "far");  // beyond what the peer takes, to lure the reader away
  reader.acknowledge(5);        // and 5 bytes the capture lost
  reader.now_ns = 60 * kMs;
  reader.acknowledge(5);
  EXPECT_EQ(reader.out, "<5>");
  reader.push(5, "real");
  EXPECT_EQ(reader.out, "<5>real");
}

TEST(StreamReassembler, GivesUpAHoleAfterAWhileWhenNoAcksAreSeen) {
  Reader reader;
  reader.push(0, "ab");
  reader.push(5, "fg");
  reader.now_ns = 9'000 * kMs;
  reader.push(7, "h");
  EXPECT_EQ(reader.out, "ab");
  reader.now_ns = 10'000 * kMs;
  reader.push(8, "i");
  EXPECT_EQ(reader.out, "ab<3>fghi");
}

TEST(StreamReassembler, BoundOfBlocksDropsTheFarthestWhereAcksAreSeen) {
  Reader reader;
  reader.acknowledge(0);
  const uint32_t most = reader.pool.limits.max_blocks;
  for (uint32_t i = 0; i < 2 * most; ++i) reader.push(1 + 2 * int64_t{i}, "x");
  EXPECT_EQ(reader.stream.queued_blocks(), most);
  EXPECT_EQ(reader.pool.counters.limit_segments, most);
  EXPECT_EQ(reader.stream.take_limit_bytes(), most);
  EXPECT_EQ(reader.stream.take_limit_bytes(), 0U);
  reader.push(2, "y");  // nearer than the farthest
  EXPECT_EQ(reader.stream.queued_blocks(), most);
  EXPECT_EQ(reader.out, "");
  reader.push(0, "a");
  EXPECT_EQ(reader.out, "axyx");
}

TEST(StreamReassembler, BoundOfBytesIsKept) {
  Reader reader;
  reader.acknowledge(0);
  const std::string data(1000, 'x');
  for (int i = 0; i < 3000; ++i) {
    reader.push(1 + 1000 * i, data);
    ASSERT_LE(reader.stream.queued_bytes(), reader.pool.limits.max_bytes);
  }
  EXPECT_GT(reader.pool.counters.limit_bytes, 1'000'000U);
  reader.finish(EndReason::kTimeout);
  EXPECT_EQ(reader.pool.used_bytes, 0U);
}

TEST(StreamReassembler, BoundGivesUpTheHoleWhereNoAcksAreSeen) {
  Reader reader;
  const uint32_t most = reader.pool.limits.max_blocks;
  for (uint32_t i = 0; i < most; ++i) reader.push(1 + 2 * int64_t{i}, "x");
  EXPECT_EQ(reader.out, "");
  reader.push(1 + 2 * int64_t{most}, "x");
  EXPECT_EQ(reader.out, "<1>x");
  EXPECT_EQ(reader.stream.queued_blocks(), most);
}

TEST(StreamReassembler, BudgetOfAllStreamsIsShared) {
  ReassemblyPool pool;
  pool.budget_bytes = 10'000;
  const std::string data(1000, 'x');
  std::vector<std::unique_ptr<StreamReassembler>> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(std::make_unique<StreamReassembler>(pool));
    streams.back()->start(0);
    streams.back()->acknowledge(0, 0);
    streams.back()->push({500, frames::bytes_of(data), 0, false}, 0);
    StreamPiece piece;
    EXPECT_FALSE(streams.back()->take(piece));
  }
  EXPECT_EQ(pool.counters.out_of_order_segments, 9U);
  EXPECT_EQ(pool.counters.limit_segments, 11U);
  EXPECT_LE(pool.used_bytes, pool.budget_bytes);
  streams.clear();
  EXPECT_EQ(pool.used_bytes, 0U);
}

TEST(StreamReassembler, BudgetExhaustedByOthersDoesNotStopAStreamWithoutAcks) {
  Reader reader;
  reader.pool.budget_bytes = 0;
  reader.push(3, "def");
  EXPECT_EQ(reader.out, "<3>def");
  EXPECT_EQ(reader.pool.used_bytes, 0U);
}

TEST(StreamReassembler, DropsWhatLiesBeyondAnyWindow) {
  Reader reader;
  reader.push(StreamReassembler::kWindow + 1, "x");
  EXPECT_EQ(reader.pool.counters.outside_window_segments, 1U);
  EXPECT_EQ(reader.stream.queued_blocks(), 0U);
  reader.push(StreamReassembler::kWindow, "x");
  EXPECT_EQ(reader.stream.queued_blocks(), 1U);
}

TEST(StreamReassembler, IgnoresAnAckOfWhatNobodyCanHaveSent) {
  Reader reader;
  reader.acknowledge(StreamReassembler::kWindow + 1);
  reader.push(3, "d");
  reader.now_ns = 100 * kMs;
  reader.push(4, "e");
  EXPECT_EQ(reader.out, "");
}

TEST(StreamReassembler, EndGivesOutWhatIsQueuedWithItsGaps) {
  const struct {
    EndReason reason;
    const char* want;
  } table[] = {{EndReason::kReset, "ab<2>ef<1>h|reset"},
               {EndReason::kTimeout, "ab<2>ef<1>h|timeout"},
               {EndReason::kEvicted, "ab<2>ef<1>h|evicted"},
               {EndReason::kCapture, "ab<2>ef<1>h|capture"}};
  for (const auto& row : table) {
    Reader reader;
    reader.push(0, "ab");
    reader.push(4, "ef");
    reader.push(7, "h");
    reader.finish(row.reason);
    EXPECT_EQ(reader.out, row.want);
    reader.finish(EndReason::kCapture);
    EXPECT_EQ(reader.out, row.want);
    EXPECT_TRUE(reader.stream.ended());
  }
}

TEST(StreamReassembler, EndsByTheFinWhenOneIsQueuedBehindTheGap) {
  Reader reader;
  reader.push(4, "ef", true);
  reader.finish(EndReason::kCapture);
  EXPECT_EQ(reader.out, "<4>ef|fin");
}

TEST(StreamReassembler, FinEndsTheStreamWhenThePeerHasIt) {
  Reader decoy;
  decoy.acknowledges_fins = false;
  decoy.push(0, "ab", true);
  EXPECT_EQ(decoy.out, "ab");
  decoy.acknowledge(2);  // of the data
  decoy.push(2, "cd");   // in the place of the FIN, which was none
  decoy.acknowledge(4);
  EXPECT_EQ(decoy.out, "abcd");
  decoy.push(4, "", true);
  decoy.acknowledge(5);
  EXPECT_EQ(decoy.out, "abcd|fin");

  Reader late;
  late.acknowledges_fins = false;
  late.push(0, "", true);
  late.stream.acknowledge(kStart + 1, 0);
  late.push(0, "abc");  // the peer has the FIN in that place
  EXPECT_EQ(late.out, "|fin");

  Reader unseen;
  unseen.acknowledges_fins = false;
  unseen.push(0, "ab", true);
  unseen.finish(EndReason::kTimeout);
  EXPECT_EQ(unseen.out, "ab|fin");
}

TEST(StreamReassembler, BelievesAResetOnlyWhereAReceiverWould) {
  Reader acked;
  acked.push(0, "abc");
  acked.acknowledge(3);
  EXPECT_TRUE(acked.stream.accepts_reset(kStart + 3));
  EXPECT_FALSE(acked.stream.accepts_reset(kStart + 2));
  EXPECT_FALSE(acked.stream.accepts_reset(kStart + 4));
  acked.push(10, "xyz");
  EXPECT_TRUE(acked.stream.accepts_reset(kStart + 13));  // SACK's right edge
  acked.acknowledge(7);                                  // the capture lost what the peer has
  EXPECT_TRUE(acked.stream.accepts_reset(kStart + 7));

  Reader one_sided;
  one_sided.push(0, "abc");
  EXPECT_TRUE(one_sided.stream.accepts_reset(kStart + 3));
  EXPECT_TRUE(one_sided.stream.accepts_reset(kStart + 3 + (1U << 20)));
  EXPECT_FALSE(one_sided.stream.accepts_reset(kStart + 4 + (1U << 20)));
  EXPECT_FALSE(one_sided.stream.accepts_reset(kStart + 2));
}

TEST(StreamReassembler, RandomStormsStayInsideTheBounds) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    Reader reader(static_cast<uint32_t>(random()));
    reader.pool.limits.max_blocks = static_cast<uint32_t>(1 + random() % 20);
    reader.pool.limits.max_bytes = 100 + random() % 5000;
    reader.pool.budget_bytes = 100 + random() % 8000;
    const bool acks = random() % 2 == 0;
    const std::string data(2000, 'x');
    for (int i = 0; i < 3000; ++i) {
      reader.now_ns += random() % (20 * kMs);
      const auto next = static_cast<int64_t>(reader.stream.delivered_bytes());
      reader.push(next - 200 + static_cast<int64_t>(random() % 2000), std::string_view(data).substr(0, random() % 300),
                  random() % 2000 == 0, static_cast<uint32_t>(random() % 10 == 0 ? random() % 100 : 0));
      if (acks && random() % 3 == 0) reader.acknowledge(next - 100 + static_cast<int64_t>(random() % 1000));
      ASSERT_LE(reader.stream.queued_blocks(), reader.pool.limits.max_blocks + 1);
      ASSERT_EQ(reader.stream.queued_bytes(), reader.pool.used_bytes);
      reader.out.clear();
    }
    reader.finish(EndReason::kTimeout);
    ASSERT_EQ(reader.pool.used_bytes, 0U);
  }
}

}  // namespace
}  // namespace pickletap
