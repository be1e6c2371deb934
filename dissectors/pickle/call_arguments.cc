// The part of CallJudge that reads arguments: of a call, of the partials around it, of what a function is mapped over.
#include <algorithm>

#include "dissectors/pickle/call_judge.h"

namespace pickletap {

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

/// What the function in this slot may be given: the other arguments, and what is in them.
CallArguments CallJudge::operands(const CallArguments& args, const ArgumentSpec::Slot& function) const {
  CallArguments all;
  all.loose = true;
  const auto add = [&](Value value) {
    const auto items = is_container(value) ? store_.items(value) : std::nullopt;
    if (items) {
      append(all, value, 0);
    } else if (all.count < CallArguments::kMaxKept) {
      all.kept[all.count++] = value;
      ++all.total;
    }
  };
  for (size_t i = 0; i < args.count; ++i) {
    if (i != function.argument) {
      add(args.kept[i]);
      continue;
    }
    const auto inner = function.item < 0 ? std::nullopt : store_.items(args.kept[i]);
    for (size_t j = 0; inner && j < inner->kept.size(); ++j) {
      if (static_cast<int>(j) != function.item) add(inner->kept[j]);
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
    if (!state || state->kept.empty()) return false;
    function = state->kept[0];
  }
  if (function.is(ValueKind::kOmitted)) return false;
  if (count == 0) return true;
  CallArguments all;
  while (count > 0) {
    const CallDetail& made = *partials[--count];
    if (made.state.is(ValueKind::kOmitted)) {
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
