#include "sensor/capture/byte_stream.h"

#include <fcntl.h>
#include <lz4frame.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "sensor/capture/packet_source.h"
#include "sensor/capture/read_window.h"

namespace pickletap {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& reason) {
  throw CaptureError(CaptureError::Kind::kInput, name, reason);
}

class FileStream final : public ByteStream {
 public:
  explicit FileStream(const std::string& path) : owned_(path != "-") {
    fd_ = owned_ ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
    if (fd_ < 0) fail(path, std::strerror(errno));
    struct stat status {};
    if (fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) {
      if (owned_) ::close(fd_);
      fail(path, "is a directory");
    }
    posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);  // advice: a pipe has no use for it
  }
  ~FileStream() override {
    if (owned_) ::close(fd_);
  }
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;

  size_t read(uint8_t* to, size_t size) override {
    ssize_t count = -1;
    do {
      count = ::read(fd_, to, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      error_ = std::strerror(errno);
      return 0;
    }
    file_bytes_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }
  uint64_t file_bytes() const override { return file_bytes_; }

 private:
  bool owned_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0;
};

/// What the three decompressors have in common: packed bytes in, and where in the file an error was.
class Decompressor : public ByteStream {
 public:
  explicit Decompressor(ReadWindow packed) : packed_(std::move(packed)) {}

  size_t read(uint8_t* to, size_t size) override {
    while (error_.empty()) {
      const bool has_input = packed_.ensure(1);
      if (!has_input && !packed_.stream().error().empty()) {
        error_ = packed_.stream().error();
        break;
      }
      if (!has_input && !inside_) break;
      // What is buffered inside comes out without more input, so the end of it is no error before nothing comes.
      const uint64_t before = packed_.offset();
      const size_t count = step(to, size);
      if (count != 0) return count;
      if (!error_.empty()) break;
      if (!has_input) {
        say("is cut off");
      } else if (packed_.offset() == before) {
        say("leads nowhere");  // no decompressor does that with input and room; if one did, this loop would not end
      }
    }
    return 0;
  }
  uint64_t file_bytes() const override { return packed_.offset(); }

 protected:
  /// Reads from packed_, writes at most `size`; returns how much, and sets inside_.
  virtual size_t step(uint8_t* to, size_t size) = 0;
  void say(const std::string& what) {
    error_ = std::string(name()) + " data " + what + " at byte " + std::to_string(packed_.offset()) + " of the file";
  }
  virtual std::string_view name() const = 0;

  ReadWindow packed_;
  bool inside_ = false;  ///< a member or frame has begun and not ended
};

class GzipStream final : public Decompressor {
 public:
  explicit GzipStream(ReadWindow packed) : Decompressor(std::move(packed)) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&state_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipStream() override { inflateEnd(&state_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

 private:
  size_t step(uint8_t* to, size_t size) override {
    if (!inside_ && !begin_member()) return 0;
    state_.next_in = const_cast<Bytef*>(packed_.data());
    state_.avail_in = static_cast<uInt>(std::min<size_t>(packed_.available(), UINT_MAX));
    state_.next_out = to;
    const auto room = static_cast<uInt>(std::min<size_t>(size, UINT_MAX));
    state_.avail_out = room;
    const uInt before = state_.avail_in;
    const int result = inflate(&state_, Z_NO_FLUSH);
    packed_.consume(before - state_.avail_in);
    if (result == Z_STREAM_END) {
      inside_ = false;
      inflateReset(&state_);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      say(std::string("is damaged (") + (state_.msg != nullptr ? state_.msg : "no memory") + ")");
    }
    return room - state_.avail_out;
  }

  /// Behind a member comes another, zeros to the end of a tape's block, or the end of the file.
  bool begin_member() {
    while (packed_.ensure(1) && packed_.data()[0] == 0) packed_.consume(1);
    inside_ = packed_.ensure(1);
    return inside_;
  }
  std::string_view name() const override { return "gzip"; }

  z_stream state_{};
};

class ZstdStream final : public Decompressor {
 public:
  explicit ZstdStream(ReadWindow packed) : Decompressor(std::move(packed)), state_(ZSTD_createDCtx()) {
    if (state_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(state_, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }
  ~ZstdStream() override { ZSTD_freeDCtx(state_); }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;

 private:
  size_t step(uint8_t* to, size_t size) override {
    ZSTD_inBuffer in{packed_.data(), packed_.available(), 0};
    ZSTD_outBuffer out{to, size, 0};
    const size_t result = ZSTD_decompressStream(state_, &out, &in);
    packed_.consume(in.pos);
    if (ZSTD_isError(result) != 0) {
      say(std::string("is damaged (") + ZSTD_getErrorName(result) + ")");
    } else {
      inside_ = result != 0;
    }
    return out.pos;
  }
  std::string_view name() const override { return "zstd"; }

  ZSTD_DCtx* state_;
};

class Lz4Stream final : public Decompressor {
 public:
  explicit Lz4Stream(ReadWindow packed) : Decompressor(std::move(packed)) {
    if (LZ4F_isError(LZ4F_createDecompressionContext(&state_, LZ4F_VERSION)) != 0) throw std::bad_alloc();
  }
  ~Lz4Stream() override { LZ4F_freeDecompressionContext(state_); }
  Lz4Stream(const Lz4Stream&) = delete;
  Lz4Stream& operator=(const Lz4Stream&) = delete;

 private:
  size_t step(uint8_t* to, size_t size) override {
    size_t taken = packed_.available();
    size_t written = size;
    const size_t result = LZ4F_decompress(state_, to, &written, packed_.data(), &taken, nullptr);
    if (LZ4F_isError(result) != 0) {
      say(std::string("is damaged (") + LZ4F_getErrorName(result) + ")");
      return 0;
    }
    packed_.consume(taken);
    inside_ = result != 0;
    return written;
  }
  std::string_view name() const override { return "lz4"; }

  LZ4F_dctx* state_ = nullptr;
};

}  // namespace

std::unique_ptr<ByteStream> open_file(const std::string& path) { return std::make_unique<FileStream>(path); }

std::unique_ptr<ByteStream> make_decompressor(Compression compression, ReadWindow packed) {
  switch (compression) {
    case Compression::kGzip: return std::make_unique<GzipStream>(std::move(packed));
    case Compression::kZstd: return std::make_unique<ZstdStream>(std::move(packed));
    case Compression::kLz4: return std::make_unique<Lz4Stream>(std::move(packed));
    case Compression::kNone: break;
  }
  return nullptr;
}

}  // namespace pickletap
