#include "sensor/capture/file_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/net/frames.h"

namespace pickletap {
namespace {

std::string le16(unsigned value) { return {static_cast<char>(value & 0xff), static_cast<char>((value >> 8) & 0xff)}; }
std::string le32(uint32_t value) { return le16(value & 0xffff) + le16(value >> 16); }

struct Record {
  uint32_t seconds, fraction;
  std::string frame;
  uint32_t cut = 0;  ///< bytes of the frame that the snap length took
};

std::string pcap_file(const std::vector<Record>& records, uint32_t magic = 0xa1b2c3d4, uint32_t link = 1) {
  std::string file = le32(magic) + le16(2) + le16(4) + le32(0) + le32(0) + le32(262144) + le32(link);
  for (const Record& r : records) {
    const auto captured = static_cast<uint32_t>(r.frame.size() - r.cut);
    file += le32(r.seconds) + le32(r.fraction) + le32(captured) + le32(static_cast<uint32_t>(r.frame.size())) +
            r.frame.substr(0, captured);
  }
  return file;
}

std::string pcap_file_big_endian(const Record& r) {
  using frames::be16;
  using frames::be32;
  const auto length = static_cast<uint32_t>(r.frame.size());
  return be32(0xa1b2c3d4) + be16(2) + be16(4) + be32(0) + be32(0) + be32(262144) + be32(1) + be32(r.seconds) +
         be32(r.fraction) + be32(length) + be32(length) + r.frame;
}

std::string block(uint32_t type, const std::string& body) {
  const std::string padded = body + std::string((4 - body.size() % 4) % 4, '\0');
  const std::string length = le32(static_cast<uint32_t>(padded.size() + 12));
  return le32(type) + length + padded + length;
}

/// Section, one interface with nanosecond stamps, one packet each.
std::string pcapng_file(const std::vector<Record>& records, unsigned link = 1) {
  std::string file = block(0x0a0d0d0a, le32(0x1a2b3c4d) + le16(1) + le16(0) + std::string(8, '\xff')) +
                     block(1, le16(link) + le16(0) + le32(0) + le16(9) + le16(1) + le32(9) + le32(0));
  for (const Record& r : records) {
    const uint64_t stamp = uint64_t{r.seconds} * 1'000'000'000 + r.fraction;
    const auto length = static_cast<uint32_t>(r.frame.size());
    file += block(6, le32(0) + le32(static_cast<uint32_t>(stamp >> 32)) + le32(static_cast<uint32_t>(stamp)) +
                         le32(length) + le32(length) + r.frame);
  }
  return file;
}

std::string frame(std::string_view payload, unsigned destination_port = 5000) {
  return frames::ethernet(frames::ipv4(frames::tcp(payload, 40000, destination_port)));
}

class Collector final : public PacketHandler {
 public:
  void on_packet(const Packet& packet, DecodeResult result) override {
    times.push_back(packet.time_ns);
    numbers.push_back(packet.number);
    results.push_back(result);
    if (result == DecodeResult::kTcp) {
      payloads += std::string(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size()) + ";";
    }
  }
  std::vector<int64_t> times;
  std::vector<uint64_t> numbers;
  std::vector<DecodeResult> results;
  std::string payloads;
};

class FileSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pickletap-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& bytes) const {
    const std::filesystem::path path = folder / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  static ReadState read_all(FileSource& source, Collector& collector, unsigned batch = 2) {
    ReadState state = ReadState::kMore;
    while (state == ReadState::kMore) state = source.dispatch(collector, batch);
    return state;
  }
  static std::string error_of(const std::string& path, const std::string& filter = {},
                              CaptureError::Kind kind = CaptureError::Kind::kInput) {
    try {
      const FileSource source(path, {filter, 0});
    } catch (const CaptureError& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder;
};

TEST_F(FileSourceTest, ReadsMicroAndNanosecondsOfEveryFormat) {
  const int64_t whole = 1'700'000'000LL * 1'000'000'000;
  const struct {
    const char* name;
    std::string bytes;
    int64_t want_ns;
  } table[] = {
      {"micro", pcap_file({{1'700'000'000, 123456, frame("a")}}), whole + 123'456'000},
      {"nano", pcap_file({{1'700'000'000, 123'456'789, frame("a")}}, 0xa1b23c4d), whole + 123'456'789},
      {"big-endian", pcap_file_big_endian({1'700'000'000, 123456, frame("a")}), whole + 123'456'000},
      {"pcapng", pcapng_file({{1'700'000'000, 123'456'789, frame("a")}}), whole + 123'456'789},
      {"odd fraction", pcap_file({{1'700'000'000, 0xffffffff, frame("a")}}), -1},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.name);
    FileSource source(write(row.name, row.bytes), {});
    Collector collector;
    EXPECT_EQ(read_all(source, collector), ReadState::kEnd);
    EXPECT_EQ(collector.payloads, "a;");
    ASSERT_EQ(collector.times.size(), 1U);
    if (row.want_ns >= 0) {
      EXPECT_EQ(collector.times[0], row.want_ns);
      EXPECT_EQ(first_packet_time_ns(source.name()), row.want_ns);
    }
  }
}

TEST_F(FileSourceTest, ReadsEachLinkType) {
  const std::string ip = frames::ipv4(frames::tcp("a"));
  const struct {
    uint32_t link;
    std::string frame;
  } table[] = {{0, frames::be32(2) + ip},
               {101, ip},
               {108, frames::be32(2) + ip},
               {113, std::string(14, '\0') + frames::be16(0x0800) + ip},
               {228, ip},
               {229, frames::ipv6(frames::tcp("a"))},
               {276, frames::be16(0x0800) + std::string(18, '\0') + ip}};
  for (const auto& row : table) {
    SCOPED_TRACE(row.link);
    FileSource source(write("x", pcap_file({{1, 0, row.frame}}, 0xa1b2c3d4, row.link)), {});
    Collector collector;
    read_all(source, collector);
    EXPECT_EQ(collector.payloads, "a;");
  }
}

TEST_F(FileSourceTest, SaysWhyAFileCannotBeOpened) {
  using namespace std::string_literals;
  const struct {
    const char* name;
    std::string bytes;
    const char* want;
  } table[] = {
      {"x.txt", "hello, world", "not a capture file (pcap or pcapng)"},
      {"short", "\xd4\xc3", "not a capture file (pcap or pcapng)"},
      {"empty", "", "is empty"},
      {"cut.pcap.gz", "\x1f\x8b\x08\0\0\0\0\0"s, "gzip data is cut off at byte 8 of the file"},
      {"bad.pcap.gz", "\x1f\x8b\x07\0\0\0\0\0\0\0\0\0"s,
       "gzip data is damaged (unknown compression method) at byte 4 of the file"},
      {"cut.pcap.zst", "\x28\xb5\x2f\xfd"s, "zstd data is cut off at byte 4 of the file"},
      {"cut.pcap.lz4", "\x04\x22\x4d\x18"s, "lz4 data is cut off at byte 4 of the file"},
      {"x.pcap.xz", "\xfd\x37zXZ\0"s, "xz-compressed; decompress it first: xz -dc"},
      {"x.pcap.bz2", "BZh91AY", "bzip2-compressed; decompress it first: bzip2 -dc"},
      {"x.zip", "PK\x03\x04", "a zip archive; unpack it first"},
      {"usb.pcap", pcap_file({}, 0xa1b2c3d4, 220), "link type USB_LINUX_MMAPPED is not supported"},
      {"header", pcap_file({}).substr(0, 20), "truncated: the file header at byte 0 has 20 of its 24 bytes"},
  };
  for (const auto& row : table) {
    const std::string path = write(row.name, row.bytes);
    EXPECT_EQ(error_of(path), path + ": " + row.want);
  }
  EXPECT_EQ(error_of(folder.string()), folder.string() + ": is a directory");
  EXPECT_EQ(error_of("/no/such/file"), "/no/such/file: No such file or directory");
  if (geteuid() != 0) {
    const std::string path = write("secret", pcap_file({}));
    std::filesystem::permissions(path, std::filesystem::perms::none);
    EXPECT_EQ(error_of(path), path + ": Permission denied");
  }
}

TEST_F(FileSourceTest, BadFilterIsSaidInLibpcapsWords) {
  const std::string path = write("x", pcap_file({}));
  const std::string error = error_of(path, "port nonsense and", CaptureError::Kind::kFilter);
  EXPECT_NE(error.find("filter \"port nonsense and\": "), std::string::npos) << error;
  EXPECT_GT(error.size(), path.size() + 30);
}

TEST_F(FileSourceTest, FilteredPacketsKeepTheirNumbers) {
  const std::string path = write(
      "x", pcap_file({{1, 0, frame("a", 1)}, {2, 0, frame("b", 2)}, {3, 0, frame("c", 3)}, {4, 0, frame("d", 2)}}));
  FileSource source(path, {"tcp dst port 2", 100});
  Collector collector;
  EXPECT_EQ(read_all(source, collector), ReadState::kEnd);
  EXPECT_EQ(collector.payloads, "b;d;");
  EXPECT_EQ(collector.numbers, (std::vector<uint64_t>{102, 104}));
  EXPECT_EQ(source.last_number(), 104U);
  EXPECT_EQ(source.counters().packets, 2U);
}

TEST_F(FileSourceTest, TruncatedCaptureGivesWholePacketsFirst) {
  const std::string whole = pcap_file({{1, 0, frame("a")}, {2, 0, frame("b")}, {3, 0, frame("c")}});
  for (const size_t cut : {1U, 30U, 65U}) {
    FileSource source(write("x", whole.substr(0, whole.size() - cut)), {});
    Collector collector;
    EXPECT_EQ(read_all(source, collector, 100), ReadState::kError);
    EXPECT_EQ(collector.payloads, "a;b;");
    EXPECT_NE(source.error().find("truncated: the record at byte "), std::string::npos) << source.error();
    EXPECT_EQ(source.dispatch(collector, 1), ReadState::kError);
    EXPECT_EQ(collector.numbers.size(), 2U);
  }
}

TEST_F(FileSourceTest, CountsByWhatPacketsWere) {
  const std::string udp = frames::ethernet(frames::ipv4("12345678", 17));
  FileSource source(write("x", pcap_file({{1, 0, frame("abc"), 2}, {2, 0, udp}, {3, 0, "short"}})), {});
  Collector collector;
  read_all(source, collector);
  const CaptureCounters& counters = source.counters();
  EXPECT_EQ(counters.packets, 3U);
  EXPECT_EQ(counters.bytes, frame("abc").size() + udp.size() + 5);
  EXPECT_EQ(counters.cut_by_snap_length, 1U);
  EXPECT_EQ(counters.by_result[index_of(DecodeResult::kTcp)], 1U);
  EXPECT_EQ(counters.by_result[index_of(DecodeResult::kOther)], 1U);
  EXPECT_EQ(counters.by_result[index_of(DecodeResult::kTruncatedLink)], 1U);
}

TEST_F(FileSourceTest, CaptureWithoutPacketsIsRead) {
  for (const std::string& bytes : {pcap_file({}), pcapng_file({})}) {
    FileSource source(write("x", bytes), {});
    Collector collector;
    EXPECT_EQ(read_all(source, collector), ReadState::kEnd);
    EXPECT_EQ(first_packet_time_ns(source.name()), std::nullopt);
  }
}

TEST_F(FileSourceTest, EveryTruncationOfACaptureEndsOrFailsCleanly) {
  for (const std::string& whole :
       {pcap_file({{1, 0, frame("a")}, {2, 0, frame("b")}}), pcapng_file({{1, 0, frame("a")}, {2, 0, frame("b")}})}) {
    for (size_t length = 1; length < whole.size(); ++length) {
      const std::string path = write("x", whole.substr(0, length));
      try {
        FileSource source(path, {});
        Collector collector;
        read_all(source, collector);
        EXPECT_LE(collector.numbers.size(), 2U);
      } catch (const CaptureError& error) {
        EXPECT_EQ(error.kind(), CaptureError::Kind::kInput);
      }
    }
  }
}

}  // namespace
}  // namespace pickletap
