#include "tests/fuzz/pickle_grammar.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include "dissectors/pickle/opcodes.h"
#include "tests/fuzz/grammar_words.h"

namespace pickletap::fuzz {

namespace {

struct Item {
  enum class Kind : uint8_t { kData, kText, kTuple, kList, kDict, kSet, kCallable };
  Kind kind = Kind::kData;
  bool hashable = true;
  uint32_t weight = 1;
};
using Kind = Item::Kind;

class Grower {
 public:
  explicit Grower(ByteSpan choices) : rest_(choices) {}

  std::vector<uint8_t> grow() {
    if (below(8) != 0) op(Opcode::kProto), byte(below(6));
    if (below(8) == 0) frame();
    for (unsigned steps = 0; !rest_.empty() && steps < kMaxPickleOps / 4 && ops_ < kMaxPickleOps; ++steps) step();
    if (below(16) != 15) {
      if (above_fence() == 0) leaf();
      op(Opcode::kStop);
      if (below(16) == 15) byte(choice()), byte(choice());
    }
    for (const auto& [at, lie] : frames_) {
      uint64_t left = out_.size() - (at + 8) + (lie == 1 ? 1 : 0);
      if (lie == 2) left /= 2;
      if (lie == 3) left = 0;
      for (size_t i = 0; i < 8; ++i) out_[at + i] = static_cast<uint8_t>(left >> (8 * i));
    }
    return std::move(out_);
  }

 private:
  // ---- choices and bytes
  uint8_t choice() {
    if (rest_.empty()) return 0;
    const uint8_t value = rest_[0];
    rest_ = rest_.subspan(1);
    return value;
  }
  unsigned below(size_t bound) { return static_cast<unsigned>(choice() % bound); }
  template <size_t Size>
  std::string_view one_of(const std::array<std::string_view, Size>& list) {
    return list[below(Size)];
  }
  template <size_t Size>
  std::string_view spelling(const std::array<std::string_view, Size>& list) {
    return below(32) == 31 ? list[Size - 1 - below(kOdd)] : list[below(Size - kOdd)];
  }
  void byte(unsigned value) { out_.push_back(static_cast<uint8_t>(value)); }
  void op(Opcode code) { byte(static_cast<unsigned>(code)), ++ops_; }
  void number(uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) byte(static_cast<unsigned>(value >> (8 * i) & 0xff));
  }
  void raw(std::string_view text) { out_.insert(out_.end(), text.begin(), text.end()); }
  void line(std::string_view text) { raw(text), byte('\n'); }
  void counted(Opcode code, unsigned width, std::string_view text) {
    op(code);
    number(below(64) == 63 ? text.size() + 1 + below(200) : text.size(), width);
    raw(text);
  }

  // ---- the model of the stack: what CPython would have there, roughly
  size_t fence() const { return marks_.empty() ? 0 : marks_.back(); }
  size_t above_fence() const { return stack_.size() - std::min(stack_.size(), fence()); }
  void push(Kind kind, bool hashable = true, uint32_t weight = 1) { stack_.push_back({kind, hashable, weight}); }
  Item pop() {
    if (above_fence() == 0) return {};
    const Item item = stack_.back();
    stack_.pop_back();
    return item;
  }
  void mark() { op(Opcode::kMark), marks_.push_back(stack_.size()); }
  Item close(Kind kind) {
    Item made{kind, kind == Kind::kTuple || kind == Kind::kSet, 1};
    while (above_fence() > 0) {
      const Item item = pop();
      made.hashable = made.hashable && item.hashable;
      made.weight = std::min(kMaxWeight * 2, made.weight + item.weight);
    }
    if (!marks_.empty()) marks_.pop_back();
    return made;
  }

  // ---- productions
  void text() {
    const std::string_view word = below(3) == 0 ? one_of(kModules) : below(2) == 0 ? one_of(kNames) : one_of(kWords);
    switch (below(9)) {
      case 0: op(Opcode::kString), line(spelling(kStrings)); break;
      case 1: op(Opcode::kUnicode), line(spelling(kUnicodes)); break;
      case 2: counted(Opcode::kShortBinString, 1, word); break;
      case 3: counted(Opcode::kBinString, 4, word); break;
      case 4: counted(Opcode::kBinUnicode, 4, word); break;
      case 5: counted(Opcode::kBinUnicode8, 8, word); break;
      default: counted(Opcode::kShortBinUnicode, 1, word);
    }
    push(Kind::kText);
  }

  void leaf() {
    switch (below(24)) {
      case 0: op(Opcode::kNone); break;
      case 1: op(below(2) == 0 ? Opcode::kNewTrue : Opcode::kNewFalse); break;
      case 2: op(Opcode::kBinInt), number(below(2) == 0 ? 0xfffffff0U : 70000U, 4); break;
      case 3: op(Opcode::kBinInt1), byte(choice()); break;
      case 4: op(Opcode::kBinInt2), number(uint64_t{choice()} * 257, 2); break;
      case 5: op(Opcode::kInt), line(spelling(kInts)); break;
      case 6: op(Opcode::kLong), line(spelling(kLongs)); break;
      case 7:
      case 8: {
        std::string digits(below(10), '\0');
        for (char& digit : digits) digit = static_cast<char>(choice());
        below(2) == 0 ? counted(Opcode::kLong1, 1, digits) : counted(Opcode::kLong4, 4, digits);
        break;
      }
      case 9: op(Opcode::kFloat), line(spelling(kFloats)); break;
      case 10: op(Opcode::kBinFloat), byte(0x3f + below(2)), byte(choice()), number(choice(), 6); break;
      case 11: counted(Opcode::kShortBinBytes, 1, one_of(kWords)); break;
      case 12: counted(Opcode::kBinBytes, 4, one_of(kWords)); break;
      case 13: counted(Opcode::kBinBytes8, 8, one_of(kWords)); break;
      case 14: counted(Opcode::kByteArray8, 8, one_of(kWords)); return push(Kind::kData, false);
      case 15: op(Opcode::kEmptyList); return push(Kind::kList, false);
      case 16: op(Opcode::kEmptyDict); return push(Kind::kDict, false);
      case 17: op(Opcode::kEmptySet); return push(Kind::kSet, false);
      case 18: op(Opcode::kEmptyTuple); return push(Kind::kTuple);
      case 19: op(Opcode::kPersId), line(one_of(kModules)); return push(Kind::kCallable);
      default: return text();
    }
    push(Kind::kData);
  }

  void name() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: op(Opcode::kGlobal), line(one_of(kModules)), line(one_of(kNames)); break;
      case 4: op(Opcode::kExt1), byte(below(32) == 31 ? below(6) : 1 + below(3)); break;
      case 5: op(Opcode::kExt2), number(below(2) * 256 + 1, 2); break;
      case 6: op(Opcode::kExt4), number(below(2) * 65536 + 1, 4); break;
      default:
        counted(Opcode::kShortBinUnicode, 1, one_of(kModules));
        if (below(4) == 0) op(Opcode::kMemoize), memo_[static_cast<uint32_t>(memo_.size())] = {Kind::kText, true, 1};
        counted(Opcode::kBinUnicode, 4, one_of(kNames));
        op(Opcode::kStackGlobal);
    }
    push(Kind::kCallable);
  }

  void arguments() {
    switch (below(6)) {
      case 0: op(Opcode::kEmptyTuple); return push(Kind::kTuple);
      case 1: leaf(), tuple(1); return;
      case 2: text(), text(), tuple(2); return;
      case 3: name(), leaf(), text(), tuple(3); return;
      default:
        mark();
        for (unsigned left = below(5); left > 0; --left) below(8) == 0 ? old() : below(8) == 0 ? name() : leaf();
        op(Opcode::kTuple);
        stack_.push_back(close(Kind::kTuple));
    }
  }

  void tuple(unsigned count) {
    Item made{Kind::kTuple, true, 1};
    for (unsigned i = 0; i < count; ++i) {
      const Item item = pop();
      made.hashable = made.hashable && item.hashable;
      made.weight = std::min(kMaxWeight * 2, made.weight + item.weight);
    }
    op(count == 1 ? Opcode::kTuple1 : count == 2 ? Opcode::kTuple2 : Opcode::kTuple3);
    stack_.push_back(made);
  }

  void call() {
    const unsigned how = below(12);
    if (how >= 8) {  // MARK first
      mark();
      if (how >= 10) name();
      for (unsigned left = below(4); left > 0; --left) leaf();
      if (how >= 10) {
        op(Opcode::kObj);
      } else {
        op(Opcode::kInst), line(one_of(kModules)), line(one_of(kNames));
      }
      close(Kind::kTuple);
      return push(Kind::kCallable);
    }
    if (above_fence() == 0 || stack_.back().kind != Kind::kCallable || below(2) == 0) name();
    arguments();
    if (how >= 6) {
      op(Opcode::kEmptyDict);
      if (how == 7) text(), leaf(), op(Opcode::kSetItem), pop(), pop();
      op(Opcode::kNewObjEx);
    } else {
      op(how >= 4 ? Opcode::kNewObj : Opcode::kReduce);
    }
    pop(), pop();
    push(Kind::kCallable);
  }

  void build() {
    if (above_fence() == 0 || stack_.back().kind != Kind::kCallable) call();
    if (below(3) == 0) {
      leaf();
    } else {
      op(Opcode::kEmptyDict), push(Kind::kDict, false);
      text(), below(2) == 0 ? name() : leaf(), op(Opcode::kSetItem), pop(), pop();
    }
    op(Opcode::kBuild), pop();
  }

  void shut() {
    if (marks_.empty()) return mark();
    bool all = true, keys = true;
    uint32_t weight = 1;
    for (size_t i = fence(); i < stack_.size(); ++i) {
      all = all && stack_[i].hashable;
      keys = keys && (stack_[i].hashable || (i - fence()) % 2 == 1);
      weight = std::min(kMaxWeight, weight + stack_[i].weight);
    }
    const bool even = above_fence() % 2 == 0;
    const size_t start = fence();
    const Kind below_mark =
        start > 0 && (marks_.size() < 2 || marks_[marks_.size() - 2] < start) ? stack_[start - 1].kind : Kind::kData;
    const bool wild = below(32) == 31;
    const auto extend = [&](Opcode code) { op(code), close(Kind::kList); };
    switch (below(10)) {
      case 0:
        if (wild || (even && keys)) return op(Opcode::kDict), stack_.push_back(close(Kind::kDict));
        break;
      case 1:
        if (wild || (all && weight < kMaxWeight)) return op(Opcode::kFrozenSet), stack_.push_back(close(Kind::kSet));
        break;
      case 2: return op(Opcode::kPopMark), static_cast<void>(close(Kind::kList));
      case 3:
      case 4:
        if (wild || below_mark == Kind::kList || below_mark == Kind::kCallable) return extend(Opcode::kAppends);
        break;
      case 5:
        if (wild || ((below_mark == Kind::kDict || below_mark == Kind::kCallable) && even && keys))
          return extend(Opcode::kSetItems);
        break;
      case 6:
        if (wild || ((below_mark == Kind::kSet || below_mark == Kind::kCallable) && all))
          return extend(Opcode::kAddItems);
        break;
      case 7: return op(Opcode::kList), stack_.push_back(close(Kind::kList));
      default: break;
    }
    if (weight >= kMaxWeight) return op(Opcode::kList), stack_.push_back(close(Kind::kList));
    op(Opcode::kTuple), stack_.push_back(close(Kind::kTuple));
  }

  void add() {
    const Kind kind = above_fence() > 0 ? stack_.back().kind : Kind::kData;
    const bool wild = below(32) == 31;
    if (kind == Kind::kList || (wild && above_fence() > 0)) {
      if (below(8) == 0)
        return op(Opcode::kBinInt1), byte(below(3)), leaf(), op(Opcode::kSetItem), static_cast<void>(pop());
      return below(2) == 0 ? leaf() : call(), op(Opcode::kAppend), static_cast<void>(pop());
    }
    if (kind == Kind::kDict) {
      return text(), leaf(), op(Opcode::kSetItem), pop(), static_cast<void>(pop());
    }
    below(2) == 0 ? (op(Opcode::kEmptyList), push(Kind::kList, false))
                  : (op(Opcode::kEmptyDict), push(Kind::kDict, false));
  }

  void keep() {
    if (above_fence() == 0) leaf();
    uint32_t index = below(8) == 7 ? 250 + below(300) : below(12);
    if (below(32) == 31) index = 32760 + below(16);
    switch (below(6)) {
      case 0:
      case 1: op(Opcode::kMemoize), index = static_cast<uint32_t>(memo_.size()); break;
      case 2: op(Opcode::kLongBinPut), number(index, 4); break;
      case 3:
        if (below(4) != 0)
          op(Opcode::kPut), line(below(8) == 7 ? one_of(kIndices) : std::string_view(std::to_string(index)));
        break;
      default: index &= 0xff, op(Opcode::kBinPut), byte(index);
    }
    memo_[index] = stack_.back();
  }

  void old() {
    if (memo_.empty()) return leaf();
    auto entry = memo_.begin();
    std::advance(entry, below(memo_.size()));
    if (entry->second.weight >= kMaxWeight / 4) return leaf();
    switch (below(6)) {
      case 0:
        op(Opcode::kGet), line(below(16) == 15 ? one_of(kIndices) : std::string_view(std::to_string(entry->first)));
        break;
      case 1: op(Opcode::kLongBinGet), number(entry->first, 4); break;
      default:
        if (entry->first > 0xff)
          return op(Opcode::kLongBinGet), number(entry->first, 4), stack_.push_back(entry->second);
        op(Opcode::kBinGet), byte(entry->first);
    }
    stack_.push_back(entry->second);
  }

  void frame() {
    op(Opcode::kFrame);
    frames_.emplace_back(out_.size(), below(8));
    number(0, 8);
  }

  void nonsense() {
    switch (below(4)) {
      case 0: byte(choice()); break;  // perhaps no opcode
      case 1: op(kOpcodeRows[below(kOpcodeRows.size())].code); break;
      case 2: {
        const OpcodeInfo& info = kOpcodeRows[below(kOpcodeRows.size())];
        if (info.shape == ArgShape::kNothing) op(info.code);
        break;
      }
      default: op(Opcode::kGlobal), line(""), line(one_of(kNames)), push(Kind::kCallable);
    }
  }

  void step() {
    const unsigned which = below(32);
    if (which < 4) return leaf();
    switch (which) {
      case 4: return name();
      case 5:
      case 6:
      case 7:
      case 8:
      case 9: return call();
      case 10:
      case 11: return build();
      case 12: return mark();
      case 13:
      case 14:
      case 15: return shut();
      case 16:
      case 17:
      case 18: return add();
      case 19:
      case 20:
      case 21: return keep();
      case 22:
      case 23:
      case 24: return old();
      case 25:
        if (above_fence() == 0 && marks_.empty()) return;
        if (above_fence() == 0)
          marks_.pop_back();
        else
          pop();
        return op(Opcode::kPop);
      case 26:
        if (above_fence() == 0 || stack_.back().weight >= kMaxWeight / 4) return;
        return op(Opcode::kDup), stack_.push_back(stack_.back());
      case 27: {
        const unsigned count = 1 + below(3);
        if (above_fence() < count) return leaf();
        uint32_t weight = 0;
        for (size_t i = stack_.size() - count; i < stack_.size(); ++i) weight += stack_[i].weight;
        return weight < kMaxWeight ? tuple(count) : mark();
      }
      case 28:
        if (above_fence() == 0) return leaf();
        return pop(), op(Opcode::kBinPersId), push(Kind::kCallable);
      case 29: return op(Opcode::kProto), byte(below(32) == 31 ? choice() : below(6));
      case 30:
        if (below(4) == 0) return frame();
        if (below(8) == 0) return op(Opcode::kNextBuffer), push(Kind::kData);
        counted(Opcode::kShortBinBytes, 1, one_of(kWords));
        return op(Opcode::kReadOnlyBuffer), push(Kind::kData);
      default: return nonsense();
    }
  }

  ByteSpan rest_;
  std::vector<uint8_t> out_;
  unsigned ops_ = 0;
  std::vector<Item> stack_;
  std::vector<size_t> marks_;
  std::map<uint32_t, Item> memo_;
  std::vector<std::pair<size_t, unsigned>> frames_;  // where a length stands, and how it lies
};

}  // namespace

std::vector<uint8_t> grow_pickle(ByteSpan choices) { return Grower(choices).grow(); }

}  // namespace pickletap::fuzz
