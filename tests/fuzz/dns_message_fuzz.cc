// A DNS message of any bytes: reading ends, stays inside them, and what it gives is bounded and printable.
#include <cstdlib>

#include "sensor/net/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pickletap;
  constexpr size_t kMaxAddresses = 4;
  DnsMessage message;
  if (!read_dns({data, size}, kMaxAddresses, message)) return 0;
  if (message.name.empty() || message.name.size() > 1023 || message.addresses.size() > kMaxAddresses) std::abort();
  for (const char c : message.name) {
    if (c <= ' ' || c > '~' || (c >= 'A' && c <= 'Z')) std::abort();
  }
  if (!message.is_answer && !message.addresses.empty()) std::abort();
  return 0;
}
