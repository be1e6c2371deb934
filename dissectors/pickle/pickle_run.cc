// The part of PickleMachine that makes it fast: runs of the opcodes that data is made of, read straight from the chunk,
// with the stack's top and the memo's end in registers. Whatever is not plain here (an opcode cut by the chunk's end, a
// MARK in the way, a container that is none, an entry that is not in the memo, a name, a call) is left to `step`, which
// knows every case; both leave the same state behind, which the fuzz target pickle_machine_fuzz holds.
//
// What the time is made of: opcodes come in no order that a branch predictor could learn, and a wrong guess costs as much
// as half a dozen opcodes decoded; without branches each opcode has to wait for the length of the one before. So what
// picklers always write behind another (MEMOIZE behind a text, MARK behind a new dict) is looked for there, numbers of
// all widths share one path, and all else is a plain switch.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "dissectors/byte_reader.h"
#include "dissectors/pickle/literals.h"
#include "dissectors/pickle/pickle_machine.h"

// What the inner loop is made of must be in it: a call would keep its registers in memory.
#define PICKLETAP_INLINE __attribute__((always_inline))

namespace pickletap {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read as they stand in the pickle");

constexpr uint64_t kPayload = (uint64_t{1} << 56) - 1;

/// BININT1, BININT2, BININT and NONE as Values: `fixed | (the four bytes behind the opcode, signed, & mask)`.
struct Scalar {
  uint64_t fixed = 0;
  uint64_t mask = 0;
};
constexpr size_t scalar_row(Opcode code) { return static_cast<size_t>(code) & 7; }
constexpr std::array<Scalar, 8> kScalars = [] {
  constexpr auto kZero = std::bit_cast<uint64_t>(Value::integer(0));
  std::array<Scalar, 8> rows{};
  rows[scalar_row(Opcode::kBinInt1)] = {kZero, 0xff};
  rows[scalar_row(Opcode::kBinInt2)] = {kZero, 0xffff};
  rows[scalar_row(Opcode::kBinInt)] = {kZero, kPayload};
  rows[scalar_row(Opcode::kNone)] = {std::bit_cast<uint64_t>(Value(ValueKind::kNone)), 0};
  return rows;
}();
/// Their sizes, four bits a row: a shift is sooner done than a load, and the next opcode waits for it.
constexpr uint64_t kScalarSizes =
    uint64_t{2} << (4 * scalar_row(Opcode::kBinInt1)) | uint64_t{3} << (4 * scalar_row(Opcode::kBinInt2)) |
    uint64_t{5} << (4 * scalar_row(Opcode::kBinInt)) | uint64_t{1} << (4 * scalar_row(Opcode::kNone));

template <typename T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

// Reads opcodes from `at` on that end before `end`; behind it kLookahead bytes can be read. Returns where it stopped.
const uint8_t* PickleMachine::run(const uint8_t* at, const uint8_t* end, uint64_t place) {
  // A MARK in the air; a memo that needs a second look; opcodes that no PROTO announced.
  if (stack_.size() < fence() || !memo_.is_plain() || protocol_ < 2) return at;
  const uint64_t base = place - reinterpret_cast<uintptr_t>(at);  // of a place in the log less its address
  Value* const slots = stack_.slots();
  const Value* const slots_end = stack_.slots_end();
  Value* top = stack_.top_slot();
  Value* floor = slots + fence();  // what stands above it may be taken
  const PickleMemo::Tail memo = memo_.tail();
  uint64_t used = memo.used;
  uint64_t ops = 0;
  const auto held = [&]() PICKLETAP_INLINE { return static_cast<size_t>(top - floor); };
  // Does one of the values on top stand for others that were let go? It must be taken apart, not taken.
  const bool omits = omits_;
  const auto is_omitted = [&](size_t count) PICKLETAP_INLINE {
    return omits && std::any_of(top - count, top, [](Value value) { return value.is(ValueKind::kOmitted); });
  };
  const auto offset = [&]() PICKLETAP_INLINE { return base + reinterpret_cast<uintptr_t>(at) + skipped_; };
  const auto opcode_at = [](const uint8_t* byte) PICKLETAP_INLINE { return static_cast<Opcode>(*byte); };

  const auto put = [&](size_t size) PICKLETAP_INLINE {
    memo.slots[std::min(used, memo.spare)] = top[-1];
    if (used >= memo.spare && top[-1].is(ValueKind::kStr)) memo_.remember_text(used, top[-1]);
    ++used;
    ++ops;
    at += size;
  };
  // Takes the put that stands behind a value, if one does and it is at the next index.
  const auto take_put = [&]() PICKLETAP_INLINE {
    if (at >= end) return;
    if (opcode_at(at) == Opcode::kMemoize && protocol_ >= 4) {
      put(1);
    } else if (opcode_at(at) == Opcode::kBinPut && at[1] == used && at + 2 <= end) {
      put(2);
    } else if (opcode_at(at) == Opcode::kLongBinPut && load<uint32_t>(at + 1) == used && at + 5 <= end) {
      put(5);
    }
  };
  const auto push_text = [&](ValueKind kind, uint64_t length, size_t header) PICKLETAP_INLINE {
    const uint8_t* const text = at + header;
    if (length > TextLog::kMaxText || text + length > end) return false;
    if (load<uint16_t>(text) == 0x5f5f) {
      takeover_.name_seen = takeover_.name_seen || is_takeover_name(as_text({text, length}));
    }
    *top++ = Value(kind, base + reinterpret_cast<uintptr_t>(at));
    at = text + length;
    ++ops;
    take_put();
    return true;
  };
  // An empty container is put and filled at once.
  const auto begin_container = [&](ValueKind kind) PICKLETAP_INLINE {
    *top++ = store_.add_empty(kind);
    ++at;
    ++ops;
    take_put();
    if (at >= end || opcode_at(at) != Opcode::kMark || marks_.size() >= mark_limit_) return;
    marks_.push_back(static_cast<uint32_t>(top - slots));
    floor = top;
    ++at;
    ++ops;
  };
  // The innermost MARK goes; everything above it is gone or replaced already.
  const auto close_mark = [&]() PICKLETAP_INLINE {
    marks_.pop_back();
    floor = slots + fence();
  };

  while (at < end && top < slots_end && used < memo.room && floor <= top) {
    switch (opcode_at(at)) {
      case Opcode::kNone:
      case Opcode::kBinInt1:
      case Opcode::kBinInt2:
      case Opcode::kBinInt: {
        const size_t row = scalar_row(opcode_at(at));
        const size_t size = kScalarSizes >> (4 * row) & 15;
        if (at + size > end) goto out;
        const auto number = static_cast<uint64_t>(int64_t{load<int32_t>(at + 1)});
        *top++ = std::bit_cast<Value>(kScalars[row].fixed | (number & kScalars[row].mask));
        at += size;
        break;
      }
      case Opcode::kNewTrue:
      case Opcode::kNewFalse:
        *top++ = Value::boolean(opcode_at(at) == Opcode::kNewTrue);
        ++at;
        break;
      case Opcode::kEmptyTuple:
        *top++ = Value(ValueKind::kEmptyTuple);
        ++at;
        break;
      case Opcode::kBinFloat:
        if (at + 9 > end) goto out;
        *top++ = Value::real(std::bit_cast<double>(__builtin_bswap64(load<uint64_t>(at + 1))));
        at += 9;
        break;
      case Opcode::kShortBinUnicode:
        if (protocol_ < 4 || !push_text(ValueKind::kStr, at[1], 2)) goto out;
        continue;
      case Opcode::kShortBinString:
        if (!push_text(ValueKind::kStr, at[1], 2)) goto out;
        continue;
      case Opcode::kBinUnicode:
      case Opcode::kBinString:
        if (!push_text(ValueKind::kStr, load<uint32_t>(at + 1), 5)) goto out;
        continue;
      case Opcode::kShortBinBytes:
        if (protocol_ < 3 || !push_text(ValueKind::kBytes, at[1], 2)) goto out;
        continue;
      case Opcode::kBinBytes:
        if (protocol_ < 3 || !push_text(ValueKind::kBytes, load<uint32_t>(at + 1), 5)) goto out;
        continue;
      case Opcode::kBinGet: {
        const uint64_t index = at[1];
        if (at + 2 > end || index >= used || index >= memo.spare) goto out;
        *top++ = memo.slots[index];
        at += 2;
        break;
      }
      case Opcode::kLong1: {
        const uint8_t length = at[1];
        if (length > 7 || at + 2 + length > end) goto out;
        *top++ = integer_from_bytes(at + 2, length);
        at += 2 + length;
        break;
      }
      case Opcode::kLongBinGet: {
        const uint64_t index = load<uint32_t>(at + 1);
        if (at + 5 > end || index >= used) goto out;
        if (index >= memo.spare) memo_.set_tail(used);
        *top++ = memo_.find(index);
        at += 5;
        break;
      }
      case Opcode::kMemoize:
      case Opcode::kBinPut:
      case Opcode::kLongBinPut: {
        const uint8_t* const before = at;
        if (held() == 0 || may_be_callable(top[-1]) || is_omitted(1)) goto out;
        take_put();
        if (at == before) goto out;
        continue;
      }
      case Opcode::kMark:
        if (marks_.size() >= mark_limit_) goto out;
        marks_.push_back(static_cast<uint32_t>(top - slots));
        floor = top;
        ++at;
        break;
      case Opcode::kEmptyDict: begin_container(ValueKind::kDict); continue;
      case Opcode::kEmptyList: begin_container(ValueKind::kList); continue;
      case Opcode::kEmptySet:
        if (protocol_ < 4) goto out;
        begin_container(ValueKind::kSet);
        continue;
      case Opcode::kTuple1:
      case Opcode::kTuple2:
      case Opcode::kTuple3: {
        const size_t count = static_cast<size_t>(*at) - static_cast<size_t>(Opcode::kTuple1) + 1;
        if (held() < count || is_omitted(count)) goto out;
        top -= count;
        *top = store_.add_tuple(top, count);
        if (store_.has_heavy_hashes()) note_made(*top, offset());
        ++top;
        ++at;
        ++ops;
        take_put();
        continue;
      }
      case Opcode::kTuple: {
        if (marks_.empty() || (top > floor && floor->is(ValueKind::kOmitted))) goto out;
        *floor = store_.add_container(ValueKind::kTuple, {floor, held()});
        if (store_.has_heavy_hashes()) note_made(*floor, offset());
        top = floor + 1;
        close_mark();
        ++at;
        ++ops;
        take_put();
        continue;
      }
      case Opcode::kAppends:
      case Opcode::kSetItems:
      case Opcode::kAddItems: {
        if (marks_.empty() || floor == slots || (opcode_at(at) == Opcode::kAddItems && protocol_ < 4)) goto out;
        const Value container = floor[-1];
        const ValueKind wanted = opcode_at(at) == Opcode::kAppends    ? ValueKind::kList
                                 : opcode_at(at) == Opcode::kSetItems ? ValueKind::kDict
                                                                      : ValueKind::kSet;
        // As data has it: its own container right below the MARK, and nothing in it that needs a second look.
        if (!container.is(wanted) || takeover_.name_seen) goto out;
        if (wanted == ValueKind::kDict && held() % 2 != 0) goto out;
        if (marks_.size() > 1 && floor - 1 < slots + marks_[marks_.size() - 2]) goto out;
        if (store_.has_heavy_hashes() && wanted != ValueKind::kList) {
          note_keys({floor, held()}, wanted == ValueKind::kDict ? 2 : 1, offset());
        }
        store_.fill(container, floor, held());
        top = floor;
        close_mark();
        ++at;
        break;
      }
      case Opcode::kAppend: {
        if (held() < 2 || !top[-2].is(ValueKind::kList) || is_omitted(1)) goto out;
        --top;
        store_.fill(top[-1], top, 1);
        ++at;
        break;
      }
      case Opcode::kSetItem: {
        if (held() < 3 || !top[-3].is(ValueKind::kDict) || takeover_.name_seen || is_omitted(2)) goto out;
        top -= 2;
        if (store_.has_heavy_hashes()) note_keys({top, 2}, 2, offset());
        store_.fill(top[-1], top, 2);
        ++at;
        break;
      }
      default: goto out;
    }
    ++ops;
  }
out:
  stack_.set_top(top);
  memo_.set_tail(used);
  ops_ += ops;
  return at;
}

// Most of a chunk is read where it stands; its last bytes, and all of a small one, from a copy that can be read beyond
// its end.
void PickleMachine::run(ByteSpan& bytes) {
  const auto advance = [&](size_t count) {
    reader_.advance(count);
    bytes = bytes.subspan(count);
  };
  static constexpr size_t kSmall = 4 * kLookahead;
  if (bytes.size() > kSmall) {
    const uint8_t* const begin = bytes.data();
    const uint64_t place = store_.texts().place_of(begin);
    advance(static_cast<size_t>(run(begin, begin + bytes.size() - kLookahead, place) - begin));
  }
  if (!bytes.empty() && bytes.size() <= kSmall) {
    std::array<uint8_t, kSmall + kLookahead> copy{};
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    const uint64_t place = store_.texts().place_of(bytes.data());
    advance(static_cast<size_t>(run(copy.data(), copy.data() + bytes.size(), place) - copy.data()));
  }
  if (!bytes.empty() && bytes[0] == static_cast<uint8_t>(Opcode::kStop) && stack_.size() > fence()) {
    ++ops_;
    advance(1);
    stop();
  }
}

}  // namespace pickletap
