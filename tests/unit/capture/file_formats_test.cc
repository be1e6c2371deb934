// What capture files may hold, format by format, and what is said of those that are damaged.
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/capture/capture_files.h"

namespace pickletap {
namespace {

namespace cf = capture_files;
using cf::frame;
using cf::Order;

constexpr Order kLittle{false}, kBig{true};
constexpr int64_t kSecond = 1'000'000'000;

std::string small_pcap(const std::vector<std::string>& payloads) {
  std::string file = cf::pcap_header(kLittle);
  uint32_t second = 1;
  for (const std::string& payload : payloads) file += cf::pcap_record(kLittle, second++, 0, frame(payload));
  return file;
}

// ---- pcap -----------------------------------------------------------------------------------------------------------

TEST(PcapFile, IsReadInEveryVariant) {
  const std::string kuznetzov_rest = std::string(8, '\0');
  for (const Order o : {kLittle, kBig}) {
    const struct {
      const char* name;
      std::string bytes;
      int64_t want_ns;
    } table[] = {
        {"micro", cf::pcap_header(o) + cf::pcap_record(o, 5, 7, frame("a")), 5 * kSecond + 7000},
        {"nano", cf::pcap_header(o, cf::kNano) + cf::pcap_record(o, 5, 7, frame("a")), 5 * kSecond + 7},
        {"kuznetzov", cf::pcap_header(o, cf::kKuznetzov) + cf::pcap_record(o, 5, 7, frame("a"), kuznetzov_rest),
         5 * kSecond + 7000},
        {"check sequence noted in the link type",
         cf::pcap_header(o, cf::kMicro, 0x24000001) + cf::pcap_record(o, 5, 7, frame("a") + "fcs!"),
         5 * kSecond + 7000},
    };
    for (const auto& row : table) {
      SCOPED_TRACE(std::string(row.name) + (o.big ? ", big endian" : ", little endian"));
      const cf::Contents got = cf::read_bytes(row.bytes);
      EXPECT_EQ(got.error, "");
      EXPECT_EQ(got.payloads, "a;");
      EXPECT_EQ(got.times, std::vector<int64_t>{row.want_ns});
    }
  }
}

TEST(PcapFile, OldVersionsHaveTheLengthsTheOtherWayRound) {
  const std::string whole = frame("abcd");
  const auto length = static_cast<uint32_t>(whole.size());
  // Captured all but two bytes; which field says so depends on the version.
  const std::string cut = whole.substr(0, whole.size() - 2);
  const std::string swapped = kLittle.u32(1) + kLittle.u32(0) + kLittle.u32(length) + kLittle.u32(length - 2) + cut;
  const std::string straight = kLittle.u32(1) + kLittle.u32(0) + kLittle.u32(length - 2) + kLittle.u32(length) + cut;
  const struct {
    unsigned minor;
    const std::string& record;
  } table[] = {{4, straight}, {3, straight}, {3, swapped}, {2, swapped}};
  for (const auto& row : table) {
    const cf::Contents got = cf::read_bytes(cf::pcap_header(kLittle, cf::kMicro, 1, 65535, row.minor) + row.record);
    EXPECT_EQ(got.error, "") << row.minor;
    EXPECT_EQ(got.payloads, "ab;") << row.minor;
  }
}

TEST(PcapFile, RecordsAreGivenWholeWhateverTheHeadersSnapLength) {
  const std::string jumbo = frames::ethernet(frames::ipv4(frames::tcp(std::string(400'000, 'x')), 6, 0, {}, 0));
  const std::string file = cf::pcap_header(kLittle, cf::kMicro, 1, 64) + cf::pcap_record(kLittle, 1, 0, frame("abc")) +
                           cf::pcap_record(kLittle, 2, 0, jumbo) + cf::pcap_record(kLittle, 3, 0, frame("d"));
  for (const size_t piece : {size_t{1000}, size_t{65536}, SIZE_MAX}) {
    const cf::Contents got = cf::read_bytes(file, piece);
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.payloads, "abc;400000;d;");
  }
}

TEST(PcapFile, ARecordThatCannotBeEndsTheReading) {
  std::string file = small_pcap({"a", "b"});
  const std::string claim = kLittle.u32(3) + kLittle.u32(0) + kLittle.u32(kMaxRecordBytes + 1) + kLittle.u32(60);
  const cf::Contents got = cf::read_bytes(file + claim + std::string(1000, 'x'));
  EXPECT_EQ(got.payloads, "a;b;");
  EXPECT_EQ(got.error, "damaged: the record at byte " + std::to_string(file.size()) + " claims 16777217 bytes");
}

TEST(PcapFile, ClaimedBytesTakeNoMemoryBeforeTheyCome) {
  // 16 MiB announced and 100 bytes there: the window must not grow for it.
  ReadWindow window(std::make_unique<cf::BytesStream>(std::string(100, 'x')));
  const uint8_t* before = window.data();
  EXPECT_FALSE(window.ensure(kMaxRecordBytes));
  EXPECT_EQ(window.available(), 100U);
  EXPECT_EQ(window.data(), before);
}

// ---- pcapng ---------------------------------------------------------------------------------------------------------

TEST(PcapngFile, SectionsAndInterfacesMayDiffer) {
  const std::string ip = frames::ipv4(frames::tcp("raw"));
  const std::string file =
      cf::section(kLittle) + cf::interface(kLittle, 1) + cf::interface(kLittle, 101) +
      cf::enhanced(kLittle, 0, 1, frame("ether")) + cf::enhanced(kLittle, 1, 2, ip) + cf::section(kBig) +
      cf::interface(kBig, 0) + cf::enhanced(kBig, 0, 3, frames::be32(2) + frames::ipv4(frames::tcp("null"))) +
      cf::interface(kBig, 276) +
      cf::enhanced(kBig, 1, 4, frames::be16(0x0800) + std::string(18, '\0') + frames::ipv4(frames::tcp("sll2")));
  const cf::Contents got = cf::read_bytes(file);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.payloads, "ether;raw;null;sll2;");
  EXPECT_EQ(got.times, (std::vector<int64_t>{1000, 2000, 3000, 4000}));
  // A filter is compiled for each of them.
  EXPECT_EQ(cf::read_bytes(file, SIZE_MAX, {"tcp dst port 5000", 0}).payloads, "ether;raw;null;sll2;");
  EXPECT_EQ(cf::read_bytes(file, SIZE_MAX, {"tcp dst port 5001", 0}).payloads, "");
  // One that has no meaning for a later link type ends the reading there.
  const cf::Contents mac = cf::read_bytes(file, SIZE_MAX, {"ether host 02:02:02:02:02:02", 0});
  EXPECT_NE(mac.error.find("filter \"ether host 02:02:02:02:02:02\": "), std::string::npos) << mac.error;
}

TEST(PcapngFile, TimeResolutionsAndOffsetsAreTheInterfaces) {
  const auto resolution = [](int value) { return cf::option(kLittle, 9, std::string(1, static_cast<char>(value))); };
  const auto offset = [](int64_t s) { return cf::option(kLittle, 14, kLittle.u64(static_cast<uint64_t>(s))); };
  const struct {
    const char* name;
    std::string options;
    uint64_t ticks;
    int64_t want_ns;
  } table[] = {
      {"none: microseconds", "", 1'500'000, 1'500'000'000},
      {"nanoseconds", resolution(9), 1'500'000'000, 1'500'000'000},
      {"seconds", resolution(0), 3, 3 * kSecond},
      {"picoseconds", resolution(12), 1'500'000'000'000, 1'500'000'000},
      {"2^-10", resolution(0x80 | 10), 1536, 1'500'000'000},
      {"2^-32", resolution(0x80 | 32), (uint64_t{7} << 32) + (uint64_t{1} << 31), 7'500'000'000},
      {"finer than can be", resolution(127), UINT64_MAX - 1, 0},
      {"2^-127", resolution(0xff), UINT64_MAX, 0},
      {"offset", offset(1'700'000'000), 5'000'000, 1'700'000'005 * kSecond},
      {"offset back", offset(-3), 5'000'000, 2 * kSecond},
      {"before the epoch", offset(-30), 5'000'000, 0},
      {"the last there is", resolution(0) + offset(INT64_MAX), UINT64_MAX, 4'000'000'000 * kSecond},
      {"after the end of the options", cf::option(kLittle, 0, "") + resolution(9), 1'500'000, 1'500'000'000},
      {"wrong length", cf::option(kLittle, 9, "\x09\x09"), 1'500'000, 1'500'000'000},
  };
  for (const auto& row : table) {
    const std::string file =
        cf::section(kLittle) + cf::interface(kLittle, 1, row.options) + cf::enhanced(kLittle, 0, row.ticks, frame("a"));
    const cf::Contents got = cf::read_bytes(file);
    EXPECT_EQ(got.error, "") << row.name;
    EXPECT_EQ(got.times, std::vector<int64_t>{row.want_ns}) << row.name;
  }
}

TEST(PcapngFile, SimpleAndObsoletePacketsAreReadAndTheRestPassedOver) {
  const std::string whole = frame("abcdef");
  const auto length = static_cast<uint32_t>(whole.size());
  for (const Order o : {kLittle, kBig}) {
    const std::string obsolete = cf::block(o, 2,
                                           o.u16(0) + o.u16(9) + o.u32(0) + o.u32(7) + o.u32(length - 2) +
                                               o.u32(length) + cf::padded(whole.substr(0, length - 2)));
    const std::string file = cf::section(o) + cf::interface(o, 1, {}, length - 1) + cf::block(o, 5, "statistics") +
                             cf::block(o, 0x0bad, std::string(600'000, 'x')) + obsolete +
                             cf::block(o, 3, o.u32(length) + whole.substr(0, length - 1)) + cf::block(o, 4, "names");
    const cf::Contents got = cf::read_bytes(file);
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.payloads, "abcd;abcde;");
    EXPECT_EQ(got.times, (std::vector<int64_t>{7000, 7000})) << "a simple packet has the time of the one before";
    EXPECT_EQ(got.wire_bytes, (std::vector<uint32_t>{length, length}));
  }
}

TEST(PcapngFile, UnreadableLinkTypesAreCountedAndAnErrorWhereThereIsNothingElse) {
  constexpr unsigned kUsb = 220;
  const std::string usb = cf::section(kLittle) + cf::interface(kLittle, kUsb) + cf::enhanced(kLittle, 0, 1, "usb");
  const cf::Contents both = cf::read_bytes(usb + cf::interface(kLittle, 1) + cf::enhanced(kLittle, 1, 2, frame("a")));
  EXPECT_EQ(both.error, "");
  EXPECT_EQ(both.payloads, "a;");
  EXPECT_EQ(both.results, (std::vector{DecodeResult::kUnknownLinkType, DecodeResult::kTcp}));
  EXPECT_EQ(both.numbers, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(cf::read_bytes(usb).error, "link type USB_LINUX_MMAPPED is not supported");
}

TEST(PcapngFile, DamageIsNamedWithItsPlace) {
  const std::string start = cf::section(kLittle) + cf::interface(kLittle) + cf::enhanced(kLittle, 0, 1, frame("a"));
  const std::string at = "the block at byte " + std::to_string(start.size());
  const std::string next = cf::enhanced(kLittle, 0, 2, frame("b"));
  const auto with = [&next](size_t place, uint32_t value) {
    std::string damaged = next;
    return damaged.replace(place, 4, kLittle.u32(value));
  };
  const auto bytes = static_cast<uint32_t>(next.size());
  const struct {
    const char* name;
    std::string rest;
    std::string want;
  } table[] = {
      {"no length", with(4, 0), "damaged: " + at + " claims 0 bytes"},
      {"odd length", with(4, bytes + 1), "damaged: " + at + " claims " + std::to_string(bytes + 1) + " bytes"},
      {"huge length", with(4, 0xfffffffc), "damaged: " + at + " claims 4294967292 bytes"},
      {"two lengths", with(next.size() - 4, bytes + 4),
       "damaged: " + at + " has two lengths, " + std::to_string(bytes) + " and " + std::to_string(bytes + 4)},
      {"no such interface", with(8, 1), "damaged: " + at + " is of interface 1, which was not described"},
      {"packet longer than its block", with(20, 5000),
       "damaged: " + at + " holds a packet of 5000 bytes, more than the block"},
      {"cut in the packet", next.substr(0, 40),
       "truncated: " + at + " has 40 of its " + std::to_string(bytes) + " bytes"},
      {"cut in the header", next.substr(0, 5), "truncated: " + at + " has 5 of its 12 bytes"},
      {"unknown version",
       cf::block(kLittle, 0x0a0d0d0a,
                 kLittle.u32(0x1a2b3c4d) + kLittle.u16(2) + kLittle.u16(0) + std::string(8, '\xff')),
       "damaged: " + at + " has version 2, which is not known"},
      {"no byte order", cf::block(kLittle, 0x0a0d0d0a, std::string(16, 'x')), "damaged: " + at + " has no byte order"},
      {"long block that ends early", cf::block(kLittle, 0x0bad, std::string(600'000, 'x')).substr(0, 300'000),
       "truncated: " + at + " has 300000 of its 600012 bytes"},
  };
  for (const auto& row : table) {
    const cf::Contents got = cf::read_bytes(start + row.rest);
    EXPECT_EQ(got.payloads, "a;") << row.name;
    EXPECT_EQ(got.error, row.want) << row.name;
  }
}

// ---- Compression ----------------------------------------------------------------------------------------------------

std::string gzip(const std::string& bytes) {
  z_stream state{};
  EXPECT_EQ(deflateInit2(&state, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&state, bytes.size()) + 64, '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  state.avail_in = static_cast<uInt>(bytes.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&state, Z_FINISH), Z_STREAM_END);
  out.resize(state.total_out);
  deflateEnd(&state);
  return out;
}

std::string zstd(const std::string& bytes, int window_log = 0) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (window_log != 0) {
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  }
  std::string out(ZSTD_compressBound(bytes.size()) + 64, '\0');
  // A stream of unknown length names its window; one that is known in advance is its own window.
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_inBuffer nothing{nullptr, 0, 0};
  EXPECT_EQ(ZSTD_isError(ZSTD_compressStream2(context, &to, &in, ZSTD_e_continue)), 0U);
  EXPECT_EQ(ZSTD_compressStream2(context, &to, &nothing, ZSTD_e_end), 0U);
  out.resize(to.pos);
  ZSTD_freeCCtx(context);
  return out;
}

std::string lz4(const std::string& bytes) {
  std::string out(LZ4F_compressFrameBound(bytes.size(), nullptr), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), nullptr));
  return out;
}

using Compressor = std::string (*)(const std::string&);
const std::vector<std::pair<const char*, Compressor>>& compressors() {
  static const std::vector<std::pair<const char*, Compressor>> all = {
      {"gzip", gzip}, {"zstd", [](const std::string& bytes) { return zstd(bytes); }}, {"lz4", lz4}};
  return all;
}

std::string long_payload() {
  std::string payload;
  for (unsigned i = 0; payload.size() < 60'000; ++i) payload += std::to_string(i * 2654435761U);
  return payload;
}

TEST(CompressedFile, IsToldByContentAndReadInMembers) {
  const std::string whole = small_pcap({"a", long_payload(), long_payload(), "b"});
  const std::string want = cf::read_bytes(whole).payloads;
  ASSERT_EQ(std::count(want.begin(), want.end(), ';'), 4);
  for (const auto& [name, compress] : compressors()) {
    for (const size_t piece : {size_t{1}, size_t{700}, SIZE_MAX}) {
      const cf::Contents one = cf::read_bytes(compress(whole), piece);
      EXPECT_EQ(one.error, "") << name;
      EXPECT_EQ(one.payloads, want) << name;
      std::string members;
      for (size_t at = 0; at < whole.size(); at += 10'000) members += compress(whole.substr(at, 10'000));
      members += compress("");
      const cf::Contents many = cf::read_bytes(members, piece);
      EXPECT_EQ(many.error, "") << name;
      EXPECT_EQ(many.payloads, want) << name;
    }
  }
  // As written to a tape: zeros up to the end of the block.
  EXPECT_EQ(cf::read_bytes(gzip(whole) + std::string(512, '\0')).error, "");
}

TEST(CompressedFile, CutOffAnywhereGivesWhatWasThereAndSaysSo) {
  const std::string whole = small_pcap({"a", long_payload(), "b"});
  for (const auto& [name, compress] : compressors()) {
    const std::string packed = compress(whole);
    for (size_t length = 2; length < packed.size(); length += length < 40 ? 1 : 501) {
      const cf::Contents got = cf::read_bytes(packed.substr(0, length));
      EXPECT_NE(got.error, "") << name << " at " << length;
      EXPECT_TRUE(cf::read_bytes(whole).payloads.starts_with(got.payloads)) << name << " at " << length;
    }
    const cf::Contents last = cf::read_bytes(packed.substr(0, packed.size() - 1));
    EXPECT_NE(last.error.find(std::string(name) + " data is cut off at byte "), std::string::npos) << last.error;
  }
}

TEST(CompressedFile, DamageInsideIsNamed) {
  const std::string whole = small_pcap({"a", long_payload(), "b"});
  for (const auto& [name, compress] : compressors()) {
    std::string packed = compress(whole);
    std::fill(packed.begin() + static_cast<std::ptrdiff_t>(packed.size() / 2),
              packed.begin() + static_cast<std::ptrdiff_t>(packed.size() / 2) + 64, '\xa5');
    EXPECT_NE(cf::read_bytes(packed).error, "") << name;
    const cf::Contents followed = cf::read_bytes(compress(whole) + "no member");
    EXPECT_EQ(followed.payloads, cf::read_bytes(whole).payloads) << name;
    EXPECT_NE(followed.error.find(name), std::string::npos) << followed.error;
    // What is inside is a capture, and nothing else.
    EXPECT_EQ(cf::read_bytes(compress(compress(whole))).error, "x: not a capture file (pcap or pcapng)") << name;
    EXPECT_EQ(cf::read_bytes(compress("")).error, "x: is empty, decompressed") << name;
  }
}

TEST(CompressedFile, AZstdWindowBeyondTheLimitIsRefused) {
  const std::string whole = small_pcap({"a", long_payload(), "b"});
  EXPECT_EQ(cf::read_bytes(zstd(whole, kMaxZstdWindowLog)).error, "");
  const cf::Contents got = cf::read_bytes(zstd(whole, kMaxZstdWindowLog + 1));
  EXPECT_EQ(got.payloads, "");
  EXPECT_NE(got.error.find("Frame requires too much memory"), std::string::npos) << got.error;
}

// ---- Damage ---------------------------------------------------------------------------------------------------------

TEST(DamagedFile, EveryTruncationAndEveryBitGivesWhatStandsBeforeIt) {
  const std::string pcapng = cf::section(kBig) + cf::interface(kBig, 1, cf::option(kBig, 9, "\x09")) +
                             cf::enhanced(kBig, 0, 1, frame("a")) + cf::block(kBig, 5, "statistics") +
                             cf::enhanced(kBig, 0, 2, frame("b"));
  for (const std::string& whole : {small_pcap({"a", "b"}), pcapng}) {
    const size_t first_ends = whole.find(frame("a")) + frame("a").size() + 8;
    for (size_t length = 0; length < whole.size(); ++length) {
      const cf::Contents got = cf::read_bytes(whole.substr(0, length));
      if (length >= first_ends) {
        EXPECT_EQ(got.payloads, "a;") << length;
      }
    }
    for (size_t bit = first_ends * 8; bit < whole.size() * 8; ++bit) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(static_cast<unsigned char>(damaged[bit / 8]) ^ (1U << (bit % 8)));
      const cf::Contents got = cf::read_bytes(damaged);
      EXPECT_TRUE(got.payloads.starts_with("a;")) << bit;
      EXPECT_LE(got.numbers.size(), 2U);
    }
  }
}

}  // namespace
}  // namespace pickletap
