// Captures on disk or on standard input, read by our own readers: pcap (pcap_reader.h) and pcapng (pcapng_reader.h),
// plain or compressed with gzip, zstd or lz4 (byte_stream.h), each told by content. Compared with libpcap's reader:
// interfaces and sections that differ in link type or byte order, records longer than the snap length of the header or
// than 256 KiB, and a fifth of its CPU time; libpcap compiles and runs the filter. One thread; the frame's bytes live
// until the next packet. A capture that breaks off or is damaged gives all packets before that first, and then an
// error that names the place in the (decompressed) bytes. Limits: those of the readers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "sensor/capture/packet_source.h"
#include "sensor/capture/pcap_reader.h"
#include "sensor/capture/pcapng_reader.h"
#include "sensor/capture/record_reader.h"

namespace pickletap {

struct FileSourceOptions {
  std::string filter;           ///< BPF as tcpdump takes it; empty: everything
  uint64_t packets_before = 0;  ///< of the files before this one: the first packet's number is one more
};

class FileSource final : public PacketSource {
 public:
  /// `path` may be "-" for standard input. Throws CaptureError.
  FileSource(const std::string& path, const FileSourceOptions& options);
  /// Bytes from elsewhere, for tests.
  FileSource(std::unique_ptr<ByteStream> stream, const std::string& name, const FileSourceOptions& options);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  ReadState dispatch(PacketHandler& handler, unsigned max_packets) override;
  const std::string& error() const override { return error_; }
  const std::string& name() const override { return name_; }
  uint64_t last_number() const override { return number_; }
  /// How much of the file has been read, compressed as it is.
  uint64_t file_bytes() const;

 private:
  using Reader = std::variant<PcapReader, PcapngReader>;

  Reader make_reader(ReadWindow window);
  template <typename OneReader>
  ReadState pump(OneReader& reader, PacketHandler& handler, unsigned max_packets);
  void deliver(const FileRecord& record, PacketHandler& handler);
  ReadState end_with(const std::string& error);

  std::string name_;
  std::string error_;
  FileFilter filter_;
  uint64_t number_ = 0;
  Reader reader_;
};

/// The time of a capture's first packet, to put files in order; nothing when it has none or ends before it is whole.
/// Throws CaptureError. Not for "-".
std::optional<int64_t> first_packet_time_ns(const std::string& path);

}  // namespace pickletap
