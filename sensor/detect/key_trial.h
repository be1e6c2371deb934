// Tries keys against a challenge and its answer: HMAC(key, message) as CPython makes it, for all of its digests. What is
// HMACed is everything behind #CHALLENGE#, the digest's name included; the answer's own "{name}" is no part of it.
// Source: CPython 3.13 Lib/multiprocessing/connection.py `_create_response`, `_verify_challenge`; RFC 2104.
//
// One thread an object: it keeps a hash context. The work is one try after the other with no allocation, so the caller
// decides how many at once.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "config/weak_key_files.h"
#include "dissectors/observation.h"

namespace pickletap {

/// A challenge and what was answered: digest(key, message) is `mac` for the right key.
struct Exchange {
  Digest digest = Digest::kNone;
  std::vector<uint8_t> message;  ///< what stands behind #CHALLENGE#, the digest's name included
  std::vector<uint8_t> mac;
  bool complete() const { return !message.empty() && !mac.empty(); }
};

class KeyTrial {
 public:
  KeyTrial();

  /// Begins with another exchange. False: no such digest, or an answer that is not as long as it has to be.
  bool begin(const Exchange& exchange);
  /// Is this the key?
  bool matches(std::string_view key);
  /// The first of the keys [begin, end) of the list that is; `end` when none is.
  size_t find(const WeakKeyList& list, size_t begin, size_t end);

 private:
  struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  struct FreeDigest {
    void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
  };
  static constexpr size_t kMaxBlock = 144;  // of SHA3-224, the widest of the family in use
  static constexpr size_t kMaxMessage = 256;

  std::array<std::unique_ptr<EVP_MD, FreeDigest>, 7> digests_;  // by Digest; null where there is none
  std::unique_ptr<EVP_MD_CTX, FreeContext> context_;
  const EVP_MD* digest_ = nullptr;
  size_t block_ = 0, size_ = 0;
  size_t message_bytes_ = 0;
  std::array<uint8_t, kMaxBlock + kMaxMessage> inner_{};  // a key's block, then the message
  std::array<uint8_t, kMaxBlock + EVP_MAX_MD_SIZE> outer_{};
  std::array<uint8_t, EVP_MAX_MD_SIZE> mac_{};
};

}  // namespace pickletap
