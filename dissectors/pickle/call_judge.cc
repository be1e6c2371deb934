#include "dissectors/pickle/call_judge.h"

#include <algorithm>

namespace pickletap {

namespace {

bool has_dunder(std::string_view name) { return name.starts_with("__") || name.find(".__") != std::string_view::npos; }

/// Special methods of values and containers that travel as bound methods, and that do what their operators do.
bool is_operator_method(std::string_view name) {
  static constexpr std::array<std::string_view, 34> kNames = {
      "__abs__",   "__add__",      "__and__",    "__bool__",    "__contains__", "__divmod__", "__eq__",
      "__float__", "__floordiv__", "__ge__",     "__getitem__", "__gt__",       "__hash__",   "__index__",
      "__int__",   "__iter__",     "__le__",     "__len__",     "__lshift__",   "__lt__",     "__mod__",
      "__mul__",   "__ne__",       "__neg__",    "__next__",    "__or__",       "__pos__",    "__pow__",
      "__radd__",  "__rshift__",   "__sizeof__", "__sub__",     "__truediv__",  "__xor__"};
  static_assert(std::is_sorted(kNames.begin(), kNames.end()));
  return std::binary_search(kNames.begin(), kNames.end(), name);
}

/// type(name, bases, attributes), as far as arguments without order tell.
bool makes_class(std::span<const Value> args) {
  const auto has = [&](auto is) { return std::any_of(args.begin(), args.end(), is); };
  return has([](Value v) { return v.is(ValueKind::kStr); }) && has([](Value v) { return v.is(ValueKind::kDict); }) &&
         has([](Value v) { return v.is(ValueKind::kTuple) || v.is(ValueKind::kEmptyTuple); });
}

bool is_filled_by_init(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kNames = {"Counter", "OrderedDict", "bytearray", "deque",
                                                             "dict",    "list",        "set"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool is_identifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<uint8_t>(c) >= 0x80;
  });
}

/// Codec names compare without case, `-` and `_` alike (Lib/encodings/__init__.py normalize_encoding).
bool same_codec(std::string_view a, std::string_view b) {
  const auto plain = [](char c) {
    return c == '_' || c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return plain(x) == plain(y); });
}

/// `cls.__new__`, which objects with __getnewargs_ex__ are made by before protocol 4 (3.13 Lib/pickle.py `save_reduce`):
/// it makes an instance of its first argument and runs no __init__.
bool is_new_method(const KnownCallable& known) { return known.name.ends_with(".__new__"); }
const ArgumentSpec& new_method_spec() {
  static const ArgumentSpec spec{ArgumentRule::kReconstruct, {{0, -1}}, 0, 0, -1, {}};
  return spec;
}

}  // namespace

CallVerdict CallJudge::deny(const PolicyCategory& category, std::string subject) const {
  return {true, category.rule, &category, std::move(subject)};
}

const PolicyCategory& CallJudge::connecting() const {
  const PolicyCategory* network = policy_.find_category("network");
  return network != nullptr ? *network : policy_.default_deny();
}

/// The verdict on calling `callee` where something else calls it.
CallVerdict CallJudge::named(CallVerdict verdict, Value callee) const {
  if (verdict.subject.empty() && callee.is(ValueKind::kGlobal)) verdict.subject = log_.callable(callee).full_name();
  return verdict;
}

CallVerdict CallJudge::judge_call(Value callee, Value args, uint64_t offset, bool runs_init) {
  if (!callee.is(ValueKind::kGlobal)) {
    CallArguments all = arguments_of(args);
    // A partial that is called stands for its function; nothing else that a call returned is called by what a pickler
    // writes. An object of an unknown package stays unknown.
    Value function = callee;
    if (!unwrap(function, all)) return deny(policy_.unresolved());
    if (function != callee) return named(judge_function(function, all, offset, 0), function);
    if (callee.is(ValueKind::kLost)) return deny(policy_.unresolved());
    if (callee.is(ValueKind::kPersistent)) return {true, PickleRule::kUnknownCall, nullptr, "persistent_load()"};
    if (!callee.is(ValueKind::kResult)) return {};  // data: the unpickler raises TypeError
    const auto made = log_.result(callee);
    const bool of_unknown = made.callable != nullptr && made.callable->judgement.cls == CallableClass::kUnknown;
    if (of_unknown) return {true, PickleRule::kUnknownCall, nullptr, made.callable->full_name() + "()"};
    return deny(policy_.indirect_call());
  }
  log_.mark_called(callee);
  const KnownCallable& known = log_.callable(callee);
  const Judgement judgement = known.judgement;
  switch (judgement.cls) {
    case CallableClass::kSafe:
      if (known.carrier == CarrierClass::kCallItem && runs_init) {
        const CallArguments item = arguments_of(args);  // work_id, fn, args, kwargs
        const auto function = argument(item, {1, -1});
        if (function) return named(judge_function(*function, arguments_of(item.kept[2]), offset, 0), *function);
      }
      return {};
    case CallableClass::kNewOnly:
      if (!runs_init) return {};
      return deny(policy_.default_deny());
    case CallableClass::kReferenceOnly:
    case CallableClass::kValueOnly: return deny(policy_.default_deny());
    case CallableClass::kConditional:
      // NEWOBJ leaves these empty: their __init__ fills them.
      if (!runs_init && judgement.arguments->rule == ArgumentRule::kBounded && is_filled_by_init(known.name)) return {};
      return by_arguments(callee, *judgement.arguments, arguments_of(args), offset, 0);
    case CallableClass::kUnknown: return {true, PickleRule::kUnknownCall, nullptr, {}};
    case CallableClass::kDangerous:
      if (is_new_method(known)) return judge_classes(arguments_of(args), new_method_spec());
      return deny(*judgement.category);
  }
  return {};
}

/// The verdict on `function(*args)` where something else calls it: a function slot.
CallVerdict CallJudge::judge_function(Value function, const CallArguments& args, uint64_t offset, int depth) {
  if (depth > kMaxDepth) return deny(policy_.indirect_call());
  CallArguments all = args;
  if (!unwrap(function, all)) return deny(policy_.unresolved());
  if (function.is(ValueKind::kGlobal)) return named(judge_global(function, all, offset, depth), function);
  if (function.is(ValueKind::kResult)) return judge_result(function, all, offset, depth);
  if (function.is(ValueKind::kLost)) return deny(policy_.unresolved());
  if (function.is(ValueKind::kPersistent)) return {true, PickleRule::kUnknownCall, nullptr, "persistent_load()"};
  return {};
}

CallVerdict CallJudge::judge_global(Value global, const CallArguments& args, uint64_t offset, int depth) {
  log_.mark_called(global);
  const KnownCallable& known = log_.callable(global);
  const Judgement judgement = known.judgement;
  switch (judgement.cls) {
    case CallableClass::kSafe: return {};
    case CallableClass::kNewOnly:
    case CallableClass::kValueOnly: return deny(policy_.default_deny());
    case CallableClass::kReferenceOnly: return judge_computing(global, args, offset, depth);
    case CallableClass::kConditional:
      // Not its arguments but what may be among them: nobody knows what such a one then calls.
      if (args.loose && calls_again(global)) return deny(policy_.indirect_call());
      return by_arguments(global, *judgement.arguments, args, offset, depth + 1);
    case CallableClass::kUnknown: return {true, PickleRule::kUnknownCall, nullptr, {}};
    case CallableClass::kDangerous:
      if (is_new_method(known)) return judge_classes(args, new_method_spec());
      return deny(*judgement.category);
  }
  return {};
}

CallVerdict CallJudge::by_arguments(Value callee, const ArgumentSpec& spec, const CallArguments& args, uint64_t offset,
                                    int depth) {
  // What an argument list holds that was computed by a call, or let go, is anybody's guess.
  const bool by_arguments_alone = spec.rule != ArgumentRule::kPartial && spec.rule != ArgumentRule::kBounded &&
                                  spec.rule != ArgumentRule::kConnects;
  if (!args.known && by_arguments_alone) return deny(policy_.unresolved());
  switch (spec.rule) {
    case ArgumentRule::kGetattr: {
      const auto name = text_argument(args, 1);
      if (!name) {
        const auto value = argument(args, {1, -1});
        if (value && may_be_callable(*value) && !value->is(ValueKind::kLost)) {
          log_.signs().note(OddSign::kComputedAttribute, offset);
        }
        return deny(policy_.unresolved());
      }
      const auto owner = argument(args, {0, -1});
      const bool by_name = owner && owner->is(ValueKind::kGlobal);
      // The attribute of a fetched object is a callable of its own, judged where it is used (attribute_of).
      if (!by_name && has_dunder(*name) && !is_operator_method(*name)) return deny(policy_.default_deny());
      if (!by_name || depth == 0) return {};
      // In a slot: who called it has it.
      const Judgement got =
          policy_.judge(log_.callable(*owner).module, log_.callable(*owner).name + "." + std::string(*name));
      return got.cls == CallableClass::kDangerous ? deny(*got.category) : CallVerdict{};
    }
    case ArgumentRule::kAccessor:
      for (unsigned i = 0; i < args.count; ++i) {
        const auto name = text_argument(args, i);
        if (name && has_dunder(*name)) return deny(policy_.default_deny());
      }
      return {};
    case ArgumentRule::kType:
      if (args.loose ? makes_class(args.values()) : args.total != 1) return deny(policy_.default_deny());
      return {};
    case ArgumentRule::kReconstruct: return judge_classes(args, spec);
    case ArgumentRule::kCalls: return judge_slots(callee, spec, args, offset, depth);
    case ArgumentRule::kDataOnly: return judge_data(args, offset, depth);
    case ArgumentRule::kCodec: {
      if (args.total <= spec.codec || args.loose) return {};
      const auto codec = text_argument(args, spec.codec);
      const bool accepted = codec && std::any_of(spec.accept.begin(), spec.accept.end(),
                                                 [&](const auto& name) { return same_codec(name, *codec); });
      if (!accepted) return deny(policy_.default_deny());
      return {};
    }
    case ArgumentRule::kNamedType:
      if (!text_argument(args, 0)) return deny(policy_.unresolved());
      return {};
    case ArgumentRule::kBounded: return judge_size(callee, spec, args);
    case ArgumentRule::kPartial: return {};  // what it holds stands as a reference, and is judged as one
    case ArgumentRule::kConnects: return judge_address(args);
    case ArgumentRule::kProxy: {
      // Every proxy travels as a call of RebuildProxy, which names its class; the class itself is called by nothing.
      if ((depth == 0 && spec.slots.empty()) || carries_key(args)) return deny_connecting(args);
      const auto function = spec.slots.empty() ? std::nullopt : argument(args, spec.slots.front());
      const bool is_call = function && may_be_callable(*function) && !has_rule(*function, ArgumentRule::kProxy);
      if (is_call) {
        CallArguments unknown;
        unknown.known = false;
        CallVerdict verdict = judge_function(*function, unknown, offset, depth + 1);
        if (verdict.finding) return named(std::move(verdict), *function);
      }
      const CallVerdict exposed = judge_exposed(args);
      return exposed.finding ? exposed : judge_address(args);
    }
  }
  return {};
}

/// What calls the functions in its slots.
CallVerdict CallJudge::judge_slots(Value callee, const ArgumentSpec& spec, const CallArguments& args, uint64_t offset,
                                   int depth) {
  if (args.total < spec.min_arguments) return {};
  for (const auto& slot : spec.slots) {
    const auto function = argument(args, slot);
    if (!function) {
      if (args.known && slot.argument >= args.total) continue;  // too few: it raises TypeError
      return deny(policy_.unresolved());
    }
    // Keywords stand last, in a dict: accumulate(data, func=f).
    const auto keywords = function->is(ValueKind::kDict) ? store_.items(*function) : std::nullopt;
    for (size_t i = 1; keywords && i < keywords->kept.size(); i += 2) {
      CallVerdict verdict = judge_function(keywords->kept[i], operands(args, slot), offset, depth + 1);
      if (verdict.finding) return named(std::move(verdict), keywords->kept[i]);
    }
    if (!may_be_callable(*function)) continue;
    // One level only: a function slot that again holds such a callable is nothing a program sends.
    if (*function == callee) return deny(policy_.indirect_call());
    const bool again = function->is(ValueKind::kGlobal) && calls_again(*function);
    if (again) return deny(policy_.indirect_call());
    CallVerdict verdict = judge_function(*function, operands(args, slot), offset, depth + 1);
    if (verdict.finding) return named(std::move(verdict), *function);
  }
  for (const Value value : args.values()) {
    if (value.is(ValueKind::kResult) && items_in(value) == UINT64_MAX && log_.callable(callee).name == "reduce") {
      return {true, PickleRule::kResourceBomb, &policy_.resource_use(), {}};
    }
  }
  return {};
}

// copyreg._reconstructor(cls, base, state) makes an instance without cls.__init__, but calls base.__init__ with the
// state, unless the base is `object` (CPython 3.13 Lib/copyreg.py). The gravest verdict counts.
CallVerdict CallJudge::judge_classes(const CallArguments& args, const ArgumentSpec& spec) {
  CallVerdict unknown;
  CallArguments rest;  // what stands behind the classes
  for (size_t i = spec.slots.size(); i < args.count; ++i) rest.kept[rest.count++] = args.kept[i];
  const auto judge = [&](Value cls, bool is_base) -> CallVerdict {
    if (cls.is(ValueKind::kLost)) return deny(policy_.unresolved());
    if (!cls.is(ValueKind::kGlobal)) return {};
    const Judgement judgement = log_.callable(cls).judgement;
    switch (judgement.cls) {
      case CallableClass::kSafe: return {};
      case CallableClass::kConditional:
        if (calls_again(cls)) return deny(policy_.indirect_call());
        if (judgement.arguments->rule == ArgumentRule::kBounded) return judge_size(cls, *judgement.arguments, rest);
        return {};
      case CallableClass::kNewOnly: return is_base ? deny(policy_.default_deny()) : CallVerdict{};
      case CallableClass::kReferenceOnly:
      case CallableClass::kValueOnly: return deny(policy_.default_deny());
      case CallableClass::kDangerous: log_.mark_called(cls); return deny(*judgement.category);
      case CallableClass::kUnknown: break;
    }
    if (!unknown.finding) unknown = named({true, PickleRule::kUnknownCall, nullptr, {}}, cls);
    return {};
  };
  for (const auto& slot : spec.slots) {
    const auto value = argument(args, slot);
    if (!value) continue;
    const bool is_base = &slot != &spec.slots.front();
    const bool is_list = value->is(ValueKind::kTuple) || value->is(ValueKind::kList);
    const auto items = is_list ? store_.items(*value) : std::nullopt;
    if (is_list && (!items || items->kept.size() < items->total)) return deny(policy_.unresolved());
    const std::span<const Value> classes = items ? items->kept : std::span(&*value, 1);
    for (const Value cls : classes) {
      if (CallVerdict verdict = judge(cls, is_base); verdict.finding) return named(std::move(verdict), cls);
    }
  }
  return unknown;
}

// AutoProxy formats the exposed names into source and runs it (CPython 3.13 Lib/multiprocessing/managers.py
// `MakeProxyType`): one that is no identifier is code.
CallVerdict CallJudge::judge_exposed(const CallArguments& args) const {
  const auto names_are_plain = [&](Value list) {
    const bool is_list = list.is(ValueKind::kTuple) || list.is(ValueKind::kList);
    const auto names = is_list ? store_.items(list) : std::nullopt;
    if (!names) return true;
    return std::all_of(names->kept.begin(), names->kept.end(), [&](Value name) {
      const auto text = name.is(ValueKind::kStr) ? store_.text(name) : std::nullopt;
      return !name.is(ValueKind::kStr) || (text && text->whole() && is_identifier(text->text));
    });
  };
  const PolicyCategory* evaluation = policy_.find_category("code-evaluation");
  const PolicyCategory& category = evaluation != nullptr ? *evaluation : policy_.default_deny();
  for (const Value value : args.values()) {
    if (!names_are_plain(value)) return deny(category);
    const auto pairs = value.is(ValueKind::kDict) ? store_.items(value) : std::nullopt;
    for (size_t i = 1; pairs && i < pairs->kept.size(); i += 2) {
      if (!names_are_plain(pairs->kept[i])) return deny(category);
    }
  }
  return {};
}

std::optional<Value> CallJudge::attribute_of(Value callee, Value args, uint64_t offset) {
  const bool by_type_name = has_rule(callee, ArgumentRule::kNamedType);
  if (!by_type_name && !makes_bound_method(callee)) return std::nullopt;
  const CallArguments all = arguments_of(args);
  if (by_type_name) {
    const auto name = text_argument(all, 0);
    if (!name) return std::nullopt;
    // Of dill: those of builtins as well, exceptions among them.
    const bool is_builtin = policy_.judge("builtins", *name).cls != CallableClass::kDangerous;
    return log_.resolve(is_builtin ? "builtins" : "types", std::string(*name), offset, true);
  }
  const auto owner = argument(all, {0, -1});
  const auto name = text_argument(all, 1);
  if (!owner || !name || !owner->is(ValueKind::kGlobal)) return std::nullopt;
  // Copies: resolving may move the list that holds them.
  const std::string module = log_.callable(*owner).module;
  const std::string dotted = log_.callable(*owner).name + "." + std::string(*name);
  return log_.resolve(module, dotted, offset, true);
}

bool CallJudge::has_rule(Value callee, ArgumentRule rule) const {
  if (!callee.is(ValueKind::kGlobal)) return false;
  const Judgement& judgement = log_.callable(callee).judgement;
  return judgement.cls == CallableClass::kConditional && judgement.arguments->rule == rule;
}

/// One that in its turn calls, or makes, what its arguments name; where those are not known, nobody knows what.
bool CallJudge::calls_again(Value callee) const {
  return has_rule(callee, ArgumentRule::kGetattr) || has_rule(callee, ArgumentRule::kCalls) ||
         has_rule(callee, ArgumentRule::kReconstruct) || has_rule(callee, ArgumentRule::kNamedType) ||
         has_rule(callee, ArgumentRule::kProxy);
}

bool CallJudge::makes_bound_method(Value callee) const { return has_rule(callee, ArgumentRule::kGetattr); }

}  // namespace pickletap
