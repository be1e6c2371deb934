// The part of CallJudge about calling what a call returned: bound methods, accessors, instances.
#include <algorithm>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

namespace {

std::string_view builtin_class(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBool: return "bool";
    case ValueKind::kInt:
    case ValueKind::kBigInt: return "int";
    case ValueKind::kFloat: return "float";
    case ValueKind::kStr: return "str";
    case ValueKind::kBytes: return "bytes";
    case ValueKind::kByteArray: return "bytearray";
    case ValueKind::kTuple:
    case ValueKind::kEmptyTuple: return "tuple";
    case ValueKind::kList: return "list";
    case ValueKind::kDict: return "dict";
    case ValueKind::kSet: return "set";
    case ValueKind::kFrozenSet: return "frozenset";
    default: return {};
  }
}

}  // namespace

CallVerdict CallJudge::judge_result(Value result, const CallArguments& args, uint64_t offset, int depth) {
  const auto made = log_.result(result);
  if (made.callable == nullptr) return deny(policy_.indirect_call());
  const Judgement judgement = made.callable->judgement;
  switch (judgement.cls) {
    case CallableClass::kUnknown: return {true, PickleRule::kUnknownCall, nullptr, made.callable->full_name() + "()"};
    case CallableClass::kSafe:
    case CallableClass::kNewOnly: return {};  // an instance, and none that can be called
    case CallableClass::kConditional: break;
    default: return deny(policy_.indirect_call());
  }
  const ArgumentRule rule = judgement.arguments->rule;
  if (rule == ArgumentRule::kBounded || rule == ArgumentRule::kCodec) return {};
  const CallDetail* detail = log_.detail(result);
  if (detail == nullptr) return deny(policy_.unresolved());
  if (rule == ArgumentRule::kGetattr) return judge_bound_method(*detail, args, offset, depth);
  if (rule == ArgumentRule::kAccessor) return judge_accessor(*detail, args, offset, depth);
  const KnownCallable* cls = rule == ArgumentRule::kReconstruct ? log_.class_of(result) : nullptr;
  if (cls == nullptr) return deny(policy_.indirect_call());
  if (cls->judgement.cls != CallableClass::kUnknown) return {};
  return {true, PickleRule::kUnknownCall, nullptr, cls->full_name() + "()"};
}

// attrgetter("system")(os), methodcaller("system", "id")(os): the attribute of what was fetched by name, and of an
// instance of what was.
CallVerdict CallJudge::judge_accessor(const CallDetail& made, const CallArguments& args, uint64_t offset, int depth) {
  const auto name = made.first.is(ValueKind::kStr) ? store_.text(made.first) : std::nullopt;
  const std::string accessor = made.callee.is(ValueKind::kGlobal) ? log_.callable(made.callee).name : std::string();
  if (accessor == "itemgetter") return judge_data(args, offset, depth + 1);
  for (const Value owner : args.values()) {
    if (owner.is(ValueKind::kLost)) return deny(policy_.unresolved());
    const bool by_name = owner.is(ValueKind::kGlobal);
    const KnownCallable* cls = by_name ? &log_.callable(owner) : log_.class_of(owner);
    // What iter() goes through stands among the arguments itself.
    if (cls == nullptr || (!by_name && cls->name == "iter")) continue;
    if (!name || !name->whole()) {
      if (by_name) return deny(policy_.indirect_call());
      continue;
    }
    const std::string module = cls->module;
    const Value attribute = log_.resolve(module, cls->name + "." + std::string(name->text), offset, true);
    // attrgetter() fetches it, and calls nothing but a property.
    if (accessor == "attrgetter" && log_.callable(attribute).judgement.cls != CallableClass::kDangerous) continue;
    CallVerdict verdict = judge_global(attribute, args, offset, depth + 1);
    // The class of an instance was told itself.
    if (!by_name && verdict.rule == PickleRule::kUnknownCall) continue;
    if (verdict.finding) return named(std::move(verdict), attribute);
  }
  return {};
}

// getattr(object, "name") of a value or an instance: as that attribute of its class.
CallVerdict CallJudge::judge_bound_method(const CallDetail& made, const CallArguments& args, uint64_t offset,
                                          int depth) {
  const auto text = made.second.is(ValueKind::kStr) ? store_.text(made.second) : std::nullopt;
  if (!text || !text->whole()) return deny(policy_.unresolved());
  std::string module = "builtins";
  std::string name(builtin_class(made.first.kind()));
  if (name.empty()) {
    if (made.first.is(ValueKind::kLost)) return deny(policy_.unresolved());
    const KnownCallable* cls = log_.class_of(made.first);
    if (cls == nullptr) return made.first.is(ValueKind::kResult) ? deny(policy_.indirect_call()) : CallVerdict{};
    module = cls->module;
    name = cls->name;
  }
  const Value method = log_.resolve(module, name + "." + std::string(text->text), offset, true);
  return named(judge_global(method, args, offset, depth + 1), method);
}

}  // namespace pickletap
