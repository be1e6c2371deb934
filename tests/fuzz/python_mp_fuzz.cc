// Two directions of one flow. Each piece: a byte of direction (1), gap (2) and size, then so many bytes. The same
// facts come out when the pieces before the first gap are cut into bytes.
#include <cstdlib>

#include "config/policy_files.h"
#include "dissectors/observation.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/registry.h"

using namespace pickletap;

struct Facts final : ObservationSink {
  void emit(Observation&& o) override {
    text += std::to_string(o.fact.index() * 64 + static_cast<size_t>(o.auth) * 8 + static_cast<size_t>(o.application));
    if (const auto* seen = std::get_if<PickleSeen>(&o.fact)) text += seen->report.program + seen->manager.method;
  }
  std::string text;
};

static std::string facts_of(ByteSpan rest, size_t piece) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  static const DissectorLimits limits;
  static PickleMachinePool machines(policy, limits);
  static DissectorCounters counters;
  static const DissectorContext context{limits, machines, counters, true};
  const auto flow = make_dissector(context, rest.size() % 2 == 0);
  Facts sink;
  for (size_t take = 0; !rest.empty(); rest = rest.subspan(1 + take)) {
    const auto from = static_cast<Direction>(rest[0] & 1);
    take = std::min<size_t>(rest.size() - 1, size_t{rest[0]} >> 1);
    if ((rest[0] & 0xfe) == 2) flow->on_gap(from, 3, sink), piece = 256;
    for (size_t at = 0; at < take && flow->state() != Probe::kNo; at += piece)
      flow->on_data(from, rest.subspan(1 + at, std::min(piece, take - at)), sink);
  }
  for (const Direction from : {Direction::kToServer, Direction::kToClient}) flow->on_end(from, EndReason::kFin, sink);
  return sink.text;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (facts_of({data, size}, 256) != facts_of({data, size}, 1)) std::abort();
  return 0;
}
