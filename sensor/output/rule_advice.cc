#include "sensor/output/rule_advice.h"

#include <algorithm>
#include <array>

namespace pickletap {
namespace {

constexpr std::array kRows = {
    RuleAdvice{"pickle.code-execution", "DANGEROUS",
               "Do not load it. If a program did, what is listed above ran with that program's rights, even if loading "
               "then failed: take the process, its account and what they can reach for compromised. Isolate the host, "
               "keep the file, search for the commands, hosts and paths above, change the keys and passwords that the "
               "account could read, and find out who wrote or sent the file."},
    RuleAdvice{
        "pickle.resource-bomb", "BOMB",
        "Do not load it outside a process with limits on memory and CPU time (ulimit, a cgroup). A program that "
        "did hangs, or was killed for its memory: end and restart it, and let it take such data only from senders "
        "that proved a key."},
    RuleAdvice{"pickle.code-object", "SUSPICIOUS",
               "It brings Python code along, as cloudpickle and dill do. Load it only where you would run a program of "
               "the same origin; read the code first (marshal.loads and dis.dis, in a sandbox)."},
    RuleAdvice{"pickle.dangerous-reference", "SUSPICIOUS",
               "Loading does not call it, but whoever calls what was received does: a Pool's worker, a task queue, a "
               "callback. Do not hand it to one. Ask its author why the data names this callable."},
    RuleAdvice{"pickle.evasion", "SUSPICIOUS",
               "No pickler writes this: somebody hides something from scanners. Treat it as dangerous until it is "
               "explained; keep the file and compare it with what the sender's program writes."},
    RuleAdvice{"pickle.unknown-call", "UNKNOWN",
               "No policy list knows what it calls. If these are classes of your own program, and the file is its own, "
               "name them in a file of policy.safe and they stay quiet. Otherwise read what their constructor, "
               "__setstate__ and __reduce__ do before you load it."},
    RuleAdvice{
        "pickle.malformed", "MALFORMED",
        "It is no whole pickle: cut short, damaged, or something else. Loading it raises an error, but only after "
        "the program above, if there is one, has run. Get the file anew and compare the checksums."},
};

}  // namespace

std::span<const RuleAdvice> rule_advice() { return kRows; }

std::string_view verdict_word(const std::vector<std::string_view>& rules) {
  if (rules.empty()) return kHarmless;
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const RuleAdvice& advice) {
    return std::find(rules.begin(), rules.end(), advice.rule) != rules.end();
  });
  return row == kRows.end() ? "SUSPICIOUS" : row->verdict;  // a rule that nobody wrote advice for: a test says so
}

}  // namespace pickletap
