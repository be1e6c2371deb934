// A module and a name, a NUL between them: judged whatever they are, always alike, and no road leads around a verdict.
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/policy_files.h"

using namespace pickletap;

static void require(bool holds) {
  if (!holds) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string module(text.substr(0, text.find('\0')));
  const std::string name(module.size() < size ? text.substr(module.size() + 1) : std::string_view());
  const Judgement judgement = policy.judge(module, name);
  require((judgement.cls == CallableClass::kDangerous) == (judgement.category != nullptr));
  require((judgement.cls == CallableClass::kConditional) == (judgement.arguments != nullptr));
  require(policy.judge(module, name).category == judgement.category);
  require(policy.judge(module, name + ".__globals__").cls != CallableClass::kSafe);
  require(policy.judge("elsewhere", module + "." + name).cls != CallableClass::kSafe);
  return 0;
}
