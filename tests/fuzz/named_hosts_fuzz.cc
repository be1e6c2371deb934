// Arguments of any text: the scan for hosts ends, and what it gives is bounded and what it says it is.
#include <cstdlib>

#include "sensor/detect/named_hosts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pickletap;
  PickleReport report;
  report.calls.push_back({"posix.system", std::string(reinterpret_cast<const char*>(data), size), "REDUCE", 0});
  const NamedHosts found = named_hosts(report);
  if (found.hosts.size() > NamedHosts::kMaxSure + NamedHosts::kMaxNames) std::abort();
  for (const NamedHost& host : found.hosts) {
    if (host.host.empty() || host.host.size() > 253 || host.host.front() == '.' || host.host.back() == '.')
      std::abort();
    for (const char c : host.host) {
      if (c <= ' ' || c > '~' || (c >= 'A' && c <= 'Z')) std::abort();
    }
  }
  return 0;
}
