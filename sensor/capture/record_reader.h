// What the readers of capture formats (pcap_reader.h, pcapng_reader.h) have in common: one record, the steps of
// reading, the words for what is wrong with a file, and the filter, which is compiled once for each link type of a
// file. Internal to sensor/capture; owned by a FileSource, one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "sensor/capture/pcap_handle.h"
#include "sensor/capture/read_window.h"
#include "sensor/net/decode.h"

namespace pickletap {

/// One record or block. Beyond the largest packet Linux makes (GSO_MAX_SIZE, 512 KiB) by far; as libpcap's pcapng.
inline constexpr uint32_t kMaxRecordBytes = 16U << 20;

struct FileRecord {
  int64_t time_ns = 0;
  const uint8_t* data = nullptr;  ///< in the window; until the next step
  uint32_t captured = 0;
  uint32_t wire = 0;
  LinkType link = LinkType::kEthernet;
  const bpf_program* filter = nullptr;  ///< null: everything passes
};

enum class ReadStep : uint8_t {
  kRecord,
  kUnreadable,  ///< a packet of a link type that is not read; has a number like any other
  kEnd,
  kDamaged,  ///< error() says how
};

/// Fields in the byte order of the file.
class FieldOrder {
 public:
  explicit FieldOrder(bool swapped = false) : swapped_(swapped) {}
  bool swapped() const { return swapped_; }
  uint16_t u16(const uint8_t* p) const {
    uint16_t value = 0;
    std::memcpy(&value, p, sizeof value);
    return swapped_ ? __builtin_bswap16(value) : value;
  }
  uint32_t u32(const uint8_t* p) const {
    uint32_t value = 0;
    std::memcpy(&value, p, sizeof value);
    return swapped_ ? __builtin_bswap32(value) : value;
  }
  uint64_t u64(const uint8_t* p) const {
    uint64_t value = 0;
    std::memcpy(&value, p, sizeof value);
    return swapped_ ? __builtin_bswap64(value) : value;
  }

 private:
  bool swapped_;
};

/// LINKTYPE_ numbers are what files hold, DLT_ numbers what libpcap compiles for; of those that are read, one differs.
constexpr int dlt_of_link_type(uint32_t link_type) { return link_type == 101 ? 12 : static_cast<int>(link_type); }

/// One filter expression, compiled for the link types that come up.
class FileFilter {
 public:
  explicit FileFilter(std::string expression) : expression_(std::move(expression)) {}
  /// Null: everything passes. Throws CaptureError (kFilter); `name` is the input's, `swapped` whether the file is of
  /// the other byte order than this machine.
  const bpf_program* program_for(int dlt, bool swapped, const std::string& name);

 private:
  std::string expression_;
  std::vector<std::pair<int, FilterProgram>> programs_;  ///< of link types that link_type_of() knows: a dozen at most
};

/// "truncated: …" in the words of all readers. `what` begins at `begin` and would be `bytes` long.
std::string truncated_text(const char* what, uint64_t begin, uint64_t bytes, const ReadWindow& window);

}  // namespace pickletap
