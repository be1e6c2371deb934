#include "dissectors/python_mp/frame_reader.h"

#include <gtest/gtest.h>

#include "tests/unit/dissectors/conversation.h"

namespace pickletap {
namespace {

using namespace std::string_literals;
using truth::big_endian;

/// "5@4[hello]" for each message: length, offset of its body, body.
std::string messages(std::string_view stream, const std::vector<size_t>& cuts = {}) {
  FrameReader reader;
  std::string out, body;
  truth::in_pieces(stream, cuts, [&](ByteSpan piece) {
    while (true) {
      const FrameEvent event = reader.next(piece);
      if (event == FrameEvent::kNeedMore) return;
      if (event == FrameEvent::kBegin) out += std::to_string(reader.length()) + "@" + std::to_string(reader.position());
      if (event == FrameEvent::kBytes) body += truth::text_of(reader.chunk());
      if (event == FrameEvent::kEnd) {
        out += "[" + body + "]";
        body.clear();
      }
    }
  });
  return out + body + (reader.in_body() ? "…" : reader.at_boundary() ? "" : "?");
}

TEST(FrameReader, ReadsEveryFormOfLength) {
  const struct {
    const char* story;
    std::string stream, want;
  } table[] = {
      {"short", big_endian(5, 4) + "hello", "5@4[hello]"},
      {"two", truth::frame("a") + truth::frame("bc"), "1@4[a]2@9[bc]"},
      {"empty", truth::frame("") + truth::frame("a"), "0@4[]1@8[a]"},
      {"long form", truth::long_frame("hello"), "5@12[hello]"},
      {"long form, empty", truth::long_frame("") + truth::frame("a"), "0@12[]1@16[a]"},
      {"-2 is empty", "\xff\xff\xff\xfe" + truth::frame("a"), "0@4[]1@8[a]"},
      {"the least is empty", "\x80\0\0\0"s + truth::frame("a"), "0@4[]1@8[a]"},
      {"largest short",
       "\x7f\xff\xff\xff"
       "ab",
       "2147483647@4ab…"},
      {"huge",
       "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
       "ab",
       "9223372036854775807@12ab…"},
      {"beyond all", "\xff\xff\xff\xff" + big_endian(UINT64_MAX, 8) + "ab", "18446744073709551615@12ab…"},
      {"half a header", "\0\0"s, "?"},
      {"half a long one", "\xff\xff\xff\xff\0\0"s, "?"},
      {"nothing", "", ""},
  };
  for (const auto& row : table) {
    EXPECT_EQ(messages(row.stream), row.want) << row.story;
    std::vector<size_t> everywhere;
    for (size_t at = 1; at < row.stream.size(); ++at) everywhere.push_back(at);
    EXPECT_EQ(messages(row.stream, everywhere), row.want) << row.story;
  }
}

TEST(FrameReader, SkipsWithinABodyOnly) {
  FrameReader reader;
  const std::string header = big_endian(10, 4) + "abc";
  ByteSpan in = truth::bytes_of(header);
  ASSERT_EQ(reader.next(in), FrameEvent::kBegin);
  ASSERT_EQ(reader.next(in), FrameEvent::kBytes);
  EXPECT_EQ(reader.body_left(), 7U);
  EXPECT_TRUE(reader.skip(7));
  EXPECT_EQ(reader.position(), 14U);
  EXPECT_EQ(reader.next(in), FrameEvent::kEnd);
  EXPECT_FALSE(reader.skip(1));  // a header is lost
  reader.restart();
  const std::string next = truth::frame("x");
  in = truth::bytes_of(next);
  EXPECT_EQ(reader.next(in), FrameEvent::kBegin);
  EXPECT_FALSE(reader.skip(2));  // the body and more
}

}  // namespace
}  // namespace pickletap
