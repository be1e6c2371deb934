// What one pickle resolves and calls, as far as a report can hold: the callables by name (each once, with its
// judgement), the calls in order with readable arguments, the lines of the program, and the findings. Every list has a
// maximum; a dangerous entry always finds room where harmless ones had to be left out.
//
// Part of a PickleMachine, reset with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dissectors/pickle/evasion.h"
#include "dissectors/pickle/pickle_report.h"
#include "dissectors/pickle/policy.h"
#include "dissectors/pickle/value.h"

namespace pickletap {

/// Classes whose instances carry a function that the receiver calls when it has loaded them.
enum class CarrierClass : uint8_t {
  kNone,
  kCallItem,  ///< concurrent.futures.process._CallItem: `fn`, `args`
};

/// One callable that the pickle fetched by name.
struct KnownCallable {
  std::string module, name;
  Judgement judgement;
  uint64_t first_offset = 0;
  bool called = false;   ///< by the pickle itself, or by what it calls
  bool derived = false;  ///< an attribute of a fetched object (getattr), not resolved by the unpickler
  bool told = false;     ///< as an unknown one; once is enough
  CarrierClass carrier = CarrierClass::kNone;
  std::string full_name() const { return module + "." + name; }
};

/// What calling something means.
struct CallVerdict {
  bool finding = false;
  PickleRule rule = PickleRule::kUnknownCall;
  const PolicyCategory* category = nullptr;  ///< null for kUnknownCall
  std::string subject = {};                  ///< the callable it is about, where it is not the callee itself
  std::string host = {};                     ///< of the address it connects to, if that is known
};

/// What is remembered of a call beyond its text, for judging what is done with its result.
struct CallDetail {
  Value callee;
  Value args;           ///< as given; its content may be forgotten, the first two not
  Value first, second;  ///< arguments; kOmitted: there is none
  Value state;          ///< what BUILD set last; kOmitted: nothing
  float weight = 1;     ///< how many objects walking the result comes by, shared ones counted each time
};

class CallLog {
 public:
  static constexpr size_t kMaxCallables = 1024;
  static constexpr size_t kMaxNestedLoads = 8;

  void reset(const Policy& policy);
  /// Has anything been entered since?
  bool is_used() const {
    return !callables_.empty() || calls_total_ != 0 || !findings_.empty() || !statements_.empty() || signs_.any() ||
           !nested_loads_.empty();
  }

  /// What it holds, room for later pickles included.
  size_t memory_bytes() const;

  /// The callable of this name; judged when first seen. One that is `derived` is another: fetching by name imports.
  /// Value::kGlobal.
  Value resolve(std::string_view module, std::string_view name, uint64_t offset, bool derived);
  /// A callable with a judgement of its own: a name that could not be followed, an extension code.
  Value resolve_as(std::string_view module, std::string_view name, uint64_t offset, const Judgement& judgement);
  const KnownCallable& callable(Value global) const { return callables_[global.payload()]; }
  void mark_called(Value global) { callables_[global.payload()].called = true; }
  void mark_told(Value global) { callables_[global.payload()].told = true; }

  /// Is there room to record a call of this weight?
  bool has_room(const CallVerdict& verdict) const;
  /// Records a call and its line of the program, whose text is pending; returns Value::kResult.
  Value record(Value callee, Value args, std::string_view opcode, uint64_t offset);
  /// Text that is made when somebody asks for it: most pickles are harmless, and nobody reads their program.
  struct PendingText {
    size_t statement = 0, call = 0;  ///< their number + 1; 0: there is none
    Value callee, args;              ///< of a BUILD: the target and its state
  };
  std::vector<PendingText> take_pending() { return std::exchange(pending_, {}); }
  bool has_pending() const { return !pending_.empty(); }
  /// `args` is a tuple's text: "('id',)".
  void set_text(const PendingText& pending, std::string callable, std::string args);
  /// The result of a call that was only counted.
  Value count_only(Value callee);
  /// Marks the result as a bound method (getattr of an instance).
  static Value as_bound_method(Value result);

  /// Remembers more about the call that made this result, while there is room. Conditional callables are given more of
  /// it: it is their results that act. Returns the result.
  bool has_room_for_detail(Value callee) const;
  Value add_detail(Value result, const CallDetail& detail);
  const CallDetail* detail(Value result) const;
  void set_state(Value result, Value state);
  /// The class that this is an instance of, as far as it was fetched by name: also of copyreg._reconstructor.
  const KnownCallable* class_of(Value result) const;

  struct ResultInfo {
    const PickleCall* call = nullptr;         ///< null when it was only counted
    const KnownCallable* callable = nullptr;  ///< null when the callee had no name
    bool bound_method = false;
    size_t variable = 0;  ///< its number in the program, where `call` is set
  };
  ResultInfo result(Value value) const;
  /// The program needs this result's name ("v3").
  void use_variable(Value result);
  /// One more statement, whose text is pending.
  void add_build(Value target, Value state);

  void add_finding(PickleRule rule, std::string callable, const PolicyCategory* category, uint64_t offset,
                   std::string how = {}, std::string host = {});
  /// A finding as it is, such as one of a pickle within.
  void add_finding(PickleFinding&& finding);
  bool has_finding(PickleRule rule) const { return counts_[static_cast<size_t>(rule)] > 0; }
  const std::vector<PickleFinding>& findings() const { return findings_; }
  bool has_findings() const { return !findings_.empty(); }
  uint64_t calls_total() const { return calls_total_; }

  EvasionSigns& signs() { return signs_; }
  /// One finding for each sign of evasion.
  void judge_signs();

  /// Bytes that a call in the pickle unpickles.
  struct NestedLoad {
    std::string pickle;
    uint64_t offset = 0;  ///< of the call, in the outermost pickle
    unsigned depth = 1;
  };
  void add_nested(std::string pickle, uint64_t offset);
  std::vector<NestedLoad>& nested_loads() { return nested_loads_; }

  /// Adds a kDangerousReference for each dangerous callable that was fetched and never called; see `fill`.
  void judge_references();
  /// Moves what was gathered into a report. `last_line`: the expression the pickle leaves, empty for none.
  void fill(PickleReport& report, const std::string& last_line) const;
  /// The names for PickleReport::reached.
  void fill_reached(PickleReport& report) const;
  /// True when the only value of interest is this result, so that the program needs no last line.
  bool is_last_call(Value value) const;

 private:
  struct Statement {
    std::string text;
    size_t variable = 0;  // of a call
    bool is_call = false;
    bool used = false;  // its variable is named elsewhere
  };
  Value intern(std::string_view module, std::string_view name, uint64_t offset, const Judgement& judgement,
               bool derived, size_t slot);
  Value resolve_clipped(std::string_view module, std::string_view name, uint64_t offset, const Judgement& judgement,
                        bool derived);
  void take_slot(size_t slot);
  static size_t hash_of(std::string_view module, std::string_view name);
  size_t slot_of(size_t hash, std::string_view module, std::string_view name, bool derived) const;
  const Judgement& judge(size_t hash, std::string_view module, std::string_view name);

  const Policy* policy_ = nullptr;
  // The first kMaxCallables, then one shared entry a CallableClass, then more conditional ones.
  std::vector<KnownCallable> callables_;
  std::vector<uint16_t> slots_;  // open addressing: index + 1 into callables_
  std::vector<uint16_t> used_slots_;
  // What the policy said of names in this pickle and others before; a slot is the latest one's.
  struct Judged {
    std::string module, name;
    Judgement judgement;
  };
  std::vector<Judged> judged_;
  std::vector<PickleCall> calls_;
  std::vector<Statement> statements_;
  std::vector<PendingText> pending_;
  std::vector<CallDetail> details_;
  std::vector<PickleFinding> findings_;
  std::vector<NestedLoad> nested_loads_;
  EvasionSigns signs_;
  std::array<uint32_t, kPickleRuleCount> counts_{};
  size_t harmless_calls_ = 0;
  uint64_t calls_total_ = 0;
  size_t names_bytes_ = 0;  // of the callables there are, and of those that had no room
  bool truncated_ = false;
};

}  // namespace pickletap
