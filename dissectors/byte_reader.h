// A cursor over a span: every read is bounded, nothing throws, and the first read beyond the end makes the reader fail
// for good (`ok()` is then false and reads return zeros). The span must outlive the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pickletap {

/// The same bytes as text, and the other way.
inline std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t remaining() const { return bytes_.size() - at_; }

  uint64_t big_endian(size_t width) {
    uint64_t value = 0;
    for (const uint8_t byte : take(width)) value = value << 8 | byte;
    return value;
  }
  uint64_t little_endian(size_t width) {
    uint64_t value = 0;
    const auto part = take(width);
    for (size_t i = part.size(); i-- > 0;) value = value << 8 | part[i];
    return value;
  }
  /// The next `count` bytes; empty, and the reader failed, when there are fewer.
  std::span<const uint8_t> take(size_t count) {
    if (count > remaining()) {
      ok_ = false;
      at_ = bytes_.size();
      return {};
    }
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace pickletap
