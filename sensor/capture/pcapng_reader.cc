#include "sensor/capture/pcapng_reader.h"

#include <algorithm>
#include <optional>

#include "sensor/capture/packet_source.h"
#include "sensor/capture/pcap_record.h"

namespace pickletap {
namespace {

constexpr uint32_t kInterfaceDescription = 1, kObsoletePacket = 2, kSimplePacket = 3, kEnhancedPacket = 6;
constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr uint32_t kHeaderBytes = 8, kTrailerBytes = 4;
constexpr uint16_t kOptionEnd = 0, kOptionResolution = 9, kOptionOffset = 14;

/// Bytes of the fields before the packet's own, block header included.
constexpr uint32_t packet_fields_bytes(uint32_t type) { return kHeaderBytes + (type == kSimplePacket ? 4 : 20); }

constexpr uint32_t smallest_block(uint32_t type) {
  switch (type) {
    case PcapngReader::kSectionHeader: return 28;
    case kInterfaceDescription: return 20;
    case kObsoletePacket:
    case kSimplePacket:
    case kEnhancedPacket: return packet_fields_bytes(type) + kTrailerBytes;
    default: return kHeaderBytes + kTrailerBytes;
  }
}

/// 10 to the power of `exponent`, UINT64_MAX where it does not fit.
uint64_t power_of_ten(unsigned exponent) {
  uint64_t value = 1;
  for (; exponent > 0 && value <= UINT64_MAX / 10; --exponent) value *= 10;
  return exponent == 0 ? value : UINT64_MAX;
}

}  // namespace

void PcapngReader::TimeUnit::set_resolution(uint8_t if_tsresol) {
  const unsigned exponent = if_tsresol & 0x7fU;
  is_binary = (if_tsresol & 0x80) != 0;
  shift = exponent;
  multiplier = exponent <= 9 ? power_of_ten(9 - exponent) : 1;
  divisor = exponent <= 9 ? 1 : power_of_ten(exponent - 9);
}

int64_t PcapngReader::TimeUnit::ns(uint64_t ticks) const {
  __extension__ using Wide = unsigned __int128;
  constexpr auto kLastNs = static_cast<uint64_t>(kLastSecond) * kNsPerSecond;
  Wide value = is_binary ? (Wide{ticks} * kNsPerSecond) >> shift : Wide{ticks / divisor} * multiplier;
  value = std::min<Wide>(value, kLastNs);
  const int64_t offset = std::clamp<int64_t>(offset_s, -kLastSecond, kLastSecond) * kNsPerSecond;
  return std::clamp<int64_t>(static_cast<int64_t>(value) + offset, 0, static_cast<int64_t>(kLastNs));
}

PcapngReader::PcapngReader(ReadWindow window, FileFilter& filter, const std::string& name)
    : window_(std::move(window)), filter_(filter), name_(name) {
  const auto check = [&](ReadStep step) {
    if (step == ReadStep::kDamaged) throw CaptureError(CaptureError::Kind::kInput, name, error_);
  };
  Block block;
  // Up to the first interface; a packet before it is next()'s to complain about.
  while (interfaces_.empty()) {
    const ReadStep step = read_block_header(block);
    check(step);
    if (step == ReadStep::kEnd) return;
    const bool is_packet =
        block.type == kObsoletePacket || block.type == kSimplePacket || block.type == kEnhancedPacket;
    if (is_packet) return;
    if (block.type == kSectionHeader) {
      check(begin_section(block));
    } else if (block.type == kInterfaceDescription) {
      check(add_interface(block));
    } else {
      check(skip_block(block));
    }
  }
}

ReadStep PcapngReader::next(FileRecord& record) {
  Block block;
  for (;;) {
    ReadStep step = read_block_header(block);
    if (step != ReadStep::kRecord) return step;
    switch (block.type) {
      case kObsoletePacket:
      case kSimplePacket:
      case kEnhancedPacket: return read_packet(block, record);
      case kSectionHeader: step = begin_section(block); break;
      case kInterfaceDescription: step = add_interface(block); break;
      default: step = skip_block(block); break;
    }
    if (step != ReadStep::kRecord) return step;
  }
}

/// Looks at the next block without passing over any of it. kRecord: there is one.
ReadStep PcapngReader::read_block_header(Block& block) {
  block.begin = window_.offset();
  if (!window_.ensure(kHeaderBytes + 4)) {
    if (window_.available() == 0) return at_end();
    block.total = kHeaderBytes + kTrailerBytes;
    return truncated(block);
  }
  const uint8_t* bytes = window_.data();
  block.type = order_.u32(bytes);
  if (block.type == kSectionHeader) {
    // Its byte order is that of the section it begins, and so is its length's.
    const bool swapped = FieldOrder(false).u32(bytes + 8) != kByteOrderMagic;
    order_ = FieldOrder(swapped);
    if (order_.u32(bytes + 8) != kByteOrderMagic) return damaged(block, "has no byte order");
  }
  block.total = order_.u32(bytes + 4);
  if (block.total < smallest_block(block.type) || block.total % 4 != 0) {
    return damaged(block, "claims " + std::to_string(block.total) + " bytes");
  }
  return ReadStep::kRecord;
}

/// The whole block is in the window. Sets error_ when it is not.
bool PcapngReader::load_block(const Block& block) {
  if (block.total > kMaxRecordBytes) {
    damaged(block, "claims " + std::to_string(block.total) + " bytes");
    return false;
  }
  if (!window_.ensure(block.total)) {
    truncated(block);
    return false;
  }
  return has_right_trailer(block);
}

bool PcapngReader::has_right_trailer(const Block& block) {
  const uint32_t again = order_.u32(window_.data() + block.total - kTrailerBytes);
  if (again == block.total) return true;
  damaged(block, "has two lengths, " + std::to_string(block.total) + " and " + std::to_string(again));
  return false;
}

ReadStep PcapngReader::begin_section(const Block& block) {
  if (!load_block(block)) return ReadStep::kDamaged;
  const uint16_t major = order_.u16(window_.data() + 12);
  if (major != 1) return damaged(block, "has version " + std::to_string(major) + ", which is not known");
  interfaces_.clear();
  window_.consume(block.total);
  return ReadStep::kRecord;
}

ReadStep PcapngReader::add_interface(const Block& block) {
  if (!load_block(block)) return ReadStep::kDamaged;
  if (interfaces_.size() >= kMaxInterfaces) return damaged(block, "is one interface too many");
  const uint8_t* bytes = window_.data();
  const int dlt = dlt_of_link_type(order_.u16(bytes + 8));
  Interface added;
  added.snaplen = order_.u32(bytes + 12);
  if (const std::optional<LinkType> link = link_type_of(dlt)) {
    added.link = *link;
    added.is_readable = any_readable_ = true;
    added.filter = filter_.program_for(dlt, order_.swapped(), name_);
  } else if (unreadable_link_.empty()) {
    unreadable_link_ = link_type_name(dlt);
  }
  read_options(bytes + 16, block.total - 16 - kTrailerBytes, added.unit);
  interfaces_.push_back(added);
  window_.consume(block.total);
  return ReadStep::kRecord;
}

void PcapngReader::read_options(const uint8_t* options, size_t bytes, TimeUnit& unit) const {
  for (unsigned count = 0; bytes >= 4 && count < kMaxOptions; ++count) {
    const uint16_t code = order_.u16(options);
    const size_t length = order_.u16(options + 2);
    const size_t padded = 4 + (length + 3) / 4 * 4;
    if (code == kOptionEnd || padded > bytes) return;
    if (code == kOptionResolution && length == 1) unit.set_resolution(options[4]);
    if (code == kOptionOffset && length == 8) unit.offset_s = static_cast<int64_t>(order_.u64(options + 4));
    options += padded;
    bytes -= padded;
  }
}

ReadStep PcapngReader::read_packet(const Block& block, FileRecord& record) {
  if (!load_block(block)) return ReadStep::kDamaged;
  const uint8_t* bytes = window_.data();
  const bool is_simple = block.type == kSimplePacket;
  uint32_t number = 0;
  if (!is_simple) number = block.type == kObsoletePacket ? order_.u16(bytes + 8) : order_.u32(bytes + 8);
  if (number >= interfaces_.size()) {
    return damaged(block, "is of interface " + std::to_string(number) + ", which was not described");
  }
  const Interface& interface = interfaces_[number];
  const uint32_t fields = packet_fields_bytes(block.type);
  const uint32_t room = block.total - fields - kTrailerBytes;
  if (is_simple) {
    record.wire = order_.u32(bytes + 8);
    const uint32_t snaplen = interface.snaplen == 0 ? UINT32_MAX : interface.snaplen;
    record.captured = std::min({record.wire, snaplen, room});
    record.time_ns = last_time_ns_;
  } else {
    record.captured = order_.u32(bytes + 20);
    record.wire = std::max(order_.u32(bytes + 24), record.captured);
    record.time_ns = interface.unit.ns(uint64_t{order_.u32(bytes + 12)} << 32 | order_.u32(bytes + 16));
    if (record.captured > room) {
      return damaged(block, "holds a packet of " + std::to_string(record.captured) + " bytes, more than the block");
    }
  }
  last_time_ns_ = record.time_ns;
  record.data = bytes + fields;
  record.link = interface.link;
  record.filter = interface.filter;
  any_packet_unreadable_ = any_packet_unreadable_ || !interface.is_readable;
  window_.consume(block.total);
  return interface.is_readable ? ReadStep::kRecord : ReadStep::kUnreadable;
}

/// Blocks that are of no use here may be of any length, and are not kept.
ReadStep PcapngReader::skip_block(const Block& block) {
  if (block.total <= ReadWindow::kBlockBytes) {
    if (!load_block(block)) return ReadStep::kDamaged;
    window_.consume(block.total);
    return ReadStep::kRecord;
  }
  if (!window_.skip(block.total - kTrailerBytes) || !window_.ensure(kTrailerBytes)) return truncated(block);
  if (order_.u32(window_.data()) != block.total) return damaged(block, "has two different lengths");
  window_.consume(kTrailerBytes);
  return ReadStep::kRecord;
}

ReadStep PcapngReader::damaged(const Block& block, const std::string& what) {
  error_ = "damaged: the block at byte " + std::to_string(block.begin) + " " + what;
  return ReadStep::kDamaged;
}

ReadStep PcapngReader::truncated(const Block& block) {
  error_ = truncated_text("block", block.begin, block.total, window_);
  return ReadStep::kDamaged;
}

ReadStep PcapngReader::at_end() {
  error_ = window_.stream().error();
  if (error_.empty() && any_packet_unreadable_ && !any_readable_) {
    error_ = "link type " + unreadable_link_ + " is not supported";
  }
  return error_.empty() ? ReadStep::kEnd : ReadStep::kDamaged;
}

}  // namespace pickletap
