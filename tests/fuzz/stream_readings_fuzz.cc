// Whatever segments say (order, copies, acknowledgements, urgent marks, resets), the flow table stays inside its bounds,
// gives everything back at the end, and two runs say the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include "config/policy_files.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/policy.h"
#include "sensor/net/flow_table.h"

namespace {

using namespace pickletap;

struct Digest final : EventSink {
  void put(Event&& event) override { text += static_cast<char>('a' + event.what.index()); }
  void tick(int64_t /*time_ns*/) override {}
  std::string text;
};

std::string run(const uint8_t* data, size_t size, const Policy& policy) {
  const DissectorLimits limits;
  PickleMachinePool machines(policy, limits);
  DissectorCounters counters;
  const DissectorContext context{limits, machines, counters, false};
  Digest sink;
  FlowTableConfig config;
  config.history_bytes = 1 << 18;
  config.hash_seed = 1;
  FlowTable table(config, registry_protocols(context), sink);
  auto send = [&, number = uint64_t{0}](bool client, uint8_t flags, uint32_t seq, uint32_t ack, ByteSpan payload,
                                        uint16_t urgent) mutable {
    Packet packet;
    packet.time_ns = static_cast<int64_t>(++number) * 1'000'000;
    packet.number = number;
    packet.source.bytes = {10, 0, 0, static_cast<uint8_t>(client ? 1 : 2)};
    packet.destination.bytes = {10, 0, 0, static_cast<uint8_t>(client ? 2 : 1)};
    packet.source_port = client ? 40000 : 5000;
    packet.destination_port = client ? 5000 : 40000;
    packet.flags = flags;
    packet.seq = seq;
    packet.ack = ack;
    packet.urgent = urgent;
    packet.payload = payload;
    table.process(packet);
    if (table.counters().history_bytes > config.history_bytes) std::abort();
  };
  constexpr uint8_t kAck = TcpFlag::kAck;
  send(true, TcpFlag::kSyn, 100, 0, {}, 0);
  send(false, TcpFlag::kSyn | kAck, 500, 101, {}, 0);
  send(true, kAck, 101, 501, {}, 0);
  for (size_t i = 0; i + 5 <= size;) {
    const uint8_t what = data[i];
    const uint32_t offset = data[i + 1];
    const uint32_t ack = data[i + 2];
    const size_t length = std::min<size_t>(data[i + 3], size - i - 5);
    const auto urgent = static_cast<uint16_t>(data[i + 4] & 0x3f);
    const auto flags =
        static_cast<uint8_t>(((what & 1) != 0 ? kAck : 0) | ((what & 0x0c) == 0x0c ? TcpFlag::kFin : 0) |
                             ((what & 0x30) == 0x30 ? TcpFlag::kRst : 0) | ((what & 0xc0) == 0xc0 ? TcpFlag::kUrg : 0));
    const bool client = (what & 2) != 0;
    send(client, flags, (client ? 101 : 501) + offset, (client ? 501 : 101) + ack, {data + i + 5, length}, urgent);
    i += 5 + length;
  }
  table.finish();
  if (table.counters().history_bytes != 0 || table.counters().out_of_order_bytes != 0) std::abort();
  return sink.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  if (run(data, size, policy) != run(data, size, policy)) std::abort();
  return 0;
}
