#include "dissectors/pickle/call_log.h"

#include "dissectors/pickle/pseudo_python.h"

#include <algorithm>
#include <utility>

#include "dissectors/pickle/keyed_hash.h"

namespace pickletap {

namespace {

constexpr size_t kSlots = 4096;  // at most a quarter full
constexpr size_t kJudgedNames = 128;
constexpr size_t kMaxJudgedBytes = 256;               // of a name
constexpr size_t kMaxNamesBytes = size_t{128} << 10;  // of all names together
constexpr size_t kMaxHarmlessCalls = 24;              // of PickleReport::kMaxCalls
constexpr size_t kMaxStatements = 128;
constexpr size_t kSharedEntries = static_cast<size_t>(CallableClass::kDangerous) + 1;  // one a CallableClass
constexpr size_t kMaxConditional = 256;  // more than the policy has, each with a rule of its own: no shared entry
constexpr size_t kMaxDetails = 512;
constexpr size_t kMaxConditionalDetails = 2048;
constexpr uint64_t kBoundMethodBit = uint64_t{1} << 32;
constexpr unsigned kDetailShift = 33;

// Value::kResult payload: recorded call + 1 in 16 bits, callable + 1 in 16 bits, the bound-method bit, detail + 1 in 16
// bits.
Value make_result(size_t call_plus_one, Value callee) {
  const uint64_t callable = callee.is(ValueKind::kGlobal) ? callee.payload() + 1 : 0;
  return Value(ValueKind::kResult, (call_plus_one & 0xffff) | (callable & 0xffff) << 16);
}

/// Why and what for: call_judge.h, `judge_state`. Loky's is what joblib's executor sends.
CarrierClass carrier_class(std::string_view module, std::string_view name) {
  if (name != "_CallItem") return CarrierClass::kNone;
  return module == "concurrent.futures.process" || module.ends_with("loky.process_executor") ? CarrierClass::kCallItem
                                                                                             : CarrierClass::kNone;
}

/// Of a name that the policy finds too long to be one: its beginning. They are all judged alike.
std::string clipped(std::string_view part) {
  static constexpr size_t kMost = Policy::kMaxNameBytes / 2;
  return part.size() <= kMost ? std::string(part) : std::string(part.substr(0, kMost)) + "…";
}

}  // namespace

size_t CallLog::memory_bytes() const {
  const auto room = [](const auto& rows) { return rows.capacity() * sizeof rows[0]; };
  size_t bytes = room(callables_) + names_bytes_ + room(slots_) + room(used_slots_) + room(judged_) + room(calls_) +
                 room(statements_) + room(pending_) + room(details_) + room(findings_) + room(nested_loads_);
  for (const PickleCall& call : calls_) bytes += call.callable.capacity() + call.args.capacity();
  for (const Statement& statement : statements_) bytes += statement.text.capacity();
  for (const NestedLoad& load : nested_loads_) bytes += load.pickle.capacity();
  return bytes;
}

void CallLog::reset(const Policy& policy) {
  policy_ = &policy;
  // The table is large, and most pickles name a few.
  if (used_slots_.size() < kMaxCallables / 16) {
    for (const uint16_t slot : used_slots_) slots_[slot] = 0;
  } else {
    std::fill(slots_.begin(), slots_.end(), uint16_t{0});
  }
  used_slots_.clear();
  callables_.clear();
  calls_.clear();
  details_.clear();
  nested_loads_.clear();
  signs_.reset();
  statements_.clear();
  pending_.clear();
  findings_.clear();
  counts_.fill(0);
  harmless_calls_ = 0;
  calls_total_ = 0;
  names_bytes_ = 0;
  truncated_ = false;
}

size_t CallLog::hash_of(std::string_view module, std::string_view name) {
  return KeyedHash::of(name, KeyedHash::of(module));
}

size_t CallLog::slot_of(size_t hash, std::string_view module, std::string_view name, bool derived) const {
  for (size_t probe = 0; probe < kSlots; ++probe) {
    const size_t slot = (hash + probe) % kSlots;
    if (slots_[slot] == 0) return slot;
    const KnownCallable& known = callables_[slots_[slot] - 1U];
    if (known.name == name && known.module == module && known.derived == derived) return slot;
  }
  return 0;  // not reached: the table is never full
}

/// Messages of one program name the same things again and again.
const Judgement& CallLog::judge(size_t hash, std::string_view module, std::string_view name) {
  if (judged_.empty()) judged_.resize(kJudgedNames);
  Judged& judged = judged_[hash % kJudgedNames];
  const bool known = judged.name == name && judged.module == module && !name.empty();
  if (!known) {
    judged.judgement = policy_->judge(module, name);
    const bool keeps = module.size() + name.size() <= kMaxJudgedBytes;
    judged.module = keeps ? module : std::string_view();
    judged.name = keeps ? name : std::string_view();
  }
  return judged.judgement;
}

/// For the callable that is added next.
void CallLog::take_slot(size_t slot) {
  slots_[slot] = static_cast<uint16_t>(callables_.size() + 1);
  used_slots_.push_back(static_cast<uint16_t>(slot));
}

Value CallLog::intern(std::string_view module, std::string_view name, uint64_t offset, const Judgement& judgement,
                      bool derived, size_t slot) {
  KnownCallable entry{std::string(module), std::string(name), judgement, offset, false, derived};
  entry.carrier = carrier_class(module, name);
  if (judgement.acts_on_import && !derived) {
    entry.called = true;
    add_finding(PickleRule::kCodeExecution, entry.full_name(), &policy_->import_effect(), offset,
                "by fetching it: the module is imported");
  }
  names_bytes_ += module.size() + name.size();
  if (callables_.size() < kMaxCallables && names_bytes_ > kMaxNamesBytes) callables_.resize(kMaxCallables);
  if (callables_.size() < kMaxCallables) {
    take_slot(slot);
    callables_.push_back(std::move(entry));
    return Value(ValueKind::kGlobal, callables_.size() - 1);
  }
  truncated_ = true;
  if (callables_.size() == kMaxCallables) callables_.resize(kMaxCallables + kSharedEntries);
  if (judgement.cls == CallableClass::kConditional &&
      callables_.size() < kMaxCallables + kSharedEntries + kMaxConditional) {
    take_slot(slot);
    callables_.push_back(std::move(entry));
    return Value(ValueKind::kGlobal, callables_.size() - 1);
  }
  if (judgement.cls == CallableClass::kConditional) {
    entry.judgement = {CallableClass::kDangerous, nullptr, &policy_->unresolved()};
  }
  const size_t shared = kMaxCallables + static_cast<size_t>(entry.judgement.cls);
  // A dangerous one that only stands by reference must not be lost with its place in the list.
  if (entry.judgement.cls == CallableClass::kDangerous) {
    add_finding(PickleRule::kDangerousReference, entry.full_name(), entry.judgement.category, offset);
  }
  entry.called = true;
  callables_[shared] = std::move(entry);
  return Value(ValueKind::kGlobal, shared);
}

Value CallLog::resolve(std::string_view module, std::string_view name, uint64_t offset, bool derived) {
  if (module.size() + name.size() > Policy::kMaxNameBytes) {
    const Judgement unresolved{CallableClass::kDangerous, nullptr, &policy_->unresolved()};
    return resolve_clipped(clipped(module), clipped(name), offset, unresolved, derived);
  }
  if (slots_.empty()) slots_.resize(kSlots);
  const size_t hash = hash_of(module, name);
  const size_t slot = slot_of(hash, module, name, derived);
  if (slots_[slot] != 0) return Value(ValueKind::kGlobal, slots_[slot] - 1U);
  return intern(module, name, offset, judge(hash, module, name), derived, slot);
}

Value CallLog::resolve_as(std::string_view module, std::string_view name, uint64_t offset, const Judgement& judgement) {
  if (module.size() + name.size() > Policy::kMaxNameBytes) {
    return resolve_clipped(clipped(module), clipped(name), offset, judgement, false);
  }
  return resolve_clipped(module, name, offset, judgement, false);
}

Value CallLog::resolve_clipped(std::string_view module, std::string_view name, uint64_t offset,
                               const Judgement& judgement, bool derived) {
  if (slots_.empty()) slots_.resize(kSlots);
  const size_t slot = slot_of(hash_of(module, name), module, name, derived);
  const uint16_t known = slots_[slot];
  if (known == 0) return intern(module, name, offset, judgement, derived, slot);
  // A pickle may have fetched something of that very name before: the worse of the two stands.
  if (judgement.cls == CallableClass::kDangerous) callables_[known - 1U].judgement = judgement;
  return Value(ValueKind::kGlobal, known - 1U);
}

bool CallLog::has_room(const CallVerdict& verdict) const {
  if (calls_.size() >= PickleReport::kMaxCalls) return false;
  return verdict.finding && verdict.rule != PickleRule::kUnknownCall ? true : harmless_calls_ < kMaxHarmlessCalls;
}

Value CallLog::record(Value callee, Value args, std::string_view opcode, uint64_t offset) {
  ++calls_total_;
  const bool serious =
      callee.is(ValueKind::kGlobal) && this->callable(callee).judgement.cls == CallableClass::kDangerous;
  if (!serious) ++harmless_calls_;
  PendingText pending{0, calls_.size() + 1, callee, args};
  if (statements_.size() < kMaxStatements) {
    statements_.push_back({{}, calls_.size(), true, false});
    pending.statement = statements_.size();
  }
  pending_.push_back(pending);
  calls_.push_back({{}, {}, opcode, offset});
  return make_result(calls_.size(), callee);
}

void CallLog::set_text(const PendingText& pending, std::string callable, std::string args) {
  if (pending.statement > 0) {
    std::string& line = statements_[pending.statement - 1].text;
    line = callable;
    // "('id',)" → "('id')": a call has no trailing comma.
    const std::string_view inside = args;
    if (pending.call == 0) {
      line.append(".__setstate__(").append(inside).append(1, ')');
    } else if (inside.starts_with('(') && inside.ends_with(",)")) {
      line.append(inside.substr(0, inside.size() - 2)).append(1, ')');
    } else if (inside.starts_with('(') && inside.ends_with(')')) {
      line.append(inside);
    } else {
      line.append("(*").append(inside).append(1, ')');
    }
  }
  if (pending.call == 0) return;
  calls_[pending.call - 1].callable = std::move(callable);
  calls_[pending.call - 1].args = std::move(args);
}

Value CallLog::count_only(Value callee) {
  ++calls_total_;
  truncated_ = true;
  return make_result(0, callee);
}

Value CallLog::as_bound_method(Value result) { return Value(ValueKind::kResult, result.payload() | kBoundMethodBit); }

bool CallLog::has_room_for_detail(Value callee) const {
  if (details_.size() < kMaxDetails) return true;
  return details_.size() < kMaxConditionalDetails && callee.is(ValueKind::kGlobal) &&
         callable(callee).judgement.cls == CallableClass::kConditional;
}

Value CallLog::add_detail(Value result, const CallDetail& detail) {
  details_.push_back(detail);
  return Value(ValueKind::kResult, result.payload() | static_cast<uint64_t>(details_.size()) << kDetailShift);
}

const CallDetail* CallLog::detail(Value result) const {
  if (!result.is(ValueKind::kResult)) return nullptr;
  const size_t index = result.payload() >> kDetailShift & 0xffff;
  return index > 0 && index <= details_.size() ? &details_[index - 1] : nullptr;
}

void CallLog::set_state(Value result, Value state) {
  if (!result.is(ValueKind::kResult)) return;
  const size_t index = result.payload() >> kDetailShift & 0xffff;
  if (index > 0 && index <= details_.size()) details_[index - 1].state = state;
}

const KnownCallable* CallLog::class_of(Value value) const {
  const KnownCallable* made_by = value.is(ValueKind::kResult) ? result(value).callable : nullptr;
  if (made_by == nullptr || made_by->judgement.cls != CallableClass::kConditional) return made_by;
  const ArgumentSpec& spec = *made_by->judgement.arguments;
  if (spec.rule != ArgumentRule::kReconstruct) return made_by;
  const CallDetail* detail = this->detail(value);
  const bool in_first = detail != nullptr && !spec.slots.empty() && spec.slots.front().argument == 0;
  return in_first && detail->first.is(ValueKind::kGlobal) ? &callable(detail->first) : nullptr;
}

CallLog::ResultInfo CallLog::result(Value value) const {
  ResultInfo info;
  const size_t call = value.payload() & 0xffff;
  const size_t callable = value.payload() >> 16 & 0xffff;
  if (call > 0 && call <= calls_.size()) {
    info.call = &calls_[call - 1];
    info.variable = call - 1;
  }
  if (callable > 0 && callable <= callables_.size()) info.callable = &callables_[callable - 1];
  info.bound_method = (value.payload() & kBoundMethodBit) != 0;
  return info;
}

void CallLog::use_variable(Value result) {
  const ResultInfo info = this->result(result);
  if (info.call == nullptr) return;
  for (Statement& statement : statements_) {
    if (statement.is_call && statement.variable == info.variable) statement.used = true;
  }
}

void CallLog::add_build(Value target, Value state) {
  if (statements_.size() >= kMaxStatements) return;
  statements_.push_back({});
  pending_.push_back({statements_.size(), 0, target, state});
}

void CallLog::add_finding(PickleRule rule, std::string callable, const PolicyCategory* category, uint64_t offset,
                          std::string how, std::string host) {
  PickleFinding finding{rule,           printable(std::move(callable)), {}, {}, offset, {}, {}, {},
                        std::move(how), printable(std::move(host))};
  if (category == nullptr && rule == PickleRule::kUnknownCall) finding.reason = "calls what no list knows";
  if (category != nullptr) {
    finding.category = category->name;
    finding.reason = category->says;
    finding.cwe = category->cwe;
    finding.tactic = category->tactic;
    finding.technique = category->technique;
  }
  add_finding(std::move(finding));
}

void CallLog::add_finding(PickleFinding&& finding) {
  const auto same = [&](const PickleFinding& f) {
    const bool same_reason = finding.rule != PickleRule::kEvasion || f.reason == finding.reason;
    return f.rule == finding.rule && f.callable == finding.callable && f.host == finding.host && same_reason;
  };
  if (std::any_of(findings_.begin(), findings_.end(), same)) return;
  ++counts_[static_cast<size_t>(finding.rule)];
  if (findings_.size() < PickleReport::kMaxFindings) {
    findings_.push_back(std::move(finding));
    return;
  }
  truncated_ = true;
  // Full: a graver one takes the place of the least grave.
  const auto grave = [](const PickleFinding& f) {
    static constexpr std::array<int, kPickleRuleCount> kOrder = {0, 2, 3, 5, 1, 6, 4};
    return kOrder[static_cast<size_t>(f.rule)];
  };
  const auto least = std::max_element(findings_.begin(), findings_.end(),
                                      [&](const auto& a, const auto& b) { return grave(a) < grave(b); });
  if (grave(finding) < grave(*least)) *least = std::move(finding);
}

void CallLog::judge_signs() {
  if (!signs_.any()) return;
  for (unsigned i = 0; i < kOddSignCount; ++i) {
    const auto sign = static_cast<OddSign>(i);
    if (!signs_.has(sign)) continue;
    PickleFinding finding;
    finding.rule = PickleRule::kEvasion;
    finding.category = "evasion";
    finding.reason = odd_sign_text(sign);
    finding.offset = signs_.offset(sign);
    finding.cwe = "CWE-506";
    finding.tactic = "TA0005";
    finding.technique = "T1027";
    add_finding(std::move(finding));
  }
}

void CallLog::add_nested(std::string pickle, uint64_t offset) {
  if (nested_loads_.size() < kMaxNestedLoads) {
    nested_loads_.push_back({std::move(pickle), offset, 1});
  } else {
    truncated_ = true;
  }
}

void CallLog::judge_references() {
  if (has_finding(PickleRule::kCodeExecution)) {
    std::erase_if(findings_, [](const auto& f) { return f.rule == PickleRule::kDangerousReference; });
    counts_[static_cast<size_t>(PickleRule::kDangerousReference)] = 0;
    return;
  }
  for (const KnownCallable& known : callables_) {
    if (known.called) continue;
    if (known.judgement.cls != CallableClass::kDangerous) continue;
    const bool code_object = known.judgement.category->rule == PickleRule::kCodeObject;
    add_finding(code_object ? PickleRule::kCodeObject : PickleRule::kDangerousReference, known.full_name(),
                known.judgement.category, known.first_offset, "passed by reference, not called");
  }
}

bool CallLog::is_last_call(Value value) const {
  return value.is(ValueKind::kResult) && (value.payload() & 0xffff) == calls_.size() && !calls_.empty();
}

void CallLog::fill_reached(PickleReport& report) const {
  report.reached_more = callables_.size() > PickleReport::kMaxGlobals;
  const size_t count = std::min<size_t>(callables_.size(), PickleReport::kMaxGlobals);
  report.reached.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (!callables_[i].module.empty() || !callables_[i].name.empty())
      report.reached.push_back(callables_[i].full_name());
  }
}

void CallLog::fill(PickleReport& report, const std::string& last_line) const {
  report.calls = calls_;
  report.calls_total = calls_total_;
  report.findings = findings_;
  report.truncated = truncated_;
  for (const KnownCallable& known : callables_) {
    if (known.derived || (known.module.empty() && known.name.empty())) continue;
    if (report.globals.size() >= PickleReport::kMaxGlobals) {
      report.truncated = true;
      break;
    }
    report.globals.push_back(known.full_name());
  }
  const auto add_line = [&](const std::string& text) {
    if (report.program.size() + text.size() + 1 > PickleReport::kMaxProgramText) {
      report.truncated = true;
      return;
    }
    if (!report.program.empty()) report.program.push_back('\n');
    report.program += text;
  };
  for (const Statement& statement : statements_) {
    add_line(statement.used ? "v" + std::to_string(statement.variable) + " = " + statement.text : statement.text);
  }
  if (!last_line.empty()) add_line("result = " + last_line);
}

}  // namespace pickletap
