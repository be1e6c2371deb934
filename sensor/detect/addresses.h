// Addresses as the watches of the detection thread use them for keys and sentences. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sensor/event.h"
#include "sensor/net/address_text.h"

namespace pickletap {

/// "10.0.0.5:50000", "[fd00::1]:50000".
inline std::string text_of(const Endpoint& endpoint) {
  const std::string address = to_text(endpoint.address);
  return (endpoint.address.is_v6 ? "[" + address + "]:" : address + ":") + std::to_string(endpoint.port);
}

/// `address` without the bits behind `bits`.
inline IpAddress masked(const IpAddress& address, unsigned bits) {
  IpAddress out = address;
  for (unsigned i = 0; i < out.bytes.size(); ++i) {
    const unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
    if (kept < 8) out.bytes[i] = static_cast<uint8_t>(out.bytes[i] & ~(0xFFU >> kept));
  }
  return out;
}

/// Who is one source: an IPv4 address, or all that one IPv6 host can be, its /64.
inline IpAddress source_of(const IpAddress& address) { return address.is_v6 ? masked(address, 64) : address; }

/// A key of bytes, for maps: addresses, ports and tags in turn.
class BytesKey {
 public:
  BytesKey& add(const IpAddress& address) {
    text_ += address.is_v6 ? '6' : '4';
    text_.append(reinterpret_cast<const char*>(address.bytes.data()), address.is_v6 ? 16 : 4);
    return *this;
  }
  BytesKey& add(uint16_t number) {
    text_ += static_cast<char>(number >> 8);
    text_ += static_cast<char>(number & 0xFF);
    return *this;
  }
  BytesKey& add(const Endpoint& endpoint) { return add(endpoint.address).add(endpoint.port); }
  BytesKey& add(const VlanTags& vlan) { return add(vlan.ids[0]).add(vlan.ids[1]); }
  BytesKey& add(std::string_view text) {
    text_ += text;
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace pickletap
