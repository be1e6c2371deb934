#include "sensor/detect/key_trial.h"

#include <algorithm>
#include <cstring>

namespace pickletap {

namespace {

constexpr uint8_t kInnerPad = 0x36, kOuterPad = 0x5C;

const char* openssl_name(Digest digest) {
  switch (digest) {
    case Digest::kMd5: return "MD5";
    case Digest::kSha256: return "SHA2-256";
    case Digest::kSha384: return "SHA2-384";
    case Digest::kSha3_256: return "SHA3-256";
    case Digest::kSha3_384: return "SHA3-384";
    case Digest::kNone:
    case Digest::kUnknown: break;
  }
  return nullptr;
}

}  // namespace

KeyTrial::KeyTrial() : context_(EVP_MD_CTX_new()) {
  for (size_t i = 0; i < digests_.size(); ++i) {
    const char* name = openssl_name(static_cast<Digest>(i));
    // Null as well where the library's policy has none (MD5 under FIPS): such answers are not tried.
    if (name != nullptr) digests_[i].reset(EVP_MD_fetch(nullptr, name, nullptr));
  }
}

bool KeyTrial::begin(const Exchange& exchange) {
  digest_ = digests_[static_cast<size_t>(exchange.digest)].get();
  if (digest_ == nullptr || context_ == nullptr || exchange.message.size() > kMaxMessage) return false;
  block_ = static_cast<size_t>(EVP_MD_get_block_size(digest_));
  size_ = static_cast<size_t>(EVP_MD_get_size(digest_));
  if (block_ > kMaxBlock || exchange.mac.size() != size_) return false;
  message_bytes_ = exchange.message.size();
  std::copy(exchange.message.begin(), exchange.message.end(), inner_.begin() + static_cast<std::ptrdiff_t>(block_));
  std::copy(exchange.mac.begin(), exchange.mac.end(), mac_.begin());
  return true;
}

bool KeyTrial::matches(std::string_view key) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> sum{};
  const auto digest_of = [&](const uint8_t* bytes, size_t count, uint8_t* out) {
    return EVP_DigestInit_ex2(context_.get(), digest_, nullptr) == 1 &&
           EVP_DigestUpdate(context_.get(), bytes, count) == 1 && EVP_DigestFinal_ex(context_.get(), out, nullptr) == 1;
  };
  // A key longer than a block stands for its digest.
  if (key.size() > block_) {
    if (!digest_of(reinterpret_cast<const uint8_t*>(key.data()), key.size(), sum.data())) return false;
    key = std::string_view(reinterpret_cast<const char*>(sum.data()), size_);
  }
  std::memset(inner_.data(), kInnerPad, block_);
  std::memset(outer_.data(), kOuterPad, block_);
  for (size_t i = 0; i < key.size(); ++i) {
    const auto byte = static_cast<uint8_t>(key[i]);
    inner_[i] = static_cast<uint8_t>(inner_[i] ^ byte);
    outer_[i] = static_cast<uint8_t>(outer_[i] ^ byte);
  }
  if (!digest_of(inner_.data(), block_ + message_bytes_, outer_.data() + block_)) return false;
  return digest_of(outer_.data(), block_ + size_, sum.data()) && std::memcmp(sum.data(), mac_.data(), size_) == 0;
}

size_t KeyTrial::find(const WeakKeyList& list, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    if (matches(list.key(i))) return i;
  }
  return end;
}

}  // namespace pickletap
