// Two directions of one flow. Each piece: a byte of direction (1), gap (2) and size, then so many bytes.
#include <algorithm>

#include "config/policy_files.h"
#include "dissectors/observation.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/registry.h"

using namespace pickletap;

struct Swallow final : ObservationSink {
  void emit(Observation&& observation) override { last = std::move(observation); }
  Observation last;
};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  const DissectorLimits limits;
  PickleMachinePool machines(policy, limits);
  DissectorCounters counters;
  const DissectorContext context{policy, limits, machines, counters, true};
  const auto flow = make_dissector(context, size % 2 == 0);
  Swallow sink;
  for (ByteSpan rest(data, size); !rest.empty();) {
    const uint8_t head = rest[0];
    const auto from = static_cast<Direction>(head & 1);
    const size_t take = std::min<size_t>(rest.size() - 1, size_t{head} >> 1);
    if ((head & 0xfe) == 2) flow->on_gap(from, 3, sink);
    if (take > 0) flow->on_data(from, rest.subspan(1, take), sink);
    rest = rest.subspan(1 + take);
  }
  for (const Direction from : {Direction::kToServer, Direction::kToClient}) flow->on_end(from, EndReason::kFin, sink);
  return 0;
}
