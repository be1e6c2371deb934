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
