// Frames of one capture, from the link layer to the detector. A frame: two bytes of length, then the bytes; Ethernet.
#include <algorithm>

#include "config/policy_files.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"
#include "sensor/detect/detector.h"
#include "sensor/net/decode.h"
#include "sensor/net/flow_table.h"
#include "sensor/net/unwrapper.h"

using namespace pickletap;

struct NoOutput final : RecordSink {
  void write(const Record& /*record*/) override {}
};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  const DissectorLimits limits;
  PickleMachinePool machines(policy, limits);
  DissectorCounters counters;
  const DissectorContext context{limits, machines, counters, true};
  NoOutput output;
  static const Config config;
  Detector detector(config, output);
  Unwrapper unwrapper({size_t{64} << 10, 30'000'000'000, 60'000'000'000}, 3600, 1);
  FlowTableConfig table;
  table.tunnels = &unwrapper.tunnels();
  FlowTable flows(table, registry_protocols(context), detector);
  Packet packet;
  Encapsulation outer;
  for (ByteSpan rest(data, size); rest.size() > 2; ++packet.number, packet.time_ns += 100'000'000) {
    const ByteSpan frame = rest.subspan(2, std::min<size_t>(load_be16(rest.data()), rest.size() - 2));
    const auto wire = static_cast<uint32_t>(frame.size());
    const DecodeResult result = decode_packet(LinkType::kEthernet, frame, wire, packet, outer);
    const Packet* whole = result == DecodeResult::kTcp ? &packet : nullptr;
    if (packet.outer != nullptr) whole = unwrapper.unwrap(packet, result);
    if (whole != nullptr) flows.process(*whole);
    rest = rest.subspan(2 + frame.size());
  }
  flows.finish();
  detector.finish();
  return 0;
}
