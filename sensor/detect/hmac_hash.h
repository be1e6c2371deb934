// A hash under a key that each object draws for itself, for tables that strangers' bytes are put into: nobody outside can
// make two entries look like one. HMAC-SHA-256, 16 bytes of it. What is reported never depends on the key.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>

namespace pickletap {

class HmacHash {
 public:
  using Value = std::array<uint8_t, 16>;
  /// For std::unordered_map: the value is evenly spread already.
  struct OfValue {
    size_t operator()(const Value& value) const {
      size_t out = 0;
      std::memcpy(&out, value.data(), sizeof out);
      return out;
    }
  };

  HmacHash() {
    std::random_device entropy;
    for (uint8_t& byte : key_) byte = static_cast<uint8_t>(entropy());
  }

  Value operator()(std::span<const uint8_t> bytes) const {
    std::array<uint8_t, EVP_MAX_MD_SIZE> full{};
    unsigned length = 0;
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), bytes.data(), bytes.size(), full.data(), &length);
    Value value;
    std::copy_n(full.begin(), value.size(), value.begin());
    return value;
  }

 private:
  std::array<uint8_t, 32> key_{};
};

}  // namespace pickletap
