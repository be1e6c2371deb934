// What a call that a pickle makes means, by the policy and, for the callables that are harmless or deadly by their
// arguments, by those. Knows symbolic values and the policy; nothing of opcodes, streams or reports.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dissectors/pickle/call_log.h"
#include "dissectors/pickle/policy.h"
#include "dissectors/pickle/value.h"
#include "dissectors/pickle/value_store.h"

namespace pickletap {

/// An attribute that the unpickler, or pickling again, would call.
inline bool is_takeover_name(std::string_view name) {
  return name.starts_with("__") &&
         (name == "__setstate__" || name == "__reduce_ex__" || name == "__reduce__" || name == "__class__");
}

/// What a pickle showed of such names so far.
struct TakeoverSigns {
  bool name_seen = false;  ///< as a text: one that was let go may be it
  bool hidden = false;     ///< it names a callable among the items of a dict that are not kept
};

class CallJudge {
 public:
  CallJudge(const Policy& policy, const ValueStore& store, CallLog& log) : policy_(policy), store_(store), log_(log) {}

  /// The verdict on `callee(*args)`; marks what is called as called. `runs_init`: not so for NEWOBJ.
  CallVerdict judge_call(Value callee, Value args, uint64_t offset, bool runs_init = true);

  /// getattr(object, "name") of an object fetched by name, and the like: the attribute as a callable of its own.
  std::optional<Value> attribute_of(Value callee, Value args, uint64_t offset);

  /// `getattr` of something that was not fetched by name.
  bool makes_bound_method(Value callee) const;

  /// Writing into `target` (BUILD, SETITEM, APPEND …).
  CallVerdict judge_write(Value target) const;
  /// The state that BUILD sets: a `__setstate__` among the attributes would be called, other dunders take over.
  CallVerdict judge_state(Value state, const TakeoverSigns& signs) const;
  /// Is this attribute such a name, and its value something to call?
  bool takes_over(Value name, Value value, const TakeoverSigns& signs) const;

 private:
  CallVerdict by_arguments(Value callee, const ArgumentSpec& spec, Value args, uint64_t offset);
  bool has_rule(Value callee, ArgumentRule rule) const;
  CallVerdict judge_exposed(Value args) const;
  CallVerdict judge_classes(Value args, const ArgumentSpec& spec);
  CallVerdict named(CallVerdict verdict, Value callee) const;
  bool calls_again(Value callee) const;
  bool acts_for_another(Value value) const;
  CallVerdict deny(const PolicyCategory& category, std::string subject = {}) const;
  std::optional<Value> argument(Value args, const ArgumentSpec::Slot& slot) const;
  std::optional<std::string_view> text_argument(Value args, unsigned index) const;

  const Policy& policy_;
  const ValueStore& store_;
  CallLog& log_;
};

}  // namespace pickletap
