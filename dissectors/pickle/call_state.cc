// The part of CallJudge about what is called when loading is done: attributes that somebody looks up and calls, and the
// functions that travel in tasks.
#include <algorithm>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

// Looked up on the instance, so that one in its __dict__ counts: those of pickling and copying in every Python
// (Lib/copy.py, Modules/_pickle.c `save`), all of them for the old-style classes of Python 2 (2.7 Objects/classobj.c).
bool is_special_method(std::string_view name) {
  static constexpr std::array<std::string_view, 48> kNames = {
      "__add__",          "__bool__",        "__bytes__",     "__call__",       "__class__",
      "__cmp__",          "__coerce__",      "__contains__",  "__copy__",       "__deepcopy__",
      "__del__",          "__delattr__",     "__delitem__",   "__enter__",      "__eq__",
      "__exit__",         "__float__",       "__fspath__",    "__ge__",         "__getattr__",
      "__getattribute__", "__getinitargs__", "__getitem__",   "__getnewargs__", "__getnewargs_ex__",
      "__getstate__",     "__gt__",          "__hash__",      "__index__",      "__init__",
      "__int__",          "__iter__",        "__le__",        "__len__",        "__length_hint__",
      "__lt__",           "__missing__",     "__ne__",        "__next__",       "__nonzero__",
      "__radd__",         "__reduce__",      "__reduce_ex__", "__repr__",       "__setattr__",
      "__setitem__",      "__setstate__",    "__str__"};
  static_assert(std::is_sorted(kNames.begin(), kNames.end()));
  return std::binary_search(kNames.begin(), kNames.end(), name);
}

// APPEND calls the object's `append` or `extend`, ADDITEMS its `add`, where it is no list or set (_pickle.c
// `do_append`, `load_additems`): an instance attribute, when BUILD set one.
CallVerdict CallJudge::judge_write(Value target, bool by_build, uint64_t offset) {
  if (target.is(ValueKind::kGlobal)) return deny(policy_.tampering(), log_.callable(target).full_name());
  if (target.is(ValueKind::kLost)) return deny(policy_.tampering(), "?");
  if (is_shared(target)) return deny(policy_.tampering(), log_.result(target).callable->full_name() + "()");
  const CallDetail* made = by_build ? nullptr : log_.detail(target);
  if (made == nullptr) return {};
  const auto wraps = [&](Value value) {
    const KnownCallable* cls = log_.class_of(value);
    return cls != nullptr && cls->module == "collections" &&
           (cls->name == "ChainMap" || cls->name == "UserDict" || cls->name == "UserList");
  };
  const bool is_wrapper = wraps(target);
  const auto held = [&](Value value) -> CallVerdict {
    // Wrappers of wrappers: a program has no reason for more than a few.
    for (int depth = 0; is_wrapper && depth < kMaxDepth && wraps(value); ++depth) {
      const CallDetail* inner = log_.detail(value);
      if (inner == nullptr) return deny(policy_.tampering(), "?");
      const auto state = inner->state.is(ValueKind::kDict) ? store_.items(inner->state) : std::nullopt;
      const auto data = state ? attribute_in(state->kept, "data") : std::nullopt;
      const auto maps = state ? attribute_in(state->kept, "maps") : std::nullopt;
      const auto first = maps ? store_.items(*maps) : std::nullopt;
      value = data ? *data : first && !first->kept.empty() ? first->kept[0] : inner->first;
    }
    if (is_wrapper && is_shared(value)) return deny(policy_.tampering(), "?");
    if (!value.is(ValueKind::kGlobal)) return {};
    const KnownCallable& known = log_.callable(value);
    const bool counts = is_wrapper || known.judgement.cls == CallableClass::kDangerous;
    return counts ? deny(policy_.tampering(), known.full_name()) : CallVerdict{};
  };
  const auto held_in = [&](Value list) -> CallVerdict {  // {'maps': [sys.modules]}
    const auto items = is_wrapper && list.is(ValueKind::kList) ? store_.items(list) : std::nullopt;
    return items && !items->kept.empty() ? held(items->kept[0]) : CallVerdict{};
  };
  for (const Value value : {made->first, made->second}) {
    if (CallVerdict verdict = held(value); verdict.finding) return verdict;
  }
  const Value state = made->state;
  const auto items = store_.items(state);
  if (state.is(ValueKind::kOmitted) || !items) return {};
  const auto judge = [&](std::span<const Value> pairs) -> CallVerdict {
    for (const std::string_view method : {"append", "extend", "add", "__setitem__"}) {
      if (CallVerdict verdict = judge_carried(pairs, method, {}, offset); verdict.finding) return verdict;
    }
    for (const Value value : pairs) {
      if (CallVerdict verdict = held(value); verdict.finding) return verdict;
      if (CallVerdict verdict = held_in(value); verdict.finding) return verdict;
    }
    return {};
  };
  if (state.is(ValueKind::kDict)) return judge(items->kept);
  for (const Value part : items->kept) {  // (state, slotstate)
    const auto pairs = part.is(ValueKind::kDict) ? store_.items(part) : std::nullopt;
    if (!pairs) continue;
    if (CallVerdict verdict = judge(pairs->kept); verdict.finding) return verdict;
  }
  return {};
}

std::optional<Value> CallJudge::attribute_in(std::span<const Value> pairs, std::string_view name) const {
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (const auto text = store_.text(pairs[i]); text && text->text == name) return pairs[i + 1];
  }
  return std::nullopt;
}

/// The function among these attributes, called with the arguments among them; with any, if `args` is empty.
CallVerdict CallJudge::judge_carried(std::span<const Value> pairs, std::string_view function, std::string_view args,
                                     uint64_t offset) {
  const auto called = attribute_in(pairs, function);
  if (!called) return {};
  const auto given = attribute_in(pairs, args);
  CallArguments all;
  if (given) all = arguments_of(*given);
  all.loose = args.empty();
  return named(judge_function(*called, all, offset, 0), *called);
}

bool CallJudge::takes_over(Value name, Value value, const TakeoverSigns& signs) const {
  if (!may_be_callable(value)) return false;
  if (const auto text = store_.text(name)) return is_takeover_name(text->text);
  return signs.name_seen && (is_text(name) || name.is(ValueKind::kForgotten) || name.is(ValueKind::kLost));
}

CallVerdict CallJudge::judge_dict_state(Value dict, const TakeoverSigns& signs, bool is_item, uint64_t offset) {
  const bool is_unknown = dict.is(ValueKind::kForgotten) || dict.is(ValueKind::kLost);
  if (is_unknown && signs.hidden) return deny(policy_.tampering(), "__setstate__");
  if (!dict.is(ValueKind::kDict)) return {};
  const auto items = store_.items(dict);
  if (items && is_item) {
    if (CallVerdict verdict = judge_carried(items->kept, "fn", "args", offset); verdict.finding) return verdict;
  }
  for (size_t i = 0; items && i + 1 < items->kept.size(); i += 2) {
    if (!may_be_callable(items->kept[i + 1])) continue;
    const auto name = store_.text(items->kept[i]);
    if (name && name->text == "_target") {  // of a Process: multiprocessing/process.py `run`
      if (CallVerdict verdict = judge_carried(items->kept, "_target", "_args", offset); verdict.finding) return verdict;
    }
    if (!takes_over(items->kept[i], items->kept[i + 1], signs)) continue;
    return deny(policy_.tampering(), name ? std::string(name->text) : "?");
  }
  const bool all_kept = items && items->kept.size() == items->total;
  if (signs.hidden && !all_kept) return deny(policy_.tampering(), "__setstate__");
  return {};
}

CallVerdict CallJudge::judge_state(Value target, Value state, const TakeoverSigns& signs, uint64_t offset) {
  const KnownCallable* cls = log_.class_of(target);
  const bool is_item = cls != nullptr && cls->carrier == CarrierClass::kCallItem;
  if (!state.is(ValueKind::kTuple)) return judge_dict_state(state, signs, is_item, offset);
  // (state, slotstate), as copyreg makes it for classes with __slots__
  const auto pair = store_.items(state);
  for (size_t i = 0; pair && i < pair->kept.size(); ++i) {
    CallVerdict verdict = judge_dict_state(pair->kept[i], signs, is_item, offset);
    if (verdict.finding) return verdict;
  }
  return {};
}

// `job, i, func, args, kwds = task`, then func(*args, **kwds). A Pool sends numbers for the first two, but its worker
// takes anything, and any sequence of five; so what is dangerous counts whatever they are.
CallVerdict CallJudge::judge_task(Value root, uint64_t offset) {
  const bool is_sequence = root.is(ValueKind::kTuple) || root.is(ValueKind::kList);
  const auto items = is_sequence ? store_.items(root) : std::nullopt;
  if (!items || items->total != 5 || items->kept.size() != 5) return {};
  const Value function = items->kept[2];
  if (!may_be_callable(function)) return {};
  const auto is_id = [](Value v) { return v.is(ValueKind::kInt) || v.is(ValueKind::kNone); };
  const bool natural = is_id(items->kept[0]) && is_id(items->kept[1]) && items->kept[4].is(ValueKind::kDict);
  const Value args = items->kept[3];
  const bool callable_with = args.is(ValueKind::kTuple) || args.is(ValueKind::kEmptyTuple) ||
                             args.is(ValueKind::kList) || may_be_callable(args);
  // `**kwds` needs a mapping, which a class of the library is not.
  const Value keywords_given = items->kept[4];
  const CallableClass given_class =
      keywords_given.is(ValueKind::kGlobal) ? log_.callable(keywords_given).judgement.cls : CallableClass::kUnknown;
  const bool may_be_mapping = keywords_given.is(ValueKind::kDict) ||
                              (may_be_callable(keywords_given) &&
                               (given_class == CallableClass::kUnknown || given_class == CallableClass::kDangerous));
  if (!callable_with || !may_be_mapping) return {};
  CallArguments all = arguments_of(args);
  const auto keywords = items->kept[4].is(ValueKind::kDict) ? store_.items(items->kept[4]) : std::nullopt;
  if (keywords && keywords->total > 0) add_keywords(all, items->kept[4]);
  CallVerdict verdict = judge_function(function, all, offset, 0);
  // Five values, of which the third may be callable, need not be a task.
  const bool by_name = verdict.category != &policy_.indirect_call() && verdict.category != &policy_.unresolved();
  if (!natural && (verdict.rule == PickleRule::kUnknownCall || !by_name)) return {};
  return named(std::move(verdict), function);
}

}  // namespace pickletap
