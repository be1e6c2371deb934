// What a call that a pickle makes means, by the policy and, for the callables that are harmless or deadly by their
// arguments, by those. Also what is called later: a function handed to something that calls it, the function of a Pool
// task, an attribute that the next pickling calls. Knows symbolic values and the policy; nothing of opcodes, streams or
// reports.
//
// Bounded: functions that are handed to functions are followed kMaxDepth deep, partials kMaxPartials; what lies deeper
// is nothing a program sends, and denied. Part of a PickleMachine, on its store and log.
// Sources: CPython 3.13 Lib/multiprocessing/pool.py `worker`, Lib/concurrent/futures/process.py `_process_worker`,
// Lib/multiprocessing/process.py `run`, Modules/_pickle.c `load_build`, Modules/_functoolsmodule.c `partial_setstate`.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "dissectors/pickle/call_log.h"
#include "dissectors/pickle/policy.h"
#include "dissectors/pickle/value.h"
#include "dissectors/pickle/value_store.h"

namespace pickletap {

/// A special method that the interpreter, pickling or copying looks up on the object itself (in Python 2 all of them).
bool is_special_method(std::string_view name);

/// An attribute that somebody calls when the object is loaded.
inline bool is_takeover_name(std::string_view name) { return name.starts_with("__") && is_special_method(name); }

/// What a pickle showed of such names so far.
struct TakeoverSigns {
  bool name_seen = false;  ///< as a text: one that was let go may be it
  bool hidden = false;     ///< it names a callable among the items of a dict that are not kept
};

/// The arguments of a call, those of partials before them.
struct CallArguments {
  static constexpr size_t kMaxKept = 3 * size_t{ValueStore::kMaxItems};
  std::array<Value, kMaxKept> kept{};
  size_t count = 0;    ///< of `kept`
  uint64_t total = 0;  ///< all there are
  bool known = true;   ///< false: computed by a call, or let go
  bool loose = false;  ///< not in their order: any may be any argument
  std::span<const Value> values() const { return std::span(kept).first(count); }
};

class CallJudge {
 public:
  CallJudge(const Policy& policy, const ValueStore& store, CallLog& log) : policy_(policy), store_(store), log_(log) {}

  /// Starts a new pickle.
  void reset() { has_weighed_numbers_ = false; }
  /// Has a verdict since been made of what a number is?
  bool has_weighed_numbers() const { return has_weighed_numbers_; }

  /// The verdict on `callee(*args)`; marks what is called as called. `runs_init`: not so for NEWOBJ.
  CallVerdict judge_call(Value callee, Value args, uint64_t offset, bool runs_init = true);

  /// getattr(object, "name") of an object fetched by name, and the like: the attribute as a callable of its own.
  std::optional<Value> attribute_of(Value callee, Value args, uint64_t offset);

  /// `getattr` of something that was not fetched by name.
  bool makes_bound_method(Value callee) const;

  /// Writing into `target` (BUILD, SETITEM, APPEND …): into what was fetched by name, be it through an object that holds
  /// it (ChainMap, UserDict); by a method that an earlier BUILD put there.
  CallVerdict judge_write(Value target, bool by_build, uint64_t offset);
  /// The state that BUILD sets: a `__setstate__` among the attributes would be called, other special methods take over,
  /// and the function of a Process or of an executor's item is called by who receives it.
  CallVerdict judge_state(Value target, Value state, const TakeoverSigns& signs, uint64_t offset);
  /// Is this attribute such a name, and its value something to call?
  bool takes_over(Value name, Value value, const TakeoverSigns& signs) const;

  /// The object a pickle leaves, if it is the task of a Pool, whose worker calls its function at once.
  CallVerdict judge_task(Value root, uint64_t offset);

 private:
  static constexpr int kMaxDepth = 4;
  static constexpr int kMaxPartials = 8;
  static constexpr int kMaxOperandDepth = 4;

  // call_judge.cc
  CallVerdict judge_function(Value function, const CallArguments& args, uint64_t offset, int depth);
  CallVerdict judge_global(Value global, const CallArguments& args, uint64_t offset, int depth);
  // call_results.cc
  CallVerdict judge_result(Value result, const CallArguments& args, uint64_t offset, int depth);
  CallVerdict judge_accessor(const CallDetail& made, const CallArguments& args, uint64_t offset, int depth);
  CallVerdict judge_bound_method(const CallDetail& made, const CallArguments& args, uint64_t offset, int depth);
  CallVerdict by_arguments(Value callee, const ArgumentSpec& spec, const CallArguments& args, uint64_t offset,
                           int depth);
  CallVerdict judge_slots(Value callee, const ArgumentSpec& spec, const CallArguments& args, uint64_t offset,
                          int depth);
  CallVerdict judge_exposed(const CallArguments& args) const;
  CallVerdict judge_classes(const CallArguments& args, const ArgumentSpec& spec);
  CallVerdict named(CallVerdict verdict, Value callee) const;
  CallVerdict deny(const PolicyCategory& category, std::string subject = {}) const;
  const PolicyCategory& connecting() const;
  bool has_rule(Value callee, ArgumentRule rule) const;
  bool calls_again(Value callee) const;

  // call_connects.cc
  std::optional<std::string_view> address_in(const CallArguments& args) const;
  CallVerdict judge_address(const CallArguments& args) const;
  bool carries_key(const CallArguments& args) const;
  CallVerdict deny_connecting(const CallArguments& args) const;

  // call_data.cc
  CallVerdict judge_data(const CallArguments& args, uint64_t offset, int depth);
  CallVerdict judge_computing(Value function, const CallArguments& args, uint64_t offset, int depth);
  bool is_shared(Value value) const;
  bool acts_for_another(Value value) const;

  // call_state.cc
  CallVerdict judge_dict_state(Value dict, const TakeoverSigns& signs, bool is_item, uint64_t offset);
  CallVerdict judge_carried(std::span<const Value> pairs, std::string_view function, std::string_view args,
                            uint64_t offset);
  std::optional<Value> attribute_in(std::span<const Value> pairs, std::string_view name) const;

  // call_arguments.cc
  CallArguments arguments_of(Value args) const;
  void append(CallArguments& to, Value container, size_t skip) const;
  void add_keywords(CallArguments& to, Value keywords) const;
  CallArguments operands(const CallArguments& args, const ArgumentSpec::Slot& function) const;
  std::optional<Value> argument(const CallArguments& args, const ArgumentSpec::Slot& slot) const;
  std::optional<std::string_view> text_argument(const CallArguments& args, unsigned index) const;
  bool unwrap(Value& function, CallArguments& args) const;

  // call_costs.cc
  CallVerdict judge_cost(Value function, const CallArguments& args) const;
  std::array<Value, 2> operands_of_two(const CallArguments& args) const;

  // call_sizes.cc
  CallVerdict judge_size(Value callee, const ArgumentSpec& spec, const CallArguments& args) const;
  uint64_t items_in(Value iterable) const;
  std::optional<Value> followed_iterable(const CallDetail& made, uint64_t& most) const;

  const Policy& policy_;
  const ValueStore& store_;
  CallLog& log_;
  mutable bool has_weighed_numbers_ = false;
};

}  // namespace pickletap
