// The defragmenter's rules. What a real kernel does with the same pieces is in pcaps/evasion/ip*.pcap.
#include "sensor/net/defragmenter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sensor/net/decode.h"
#include "sensor/net/unwrapper.h"
#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::string pattern(size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 24 + seed) % 23);
  return text;
}

class DefragmenterTest : public ::testing::Test {
 protected:
  struct Piece {
    uint32_t begin;
    std::string bytes;
    bool more;
    uint32_t id = 1;
    uint8_t ecn = 0;
    uint8_t source = 1;
    size_t cut = 0;
  };

  /// The datagram, when it is whole now.
  std::optional<std::string> add(const Piece& piece) {
    Packet packet;
    Encapsulation outer;
    packet.source.is_v6 = packet.destination.is_v6 = v6;
    packet.source.bytes[0] = piece.source;
    packet.time_ns = now_ns;
    packet.wire_bytes = 100;
    packet.outer = &outer;
    Fragment& f = outer.fragment;
    f.bytes = frames::bytes_of(piece.bytes).first(piece.bytes.size() - piece.cut);
    f.length = static_cast<uint16_t>(piece.bytes.size());
    f.offset = static_cast<uint16_t>(piece.begin);
    f.id = piece.id;
    f.more = piece.more;
    f.ecn = piece.ecn;
    f.protocol = 6;
    const auto got = defragmenter.add(packet);
    if (!got) return std::nullopt;
    wire_bytes = got->wire_bytes;
    return std::string(reinterpret_cast<const char*>(got->bytes.data()), got->bytes.size());
  }
  std::optional<std::string> add(const std::string& whole, uint32_t begin, uint32_t end, uint32_t id = 1) {
    return add({begin, whole.substr(begin, end - begin), end < whole.size(), id});
  }
  uint64_t dropped(FragmentDrop reason) const { return defragmenter.counters().dropped[static_cast<unsigned>(reason)]; }
  /// Every fragment is in a datagram, dropped, or still held.
  uint64_t all_dropped() const {
    uint64_t sum = 0;
    for (const uint64_t count : defragmenter.counters().dropped) sum += count;
    return sum;
  }

  DefragmenterLimits limits{size_t{200} << 10, 30 * kSecond, 60 * kSecond};
  Defragmenter defragmenter{limits, 1};
  bool v6 = false;
  int64_t now_ns = 1000 * kSecond;
  uint32_t wire_bytes = 0;
};

TEST_F(DefragmenterTest, PutsPiecesTogetherInAnyOrder) {
  std::minstd_rand random(3);
  for (const bool version : {false, true}) {
    v6 = version;
    for (int round = 0; round < 300; ++round) {
      const std::string whole = pattern(8 + random() % 3000, static_cast<unsigned>(round));
      std::vector<std::pair<uint32_t, uint32_t>> pieces;
      for (uint32_t at = 0; at < whole.size();) {
        const auto end = static_cast<uint32_t>(std::min<size_t>(at + 8 * (1 + random() % 40), whole.size()));
        pieces.emplace_back(at, end);
        at = end;
      }
      std::shuffle(pieces.begin(), pieces.end(), random);
      for (size_t i = 0; i < pieces.size(); ++i) {
        const auto got = add(whole, pieces[i].first, pieces[i].second, static_cast<uint32_t>(round));
        ASSERT_EQ(got.has_value(), i + 1 == pieces.size());
        if (got) {
          EXPECT_EQ(*got, whole);
          EXPECT_EQ(wire_bytes, 100 * pieces.size());
        }
      }
    }
  }
  EXPECT_EQ(defragmenter.counters().datagrams, 600U);
  EXPECT_EQ(defragmenter.counters().memory_bytes, 0U);
  EXPECT_EQ(all_dropped(), 0U);
}

TEST_F(DefragmenterTest, OverlapsDropTheDatagramAndCopiesOnlyThemselves) {
  const std::string whole = pattern(240), other = pattern(240, 5);
  // A copy: the first one stands.
  EXPECT_FALSE(add(whole, 0, 120));
  EXPECT_FALSE(add(other, 0, 120));
  EXPECT_EQ(add(whole, 120, 240), whole);
  EXPECT_EQ(dropped(FragmentDrop::kDuplicate), 1U);
  // Inside a run that came in order.
  add(whole, 0, 80);
  add(whole, 80, 160);
  add(other, 40, 120);
  EXPECT_EQ(add(whole, 160, 240), whole);
  EXPECT_EQ(dropped(FragmentDrop::kDuplicate), 2U);
  // Inside the same bytes that came the other way round: two runs, so it overlaps both.
  add(whole, 80, 160);
  add(whole, 0, 80);
  EXPECT_FALSE(add(other, 40, 120));
  EXPECT_EQ(dropped(FragmentDrop::kOverlap), 3U);
  // The same id starts afresh.
  EXPECT_FALSE(add(whole, 0, 120));
  EXPECT_EQ(add(whole, 120, 240), whole);
}

TEST_F(DefragmenterTest, ContradictionsDropTheDatagram) {
  const std::string whole = pattern(240);
  add(whole, 160, 240);
  EXPECT_FALSE(add({240, "12345678", true}));
  EXPECT_EQ(dropped(FragmentDrop::kContradiction), 2U);
  add(whole, 160, 240);
  add({80, pattern(80), false});
  EXPECT_EQ(dropped(FragmentDrop::kContradiction), 4U);
  add(whole, 0, 120);
  add({120, "", true});
  EXPECT_EQ(dropped(FragmentDrop::kContradiction), 6U);
  EXPECT_EQ(defragmenter.counters().memory_bytes, 0U);
}

TEST_F(DefragmenterTest, OddLengthsInTheMiddleAreTrimmedInIpv4AndRefusedInIpv6) {
  const std::string whole = pattern(240);
  add({0, whole.substr(0, 124), true});
  EXPECT_EQ(add(whole, 120, 240), whole);
  v6 = true;
  add({0, whole.substr(0, 124), true});
  EXPECT_EQ(dropped(FragmentDrop::kBadHeader), 1U);
  EXPECT_FALSE(add(whole, 120, 240));
  EXPECT_EQ(add(whole, 0, 120), whole);
}

TEST_F(DefragmenterTest, EcnMarksMustGoTogether) {
  const std::string whole = pattern(16);
  for (unsigned first = 0; first < 4; ++first) {
    for (unsigned second = 0; second < 4; ++second) {
      add({0, whole.substr(0, 8), true, 1, static_cast<uint8_t>(first)});
      const auto got = add({8, whole.substr(8), false, 1, static_cast<uint8_t>(second)});
      EXPECT_EQ(got.has_value(), (first == 0) == (second == 0)) << first << " and " << second;
    }
  }
  EXPECT_EQ(dropped(FragmentDrop::kEcn), 12U);
}

TEST_F(DefragmenterTest, TimesOutFromTheFirstPiece) {
  const std::string whole = pattern(240), other = pattern(240, 9);
  for (const bool version : {false, true}) {
    v6 = version;
    const int64_t timeout = version ? limits.ipv6_timeout_ns : limits.ipv4_timeout_ns;
    add(other, 0, 120);
    now_ns += timeout;
    add(other, 0, 120);  // a copy does not prolong it
    now_ns += 1;
    EXPECT_FALSE(add(whole, 0, 120));
    EXPECT_EQ(add(whole, 120, 240), whole);
  }
  EXPECT_EQ(dropped(FragmentDrop::kTimeout), 2U);
}

TEST_F(DefragmenterTest, AfterManyOthersOfItsSourceIpv4StartsAfresh) {
  const std::string whole = pattern(240), other = pattern(240, 9);
  for (const uint32_t between : {Defragmenter::kMaxDistance - 1, Defragmenter::kMaxDistance}) {
    for (const bool version : {false, true}) {
      v6 = version;
      const uint32_t id = 100 + between + (version ? 500 : 0);
      add(other, 0, 120, id);
      for (uint32_t i = 0; i < between; ++i) add({8, "12345678", true, 2000 + i});
      add(whole, 0, 120, id);
      const auto got = add(whole, 120, 240, id);
      ASSERT_TRUE(got);
      const bool afresh = !version && between == Defragmenter::kMaxDistance;
      EXPECT_EQ(got->substr(0, 120), (afresh ? whole : other).substr(0, 120)) << between;
      defragmenter.finish();
    }
  }
  EXPECT_EQ(dropped(FragmentDrop::kDistance), 1U);
  // Those of another source do not count.
  v6 = false;
  add(other, 0, 120);
  for (uint32_t i = 0; i < 200; ++i) add({8, "12345678", true, 2000 + i, 0, 2});
  add(whole, 0, 120);
  EXPECT_EQ(add(whole, 120, 240)->substr(0, 120), other.substr(0, 120));
}

TEST_F(DefragmenterTest, TooLongIsNoDatagram) {
  const std::string block = pattern(8192);
  for (uint32_t at = 0; at < 65536 - 8192; at += 8192) add({at, block, true});
  EXPECT_FALSE(add({65536 - 8192, block, false}));
  EXPECT_EQ(dropped(FragmentDrop::kTooLong), 8U);
  v6 = true;
  add({65528, "12345678", true});
  EXPECT_EQ(dropped(FragmentDrop::kTooLong), 9U);
  EXPECT_EQ(defragmenter.counters().memory_bytes, 0U);
}

TEST_F(DefragmenterTest, MemoryIsBoundedAndTheOldestGoes) {
  const std::string whole = pattern(2400);
  add(whole, 0, 1200, 7);
  uint64_t most = 0;
  for (uint32_t i = 0; i < 20'000; ++i) {
    v6 = i % 2 == 0;
    add({8 * (i % 8000), pattern(8), true, 100 + i});
    most = std::max(most, defragmenter.counters().memory_bytes);
  }
  EXPECT_LE(most, limits.budget_bytes);
  EXPECT_GT(most, limits.budget_bytes / 2);
  EXPECT_GT(dropped(FragmentDrop::kEvicted), 19'000U);
  v6 = false;
  EXPECT_FALSE(add(whole, 1200, 2400, 7)) << "the first of all is gone";
  const DefragmenterCounters& counters = defragmenter.counters();
  defragmenter.finish();
  EXPECT_EQ(counters.memory_bytes, 0U);
  EXPECT_EQ(all_dropped() + counters.datagrams, counters.fragments);
}

TEST_F(DefragmenterTest, CutByTheSnapLengthIsCounted) {
  const std::string whole = pattern(240);
  add({0, whole.substr(0, 120), true, 1, 0, 1, 20});
  EXPECT_FALSE(add(whole, 120, 240));
  EXPECT_EQ(dropped(FragmentDrop::kCutOff), 1U);
}

TEST_F(DefragmenterTest, RandomPiecesLeaveNothingUncounted) {
  std::minstd_rand random(11);
  const std::string bytes = pattern(65536);
  for (int i = 0; i < 60'000; ++i) {
    v6 = random() % 2 == 0;
    now_ns += static_cast<int64_t>(random() % (kSecond / 10));
    const auto begin = static_cast<uint32_t>(8 * (random() % (random() % 8 == 0 ? 8192 : 12)));
    const size_t size = std::min<size_t>(random() % 64, 65535 - begin);
    add({begin, bytes.substr(begin, size), random() % 3 != 0, static_cast<uint32_t>(1 + random() % 6),
         static_cast<uint8_t>(random() % 2), static_cast<uint8_t>(random() % 2), random() % 16 == 0 ? size / 2 : 0});
  }
  defragmenter.finish();
  EXPECT_EQ(defragmenter.counters().memory_bytes, 0U);
  EXPECT_GT(defragmenter.counters().datagrams, 0U);
  for (const FragmentDrop reason : {FragmentDrop::kDuplicate, FragmentDrop::kOverlap, FragmentDrop::kContradiction,
                                    FragmentDrop::kEcn, FragmentDrop::kTimeout}) {
    EXPECT_GT(dropped(reason), 0U) << to_text(reason);
  }
}

// ---- With decoding around it ----------------------------------------------------------------------------------------

std::vector<std::string> in_fragments(const std::string& packet, size_t size) {
  std::vector<std::string> out;
  const std::string body = packet.substr(20);
  for (size_t at = 0; at < body.size(); at += size) {
    const bool more = at + size < body.size();
    const auto protocol = static_cast<unsigned>(static_cast<uint8_t>(packet[9]));
    out.push_back(frames::ipv4(body.substr(at, size), protocol, static_cast<unsigned>(at / 8) | (more ? 0x2000U : 0U)));
  }
  return out;
}

TEST(Unwrapper, FollowsFragmentsInTunnelsInFragments) {
  // Each level is fragmented on its own, so the pieces of pieces grow in number: two levels of two.
  const std::string whole = frames::ipv4(frames::tcp(pattern(60)));
  std::vector<std::string> packets = {whole};
  for (int level = 0; level < 2; ++level) {
    std::vector<std::string> next;
    for (const std::string& packet : packets) {
      for (const std::string& piece : in_fragments(packet, 48)) next.push_back(frames::ipv4(piece, 4));
    }
    packets = std::move(next);
  }
  Unwrapper unwrapper({size_t{1} << 20, 30 * kSecond, 60 * kSecond}, 100, 1);
  std::string got;
  for (const std::string& packet : packets) {
    const std::string frame = frames::ethernet(packet);
    Packet decoded;
    Encapsulation outer;
    const DecodeResult result = decode_packet(LinkType::kEthernet, frames::bytes_of(frame),
                                              static_cast<uint32_t>(frame.size()), decoded, outer);
    ASSERT_EQ(to_text(result), "fragment");
    ASSERT_NE(decoded.outer, nullptr);
    if (const Packet* inner = unwrapper.unwrap(decoded, result)) {
      got.assign(reinterpret_cast<const char*>(inner->payload.data()), inner->payload.size());
      EXPECT_EQ(inner->outer->depth, 2);
      EXPECT_NE(inner->tunnel, kNoTunnel);
    }
  }
  EXPECT_EQ(got, pattern(60));
}

TEST(Unwrapper, TellsTroubleAtItsFirstSecondFourthTime) {
  Unwrapper unwrapper({size_t{1} << 20, 30 * kSecond, 60 * kSecond}, 100, 1);
  std::string frame = frames::ethernet(frames::ipv4(pattern(16), 6, 0x2000));
  frame[14 + 10] = static_cast<char>(frame[14 + 10] ^ 1);  // of the checksum
  std::vector<uint64_t> told;
  for (int i = 0; i < 20; ++i) {
    Packet decoded;
    Encapsulation outer;
    const DecodeResult result = decode_packet(LinkType::kEthernet, frames::bytes_of(frame),
                                              static_cast<uint32_t>(frame.size()), decoded, outer);
    unwrapper.unwrap(decoded, result);
    for (StreamTrouble trouble; unwrapper.take_trouble(trouble);) {
      EXPECT_EQ(trouble.layer, "decode");
      EXPECT_EQ(trouble.what, "fragment_bad_header");
      told.push_back(trouble.count);
    }
  }
  EXPECT_EQ(told, (std::vector<uint64_t>{1, 2, 4, 8, 16}));
}

}  // namespace
}  // namespace pickletap
