#include "sensor/net/community_id.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

namespace pickletap {

std::string community_id(const Endpoint& a, const Endpoint& b, bool is_udp) {
  const size_t address_bytes = a.address.is_v6 ? 16 : 4;
  const int order = std::memcmp(a.address.bytes.data(), b.address.bytes.data(), address_bytes);
  const bool ordered = order < 0 || (order == 0 && a.port < b.port);
  const auto [first, second] = ordered ? std::pair(&a, &b) : std::pair(&b, &a);

  // seed (2), addresses, protocol, a zero byte, ports; all in network byte order.
  std::array<uint8_t, 2 + 16 + 16 + 2 + 4> tuple{};
  size_t used = 2;
  for (const Endpoint* endpoint : {first, second}) {
    std::memcpy(tuple.data() + used, endpoint->address.bytes.data(), address_bytes);
    used += address_bytes;
  }
  tuple[used] = is_udp ? 17 : 6;
  used += 2;
  for (const Endpoint* endpoint : {first, second}) {
    tuple[used++] = static_cast<uint8_t>(endpoint->port >> 8);
    tuple[used++] = static_cast<uint8_t>(endpoint->port & 0xff);
  }

  std::array<uint8_t, SHA_DIGEST_LENGTH> digest{};
  SHA1(tuple.data(), used, digest.data());
  std::array<uint8_t, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return "1:" + std::string(reinterpret_cast<const char*>(base64.data()), static_cast<size_t>(length));
}

}  // namespace pickletap
