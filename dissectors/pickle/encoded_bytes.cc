#include "dissectors/pickle/encoded_bytes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace pickletap {

namespace {

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// ---- inflate, after RFC 1951: canonical Huffman codes, one bit at a time.

constexpr unsigned kMaxBits = 15;
constexpr unsigned kLiterals = 288;
constexpr unsigned kDistances = 30;

struct Huffman {
  std::array<uint16_t, kMaxBits + 1> count{};  // codes of each length
  std::array<uint16_t, kLiterals> symbol{};    // in the order of their codes

  /// False when the lengths make more codes than there are.
  bool build(const uint8_t* lengths, unsigned symbols) {
    count.fill(0);
    for (unsigned i = 0; i < symbols; ++i) ++count[lengths[i]];
    int left = 1;
    for (unsigned bits = 1; bits <= kMaxBits; ++bits) {
      left = left * 2 - count[bits];
      if (left < 0) return false;
    }
    std::array<uint16_t, kMaxBits + 1> next{};
    for (unsigned bits = 1; bits < kMaxBits; ++bits) next[bits + 1] = static_cast<uint16_t>(next[bits] + count[bits]);
    for (unsigned i = 0; i < symbols; ++i) {
      if (lengths[i] != 0) symbol[next[lengths[i]]++] = static_cast<uint16_t>(i);
    }
    return true;
  }
};

class Inflater {
 public:
  Inflater(std::string_view in, size_t max_bytes) : in_(in), max_bytes_(max_bytes) {}

  std::string run() {
    bool last = false;
    while (!last && !failed_ && out_.size() < max_bytes_) {
      last = bits(1) != 0;
      switch (bits(2)) {
        case 0: stored(); break;
        case 1: fixed(); break;
        case 2: dynamic(); break;
        default: failed_ = true;
      }
    }
    return std::move(out_);
  }

 private:
  unsigned bits(unsigned wanted) {
    while (have_ < wanted) {
      if (at_ >= in_.size()) {
        failed_ = true;
        return 0;
      }
      hold_ |= static_cast<uint32_t>(static_cast<uint8_t>(in_[at_++])) << have_;
      have_ += 8;
    }
    const uint32_t value = hold_ & ((1U << wanted) - 1);
    hold_ >>= wanted;
    have_ -= wanted;
    return value;
  }

  unsigned decode(const Huffman& code) {
    int value = 0;
    int first = 0;
    int index = 0;
    for (unsigned length = 1; length <= kMaxBits && !failed_; ++length) {
      value |= static_cast<int>(bits(1));
      const int count = code.count[length];
      const int at = index + (value - first);
      if (value - count < first) return code.symbol[static_cast<size_t>(at)];
      index += count;
      first = (first + count) * 2;
      value *= 2;
    }
    failed_ = true;
    return 0;
  }

  void stored() {
    hold_ = have_ = 0;
    if (in_.size() - at_ < 4) {
      failed_ = true;
      return;
    }
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(in_[at_ + i])); };
    const size_t length = byte(0) | byte(1) << 8;
    at_ += 4;
    const size_t take = std::min({length, in_.size() - at_, max_bytes_ - out_.size()});
    out_.append(in_.substr(at_, take));
    at_ += take;
    failed_ = failed_ || take < length;
  }

  void fixed() {
    std::array<uint8_t, kLiterals> lengths{};
    for (unsigned i = 0; i < kLiterals; ++i) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    literals_.build(lengths.data(), kLiterals);
    lengths.fill(5);
    distances_.build(lengths.data(), kDistances);
    codes();
  }

  void dynamic() {
    static constexpr std::array<uint8_t, 19> kOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                       11, 4,  12, 3, 13, 2, 14, 1, 15};
    const unsigned literals = bits(5) + 257;
    const unsigned distances = bits(5) + 1;
    const unsigned lengths_given = bits(4) + 4;
    std::array<uint8_t, kLiterals + 32> lengths{};
    for (unsigned i = 0; i < lengths_given; ++i) lengths[kOrder[i]] = static_cast<uint8_t>(bits(3));
    if (literals > 286 || distances > kDistances || !literals_.build(lengths.data(), 19)) failed_ = true;
    lengths.fill(0);
    for (unsigned i = 0; i < literals + distances && !failed_;) {
      const unsigned symbol = decode(literals_);
      if (symbol < 16) {
        lengths[i++] = static_cast<uint8_t>(symbol);
        continue;
      }
      if (symbol == 16 && i == 0) failed_ = true;
      const uint8_t value = symbol == 16 && i > 0 ? lengths[i - 1] : uint8_t{0};
      unsigned repeat = symbol == 16 ? 3 + bits(2) : symbol == 17 ? 3 + bits(3) : 11 + bits(7);
      if (i + repeat > literals + distances) failed_ = true;
      for (; repeat > 0 && !failed_; --repeat) lengths[i++] = value;
    }
    if (failed_) return;
    failed_ = !literals_.build(lengths.data(), literals) || !distances_.build(lengths.data() + literals, distances);
    codes();
  }

  void codes() {
    static constexpr std::array<uint16_t, 29> kLengthBase = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                                             15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                                             67, 83, 99, 115, 131, 163, 195, 227, 258};
    static constexpr std::array<uint8_t, 29> kLengthBits = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                            2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static constexpr std::array<uint16_t, kDistances> kDistanceBase = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    while (!failed_ && out_.size() < max_bytes_) {
      const unsigned symbol = decode(literals_);
      if (failed_ || symbol == 256) return;
      if (symbol < 256) {
        out_.push_back(static_cast<char>(symbol));
        continue;
      }
      if (symbol - 257 >= kLengthBase.size()) break;
      size_t length = kLengthBase[symbol - 257] + bits(kLengthBits[symbol - 257]);
      const unsigned code = decode(distances_);
      if (failed_ || code >= kDistances) break;
      const size_t distance = kDistanceBase[code] + bits(code < 4 ? 0 : code / 2 - 1);
      if (failed_ || distance > out_.size()) break;
      for (; length > 0 && out_.size() < max_bytes_; --length) out_.push_back(out_[out_.size() - distance]);
    }
    failed_ = true;
  }

  std::string_view in_;
  size_t max_bytes_;
  size_t at_ = 0;
  uint32_t hold_ = 0;
  unsigned have_ = 0;
  bool failed_ = false;
  std::string out_;
  Huffman literals_, distances_;
};

}  // namespace

std::string decode_base64(std::string_view text) {
  std::string out;
  uint32_t hold = 0;
  unsigned have = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int digit = base64_digit(c);
    if (digit < 0) continue;
    hold = (hold << 6 | static_cast<uint32_t>(digit)) & 0xffffff;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out.push_back(static_cast<char>(hold >> have & 0xff));
  }
  return out;
}

std::optional<std::string> decode_hex(std::string_view text) {
  std::string out;
  int high = -1;
  for (const char c : text) {
    if (high < 0 && (c == ' ' || (c >= '\t' && c <= '\r'))) continue;
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    if (high < 0) {
      high = digit;
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + digit));
    high = -1;
  }
  return high < 0 ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<std::string> inflate_zlib(std::string_view bytes, size_t max_bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const unsigned method = static_cast<uint8_t>(bytes[0]);
  const unsigned flags = static_cast<uint8_t>(bytes[1]);
  if ((method & 0xf) != 8 || (method * 256 + flags) % 31 != 0 || (flags & 0x20) != 0) return std::nullopt;
  return Inflater(bytes.substr(2), max_bytes).run();
}

}  // namespace pickletap
