// The bytes of a capture file in their order: of a file, a pipe or standard input, plain or decompressed. A ByteStream
// is owned by the ReadWindow (read_window.h) that it fills; one thread. Files are read with read(2) in large blocks and
// not mapped: a file that shrinks while it is mapped ends the process with SIGBUS, and a block of kBlockBytes that
// stays in the cache is cheaper than the page faults of a mapping (600 MB in the page cache: 0.03 s by blocks, 0.16 s
// mapped with MAP_POPULATE, 1.0 s without).
// Compression is told by content: gzip (RFC 1952, zlib), zstd (RFC 8878), lz4 frames; members and frames in a row are
// one stream. Memory is bounded: zlib's 32 KiB, lz4's blocks of 4 MiB, a zstd window of 2^kMaxZstdWindowLog bytes (what
// zstd(1) itself accepts), more is refused. Whatever was decompressed before an error is delivered before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pickletap {

class ReadWindow;

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// At most `size` (1 or more) bytes; 0 at the end, and after an error.
  virtual size_t read(uint8_t* to, size_t size) = 0;
  /// Why there was no more; empty: it was the end.
  const std::string& error() const { return error_; }
  /// Bytes taken from the file itself so far.
  virtual uint64_t file_bytes() const = 0;

 protected:
  std::string error_;
};

inline constexpr int kMaxZstdWindowLog = 27;

enum class Compression : uint8_t { kNone, kGzip, kZstd, kLz4 };

/// "-": standard input. Throws CaptureError.
std::unique_ptr<ByteStream> open_file(const std::string& path);

/// What decompresses `packed`, which stands at the first byte of a member. Not for kNone.
std::unique_ptr<ByteStream> make_decompressor(Compression compression, ReadWindow packed);

}  // namespace pickletap
