#include "config/allow_list.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace pickletap {

namespace {

/// Clears what stands behind the first `bits` bits.
void mask(std::array<uint8_t, 16>& bytes, unsigned bits) {
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = bits > 8 * i ? std::min(bits - 8 * i, 8U) : 0;
    bytes[i] = static_cast<uint8_t>(bytes[i] & (0xff00U >> kept));
  }
}

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

bool AddressRange::contains(const std::array<uint8_t, 16>& address, bool address_is_v6) const {
  if (address_is_v6 != is_v6) return false;
  std::array<uint8_t, 16> network = address;
  mask(network, prefix_bits);
  return network == bytes;
}

std::string AddressRange::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  const std::string address = text.data();
  return prefix_bits == (is_v6 ? 128 : 32) ? address : address + "/" + std::to_string(prefix_bits);
}

std::optional<AddressRange> parse_address_range(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  AddressRange range;
  range.is_v6 = address.find(':') != std::string::npos;
  const unsigned most = range.is_v6 ? 128 : 32;
  if (inet_pton(range.is_v6 ? AF_INET6 : AF_INET, address.c_str(), range.bytes.data()) != 1) return std::nullopt;
  unsigned bits = most;
  if (slash != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data() + slash + 1, end, bits);
    if (error != std::errc() || last != end || bits > most) return std::nullopt;
  }
  range.prefix_bits = static_cast<uint8_t>(bits);
  mask(range.bytes, bits);
  return range;
}

AddressRange single_address(const std::array<uint8_t, 16>& bytes, bool is_v6) {
  return {bytes, static_cast<uint8_t>(is_v6 ? 128 : 32), is_v6};
}

void AllowedNames::add(const std::string& name, const std::string& comment) {
  names_.emplace(name, comment);
  last_parts_.emplace(last_part(name));
  if (name == "*") {
    all_ = true;
  } else if (name.ends_with(".*")) {
    families_.emplace(name.substr(0, name.size() - 2));
  } else if (name.starts_with("*.")) {
    of_any_type_.emplace(name.substr(2));
  } else {
    exact_.emplace(name);
  }
}

bool AllowedNames::allows(std::string_view name) const {
  if (all_ || exact_.find(name) != exact_.end()) return true;
  if (of_any_type_.find(last_part(name)) != of_any_type_.end()) return true;
  for (size_t dot = name.find('.'); dot != std::string_view::npos && !families_.empty();
       dot = name.find('.', dot + 1)) {
    if (families_.find(name.substr(0, dot)) != families_.end()) return true;
  }
  return false;
}

bool AllowedNames::allows_of_any_type(std::string_view method) const {
  return all_ || last_parts_.find(method) != last_parts_.end() || last_parts_.find("*") != last_parts_.end();
}

bool AllowEntry::covers(const std::array<uint8_t, 16>& listener, bool is_v6, uint16_t listener_port,
                        const std::vector<uint16_t>& listener_vlan) const {
  if (port && *port != listener_port) return false;
  if (address && !address->contains(listener, is_v6)) return false;
  return !vlan || *vlan == listener_vlan;
}

bool AllowEntry::allows_peer(const std::array<uint8_t, 16>& peer, bool is_v6) const {
  // A single address first: lists that were learned have nothing else.
  if (!peers || peers->contains(single_address(peer, is_v6))) return true;
  return std::any_of(peers->begin(), peers->end(),
                     [&](const AddressRange& range) { return range.contains(peer, is_v6); });
}

}  // namespace pickletap
