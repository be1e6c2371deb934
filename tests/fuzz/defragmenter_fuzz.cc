// Fragments of a few datagrams, in whatever order: eight bytes say what each is, the ninth how many bytes it has. What
// is held is within the budget, and nothing is lost without being counted.
#include <algorithm>

#include "sensor/net/defragmenter.h"

using namespace pickletap;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHeader = 9;
  const DefragmenterLimits limits{8192, 30'000'000'000, 60'000'000'000};
  Defragmenter defragmenter(limits, 1);
  Packet packet;
  Encapsulation outer;
  packet.outer = &outer;
  Fragment& f = outer.fragment;
  for (std::span<const uint8_t> rest(data, size); rest.size() >= kHeader;) {
    f.offset = static_cast<uint16_t>((rest[0] | (rest[1] % 32) << 8) * 8);
    f.id = rest[2] % 4;
    packet.source.is_v6 = packet.destination.is_v6 = (rest[3] & 1) != 0;
    f.more = (rest[3] & 2) != 0;
    f.header_is_bad = (rest[3] & 0xf0) == 0xf0;
    f.ecn = rest[4] % 4;
    f.protocol = rest[5];
    packet.tunnel = rest[6] < 16 ? rest[6] : kNoTunnel;
    packet.time_ns += int64_t{rest[7]} * 100'000'000;
    f.bytes = rest.subspan(kHeader, std::min<size_t>(rest[8], rest.size() - kHeader));
    f.length = rest[8];
    if (const auto datagram = defragmenter.add(packet)) {
      if (datagram->bytes.empty() || datagram->bytes.size() > 65535) __builtin_trap();
      if (static_cast<int>(std::count(datagram->bytes.begin(), datagram->bytes.end(), 0)) < 0) __builtin_trap();
    }
    if (defragmenter.counters().memory_bytes > limits.budget_bytes) __builtin_trap();
    rest = rest.subspan(kHeader + f.bytes.size());
  }
  defragmenter.finish();
  return defragmenter.counters().memory_bytes == 0 ? 0 : -1;
}
