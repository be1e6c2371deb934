#include "dissectors/pickle/op_reader.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using Result = OpReader::Result;
using truth::bytes_of;

/// Everything the reader says about `pickle` fed in these pieces, in words; `last`: how it ended.
struct Listing {
  std::vector<std::string> names_at;  // NAME@OFFSET, as genops has it
  std::string in_full;                // with numbers, texts and cut
  Result last = Result::kNeedMore;
  uint64_t position = 0;
};

Listing list(std::string_view pickle, const std::vector<size_t>& cuts = {}) {
  Listing listing;
  OpReader reader;
  bool ended = false;
  truth::in_pieces(pickle, cuts, [&](ByteSpan piece) {
    Op op;
    while (!ended && !piece.empty()) {
      listing.last = reader.next(piece, op);
      if (listing.last == Result::kNeedMore) break;
      if (listing.last != Result::kOp) {
        ended = true;
        break;
      }
      listing.names_at.push_back(std::string(op.info->name) + "@" + std::to_string(op.offset));
      listing.in_full += listing.names_at.back() + " " + std::to_string(op.number) + " [" + truth::text_of(op.text) +
                         "] [" + truth::text_of(op.second) + "]" + (op.cut ? " cut" : "") + "\n";
    }
  });
  listing.position = reader.position();
  return listing;
}

TEST(OpReader, ReadsThePicklesOfAllPythonsAsGenopsDoes) {
  for (const auto& row : truth::rows("ops.txt")) {
    const std::string pickle = truth::from_hex(row[0]);
    const Listing listing = list(pickle);
    EXPECT_EQ(listing.names_at, std::vector<std::string>(row.begin() + 1, row.end())) << row[0];
    EXPECT_EQ(listing.position, pickle.size());
  }
}

TEST(OpReader, AnyCutGivesTheSameOpcodes) {
  for (const auto& row : truth::rows("ops.txt")) {
    const std::string pickle = truth::from_hex(row[0]);
    const std::string whole = list(pickle).in_full;
    const size_t step = std::max<size_t>(1, pickle.size() / 256);
    for (size_t cut = 0; cut <= pickle.size(); cut += step) ASSERT_EQ(list(pickle, {cut}).in_full, whole) << cut;
    std::vector<size_t> everywhere;
    for (size_t at = 1; at < pickle.size(); ++at) everywhere.push_back(at);
    ASSERT_EQ(list(pickle, everywhere).in_full, whole);
    for (uint32_t seed = 0; seed < 5; ++seed) {
      ASSERT_EQ(list(pickle, truth::random_cuts(pickle.size(), seed)).in_full, whole) << "seed " << seed;
    }
  }
}

TEST(OpReader, TellsOpcodesFromArguments) {
  const struct {
    std::string pickle;
    std::string want;
  } table[] = {
      {std::string("K\x07J\xfe\xff\xff\xffM\x01\x02", 10),
       "BININT1@0 7 [] []\nBININT@2 4294967294 [] []\nBININT2@7 513 [] []\n"},
      {"cos\nsystem\n", "GLOBAL@0 0 [os] [system]\n"},
      {"i\n\n", "INST@0 0 [] []\n"},
      {"I12\n", "INT@0 0 [12] []\n"},
      {std::string("U\0", 2), "SHORT_BINSTRING@0 0 [] []\n"},
      {std::string("\x8d\x02\0\0\0\0\0\0\0hi", 11), "BINUNICODE8@0 2 [hi] []\n"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(list(row.pickle).in_full, row.want);
    std::vector<size_t> everywhere;
    for (size_t at = 1; at < row.pickle.size(); ++at) everywhere.push_back(at);
    EXPECT_EQ(list(row.pickle, everywhere).in_full, row.want);
  }
}

TEST(OpReader, EndsAtWhatTheUnpicklerRefuses) {
  const struct {
    std::string pickle;
    Result want;
    uint64_t position;
  } table[] = {
      {std::string("N\0", 2), Result::kUnknown, 1},
      {"N\xff", Result::kUnknown, 1},
      {"T\xff\xff\xff\xff", Result::kNegative, 0},
      {std::string("\x8b\0\0\0\x80", 5), Result::kNegative, 0},
      {"B\xff\xff\xff\xff", Result::kNeedMore, 5},  // unsigned: 4 GB are announced
      {"X\x05", Result::kNeedMore, 2},
      {"cos\nsyst", Result::kNeedMore, 8},
      {"G1234", Result::kNeedMore, 5},
  };
  for (const auto& row : table) {
    EXPECT_EQ(list(row.pickle).last, row.want) << row.pickle;
    if (row.want == Result::kNeedMore) {
      EXPECT_EQ(list(row.pickle).position, row.position) << row.pickle;
    }
    std::vector<size_t> everywhere;
    for (size_t at = 1; at < row.pickle.size(); ++at) everywhere.push_back(at);
    EXPECT_EQ(list(row.pickle, everywhere).last, row.want) << row.pickle;
  }
}

TEST(OpReader, KeepsTheBeginningOfLongTextsAndSaysSo) {
  const std::string body(3 * OpReader::kMaxText, 'x');
  const std::string size = {0, static_cast<char>(body.size() >> 8), 0, 0};
  const std::string kept = body.substr(0, OpReader::kMaxText);
  const struct {
    std::string pickle, want;
  } table[] = {
      {"X" + size + body + "N", "BINUNICODE@0 12288 [" + kept + "] [] cut\nNONE@12293 0 [] []\n"},
      {"I" + body + "\nN", "INT@0 0 [" + kept + "] [] cut\nNONE@12290 0 [] []\n"},
      {"c" + body + "\nx\nN", "GLOBAL@0 0 [" + kept + "] [x] cut\nNONE@12292 0 [] []\n"},
      {"cx\n" + body + "\nN", "GLOBAL@0 0 [x] [" + kept + "] cut\nNONE@12292 0 [] []\n"},
      {"I" + kept + "\n", "INT@0 0 [" + kept + "] []\n"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(list(row.pickle).in_full, row.want);
    for (uint32_t seed = 0; seed < 3; ++seed) {
      EXPECT_EQ(list(row.pickle, truth::random_cuts(row.pickle.size(), seed)).in_full, row.want);
    }
  }
}

TEST(OpReader, PassesAHugeTextThroughInPieces) {
  OpReader reader;
  Op op;
  const std::string header("\x8e\0\0\0\0\x01\0\0\0", 9);  // 4 GiB
  ByteSpan in = bytes_of(header);
  ASSERT_EQ(reader.next(in, op), Result::kNeedMore);
  const std::string piece(size_t{1} << 20, 'x');
  for (unsigned i = 0; i < 4095; ++i) {
    in = bytes_of(piece);
    ASSERT_EQ(reader.next(in, op), Result::kNeedMore);
    ASSERT_TRUE(in.empty());
  }
  const std::string last = piece + "N";
  in = bytes_of(last);
  ASSERT_EQ(reader.next(in, op), Result::kOp);
  EXPECT_EQ(op.number, uint64_t{1} << 32);
  EXPECT_EQ(op.text.size(), OpReader::kMaxText);
  EXPECT_TRUE(op.cut);
  EXPECT_EQ(in.size(), 1U);
  EXPECT_EQ(reader.position(), 9 + (uint64_t{1} << 32));
}

TEST(OpReader, FinishGivesANameThatLacksItsNewline) {
  const struct {
    std::string pickle;
    bool want;
    std::string name;
  } table[] = {
      {"ios\nsystemX", true, "system"},
      {"cos\nsystemX", true, "system"},
      {"ios\ns", true, ""},
      {"ios\n", true, ""},
      {"ios", true, ""},
      {"c", true, ""},
      {"Ios", false, ""},
      {"I12", false, ""},
      {"X\x05", false, ""},
      {"N", false, ""},
  };
  for (const auto& row : table) {
    for (const bool bytewise : {false, true}) {
      OpReader reader;
      Op op;
      for (size_t at = 0; at < row.pickle.size(); at += bytewise ? 1 : row.pickle.size()) {
        ByteSpan in = bytes_of(std::string_view(row.pickle).substr(at, bytewise ? 1 : row.pickle.size()));
        (void)reader.next(in, op);
      }
      ASSERT_EQ(reader.finish(op), row.want) << row.pickle;
      if (row.want) {
        EXPECT_EQ(truth::text_of(op.second), row.name);
      }
    }
  }
}

TEST(OpReader, ResetForgetsAnOpcodeInTheMiddle) {
  OpReader reader;
  Op op;
  ByteSpan in = bytes_of("cos\nsys");
  ASSERT_EQ(reader.next(in, op), Result::kNeedMore);
  reader.reset();
  in = bytes_of("N");
  ASSERT_EQ(reader.next(in, op), Result::kOp);
  EXPECT_EQ(op.info->name, "NONE");
  EXPECT_EQ(op.offset, 0U);
}

}  // namespace
}  // namespace pickletap
