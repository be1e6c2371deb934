// A symbolic unpickler: follows one pickle opcode by opcode, executes nothing, and knows at the end what CPython's
// unpickler would have resolved and called. The model is the C unpickler of CPython 3.13 (Modules/_pickle.c) loading
// one whole message. Where that one raises and another goes on (2.7's Modules/cPickle.c, or the pure Python one that
// PyPy runs) the reading goes on as well, and ends as refused.
//
// Feed it the bytes of one frame as they come, in any pieces. No recursion, no exception; time linear in the bytes,
// memory bounded by DissectorLimits: where a bound is reached older data is forgotten, and what may have been a callable
// is kLost, which is never taken for harmless. One thread; reused for pickle after pickle (machine_pool.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/pickle/call_judge.h"
#include "dissectors/pickle/call_log.h"
#include "dissectors/pickle/memo.h"
#include "dissectors/pickle/op_reader.h"
#include "dissectors/pickle/pickle_report.h"
#include "dissectors/pickle/resource_watch.h"
#include "dissectors/pickle/shape_table.h"
#include "dissectors/pickle/value_stack.h"
#include "dissectors/pickle/value_store.h"

namespace pickletap {

class PickleMachine {
 public:
  /// `shapes`: what small pickles are known again by; outlives the machine. Null: each is followed.
  PickleMachine(const Policy& policy, const DissectorLimits& limits, ShapeTable* shapes = nullptr);
  const Policy& policy() const { return policy_; }

  /// Starts a new pickle that stands in a frame of `frame_bytes`. Unknown callables that `told` has are counted and not
  /// found again; those of the report go there. Null: each pickle by itself.
  void begin(uint64_t frame_bytes, ToldCallables* told = nullptr);
  /// The next bytes of the frame. After STOP or a refusal they are only counted.
  void feed(ByteSpan bytes);
  /// Bytes of the frame were lost; nothing behind them can be followed.
  void gap(uint64_t bytes);
  /// The frame is complete. Without STOP the pickle is truncated.
  void finish();

  /// Memory is short: for the rest of this pickle it keeps no more than it does now (or a few KiB), and forgets older
  /// things instead. False when that was so, or there is nothing to limit.
  bool limit_growth();
  /// What it holds, idle or not.
  size_t memory_bytes() const;

  bool ended() const { return ended_; }
  PickleEnd end() const { return end_; }
  bool stopped() const { return ended_ && end_ == PickleEnd::kStop; }
  /// STOP was read, perhaps in a way that only some Pythons go: there is one that loads it.
  bool is_loadable() const { return at_stop_; }
  /// Bytes of the frame behind the end, wherever it was cut into chunks.
  uint64_t trailing_bytes() const { return ended_ ? fed_ - std::min(fed_, reader_.position()) : 0; }

  /// Was it known again by a shape, and not followed?
  bool is_recalled() const { return shape_ != nullptr; }
  /// Does it begin with PROTO 0 … 5? (Protocols 0 and 1 have no header.)
  bool has_header() const { return has_header_; }
  /// Opcodes read; with a header, PROTO and FRAME count as well.
  uint64_t ops() const { return ops_; }
  /// Has it put something in the memo, or fetched something by name? What no other format does by accident.
  bool is_typical() const { return shape_ != nullptr ? shape_->is_typical : !memo_.empty() || fetched_names_; }
  /// Has it called, or written into, something with a name that a Python program can have?
  bool called_by_name() const { return called_by_name_; }
  int protocol() const { return protocol_; }
  bool has_findings() const { return shape_ == nullptr && log_.has_findings(); }

  /// The object the pickle leaves (STOP), for those who tell protocols apart by it. Its texts are right; its numbers may be
  /// those of another pickle of the same shape, and its instances not known, unless it is_recalled() no more.
  std::optional<Value> root() const { return stopped() ? std::optional(root_) : std::nullopt; }
  /// Follows a pickle that was known again after all. Before report(), while its bytes are in place.
  void follow();
  /// An instance of a class that was fetched by name, and the state that BUILD set (kOmitted: none).
  struct Instance {
    std::string cls;
    Value state;
  };
  std::optional<Instance> instance(Value value) const;
  const ValueStore& store() const { return shape_ != nullptr ? shape_->store : store_; }

  /// The answer. Call once, after finish() and while the bytes fed last are in place. The lists and texts of a harmless
  /// pickle are left out unless `in_full`: nearly every pickle is harmless, and nobody reads them then. One that was begun
  /// with `told` is never answered in full.
  PickleReport report(bool in_full);

 private:
  // pickle_recall.cc
  bool recall(ByteSpan frame);
  void learn(const std::vector<std::string>& reached);
  PickleReport recalled_report() const;

  void start();
  // The common opcodes at once: pickle_run.cc. Behind what is run so many bytes can be read.
  static constexpr size_t kLookahead = 16;
  void run(ByteSpan& bytes);
  const uint8_t* run(const uint8_t* at, const uint8_t* end, uint64_t place);
  void read_header(ByteSpan& bytes);
  void read_one(ByteSpan& bytes);
  void stop();
  void step(const Op& op);
  void step_stack(const Op& op);
  void step_container(const Op& op);
  void step_call(const Op& op);
  void refuse(std::string_view reason) { stop_reading(PickleEnd::kRefused, reason); }
  void stop_reading(PickleEnd end, std::string_view reason);
  /// CPython 3 raises here, another Python reads on.
  void doubt(std::string_view reason) {
    if (doubt_.empty()) doubt_ = reason;
  }

  // stack
  size_t fence() const { return marks_.empty() ? 0 : marks_.back(); }
  void push(Value value) {
    if (!stack_.has_room() && !stack_.grow(stack_limit_)) collapse();
    stack_.push(value);
  }
  void collapse();
  void let_go_below(size_t position);
  void let_go_marks();
  bool need(size_t count);
  Value pop();
  Value top() const { return at(stack_.size() - 1); }
  Value at(size_t position) const;
  bool pop_mark(size_t& start);
  std::span<const Value> above(size_t start) const { return {stack_.begin() + start, stack_.end()}; }
  Value container_above(ValueKind kind, size_t start);
  void replace_from_mark(ValueKind kind, uint64_t offset);
  bool has_mark() const { return !marks_.empty() || marks_let_go_ > 0; }

  // containers
  void append(Value target, std::span<const Value> items);
  void set_items(Value target, std::span<const Value> pairs);

  // what it costs, what it hides
  void note_announced();
  void note_keys(std::span<const Value> values, size_t stride, uint64_t offset);
  void note_hashed_by(Value callee, Value args, uint64_t offset);
  void note_made(Value container, uint64_t offset);
  void note_protocol(const Op& op);

  // memo
  void memo_put(const Op& op, uint64_t index, PickleMemo::Form form);
  void memo_get(uint64_t index);
  void memo_by_text(const Op& op);

  // text
  void push_text(ValueKind kind, const Op& op);
  void push_line_text(const Op& op);
  void push_number(std::optional<Value> value, std::string_view trouble, const Op& op);

  // names and calls
  void fetch(const Op& op);
  void fetch(std::string_view module, std::string_view name, uint64_t offset);
  void stack_global(uint64_t offset);
  void call(Value callee, Value args, const Op& op);
  void build(const Op& op);
  void note_write(Value target, const Op& op);
  void note_attributes(Value target, std::span<const Value> pairs, uint64_t offset);
  void keep_name(Value text);
  void note_name(Value callee);
  bool is_told(Value callable);
  void take_finding(const CallVerdict& verdict, const std::string& subject, uint64_t offset, std::string how);
  std::string how_called(const CallVerdict& verdict, Value callee, const std::string& text, const Op& op) const;
  std::string callee_text(Value callee);
  void write_texts();
  bool is_settled(Value args) const;
  Value remember(Value result, Value callee, Value args, uint64_t offset);
  void collect_from(Value args, const PolicyCategory* category, bool is_callee, uint64_t offset);
  void collect_commands(Value args);
  void judge_root();
  void judge_ending();
  PickleReport own_report(bool in_full);
  void follow_nested(PickleReport& report);

  const Policy& policy_;
  const DissectorLimits& limits_;
  ShapeTable* shapes_;
  const PickleShape* shape_ = nullptr;  // of the pickle at hand, when it was known again
  ByteSpan whole_frame_;                // when the frame came in one piece, until report()
  OpReader reader_;
  ResourceWatch watch_;
  ValueStore store_;
  CallLog log_;
  CallJudge judge_;
  std::unique_ptr<PickleMachine> inner_;  // for pickles that a call in the pickle loads; made when the first one comes
  ValueStack stack_;
  size_t stack_limit_ = 0, mark_limit_ = 0;
  bool is_limited_ = false;
  std::vector<uint32_t> marks_;
  bool omits_ = false;               // there may be a kOmitted on the stack
  bool has_floor_ = false;           // stack_[0] is one that stands for all that was let go below
  uint64_t marks_taken_unseen_ = 0;  // of those that were let go
  uint64_t marks_let_go_ = 0;        // MARKs that stood there
  PickleMemo memo_;
  uint64_t skipped_ = 0;        // bytes of texts that the log leaves out
  bool text_in_chunk_ = false;  // of the opcode at hand
  uint64_t announced_at_ = 0;   // offset + 1 of the opcode that was told to the watch
  Value root_;
  Indicators indicators_;
  uint64_t frame_bytes_ = 0;
  uint64_t fed_ = 0;
  uint64_t ops_ = 0;
  int protocol_ = 0;  // the last PROTO, as the unpickler keeps it
  int highest_protocol_ = 0;
  bool has_header_ = false;
  bool fetched_names_ = false;  // such as a Python program can have
  bool called_by_name_ = false;
  TakeoverSigns takeover_;
  ToldCallables* told_ = nullptr;
  unsigned told_before_ = 0;
  std::vector<std::string> told_news_;  // what was left out for it
  bool weighs_numbers_ = false;         // what was done depends on an integer's value
  bool is_started_ = false;
  bool at_stop_ = false;
  bool ended_ = true;
  PickleEnd end_ = PickleEnd::kTruncated;
  std::string_view end_reason_;
  std::string_view doubt_;  // the first reason for CPython 3 to raise, where the reading went on
};

}  // namespace pickletap
