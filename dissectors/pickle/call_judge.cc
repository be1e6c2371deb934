#include "dissectors/pickle/call_judge.h"

#include <algorithm>

namespace pickletap {

namespace {

bool has_dunder(std::string_view name) { return name.starts_with("__") || name.find(".__") != std::string_view::npos; }

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

}  // namespace

CallVerdict CallJudge::deny(const PolicyCategory& category, std::string subject) const {
  return {true, category.rule, &category, std::move(subject)};
}

std::optional<Value> CallJudge::argument(Value args, const ArgumentSpec::Slot& slot) const {
  const auto items = store_.items(args);
  if (!items || slot.argument >= items->kept.size()) return std::nullopt;
  const Value value = items->kept[slot.argument];
  if (slot.item < 0) return value;
  const auto inner = store_.items(value);
  if (!inner || static_cast<size_t>(slot.item) >= inner->kept.size()) return std::nullopt;
  return inner->kept[static_cast<size_t>(slot.item)];
}

std::optional<std::string_view> CallJudge::text_argument(Value args, unsigned index) const {
  const auto value = argument(args, {index, -1});
  if (!value || !value->is(ValueKind::kStr)) return std::nullopt;
  const auto text = store_.text(*value);
  if (!text || !text->whole()) return std::nullopt;
  return text->text;
}

CallVerdict CallJudge::judge_call(Value callee, Value args, uint64_t offset, bool runs_init) {
  if (callee.is(ValueKind::kGlobal)) {
    log_.mark_called(callee);
    const Judgement judgement = log_.callable(callee).judgement;
    switch (judgement.cls) {
      case CallableClass::kSafe: return {};
      case CallableClass::kNewOnly:
        if (!runs_init) return {};
        return deny(policy_.default_deny());
      case CallableClass::kReferenceOnly: return deny(policy_.default_deny());
      case CallableClass::kConditional: return by_arguments(callee, *judgement.arguments, args, offset);
      case CallableClass::kUnknown: return {true, PickleRule::kUnknownCall, nullptr, {}};
      case CallableClass::kDangerous: return deny(*judgement.category);
    }
  }
  if (callee.is(ValueKind::kLost)) return deny(policy_.unresolved());
  if (callee.is(ValueKind::kPersistent)) return {true, PickleRule::kUnknownCall, nullptr, "persistent_load()"};
  if (!callee.is(ValueKind::kResult)) return {};  // data: the unpickler raises TypeError

  // Nothing natural calls what a call returned. An object of an unknown package stays unknown.
  const auto made = log_.result(callee);
  const bool of_unknown = made.callable != nullptr && made.callable->judgement.cls == CallableClass::kUnknown;
  if (of_unknown) return {true, PickleRule::kUnknownCall, nullptr, made.callable->full_name() + "()"};
  return deny(policy_.indirect_call());
}

CallVerdict CallJudge::by_arguments(Value callee, const ArgumentSpec& spec, Value args, uint64_t offset) {
  const auto items = store_.items(args);
  // What an argument list holds that was computed by a call, or let go, is anybody's guess.
  const bool by_arguments_alone = spec.rule != ArgumentRule::kPartial && spec.rule != ArgumentRule::kBounded &&
                                  spec.rule != ArgumentRule::kConnects;
  if (!items && by_arguments_alone) return deny(policy_.unresolved());
  const uint64_t count = items ? items->total : 0;
  switch (spec.rule) {
    case ArgumentRule::kGetattr: {
      const auto name = text_argument(args, 1);
      if (!name) return deny(policy_.unresolved());
      const auto owner = argument(args, {0, -1});
      const bool by_name = owner && owner->is(ValueKind::kGlobal);
      // The attribute of a fetched object is a callable of its own, judged where it is used (attribute_of).
      if (!by_name && has_dunder(*name)) return deny(policy_.default_deny());
      return {};
    }
    case ArgumentRule::kAccessor:
      for (unsigned i = 0; items && i < items->kept.size(); ++i) {
        const auto name = text_argument(args, i);
        if (name && has_dunder(*name)) return deny(policy_.default_deny());
      }
      return {};
    case ArgumentRule::kType:
      if (count != 1) return deny(policy_.default_deny());
      return {};
    case ArgumentRule::kReconstruct: return judge_classes(args, spec);
    case ArgumentRule::kCalls:
      if (count < spec.min_arguments) return {};
      for (const auto& slot : spec.slots) {
        const auto function = argument(args, slot);
        if (!function) return deny(policy_.unresolved());
        if (function->is(ValueKind::kNone)) continue;
        // One level only: a function slot that again holds such a callable is nothing a program sends.
        if (*function == callee) return deny(policy_.indirect_call());
        const bool conditional =
            function->is(ValueKind::kGlobal) && log_.callable(*function).judgement.cls == CallableClass::kConditional;
        if (conditional) {
          if (calls_again(*function)) return deny(policy_.indirect_call());
          continue;
        }
        CallVerdict verdict = judge_call(*function, Value(ValueKind::kEmptyTuple), offset);
        if (verdict.finding) return named(std::move(verdict), *function);
      }
      return {};
    case ArgumentRule::kDataOnly:
      for (size_t i = 0; items && i < items->kept.size(); ++i) {
        const Value value = items->kept[i];
        if (value.is(ValueKind::kLost)) return deny(policy_.unresolved());
        // What holds a callable may call it: the factory of a defaultdict, for a key it does not have.
        if (acts_for_another(value)) return deny(policy_.indirect_call());
        if (!value.is(ValueKind::kGlobal)) continue;
        const KnownCallable& known = log_.callable(value);
        if (known.judgement.cls == CallableClass::kDangerous) return deny(*known.judgement.category, known.full_name());
      }
      return {};
    case ArgumentRule::kCodec: {
      if (count <= spec.codec) return {};
      const auto codec = text_argument(args, spec.codec);
      const bool accepted = codec && std::any_of(spec.accept.begin(), spec.accept.end(),
                                                 [&](const auto& name) { return same_codec(name, *codec); });
      if (!accepted) return deny(policy_.default_deny());
      return {};
    }
    case ArgumentRule::kNamedType:
      if (!text_argument(args, 0)) return deny(policy_.unresolved());
      return {};
    case ArgumentRule::kPartial:  // what it holds stands as a reference, and is judged as one
    case ArgumentRule::kBounded:
    case ArgumentRule::kConnects: return {};
    case ArgumentRule::kProxy: {
      const auto function = spec.slots.empty() ? std::nullopt : argument(args, spec.slots.front());
      const bool is_call = function && may_be_callable(*function) && !has_rule(*function, ArgumentRule::kProxy);
      if (is_call) {
        CallVerdict verdict = judge_call(*function, Value(ValueKind::kLost), offset);
        if (verdict.finding) return named(std::move(verdict), *function);
      }
      return judge_exposed(args);
    }
  }
  return {};
}

/// The verdict on calling `callee` where something else calls it.
CallVerdict CallJudge::named(CallVerdict verdict, Value callee) const {
  if (verdict.subject.empty() && callee.is(ValueKind::kGlobal)) verdict.subject = log_.callable(callee).full_name();
  return verdict;
}

// copyreg._reconstructor(cls, base, state) makes an instance without cls.__init__, but calls base.__init__ with the
// state, unless the base is `object` (CPython 3.13 Lib/copyreg.py). The gravest verdict counts.
CallVerdict CallJudge::judge_classes(Value args, const ArgumentSpec& spec) {
  CallVerdict unknown;
  const auto judge = [&](Value cls, bool is_base) -> CallVerdict {
    if (cls.is(ValueKind::kLost)) return deny(policy_.unresolved());
    if (!cls.is(ValueKind::kGlobal)) return {};
    const Judgement judgement = log_.callable(cls).judgement;
    switch (judgement.cls) {
      case CallableClass::kSafe: return {};
      case CallableClass::kConditional: return calls_again(cls) ? deny(policy_.indirect_call()) : CallVerdict{};
      case CallableClass::kNewOnly: return is_base ? deny(policy_.default_deny()) : CallVerdict{};
      case CallableClass::kReferenceOnly: return deny(policy_.default_deny());
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
CallVerdict CallJudge::judge_exposed(Value args) const {
  const auto items = store_.items(args);
  if (!items) return deny(policy_.unresolved());
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
  for (const Value argument : items->kept) {
    if (!names_are_plain(argument)) return deny(category);
    const auto pairs = argument.is(ValueKind::kDict) ? store_.items(argument) : std::nullopt;
    for (size_t i = 1; pairs && i < pairs->kept.size(); i += 2) {
      if (!names_are_plain(pairs->kept[i])) return deny(category);
    }
  }
  return {};
}

std::optional<Value> CallJudge::attribute_of(Value callee, Value args, uint64_t offset) {
  if (has_rule(callee, ArgumentRule::kNamedType)) {
    const auto name = text_argument(args, 0);
    return name ? std::optional(log_.resolve("types", std::string(*name), offset, true)) : std::nullopt;
  }
  if (!makes_bound_method(callee)) return std::nullopt;
  const auto owner = argument(args, {0, -1});
  const auto name = text_argument(args, 1);
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

bool CallJudge::acts_for_another(Value value) const {
  if (!value.is(ValueKind::kResult)) return false;
  const KnownCallable* made_by = log_.result(value).callable;
  if (made_by == nullptr || made_by->judgement.cls != CallableClass::kConditional) return false;
  const ArgumentRule rule = made_by->judgement.arguments->rule;
  return rule == ArgumentRule::kPartial || rule == ArgumentRule::kAccessor || rule == ArgumentRule::kCalls;
}

bool CallJudge::makes_bound_method(Value callee) const { return has_rule(callee, ArgumentRule::kGetattr); }

CallVerdict CallJudge::judge_write(Value target) const {
  if (target.is(ValueKind::kGlobal)) return deny(policy_.tampering(), log_.callable(target).full_name());
  if (target.is(ValueKind::kLost)) return deny(policy_.tampering(), "?");
  return {};
}

bool CallJudge::takes_over(Value name, Value value, const TakeoverSigns& signs) const {
  if (!may_be_callable(value)) return false;
  if (const auto text = store_.text(name)) return is_takeover_name(text->text);
  return signs.name_seen && (is_text(name) || name.is(ValueKind::kForgotten) || name.is(ValueKind::kLost));
}

CallVerdict CallJudge::judge_state(Value state, const TakeoverSigns& signs) const {
  const auto attribute_names = [&](Value dict) -> CallVerdict {
    if (!dict.is(ValueKind::kDict)) return {};
    const auto items = store_.items(dict);
    for (size_t i = 0; items && i + 1 < items->kept.size(); i += 2) {
      if (!takes_over(items->kept[i], items->kept[i + 1], signs)) continue;
      const auto name = store_.text(items->kept[i]);
      return deny(policy_.tampering(), name ? std::string(name->text) : "?");
    }
    const bool all_kept = items && items->kept.size() == items->total;
    if (signs.hidden && !all_kept) return deny(policy_.tampering(), "__setstate__");
    return {};
  };
  if (state.is(ValueKind::kDict)) return attribute_names(state);
  // (state, slotstate), as copyreg makes it for classes with __slots__
  const auto pair = state.is(ValueKind::kTuple) ? store_.items(state) : std::nullopt;
  for (size_t i = 0; pair && i < pair->kept.size(); ++i) {
    if (CallVerdict verdict = attribute_names(pair->kept[i]); verdict.finding) return verdict;
  }
  return {};
}

}  // namespace pickletap
