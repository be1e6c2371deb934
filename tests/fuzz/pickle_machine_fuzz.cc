// One pickle, whole and in pieces of the size the first byte says: the same report, within its bounds.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "config/policy_files.h"
#include "dissectors/pickle/pickle_machine.h"

using namespace pickletap;

static std::string judge(ByteSpan bytes, size_t piece) {
  static const Policy& policy = [&]() -> const Policy& {
    static Policy built;
    add_builtin_policy(built);
    return built;
  }();
  static const DissectorLimits limits{
      .pickle_stack_values = 512, .pickle_memo_entries = 256, .pickle_text_bytes = 16384};
  static PickleMachine machine(policy, limits);
  machine.begin(bytes.size());
  for (size_t at = 0; at < bytes.size(); at += piece)
    machine.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  machine.finish();
  const PickleReport report = machine.report(true);
  if (report.program.size() > PickleReport::kMaxProgramText || report.calls.size() > PickleReport::kMaxCalls)
    std::abort();
  std::string text = report.program + std::to_string(report.length) + std::string(report.end_reason);
  for (const auto& name : report.globals) text += name;
  for (const auto& finding : report.findings) text += finding.callable + finding.reason;
  return text;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const ByteSpan bytes(data + 1, size - 1);
  if (judge(bytes, bytes.size()) != judge(bytes, data[0] % 16 + 1U)) std::abort();
  return 0;
}
