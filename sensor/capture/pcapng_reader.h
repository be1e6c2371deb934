// The pcapng format: blocks, in sections of either byte order, each with interfaces of their own link types and time
// resolutions (if_tsresol, if_tsoffset). Packets are read from enhanced, simple and the obsolete packet blocks; simple
// ones have no time and get that of the packet before them. Every other block is passed over, whatever its length.
// What is damaged (a length that cannot be, two lengths that differ, a packet longer than its block or of an interface
// that was not described) ends the reading, for nothing behind it can be trusted. Packets of link types that are not
// read are counted; when a file holds nothing else, that is an error. Owned by a FileSource.
// Limits: kMaxRecordBytes a packet block, kMaxInterfaces of a section, kMaxOptions of an interface.
// Source: draft-ietf-opsawg-pcapng.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sensor/capture/record_reader.h"

namespace pickletap {

class PcapngReader {
 public:
  static constexpr size_t kMaxInterfaces = 65536;
  static constexpr unsigned kMaxOptions = 1024;
  static constexpr uint32_t kSectionHeader = 0x0a0d0d0a;  ///< the same in both byte orders

  /// `window` stands at kSectionHeader. Reads up to the first interface, so that what is wrong with the filter or the
  /// only link type is known at once. Throws CaptureError.
  PcapngReader(ReadWindow window, FileFilter& filter, const std::string& name);

  ReadStep next(FileRecord& record);

  const ReadWindow& window() const { return window_; }
  const std::string& error() const { return error_; }

 private:
  struct Block {
    uint32_t type = 0;
    uint32_t total = 0;  ///< with its header and trailer
    uint64_t begin = 0;
  };
  /// Units of a timestamp: ns = ticks × multiplier ÷ divisor, or, for powers of two, ticks × 10^9 >> shift.
  struct TimeUnit {
    uint64_t multiplier = 1000, divisor = 1;
    unsigned shift = 0;
    bool is_binary = false;
    int64_t offset_s = 0;
    void set_resolution(uint8_t if_tsresol);
    int64_t ns(uint64_t ticks) const;
  };
  struct Interface {
    uint32_t snaplen = 0;
    LinkType link = LinkType::kEthernet;
    bool is_readable = false;
    const bpf_program* filter = nullptr;
    TimeUnit unit;
  };

  ReadStep read_block_header(Block& block);
  ReadStep begin_section(const Block& block);
  ReadStep add_interface(const Block& block);
  void read_options(const uint8_t* options, size_t bytes, TimeUnit& unit) const;
  ReadStep read_packet(const Block& block, FileRecord& record);
  ReadStep skip_block(const Block& block);
  bool load_block(const Block& block);
  bool has_right_trailer(const Block& block);
  ReadStep damaged(const Block& block, const std::string& what);
  ReadStep truncated(const Block& block);
  ReadStep at_end();

  ReadWindow window_;
  FileFilter& filter_;
  std::string name_;
  FieldOrder order_;
  std::vector<Interface> interfaces_;
  std::string unreadable_link_;  ///< of the first interface of a link type that is not read
  bool any_readable_ = false;    ///< an interface, of any section
  bool any_packet_unreadable_ = false;
  int64_t last_time_ns_ = 0;
  std::string error_;
};

}  // namespace pickletap
