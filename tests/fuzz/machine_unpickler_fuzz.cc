// What the machine says a pickle resolves and calls, beside what CPython's C unpickler resolves and calls when it loads
// it with stand-ins (tests/pickles/oracle.py; compare_machine.py says what is not meant to be equal). With bits 1
// to 3 of the first byte set the pure Python unpickler is asked as well.
#include "config/policy_files.h"
#include "dissectors/pickle/pickle_machine.h"
#include "tests/fuzz/embedded_python.h"
#include "tests/fuzz/pickle_grammar.h"

using namespace pickletap;

static void check(ByteSpan pickle, bool asks_pure) {
  static const fuzz::PythonFunction compare("compare_machine", "compare");
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  static const DissectorLimits limits;
  static PickleMachine machine(policy, limits);
  if (!fuzz::is_within_bounds(pickle)) return;
  machine.begin(pickle.size());
  machine.feed(pickle);
  machine.finish();
  const PickleReport report = machine.report(true);
  std::vector<std::string> fields = {asks_pure ? "pure" : "", std::to_string(static_cast<int>(report.end)),
                                     std::string(report.end_reason), std::to_string(report.calls_total),
                                     std::to_string(report.globals.size())};
  fields.insert(fields.end(), report.globals.begin(), report.globals.end());
  for (const auto& call : report.calls)
    fields.insert(fields.end(), {call.callable, call.args, std::string(call.opcode)});
  fuzz::require_agreement(compare, pickle, fields);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bool asks_pure = size > 0 && (data[0] & 0x0e) == 0x0e;
  fuzz::for_each_pickle({data, size}, [&](ByteSpan pickle) { check(pickle, asks_pure); });
  return 0;
}
