// A symbolic value of the pickle machine: eight bytes, a kind and a payload. Text and the heads of containers stand in
// the ValueStore, callables and what calls return in the CallLog; a Value is only the handle.
#pragma once

#include <bit>
#include <cstdint>

namespace pickletap {

enum class ValueKind : uint8_t {
  kForgotten,  ///< data that was seen and is no longer kept, or whose content does not matter
  kLost,       ///< as kForgotten, but it may have been a callable: never taken for harmless
  kNone,
  kBool,    ///< payload 0 or 1
  kInt,     ///< 56 bits, signed
  kBigInt,  ///< more bits than kInt has; kept is only what tells which of them collide as keys
  kFloat,   ///< the upper 56 bits of the double
  kStr,     ///< payload: record in the store
  kBytes,
  kByteArray,
  kTuple,  ///< payload: record in the store; kEmptyTuple has none
  kEmptyTuple,
  kList,
  kDict,
  kSet,
  kFrozenSet,
  kGlobal,      ///< payload: index of the callable in the CallLog
  kResult,      ///< what a call returned; payload: see CallLog::result
  kPersistent,  ///< PERSID, BINPERSID
  kBuffer,      ///< out-of-band buffer
  kOmitted,     ///< on the stack only: so many values stood here (payload) and were let go
};

class Value {
 public:
  Value() = default;
  explicit constexpr Value(ValueKind kind, uint64_t payload = 0)
      : bits_(static_cast<uint64_t>(kind) << 56 | (payload & kPayloadMask)) {}

  static constexpr Value boolean(bool value) { return Value(ValueKind::kBool, value ? 1 : 0); }
  static constexpr Value integer(int64_t value) { return Value(ValueKind::kInt, static_cast<uint64_t>(value)); }
  static constexpr Value real(double value) { return Value(ValueKind::kFloat, std::bit_cast<uint64_t>(value) >> 8); }

  /// `hash` and `exact` as in HashCost; `magnitude`: the exponent of its nodes.
  static constexpr Value big_integer(uint16_t hash, uint32_t exact, uint8_t magnitude) {
    return Value(ValueKind::kBigInt, uint64_t{magnitude} << 48 | uint64_t{hash} << 32 | exact);
  }

  constexpr ValueKind kind() const { return static_cast<ValueKind>(bits_ >> 56); }
  constexpr bool is(ValueKind kind) const { return this->kind() == kind; }
  constexpr uint64_t payload() const { return bits_ & kPayloadMask; }
  /// kInt: sign-extended from 56 bits.
  constexpr int64_t as_integer() const { return static_cast<int64_t>(bits_ << 8) >> 8; }
  constexpr double as_real() const { return std::bit_cast<double>(bits_ << 8); }

  /// True where an int64 fits the 56 bits of kInt.
  static constexpr bool fits(int64_t value) { return value >= -(int64_t{1} << 55) && value < (int64_t{1} << 55); }

  friend constexpr bool operator==(Value, Value) = default;

 private:
  static constexpr uint64_t kPayloadMask = (uint64_t{1} << 56) - 1;
  uint64_t bits_ = 0;
};
static_assert(sizeof(Value) == 8);

constexpr bool is_text(Value v) { return v.is(ValueKind::kStr); }
constexpr bool is_bytes(Value v) { return v.is(ValueKind::kBytes) || v.is(ValueKind::kByteArray); }
/// With items in the store; kEmptyTuple has none.
constexpr bool is_container(Value v) {
  return v.is(ValueKind::kTuple) || v.is(ValueKind::kList) || v.is(ValueKind::kDict) || v.is(ValueKind::kSet) ||
         v.is(ValueKind::kFrozenSet);
}
constexpr bool is_number(Value v) {
  return v.is(ValueKind::kInt) || v.is(ValueKind::kBigInt) || v.is(ValueKind::kFloat) || v.is(ValueKind::kBool);
}
/// Can calling this run code, as far as its kind tells?
constexpr bool may_be_callable(Value v) {
  return v.is(ValueKind::kGlobal) || v.is(ValueKind::kResult) || v.is(ValueKind::kLost) || v.is(ValueKind::kPersistent);
}

}  // namespace pickletap
