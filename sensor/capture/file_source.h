// Captures on disk or on standard input, read by libpcap: pcap (micro- and nanosecond, both byte orders) and pcapng.
// Plain files only: a compressed one is recognised and refused by name. One thread; the frame's bytes are libpcap's and
// live until the next packet. Limits are libpcap's own (a record is at most 256 KiB, one link type in a file).
// A capture that breaks off inside a record gives all whole packets first, and then the error.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "sensor/capture/packet_source.h"
#include "sensor/capture/pcap_handle.h"

namespace pickletap {

struct FileSourceOptions {
  std::string filter;           ///< BPF as tcpdump takes it; empty: everything
  uint64_t packets_before = 0;  ///< of the files before this one: the first packet's number is one more
};

class FileSource final : public PacketSource {
 public:
  /// `path` may be "-" for standard input. Throws CaptureError.
  FileSource(const std::string& path, const FileSourceOptions& options);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  ReadState dispatch(PacketHandler& handler, unsigned max_packets) override;
  const std::string& error() const override { return error_; }
  const std::string& name() const override { return name_; }
  uint64_t last_number() const override { return number_; }

 private:
  struct Callback;

  std::string name_;
  std::string error_;
  std::unique_ptr<char[]> buffer_;  ///< of the FILE that libpcap reads from and closes: outlives handle_
  PcapHandle handle_;
  FilterProgram filter_;
  LinkType link_ = LinkType::kEthernet;
  uint64_t number_ = 0;
};

/// The time of a capture's first packet, to put files in order; nothing when it has none or ends before it is whole.
/// Throws CaptureError. Not for "-".
std::optional<int64_t> first_packet_time_ns(const std::string& path);

}  // namespace pickletap
