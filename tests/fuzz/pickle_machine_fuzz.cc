// One pickle, whole and in pieces of the size the first byte says: the same report, within its bounds. And with its memory
// limited behind the first piece: no report that is milder.
#include <cstdlib>

#include "config/policy_files.h"
#include "dissectors/pickle/pickle_machine.h"

using namespace pickletap;

static std::string judge(ByteSpan bytes, size_t piece) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  static const DissectorLimits limits{1 << 30, 128, 64, 32, 16384};
  static PickleMachine machine(policy, limits);
  machine.begin(bytes.size());
  for (size_t at = 0; at < bytes.size(); at += piece)
    machine.feed(bytes.subspan(at).first(std::min(piece, bytes.size() - at)));
  machine.finish();
  const PickleReport r = machine.report(true);
  const bool bounded = r.program.size() <= PickleReport::kMaxProgramText && r.calls.size() <= PickleReport::kMaxCalls &&
                       r.findings.size() <= PickleReport::kMaxFindings && r.globals.size() <= PickleReport::kMaxGlobals;
  static const auto share = static_cast<size_t>(ValueStore::kMaxShare * limits.pickle_text_bytes);
  static const size_t most = share + ValueStore::kLeastBytes + ValueStore::kSlackBytes;
  if (!bounded || machine.store().memory_bytes() > most || r.length > bytes.size()) std::abort();
  std::string text =
      r.program + "|" + std::to_string(r.length) + std::string(r.end_reason) + std::to_string(r.trailing_bytes);
  for (const auto& name : r.globals) text += name;
  for (const auto& call : r.calls) text += call.callable + call.args + std::to_string(call.offset);
  for (const auto& finding : r.findings) text += finding.callable + finding.reason + std::to_string(finding.offset);
  return text + (machine.called_by_name() ? "c" : "") + (machine.is_typical() ? "t" : "");
}

static bool has_findings(ByteSpan bytes, size_t piece, bool limited) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  static const DissectorLimits limits;
  static PickleMachine machine(policy, limits);
  machine.begin(bytes.size());
  for (size_t at = 0; at < bytes.size(); at += piece) {
    machine.feed(bytes.subspan(at).first(std::min(piece, bytes.size() - at)));
    if (limited) machine.limit_growth();
  }
  machine.finish();
  return !machine.report(false).findings.empty();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const size_t piece = size > 0 ? data[0] % 16 + 1U : 1;
  const ByteSpan bytes = size > 1 ? ByteSpan(data + 1, size - 1) : ByteSpan();
  if (has_findings(bytes, size, false) && !has_findings(bytes, piece, true)) std::abort();
  if (size >= 2 && judge(bytes, size) != judge(bytes, piece)) std::abort();
  return 0;
}
