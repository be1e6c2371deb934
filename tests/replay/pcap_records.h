// Classic pcap files of this byte order, record by record, so that a test can lose, double, swap and cut packets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {

struct PcapRecord {
  uint32_t seconds = 0, fraction = 0, captured = 0, original = 0;
  std::string bytes;
};

struct PcapFile {
  std::string header;  ///< of the file, 24 bytes
  std::vector<PcapRecord> records;
};

/// Nothing for pcapng and for the other byte order.
inline std::optional<PcapFile> parse_pcap(const std::string& bytes) {
  constexpr size_t kFileHeader = 24, kRecordHeader = 16;
  const std::string_view magic = std::string_view(bytes).substr(0, 4);
  if (bytes.size() < kFileHeader || (magic != "\xd4\xc3\xb2\xa1" && magic != "\x4d\x3c\xb2\xa1")) return std::nullopt;
  PcapFile file{bytes.substr(0, kFileHeader), {}};
  for (size_t at = kFileHeader; at + kRecordHeader <= bytes.size();) {
    PcapRecord record;
    for (uint32_t* field : {&record.seconds, &record.fraction, &record.captured, &record.original}) {
      std::memcpy(field, bytes.data() + at, sizeof *field);
      at += sizeof *field;
    }
    record.bytes = bytes.substr(at, record.captured);
    at += record.captured;
    file.records.push_back(std::move(record));
  }
  return file;
}

/// The packets of a pcapng of this byte order that have its first interface's link type, as a classic file.
inline std::optional<PcapFile> parse_pcapng(const std::string& bytes) {
  constexpr uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6;
  const auto u32 = [&](size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  if (bytes.size() < 28 || u32(0) != kSection || u32(8) != 0x1a2b3c4d) return std::nullopt;
  PcapFile file;
  std::vector<uint32_t> links;
  for (size_t at = 0; at + 12 <= bytes.size();) {
    const uint32_t length = u32(at + 4);
    if (length < 12 || length % 4 != 0 || at + length > bytes.size()) break;
    if (u32(at) == kInterface && length >= 20) links.push_back(u32(at + 8) & 0xffffU);
    if (u32(at) == kEnhancedPacket && length >= 32 && u32(at + 8) < links.size() && links[u32(at + 8)] == links[0]) {
      const uint64_t time = uint64_t{u32(at + 12)} << 32 | u32(at + 16);
      PcapRecord record{
          static_cast<uint32_t>(time / 1000000), static_cast<uint32_t>(time % 1000000), u32(at + 20), u32(at + 24), {}};
      if (record.captured <= length - 32) {
        record.bytes = bytes.substr(at + 28, record.captured);
        file.records.push_back(std::move(record));
      }
    }
    at += length;
  }
  if (links.empty()) return std::nullopt;
  for (const uint32_t field : {0xa1b2c3d4U, 0x00040002U, 0U, 0U, 262144U, links[0]}) {
    file.header.append(reinterpret_cast<const char*>(&field), sizeof field);
  }
  return file;
}

inline std::string to_bytes(const PcapFile& file) {
  std::string out = file.header;
  for (const PcapRecord& record : file.records) {
    const auto captured = static_cast<uint32_t>(record.bytes.size());
    for (const uint32_t field : {record.seconds, record.fraction, captured, record.original}) {
      char raw[sizeof field];
      std::memcpy(raw, &field, sizeof field);
      out.append(raw, sizeof field);
    }
    out += record.bytes;
  }
  return out;
}

inline std::optional<PcapFile> load_pcap(const Capture& capture) {
  return parse_pcap(read_bytes(capture_path(capture.file)));
}

}  // namespace pickletap::test
