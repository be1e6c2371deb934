// The classic capture format: a header of 24 bytes, then records. Both byte orders, micro- and nanoseconds, Kuznetzov's
// variant with longer record headers, the old versions that swapped the two lengths. A record may be longer than the
// snap length of the file header says: it is given whole. Limit: kMaxRecordBytes. Owned by a FileSource.
// Sources: pcap-savefile(5), draft-ietf-opsawg-pcap; libpcap's sf-pcap.c for what the old versions meant.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "sensor/capture/pcap_record.h"
#include "sensor/capture/record_reader.h"

namespace pickletap {

class PcapReader {
 public:
  /// `window` stands at the magic number, which is one of is_magic(). Throws CaptureError.
  PcapReader(ReadWindow window, FileFilter& filter, const std::string& name);

  /// Four bytes.
  static bool is_magic(const uint8_t* bytes);

  ReadStep next(FileRecord& record) {
    if (!window_.ensure(record_header_bytes_)) return at_end();
    const uint8_t* header = window_.data();
    uint32_t captured = order_.u32(header + 8);
    uint32_t wire = order_.u32(header + 12);
    if (lengths_ != Lengths::kInOrder && (lengths_ == Lengths::kSwapped || captured > wire)) std::swap(captured, wire);
    if (captured > kMaxRecordBytes) return damaged(captured);
    const size_t bytes = record_header_bytes_ + captured;
    if (!window_.ensure(bytes)) return truncated(bytes);
    header = window_.data();
    record.time_ns = unix_time_ns(order_.u32(header), uint64_t{order_.u32(header + 4)} * ns_per_fraction_);
    record.data = header + record_header_bytes_;
    record.captured = captured;
    record.wire = std::max(wire, captured);
    window_.consume(bytes);
    return ReadStep::kRecord;
  }

  LinkType link() const { return link_; }
  const bpf_program* filter() const { return filter_; }
  const ReadWindow& window() const { return window_; }
  const std::string& error() const { return error_; }

 private:
  enum class Lengths : uint8_t { kInOrder, kSwapped, kSwappedWhereLarger };

  ReadStep at_end();
  ReadStep damaged(uint32_t captured);
  ReadStep truncated(size_t bytes);

  ReadWindow window_;
  FieldOrder order_;
  Lengths lengths_ = Lengths::kInOrder;
  uint32_t ns_per_fraction_ = 1000;
  size_t record_header_bytes_ = 16;
  LinkType link_ = LinkType::kEthernet;
  const bpf_program* filter_ = nullptr;
  std::string error_;
};

}  // namespace pickletap
