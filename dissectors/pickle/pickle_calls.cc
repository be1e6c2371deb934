// The part of PickleMachine that names and calls: GLOBAL to BUILD.
#include <algorithm>
#include <utility>

#include "dissectors/byte_reader.h"
#include "dissectors/pickle/indicators.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/pseudo_python.h"
#include "dissectors/pickle/python2_names.h"

namespace pickletap {

namespace {

constexpr size_t kMaxCalleeText = 256;
constexpr size_t kMaxHowText = 128;
// Of a frame so small nothing is forgotten while it is read, so the text of its calls can wait.
constexpr uint64_t kSmallFrame = 8192;
constexpr float kMaxWeight = float{1 << 24};
constexpr std::string_view kUnknownName = "?";

/// Could this be the name of something in Python? (Not: is it one.)
bool is_plausible_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           static_cast<uint8_t>(c) >= 0x80;
  });
}

/// NEWOBJ calls __new__ alone, and so does INST or OBJ without arguments (_pickle.c `instantiate`; 2.7 for the classes
/// that it pickles so).
bool runs_init(Opcode code, Value args) {
  if (code == Opcode::kInst || code == Opcode::kObj) return !args.is(ValueKind::kEmptyTuple);
  return code == Opcode::kReduce;
}

}  // namespace

void PickleMachine::step_call(const Op& op) {
  switch (op.info->code) {
    case Opcode::kGlobal: return fetch(op);
    case Opcode::kStackGlobal: return stack_global(op.offset);
    case Opcode::kExt1:
    case Opcode::kExt2:
    case Opcode::kExt4:
      return push(log_.resolve_as("copyreg", "_inverted_registry[" + std::to_string(op.number) + "]", op.offset, {}));
    case Opcode::kBuild: return build(op);
    case Opcode::kReduce:
    case Opcode::kNewObj: {
      if (!need(2)) return;
      const Value args = pop();
      const Value callee = pop();
      return call(callee, args, op);
    }
    case Opcode::kNewObjEx: {
      if (!need(3)) return;
      const Value keywords = pop();
      const Value args = pop();
      const Value callee = pop();
      // Shown as one argument list; the keywords come last.
      std::vector<Value> all;
      const auto positional = store_.items(args);
      if (!positional) return call(callee, Value(ValueKind::kLost), op);
      all.assign(positional->kept.begin(), positional->kept.end());
      const auto pairs = store_.items(keywords);
      if (!pairs || pairs->total > 0) all.push_back(keywords);
      return call(callee, store_.add_container(ValueKind::kTuple, all), op);
    }
    case Opcode::kObj: {
      size_t start = 0;
      if (!pop_mark(start)) return;
      if (stack_.size() <= start) return refuse("stack underflow");
      const Value callee = stack_[start].is(ValueKind::kOmitted) ? Value(ValueKind::kLost) : stack_[start];
      const Value args = container_above(ValueKind::kTuple, start + 1);
      stack_.resize(start);
      return call(callee, args, op);
    }
    default: {  // INST
      size_t start = 0;
      if (!has_mark()) fetch(op);  // Lib/pickle.py imports first
      if (!pop_mark(start)) return;
      const Value args = container_above(ValueKind::kTuple, start);
      stack_.resize(start);
      fetch(op);
      if (ended_) return;
      const Value callee = pop();
      return call(callee, args, op);
    }
  }
}

/// By the two lines of GLOBAL and INST. A line that is not kept whole may name anything.
void PickleMachine::fetch(const Op& op) {
  const std::string_view module = as_text(op.text), name = as_text(op.second);
  if (module.empty() || name.empty()) doubt("pickle data was truncated");
  if (!op.cut) return fetch(module, name, op.offset);
  const auto known = [](std::string_view line) { return line.size() < OpReader::kMaxText ? line : kUnknownName; };
  push(log_.resolve_as(known(module), known(name), op.offset,
                       {CallableClass::kDangerous, nullptr, &policy_.unresolved()}));
}

// find_class: protocols below 3 map the names of Python 2.
void PickleMachine::fetch(std::string_view module, std::string_view name, uint64_t offset) {
  fetched_names_ = fetched_names_ || (is_plausible_name(module) && is_plausible_name(name));
  const QualifiedName mapped = protocol_ < 3 ? map_python2_name(module, name) : QualifiedName{module, name};
  push(log_.resolve(mapped.module, mapped.name, offset, false));
}

void PickleMachine::stack_global(uint64_t offset) {
  if (!need(2)) return;
  const Value name = pop();
  const Value module = pop();
  const auto known = [&](Value value) -> std::optional<std::string_view> {
    const auto text = value.is(ValueKind::kStr) ? store_.text(value) : std::nullopt;
    return text && text->whole() ? std::optional(text->text) : std::nullopt;
  };
  // What was fetched by name may be a string as well: `os.name`.
  const auto may_be_text = [](Value value) {
    return value.is(ValueKind::kStr) || value.is(ValueKind::kForgotten) || may_be_callable(value);
  };
  if (!may_be_text(name) || !may_be_text(module)) return refuse("STACK_GLOBAL requires str");
  keep_name(module);
  keep_name(name);
  // Only now: keeping one moves the texts that are kept already.
  const auto module_text = known(module);
  const auto name_text = known(name);
  if (module_text && name_text) return fetch(*module_text, *name_text, offset);
  // Computed by a call, or let go: it could be anything, so it is taken for the worst.
  const auto computed = [](Value value) { return may_be_callable(value) && !value.is(ValueKind::kLost); };
  if (computed(module) || computed(name)) log_.signs().note(OddSign::kComputedName, offset);
  push(log_.resolve_as(module_text.value_or(kUnknownName), name_text.value_or(kUnknownName), offset,
                       {CallableClass::kDangerous, nullptr, &policy_.unresolved()}));
}

std::string PickleMachine::callee_text(Value callee) {
  if (callee.is(ValueKind::kGlobal)) return printable(log_.callable(callee).full_name());
  if (callee.is(ValueKind::kResult)) {
    write_texts();
    const auto made = log_.result(callee);
    if (made.call != nullptr) {
      log_.use_variable(callee);
      std::string text = made.call->callable + made.call->args;
      if (text.size() > kMaxCalleeText) text.resize(kMaxCalleeText);
      return text;
    }
  }
  return PseudoPython(store_, log_).expression(callee, kMaxCalleeText);
}

void PickleMachine::note_name(Value callee) {
  if (called_by_name_) return;
  if (callee.is(ValueKind::kLost)) called_by_name_ = fetched_names_;
  if (!callee.is(ValueKind::kGlobal)) return;
  const KnownCallable& known = log_.callable(callee);
  const auto plausible = [](std::string_view name) { return name == kUnknownName || is_plausible_name(name); };
  called_by_name_ = plausible(known.module) && plausible(known.name);
}

/// A name that was used is known for the rest of the pickle.
void PickleMachine::keep_name(Value text) {
  if (frame_bytes_ > kSmallFrame) store_.pin(text);
  memo_.keep_name(text);
}

void PickleMachine::call(Value callee, Value args, const Op& op) {
  note_name(callee);
  note_hashed_by(callee, args, op.offset);
  const CallVerdict verdict = judge_.judge_call(callee, args, op.offset, runs_init(op.info->code, args));
  const bool makes_bound_method = judge_.makes_bound_method(callee);
  if (makes_bound_method) {
    if (const auto items = store_.items(args); items && items->kept.size() > 1) keep_name(items->kept[1]);
  }
  Value result;
  const bool record = log_.has_room(verdict);
  // An unknown callable is told once: its instances come by the million.
  const bool unknown_by_name = verdict.finding && verdict.rule == PickleRule::kUnknownCall && verdict.subject.empty() &&
                               verdict.host.empty() && callee.is(ValueKind::kGlobal);
  const bool told = unknown_by_name && is_told(callee);
  if (verdict.finding && !told) {
    const std::string text = callee_text(callee);
    take_finding(verdict, text, op.offset, how_called(verdict, callee, text, op));
    if (unknown_by_name) log_.mark_told(callee);
  }
  if (verdict.finding && (record || !told)) collect_from(args, verdict.category, verdict.subject.empty(), op.offset);
  if (record || (verdict.finding && !told)) add_host(verdict.host, indicators_);
  if (record) {
    result = log_.record(callee, args, op.info->name, op.offset);
    const bool grave = verdict.finding && verdict.rule != PickleRule::kUnknownCall;
    if (grave || frame_bytes_ > kSmallFrame || !is_settled(args)) write_texts();
  }
  if (!record) result = log_.count_only(callee);
  if (const auto attribute = judge_.attribute_of(callee, args, op.offset)) return push(*attribute);
  result = remember(result, callee, args, op.offset);
  push(makes_bound_method ? CallLog::as_bound_method(result) : result);
}

/// What is done with the result later is judged by these.
Value PickleMachine::remember(Value result, Value callee, Value args, uint64_t offset) {
  if (!log_.has_room_for_detail(callee)) return result;
  const Value none(ValueKind::kOmitted);
  CallDetail detail{callee, args, none, none, none, 1};
  if (const auto items = store_.items(args)) {
    if (!items->kept.empty()) detail.first = items->kept[0];
    if (items->kept.size() > 1) detail.second = items->kept[1];
  } else {
    detail.first = detail.second = Value(ValueKind::kLost);
  }
  for (const Value value : {detail.first, detail.second}) {
    const CallDetail* inner = log_.detail(value);
    if (inner != nullptr) detail.weight += inner->weight;
  }
  // slice(x, x) of slice(…): whoever hashes or compares it walks all of it. Trees of a program's own classes may be so.
  const bool is_walked = callee.is(ValueKind::kGlobal) &&
                         (log_.callable(callee).module == "builtins" || log_.callable(callee).module == "types");
  if (is_walked && detail.weight > kMaxWeight) {
    log_.add_finding(PickleRule::kResourceBomb, log_.callable(callee).full_name(), &policy_.resource_use(), offset,
                     "each holds the one before twice");
  }
  return log_.add_detail(result, detail);
}

/// In words: the way from the opcode to the call.
std::string PickleMachine::how_called(const CallVerdict& verdict, Value callee, const std::string& text,
                                      const Op& op) const {
  std::string how = "called by ";
  if (!verdict.subject.empty() && verdict.subject != text) {
    how += text.empty() ? "a call" : text.substr(0, kMaxHowText);
    return how.append(" (").append(op.info->name).append(1, ')');
  }
  how += op.info->name;
  if (callee.is(ValueKind::kGlobal) && log_.callable(callee).derived) how += ", fetched by getattr";
  return how;
}

/// In this pickle, or in one before.
bool PickleMachine::is_told(Value callable) {
  const KnownCallable& known = log_.callable(callable);
  if (known.told) return true;
  if (told_ == nullptr || !told_->contains(known.module, known.name)) return false;
  ++told_before_;
  told_news_.push_back(known.full_name());
  log_.mark_told(callable);
  return true;
}

void PickleMachine::take_finding(const CallVerdict& verdict, const std::string& subject, uint64_t offset,
                                 std::string how) {
  std::string callable = verdict.subject.empty() ? subject : verdict.subject;
  if (told_ != nullptr && verdict.rule == PickleRule::kUnknownCall) {
    std::string news = PickleFinding::news_of(callable, verdict.host);
    if (told_->contains(news)) {
      ++told_before_;
      told_news_.push_back(std::move(news));
      return;
    }
  }
  log_.add_finding(verdict.rule, std::move(callable), verdict.category, offset, std::move(how), verdict.host);
}

void PickleMachine::build(const Op& op) {
  if (!need(2)) return;
  const Value state = pop();
  const Value target = top();
  note_write(target, op);
  if (const CallVerdict verdict = judge_.judge_state(target, state, takeover_, op.offset); verdict.finding) {
    const bool carried = verdict.category != &policy_.tampering();
    take_finding(
        verdict, {}, op.offset,
        carried ? "called right after the load, as a function in the state set by BUILD" : "an attribute set by BUILD");
    if (carried) collect_from(state, verdict.category, false, op.offset);
  }
  if (!target.is(ValueKind::kResult)) return;
  log_.set_state(target, state);
  const auto made = log_.result(target);
  if (made.call == nullptr) return;
  log_.use_variable(target);
  log_.add_build(target, state);
  if (frame_bytes_ > kSmallFrame || !is_settled(state)) write_texts();
}

/// Arguments that nothing can change after the call.
bool PickleMachine::is_settled(Value args) const {
  if (args.is(ValueKind::kEmptyTuple)) return true;
  const auto items = args.is(ValueKind::kTuple) ? store_.items(args) : std::nullopt;
  return items && std::none_of(items->kept.begin(), items->kept.end(),
                               [](Value item) { return is_container(item) || item.is(ValueKind::kByteArray); });
}

/// What is pending; in order, because a text may name what an earlier one made.
void PickleMachine::write_texts() {
  if (!log_.has_pending()) return;
  PseudoPython program(store_, log_);
  for (const CallLog::PendingText& pending : log_.take_pending()) {
    if (pending.call == 0) {
      log_.set_text(pending, program.expression(pending.callee, kMaxCalleeText),
                    program.expression(pending.args, PickleReport::kMaxArgsText / 4));
    } else {
      log_.set_text(pending, callee_text(pending.callee), program.expression(pending.args, PickleReport::kMaxArgsText));
    }
  }
}

void PickleMachine::note_write(Value target, const Op& op) {
  const CallVerdict verdict = judge_.judge_write(target, op.info->code == Opcode::kBuild, op.offset);
  if (!verdict.finding) return;
  take_finding(verdict, {}, op.offset, std::string("written into by ").append(op.info->name));
  note_name(target);
  if (target.is(ValueKind::kGlobal)) log_.mark_called(target);
}

/// Attributes beyond the items that a dict keeps are seen here alone; and so are those of a dict that was fetched from
/// where the memo keeps no data: which one it is cannot be told, so what takes over is told at once.
void PickleMachine::note_attributes(Value target, std::span<const Value> pairs, uint64_t offset) {
  const bool is_unknown = target.is(ValueKind::kForgotten) || target.is(ValueKind::kLost);
  if (!takeover_.name_seen || !(is_unknown || target.is(ValueKind::kDict))) return;
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (!judge_.takes_over(pairs[i], pairs[i + 1], takeover_)) continue;
    takeover_.hidden = true;
    if (!is_unknown) continue;
    const CallVerdict verdict{true, policy_.tampering().rule, &policy_.tampering(), {}, {}};
    take_finding(verdict, {}, offset, "an attribute set through the memo, in an object that is not kept");
    return;
  }
}

}  // namespace pickletap
