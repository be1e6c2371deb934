#include "sensor/capture/file_source.h"

#include <pcap/pcap.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "sensor/capture/pcap_record.h"

namespace pickletap {
namespace {

/// libpcap reads in small pieces through stdio; this is what one read(2) brings.
constexpr size_t kBufferBytes = size_t{128} << 10;

struct FileClose {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, FileClose>;

[[noreturn]] void fail(const std::string& name, const std::string& reason) {
  throw CaptureError(CaptureError::Kind::kInput, name, reason);
}

File open_file(const std::string& path) {
  if (path == "-") return File(stdin);
  File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) fail(path, std::strerror(errno));
  struct stat status {};
  if (fstat(fileno(file.get()), &status) == 0 && S_ISDIR(status.st_mode)) fail(path, "is a directory");
  return file;
}

/// The first four bytes, or as many as there are, without taking them from the stream.
std::string peek(std::FILE* file) {
  std::string bytes;
  for (int c = 0; bytes.size() < 4 && (c = std::fgetc(file)) != EOF;) bytes.push_back(static_cast<char>(c));
  // glibc only steps back in its buffer, however far, while the bytes are the same.
  for (size_t i = bytes.size(); i-- > 0;) std::ungetc(static_cast<unsigned char>(bytes[i]), file);
  return bytes;
}

struct Magic {
  std::string_view bytes;
  std::string_view compression;  ///< empty: a capture
};

constexpr std::array<Magic, 13> kMagics{{
    {std::string_view("\xd4\xc3\xb2\xa1", 4), {}},
    {std::string_view("\xa1\xb2\xc3\xd4", 4), {}},
    {std::string_view("\x4d\x3c\xb2\xa1", 4), {}},
    {std::string_view("\xa1\xb2\x3c\x4d", 4), {}},
    {std::string_view("\x34\xcd\xb2\xa1", 4), {}},  // Kuznetzov's variant, which libpcap reads
    {std::string_view("\xa1\xb2\xcd\x34", 4), {}},
    {std::string_view("\x0a\x0d\x0d\x0a", 4), {}},  // pcapng
    {std::string_view("\x1f\x8b", 2), "gzip"},
    {std::string_view("\x28\xb5\x2f\xfd", 4), "zstd"},
    {std::string_view("\x04\x22\x4d\x18", 4), "lz4"},
    {std::string_view("\xfd\x37\x7a\x58", 4), "xz"},
    {std::string_view("BZh", 3), "bzip2"},
    {std::string_view("PK\x03\x04", 4), "zip"},
}};

/// Throws unless the stream begins like a capture that can be read.
void check_magic(const std::string& name, std::FILE* file) {
  const std::string bytes = peek(file);
  if (bytes.empty()) fail(name, std::ferror(file) != 0 ? std::strerror(errno) : "is empty");
  const auto* found = std::find_if(kMagics.begin(), kMagics.end(), [&bytes](const Magic& magic) {
    return std::string_view(bytes).substr(0, magic.bytes.size()) == magic.bytes;
  });
  if (found == kMagics.end()) fail(name, "not a capture file (pcap or pcapng)");
  if (!found->compression.empty()) {
    fail(name,
         std::string(found->compression) + "-compressed; decompress it first (this version reads plain captures)");
  }
}

}  // namespace

FileSource::FileSource(const std::string& path, const FileSourceOptions& options)
    : name_(path), number_(options.packets_before) {
  File file = open_file(path);
  buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  std::setvbuf(file.get(), buffer_.get(), _IOFBF, kBufferBytes);
  check_magic(name_, file.get());

  std::array<char, PCAP_ERRBUF_SIZE> message{};
  handle_.reset(pcap_fopen_offline_with_tstamp_precision(file.get(), PCAP_TSTAMP_PRECISION_NANO, message.data()));
  if (handle_ == nullptr) fail(name_, message.data());
  static_cast<void>(file.release());  // libpcap closes it now
  link_ = link_type_of(handle_.get(), name_);
  if (!options.filter.empty()) filter_ = compile_filter(handle_.get(), options.filter, name_);
}

FileSource::~FileSource() = default;

/// What libpcap calls for each record, without a heap or a lock on the way.
struct FileSource::Callback {
  FileSource& source;
  PacketHandler& handler;

  static void on_record(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
    const Callback& self = *reinterpret_cast<const Callback*>(user);
    FileSource& source = self.source;
    ++source.number_;
    // Done here and not inside libpcap, which would not tell how many records it passed over.
    if (source.filter_ != nullptr && pcap_offline_filter(source.filter_.get(), header, bytes) == 0) return;
    Packet packet;
    packet.time_ns = record_time_ns(*header);
    packet.number = source.number_;
    deliver_record(*header, bytes, source.link_, packet, source.counters_, self.handler);
  }
};

ReadState FileSource::dispatch(PacketHandler& handler, unsigned max_packets) {
  if (!error_.empty()) return ReadState::kError;
  Callback callback{*this, handler};
  const int most = static_cast<int>(std::clamp(max_packets, 1U, 1U << 30));
  const int count = pcap_dispatch(handle_.get(), most, &Callback::on_record, reinterpret_cast<u_char*>(&callback));
  if (count > 0) return ReadState::kMore;
  if (count == 0) return ReadState::kEnd;
  error_ = pcap_geterr(handle_.get());
  if (error_.empty()) error_ = "read error";
  return ReadState::kError;
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
