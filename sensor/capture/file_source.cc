#include "sensor/capture/file_source.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <type_traits>

#include "sensor/capture/pcap_record.h"

namespace pickletap {
namespace {

constexpr size_t kMagicBytes = 4;

[[noreturn]] void fail(const std::string& name, const std::string& reason) {
  throw CaptureError(CaptureError::Kind::kInput, name, reason);
}

struct Magic {
  std::string_view bytes;
  Compression compression;  ///< kNone: one that is not read
  const char* advice;
};

constexpr std::array<Magic, 7> kMagics{{
    {std::string_view("\x1f\x8b", 2), Compression::kGzip, nullptr},
    {std::string_view("\x28\xb5\x2f\xfd", 4), Compression::kZstd, nullptr},
    {std::string_view("\x04\x22\x4d\x18", 4), Compression::kLz4, nullptr},
    {std::string_view("\xfd\x37\x7a\x58", 4), Compression::kNone, "xz-compressed; decompress it first: xz -dc"},
    {std::string_view("BZh", 3), Compression::kNone, "bzip2-compressed; decompress it first: bzip2 -dc"},
    {std::string_view("PK\x03\x04", 4), Compression::kNone, "a zip archive; unpack it first"},
    {std::string_view("7z\xbc\xaf", 4), Compression::kNone, "a 7-zip archive; unpack it first"},
}};

std::string_view first_bytes(ReadWindow& window) {
  window.ensure(kMagicBytes);
  return {reinterpret_cast<const char*>(window.data()), std::min(window.available(), kMagicBytes)};
}

const Magic* magic_of(std::string_view bytes) {
  const auto* found = std::find_if(kMagics.begin(), kMagics.end(),
                                   [bytes](const Magic& magic) { return bytes.starts_with(magic.bytes); });
  return found == kMagics.end() ? nullptr : found;
}

/// Decompressed where that is needed. Throws unless there is something to read.
ReadWindow unpacked(ReadWindow window, const std::string& name) {
  const std::string_view bytes = first_bytes(window);
  if (bytes.empty()) fail(name, window.stream().error().empty() ? "is empty" : window.stream().error());
  const Magic* magic = magic_of(bytes);
  if (magic == nullptr) return window;
  if (magic->compression == Compression::kNone) fail(name, magic->advice);
  ReadWindow inside(make_decompressor(magic->compression, std::move(window)));
  if (first_bytes(inside).empty()) {
    fail(name, inside.stream().error().empty() ? "is empty, decompressed" : inside.stream().error());
  }
  return inside;
}

}  // namespace

FileSource::FileSource(const std::string& path, const FileSourceOptions& options)
    : FileSource(open_file(path), path, options) {}

FileSource::FileSource(std::unique_ptr<ByteStream> stream, const std::string& name, const FileSourceOptions& options)
    : name_(name),
      filter_(options.filter),
      number_(options.packets_before),
      reader_(make_reader(unpacked(ReadWindow(std::move(stream)), name))) {}

FileSource::~FileSource() = default;

FileSource::Reader FileSource::make_reader(ReadWindow window) {
  const std::string_view magic = first_bytes(window);
  if (magic.size() == kMagicBytes && PcapReader::is_magic(window.data())) {
    return Reader(std::in_place_type<PcapReader>, std::move(window), filter_, name_);
  }
  if (magic == "\x0a\x0d\x0d\x0a") {
    return Reader(std::in_place_type<PcapngReader>, std::move(window), filter_, name_);
  }
  fail(name_, "not a capture file (pcap or pcapng)");
}

ReadState FileSource::dispatch(PacketHandler& handler, unsigned max_packets) {
  if (!error_.empty()) return ReadState::kError;
  try {
    return std::visit([&](auto& reader) { return pump(reader, handler, max_packets); }, reader_);
  } catch (const CaptureError& error) {
    // A later interface of the file, for whose link type the filter has no meaning.
    return end_with(std::string(error.what()).substr(name_.size() + 2));
  }
}

template <typename OneReader>
ReadState FileSource::pump(OneReader& reader, PacketHandler& handler, unsigned max_packets) {
  FileRecord record;
  if constexpr (std::is_same_v<OneReader, PcapReader>) {
    record.link = reader.link();
    record.filter = reader.filter();
  }
  for (unsigned left = std::max(max_packets, 1U); left > 0; --left) {
    switch (reader.next(record)) {
      case ReadStep::kRecord:
        ++number_;
        deliver(record, handler);
        break;
      case ReadStep::kUnreadable: {
        ++number_;
        Packet packet;
        packet.time_ns = record.time_ns;
        packet.number = number_;
        packet.captured_bytes = record.captured;
        packet.wire_bytes = record.wire;
        count_record(packet, DecodeResult::kUnknownLinkType, counters_);
        handler.on_packet(packet, DecodeResult::kUnknownLinkType);
        break;
      }
      case ReadStep::kEnd: return ReadState::kEnd;
      case ReadStep::kDamaged: return end_with(reader.error());
    }
  }
  return ReadState::kMore;
}

inline void FileSource::deliver(const FileRecord& record, PacketHandler& handler) {
  if (record.filter != nullptr) {
    // Done here and not by the reader, so that what the filter leaves out has a number.
    pcap_pkthdr header{};
    header.caplen = record.captured;
    header.len = record.wire;
    if (pcap_offline_filter(record.filter, &header, record.data) == 0) return;
  }
  Packet packet;
  packet.time_ns = record.time_ns;
  packet.number = number_;
  deliver_record(record.link, {record.data, record.captured}, record.wire, packet, outer_, counters_, handler);
}

ReadState FileSource::end_with(const std::string& error) {
  error_ = error.empty() ? "read error" : error;
  return ReadState::kError;
}

uint64_t FileSource::file_bytes() const {
  return std::visit([](const auto& reader) { return reader.window().stream().file_bytes(); }, reader_);
}

std::optional<int64_t> first_packet_time_ns(const std::string& path) {
  class First final : public PacketHandler {
   public:
    void on_packet(const Packet& packet, DecodeResult /*result*/) override { time_ns = packet.time_ns; }
    std::optional<int64_t> time_ns;
  };
  FileSource source(path, {});
  First first;
  source.dispatch(first, 1);
  return first.time_ns;
}

}  // namespace pickletap
