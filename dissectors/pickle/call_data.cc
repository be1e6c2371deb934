// The part of CallJudge about arguments as data: what a function that only computes may still call among them or change.
#include <algorithm>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

namespace {

/// Functions and methods that change what they are given.
bool changes_its_argument(std::string_view name) {
  static constexpr std::array<std::string_view, 29> kMethods = {"add",
                                                                "append",
                                                                "appendleft",
                                                                "clear",
                                                                "difference_update",
                                                                "discard",
                                                                "extend",
                                                                "extendleft",
                                                                "fill",
                                                                "insert",
                                                                "intersection_update",
                                                                "itemset",
                                                                "partition",
                                                                "pop",
                                                                "popitem",
                                                                "popleft",
                                                                "put",
                                                                "remove",
                                                                "resize",
                                                                "reverse",
                                                                "rotate",
                                                                "setdefault",
                                                                "setfield",
                                                                "setflags",
                                                                "setstate",
                                                                "sort",
                                                                "subtract",
                                                                "symmetric_difference_update",
                                                                "update"};
  static constexpr std::array<std::string_view, 22> kFunctions = {
      "delitem", "heapify", "heappop", "heappush", "iadd",   "iand",        "iconcat",      "ifloordiv",
      "ilshift", "imatmul", "imod",    "imul",     "insort", "insort_left", "insort_right", "ior",
      "ipow",    "irshift", "isub",    "itruediv", "ixor",   "setitem"};
  static_assert(std::is_sorted(kMethods.begin(), kMethods.end()));
  static_assert(std::is_sorted(kFunctions.begin(), kFunctions.end()));
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) {
    return name == "shuffle" || std::binary_search(kFunctions.begin(), kFunctions.end(), name);
  }
  return std::binary_search(kMethods.begin(), kMethods.end(), name.substr(dot + 1));
}

}  // namespace

/// Arguments that only carry data. Callables among them, and in the containers among them, may be called, as the factory
/// of a defaultdict is; so may the methods of an instance, where BUILD gave it some.
CallVerdict CallJudge::judge_data(const CallArguments& args, uint64_t offset, int depth) {
  if (depth > kMaxDepth) return deny(policy_.indirect_call());
  const auto held = [&](Value value) -> CallVerdict {
    if (!value.is(ValueKind::kGlobal)) return {};
    const KnownCallable& known = log_.callable(value);
    const bool is_method =
        known.judgement.cls == CallableClass::kValueOnly && known.name.find('.') != std::string::npos;
    if (is_method) return deny(policy_.default_deny(), known.full_name());
    if (known.judgement.cls == CallableClass::kDangerous) return deny(*known.judgement.category, known.full_name());
    return {};
  };
  const auto judge = [&](Value value) -> CallVerdict {
    if (value.is(ValueKind::kLost)) return deny(policy_.unresolved());
    if (acts_for_another(value)) return deny(policy_.indirect_call());
    const CallDetail* made = log_.detail(value);
    if (made == nullptr) return held(value);
    if (makes_bound_method(made->callee)) {
      CallArguments unknown;
      unknown.loose = true;
      return judge_bound_method(*made, unknown, offset, depth);
    }
    const Value state = made->state;
    const auto items = is_container(state) ? store_.items(state) : std::nullopt;
    for (size_t i = 0; items && i < items->kept.size(); ++i) {
      if (CallVerdict verdict = held(items->kept[i]); verdict.finding) return verdict;
    }
    return {};
  };
  for (const Value value : args.values()) {
    if (CallVerdict verdict = judge(value); verdict.finding) return verdict;
    const auto items = is_container(value) ? store_.items(value) : std::nullopt;
    if (!items) continue;
    for (const Value item : items->kept) {
      if (CallVerdict verdict = judge(item); verdict.finding) return verdict;
    }
  }
  return {};
}

/// Functions that only compute. But some call what they are given (`sorted`, with its key) or the methods of it (`print`,
/// with its file), and some change it (`list.append`).
CallVerdict CallJudge::judge_computing(Value function, const CallArguments& args, uint64_t offset, int depth) {
  if (CallVerdict verdict = judge_data(args, offset, depth + 1); verdict.finding) return verdict;
  if (CallVerdict verdict = judge_cost(function, args); verdict.finding) return verdict;
  const std::string name = log_.callable(function).name;
  const bool changes = changes_its_argument(name);
  for (const Value value : args.values()) {
    if (changes && (value.is(ValueKind::kGlobal) || is_shared(value))) return deny(policy_.tampering());
    const auto pairs = value.is(ValueKind::kDict) ? store_.items(value) : std::nullopt;
    const auto file = pairs && name == "print" ? attribute_in(pairs->kept, "file") : std::nullopt;
    if (file && !file->is(ValueKind::kNone)) return deny(policy_.indirect_call());
  }
  return {};
}

/// What a call returned that others hold as well, or an attribute or item of something.
bool CallJudge::is_shared(Value value) const {
  const KnownCallable* made_by = value.is(ValueKind::kResult) ? log_.result(value).callable : nullptr;
  if (made_by == nullptr) return false;
  if (made_by->judgement.is_shared) return true;
  if (made_by->judgement.cls != CallableClass::kConditional) return false;
  const ArgumentRule rule = made_by->judgement.arguments->rule;
  if (rule == ArgumentRule::kReconstruct) {  // Enum.__new__ looks its member up
    const KnownCallable* cls = log_.class_of(value);
    return cls != nullptr && cls->judgement.is_shared;
  }
  return rule == ArgumentRule::kGetattr || rule == ArgumentRule::kDataOnly || made_by->name == "reduce";
}

/// What holds a function that was not judged as called when it was made. (That of map() and its like was.)
bool CallJudge::acts_for_another(Value value) const {
  if (!value.is(ValueKind::kResult)) return false;
  const KnownCallable* made_by = log_.result(value).callable;
  if (made_by == nullptr || made_by->judgement.cls != CallableClass::kConditional) return false;
  const ArgumentRule rule = made_by->judgement.arguments->rule;
  return rule == ArgumentRule::kPartial || rule == ArgumentRule::kAccessor;
}

}  // namespace pickletap
