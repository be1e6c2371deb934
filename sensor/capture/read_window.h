// A window over a ByteStream in which the next bytes lie in a row: ensure(n), then data() has at least n of them, and
// consume(n) passes over them. What data() points at stays where it is until the next ensure() or skip(). Owned by one
// reader; one thread. The memory grows with what has really been read, never with what a header announces, and the
// caller bounds what it asks for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "sensor/capture/byte_stream.h"

namespace pickletap {

class ReadWindow {
 public:
  static constexpr size_t kBlockBytes = size_t{256} << 10;

  explicit ReadWindow(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)),
        bytes_(std::make_unique_for_overwrite<uint8_t[]>(kBlockBytes)),
        capacity_(kBlockBytes) {}

  const uint8_t* data() const { return bytes_.get() + begin_; }
  size_t available() const { return end_ - begin_; }
  /// False: there are fewer bytes than that, and all of them are in the window.
  bool ensure(size_t bytes) { return available() >= bytes || fill(bytes); }
  /// At most what is available.
  void consume(size_t bytes) { begin_ += bytes; }
  /// Passes over bytes that may be more than the window ever holds. False: the end came first.
  bool skip(uint64_t bytes) {
    while (bytes > available()) {
      bytes -= available();
      begin_ = end_;
      if (!fill(1)) return false;
    }
    begin_ += static_cast<size_t>(bytes);
    return true;
  }

  /// Of data(), from the beginning of the stream.
  uint64_t offset() const { return read_bytes_ - available(); }
  const ByteStream& stream() const { return *stream_; }

 private:
  bool fill(size_t bytes) {
    if (begin_ > 0) {
      std::memmove(bytes_.get(), data(), available());
      end_ -= std::exchange(begin_, size_t{0});
    }
    while (end_ < bytes) {
      if (end_ == capacity_) grow();
      const size_t count = stream_->read(bytes_.get() + end_, capacity_ - end_);
      if (count == 0) return false;
      end_ += count;
      read_bytes_ += count;
    }
    return true;
  }
  void grow() {
    auto larger = std::make_unique_for_overwrite<uint8_t[]>(capacity_ * 2);
    std::memcpy(larger.get(), bytes_.get(), end_);
    bytes_ = std::move(larger);
    capacity_ *= 2;
  }

  std::unique_ptr<ByteStream> stream_;
  std::unique_ptr<uint8_t[]> bytes_;
  size_t capacity_;
  size_t begin_ = 0, end_ = 0;
  uint64_t read_bytes_ = 0;
};

}  // namespace pickletap
