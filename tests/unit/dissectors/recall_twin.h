// Two machines for the same pickles: one that knows small ones again by their shapes, one that follows each. What they say
// must not differ.
#pragma once

#include <string>

#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/shape_table.h"

namespace pickletap {

class RecallTwin {
 public:
  explicit RecallTwin(const Policy& policy) : recalls_(policy, limits_, &shapes_), follows_(policy, limits_) {}

  /// What the machine that recalls says; empty when the other one says the same.
  std::string difference(ByteSpan pickle) {
    const std::string follows = judge(follows_, told_follows_, pickle);
    const std::string recalls = judge(recalls_, told_recalls_, pickle);
    recalled_ += recalls_.is_recalled() ? 1U : 0U;
    return recalls == follows ? std::string() : recalls + "\ninstead of " + follows;
  }
  /// How many were known again.
  unsigned recalled() const { return recalled_; }
  bool last_was_recalled() const { return recalls_.is_recalled(); }
  const ShapeTable& shapes() const { return shapes_; }
  const PickleMachine& recalling() const { return recalls_; }
  void forget_shapes() { shapes_.clear(); }
  /// Another flow begins: it was told nothing.
  void forget_told() { told_follows_ = told_recalls_ = {}; }

 private:
  static std::string judge(PickleMachine& machine, ToldCallables& told, ByteSpan pickle) {
    machine.begin(pickle.size(), &told);
    machine.feed(pickle);
    machine.finish();
    std::string said = std::to_string(machine.ops()) + " ops, protocol " + std::to_string(machine.protocol());
    for (const bool flag : {machine.ended(), machine.stopped(), machine.is_loadable(), machine.has_header(),
                            machine.is_typical(), machine.called_by_name(), machine.has_findings()}) {
      said += flag ? " yes" : " no";
    }
    // Before the report, as the dissector does, and after it.
    const std::string left = machine.root() ? text_of(machine, *machine.root(), 4) : "nothing";
    const PickleReport r = machine.report(false);
    said += "\n" + left + "\n" + std::to_string(r.protocol) + " " + std::to_string(r.length) + "+" +
            std::to_string(r.trailing_bytes) + " end " + std::to_string(static_cast<int>(r.end)) +
            std::string(r.end_reason) + std::string(r.receivers) + " nested " + std::to_string(r.nested) +
            " told before " + std::to_string(r.told_before) + "\n" + r.program;
    for (const PickleFinding& f : r.findings) {
      said += "\n" + std::string(rule_name(f.rule)) + " " + f.callable + f.reason + f.how + f.host +
              std::to_string(f.offset);
    }
    return said;
  }

  /// Kinds and texts; numbers may be another's.
  static std::string text_of(const PickleMachine& machine, Value value, int depth) {
    std::string kind = std::to_string(static_cast<int>(value.kind()));
    if (is_text(value) || is_bytes(value)) {
      const auto text = machine.store().text(value);
      return kind + (text ? "'" + std::string(text->text) + "'" + std::to_string(text->full_length) : "?");
    }
    const auto items = depth > 0 && is_container(value) ? machine.store().items(value) : std::nullopt;
    if (!items) return kind;
    std::string said = kind + "[" + std::to_string(items->total) + ":";
    for (const Value item : items->kept) said += text_of(machine, item, depth - 1) + ",";
    return said + "]";
  }

  DissectorLimits limits_;
  ShapeTable shapes_;
  PickleMachine recalls_, follows_;
  ToldCallables told_recalls_, told_follows_;
  unsigned recalled_ = 0;
};

}  // namespace pickletap
