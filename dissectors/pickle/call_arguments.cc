// The part of CallJudge that reads arguments: of a call, of the partials around it, of what a function is mapped over.
#include <algorithm>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

namespace {

/// Does it return a container or iterator over what it is given?
bool holds_items(const KnownCallable& made_by) {
  return made_by.module == "builtins" || made_by.module == "itertools" || made_by.module == "collections";
}

}  // namespace

CallArguments CallJudge::arguments_of(Value args) const {
  CallArguments all;
  append(all, args, 0);
  return all;
}

/// What stands in `container`, behind the arguments that are there; the first `skip` left out.
void CallJudge::append(CallArguments& to, Value container, size_t skip) const {
  const auto items = store_.items(container);
  if (!items) {
    to.known = false;
    return;
  }
  to.total += items->total - std::min<uint64_t>(items->total, skip);
  for (size_t i = skip; i < items->kept.size() && to.count < CallArguments::kMaxKept; ++i) {
    to.kept[to.count++] = items->kept[i];
  }
}

/// They stand last, as those of NEWOBJ_EX do.
void CallJudge::add_keywords(CallArguments& to, Value keywords) const {
  ++to.total;
  if (to.count < CallArguments::kMaxKept) to.kept[to.count++] = keywords;
}

/// What the function in this slot may be given: the other arguments, what is in them, and what the calls that made them
/// were given (map(f, iter([x])), map(f, map(Path, names))).
CallArguments CallJudge::operands(const CallArguments& args, const ArgumentSpec::Slot& function) const {
  CallArguments all;
  all.loose = true;
  std::array<int, CallArguments::kMaxKept> depths{};
  const auto add = [&](Value value, int depth) {
    if (all.count == CallArguments::kMaxKept) return;
    depths[all.count] = depth;
    all.kept[all.count++] = value;
    ++all.total;
  };
  for (size_t i = 0; i < args.count; ++i) {
    if (i != function.argument) {
      add(args.kept[i], 0);
      continue;
    }
    const auto inner = function.item < 0 ? std::nullopt : store_.items(args.kept[i]);
    for (size_t j = 0; inner && j < inner->kept.size(); ++j) {
      if (static_cast<int>(j) != function.item) add(inner->kept[j], 0);
    }
  }
  for (size_t i = 0; i < all.count; ++i) {  // breadth first: the list is the queue
    const Value value = all.kept[i];
    const CallDetail* made = log_.detail(value);
    const bool holds =
        made != nullptr && made->callee.is(ValueKind::kGlobal) && holds_items(log_.callable(made->callee));
    const auto items = store_.items(holds ? made->args : value);
    for (size_t j = 0; items && depths[i] < kMaxOperandDepth && j < items->kept.size(); ++j) {
      add(items->kept[j], depths[i] + 1);
    }
  }
  return all;
}

std::optional<Value> CallJudge::argument(const CallArguments& args, const ArgumentSpec::Slot& slot) const {
  if (slot.argument >= args.count) return std::nullopt;
  const Value value = args.kept[slot.argument];
  if (slot.item < 0) return value;
  const auto inner = store_.items(value);
  if (!inner || static_cast<size_t>(slot.item) >= inner->kept.size()) return std::nullopt;
  return inner->kept[static_cast<size_t>(slot.item)];
}

std::optional<std::string_view> CallJudge::text_argument(const CallArguments& args, unsigned index) const {
  const auto value = argument(args, {index, -1});
  if (!value || !value->is(ValueKind::kStr)) return std::nullopt;
  const auto text = store_.text(*value);
  if (!text || !text->whole()) return std::nullopt;
  return text->text;
}

/// The function that a partial stands for, and all its arguments. A state that BUILD set replaces both (`partial_setstate`:
/// function, args, keywords, dict). False when that cannot be told.
bool CallJudge::unwrap(Value& function, CallArguments& args) const {
  std::array<const CallDetail*, kMaxPartials> partials{};
  size_t count = 0;
  while (function.is(ValueKind::kResult)) {
    const KnownCallable* made_by = log_.result(function).callable;
    const bool is_partial = made_by != nullptr && made_by->judgement.cls == CallableClass::kConditional &&
                            made_by->judgement.arguments->rule == ArgumentRule::kPartial;
    if (!is_partial) break;
    const CallDetail* made = log_.detail(function);
    if (made == nullptr || count == partials.size()) return false;
    partials[count++] = made;
    if (made->state.is(ValueKind::kOmitted)) {
      function = made->first;
      continue;
    }
    const auto state = store_.items(made->state);
    if (!state) return false;
    if (made->state.is(ValueKind::kDict)) {  // attributes: numpy.vectorize keeps its function in one
      const auto replaced = attribute_in(state->kept, "pyfunc");
      function = replaced ? *replaced : state->kept.size() < state->total ? Value(ValueKind::kLost) : made->first;
      continue;
    }
    if (state->kept.empty()) return false;
    function = state->kept[0];
  }
  if (function.is(ValueKind::kOmitted)) return false;
  if (count == 0) return true;
  CallArguments all;
  while (count > 0) {
    const CallDetail& made = *partials[--count];
    if (made.state.is(ValueKind::kOmitted) || made.state.is(ValueKind::kDict)) {
      append(all, made.args, 1);
    } else {
      const auto state = store_.items(made.state);
      append(all, state && state->kept.size() > 1 ? state->kept[1] : Value(ValueKind::kLost), 0);
      const bool keywords = state && state->kept.size() > 2 && state->kept[2].is(ValueKind::kDict);
      const auto pairs = keywords ? store_.items(state->kept[2]) : std::nullopt;
      if (pairs && pairs->total > 0) add_keywords(all, state->kept[2]);
    }
  }
  all.known = all.known && args.known;
  all.loose = args.loose;
  all.total += args.total;
  for (size_t i = 0; i < args.count && all.count < CallArguments::kMaxKept; ++i) all.kept[all.count++] = args.kept[i];
  args = all;
  return true;
}

}  // namespace pickletap
