// Hashes of what a pickle chooses, names and memo indices, keyed by a secret: nobody who lacks it can choose keys that
// fall into one bucket, or two that pass for one. No result depends on the secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pickletap {

class KeyedHash {
 public:
  /// Once, before the first hash; a process that hashes what strangers send gives 128 bits that nobody can guess. Without
  /// it the secret is a constant.
  static void set_secret(uint64_t first, uint64_t second) { secrets = {first, second | 1}; }

  /// Another for each number: for containers that take a number for its own hash.
  static uint64_t permuted(uint64_t number) { return (number ^ secrets.first) * secrets.second; }

  /// Starts from another hash, for keys of several parts.
  static uint64_t of(std::string_view text, uint64_t start = 0) {
    uint64_t hash = start ^ secrets.first ^ text.size();
    const char* at = text.data();
    size_t left = text.size();
    for (; left > 8; at += 8, left -= 8) hash = mix(hash ^ load<uint64_t>(at), secrets.second);
    uint64_t last = 0;
    if (left >= 4) {
      last = uint64_t{load<uint32_t>(at)} << 32 | load<uint32_t>(at + left - 4);
    } else if (left > 0) {
      // The first, the middle and the last byte: all there are.
      const auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<uint8_t>(at[i])); };
      last = byte(0) << 16 | byte(left / 2) << 8 | byte(left - 1);
    }
    return mix(hash ^ last, secrets.second);
  }

 private:
  struct Secrets {
    uint64_t first, second;
  };
  static inline Secrets secrets{0x243f6a8885a308d3, 0x13198a2e03707345};

  template <typename T>
  static T load(const char* bytes) {
    T word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  /// The product in 128 bits, its halves folded into each other.
  static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
};

}  // namespace pickletap
