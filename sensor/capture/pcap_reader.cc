#include "sensor/capture/pcap_reader.h"

#include "sensor/capture/packet_source.h"

namespace pickletap {
namespace {

constexpr uint32_t kMicro = 0xa1b2c3d4, kNano = 0xa1b23c4d, kKuznetzov = 0xa1b2cd34;
constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kKuznetzovRecordBytes = 24;
/// The upper bits of the link type say whether frames end in a check sequence, which decoding leaves alone.
constexpr uint32_t kLinkTypeMask = 0x03ffffff;

constexpr bool is_known(uint32_t magic) { return magic == kMicro || magic == kNano || magic == kKuznetzov; }

}  // namespace

bool PcapReader::is_magic(const uint8_t* bytes) {
  return is_known(FieldOrder(false).u32(bytes)) || is_known(FieldOrder(true).u32(bytes));
}

PcapReader::PcapReader(ReadWindow window, FileFilter& filter, const std::string& name) : window_(std::move(window)) {
  const auto fail = [&name](const std::string& reason) {
    throw CaptureError(CaptureError::Kind::kInput, name, reason);
  };
  if (!window_.ensure(kFileHeaderBytes)) fail(truncated_text("file header", 0, kFileHeaderBytes, window_));
  const uint8_t* header = window_.data();
  order_ = FieldOrder(!is_known(FieldOrder(false).u32(header)));
  const uint32_t magic = order_.u32(header);
  if (magic == kNano) ns_per_fraction_ = 1;
  if (magic == kKuznetzov) record_header_bytes_ = kKuznetzovRecordBytes;
  const uint16_t major = order_.u16(header + 4);
  const uint16_t minor = order_.u16(header + 6);
  if (major < 2) fail("pcap version " + std::to_string(major) + "." + std::to_string(minor) + " is too old");
  if (major == 543 || (major == 2 && minor < 3)) {
    lengths_ = Lengths::kSwapped;
  } else if (major == 2 && minor == 3) {
    lengths_ = Lengths::kSwappedWhereLarger;
  }
  const int dlt = dlt_of_link_type(order_.u32(header + 20) & kLinkTypeMask);
  link_ = require_link_type(dlt, name);
  filter_ = filter.program_for(dlt, order_.swapped(), name);
  window_.consume(kFileHeaderBytes);
}

ReadStep PcapReader::at_end() {
  if (window_.available() > 0) return truncated(record_header_bytes_);
  error_ = window_.stream().error();
  return error_.empty() ? ReadStep::kEnd : ReadStep::kDamaged;
}

ReadStep PcapReader::damaged(uint32_t captured) {
  error_ = "damaged: the record at byte " + std::to_string(window_.offset()) + " claims " + std::to_string(captured) +
           " bytes";
  return ReadStep::kDamaged;
}

ReadStep PcapReader::truncated(size_t bytes) {
  error_ = truncated_text("record", window_.offset(), bytes, window_);
  return ReadStep::kDamaged;
}

}  // namespace pickletap
