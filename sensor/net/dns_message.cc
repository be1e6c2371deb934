#include "sensor/net/dns_message.h"

#include <algorithm>

#include "sensor/net/decode.h"

namespace pickletap {
namespace {

constexpr size_t kHeader = 12;
constexpr unsigned kMaxWireName = 255;

void add_byte(uint8_t byte, std::string& name) {
  if (byte >= 'A' && byte <= 'Z') {
    name += static_cast<char>(byte - 'A' + 'a');
  } else if (byte > ' ' && byte < 0x7f && byte != '\\' && byte != '.') {
    name += static_cast<char>(byte);
  } else {
    name += '\\';
    name += static_cast<char>('0' + byte / 100);
    name += static_cast<char>('0' + byte / 10 % 10);
    name += static_cast<char>('0' + byte % 10);
  }
}

/// The name at `at`, which moves behind it.
bool read_name(std::span<const uint8_t> bytes, size_t& at, std::string& name) {
  size_t here = at;
  size_t lowest = at;  // pointers lead to what stands before: the loop ends
  bool jumped = false;
  unsigned wire_bytes = 0;
  for (unsigned labels = 0; labels < DnsMessage::kMaxLabels;) {
    if (here >= bytes.size()) return false;
    const uint8_t length = bytes[here];
    if (length == 0) {
      if (!jumped) at = here + 1;
      return true;
    }
    if ((length & 0xc0) == 0xc0) {
      if (bytes.size() - here < 2) return false;
      const size_t target = size_t{load_be16(bytes.data() + here)} & 0x3fff;
      if (target >= lowest || target < kHeader) return false;
      if (!jumped) at = here + 2;
      jumped = true;
      here = lowest = target;
      continue;
    }
    wire_bytes += length + 1U;
    if ((length & 0xc0) != 0 || bytes.size() - here <= length || wire_bytes > kMaxWireName) return false;
    if (!name.empty()) name += '.';
    for (const uint8_t byte : bytes.subspan(here + 1, length)) add_byte(byte, name);
    here += length + 1U;
    ++labels;
  }
  return false;
}

bool step_over_name(std::span<const uint8_t> bytes, size_t& at) {
  while (at < bytes.size()) {
    const uint8_t length = bytes[at];
    if (length == 0) return ++at <= bytes.size();
    if ((length & 0xc0) == 0xc0) return (at += 2) <= bytes.size();
    if ((length & 0xc0) != 0) return false;
    at += length + 1U;
  }
  return false;
}

void read_addresses(std::span<const uint8_t> bytes, size_t at, size_t max_addresses, DnsMessage& message) {
  constexpr uint16_t kA = 1, kAaaa = 28;
  const unsigned count = std::min<unsigned>(load_be16(bytes.data() + 6), DnsMessage::kMaxRecords);
  for (unsigned i = 0; i < count && message.addresses.size() < max_addresses; ++i) {
    constexpr size_t kFixed = 10;
    if (!step_over_name(bytes, at) || bytes.size() - at < kFixed) return;
    const uint16_t type = load_be16(bytes.data() + at);
    const size_t length = load_be16(bytes.data() + at + 8);
    at += kFixed;
    if (bytes.size() - at < length) return;
    IpAddress address;
    if (type == kA && length == 4) {
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, address.bytes.begin());
      message.addresses.push_back(address);
    } else if (type == kAaaa && length == 16) {
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 16, address.bytes.begin());
      address.is_v6 = true;
      message.addresses.push_back(address);
    }
    at += length;
  }
}

}  // namespace

bool read_dns(std::span<const uint8_t> bytes, size_t max_addresses, DnsMessage& message) {
  message = {};
  if (bytes.size() < kHeader || load_be16(bytes.data() + 4) == 0) return false;
  message.is_answer = (bytes[2] & 0x80) != 0;
  size_t at = kHeader;
  if (!read_name(bytes, at, message.name) || message.name.empty()) return false;
  constexpr size_t kTypeAndClass = 4;
  if (bytes.size() - at < kTypeAndClass) return !message.is_answer;
  // Several questions in one message are no query that a resolver answers.
  if (message.is_answer && load_be16(bytes.data() + 4) == 1) {
    read_addresses(bytes, at + kTypeAndClass, max_addresses, message);
  }
  return true;
}

}  // namespace pickletap
