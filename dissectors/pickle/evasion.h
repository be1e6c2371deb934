// Constructions that no pickler of any Python writes (2.7 to 3.13, PyPy, pickletools.optimize, cloudpickle, dill,
// joblib) and that only serve to hide what a pickle does: which of them a pickle shows, and where first. Fed by the
// machine, outside its fast path.
//
// Not here: a pickle that ends behind its call, which pickle.malformed says; and, because picklers do it: a result that is popped (`save_reduce` of an object that contains itself, and the
// state setters of cloudpickle), names of modules that do not exist, opcodes below the protocol in force.
// Sources: CPython 3.13 Lib/pickle.py `_Pickler`, Lib/pickletools.py `optimize`; 2.7 Modules/cPickle.c.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pickletap {

enum class OddSign : uint8_t {
  kComputedName,       ///< STACK_GLOBAL with what a call returned, or with what was fetched by name
  kComputedAttribute,  ///< getattr with such a name
  kLaterOpcode,        ///< an opcode of a higher protocol than PROTO announced (none: protocol 1)
  kSecondProto,        ///< PROTO not at the start
  kFrameTooLong,       ///< FRAME reaches beyond the message, and STOP came
  kNumberSpelling,     ///< INT, LONG: `0x10`, `010`, `5\0junk`, `+5`
  kMemoSpelling,       ///< GET, PUT: `g010`, `g 1`
  kMemoForms,          ///< PUT in one place, BINPUT or MEMOIZE in another
};
inline constexpr unsigned kOddSignCount = 8;

/// "names a callable by what a call returned".
std::string_view odd_sign_text(OddSign sign);

class EvasionSigns {
 public:
  void reset() { seen_ = 0; }
  void note(OddSign sign, uint64_t offset) {
    const unsigned bit = 1U << static_cast<unsigned>(sign);
    if ((seen_ & bit) != 0) return;
    seen_ |= bit;
    offsets_[static_cast<size_t>(sign)] = offset;
  }
  void forget(OddSign sign) { seen_ &= ~(1U << static_cast<unsigned>(sign)); }
  bool any() const { return seen_ != 0; }
  bool has(OddSign sign) const { return (seen_ >> static_cast<unsigned>(sign) & 1U) != 0; }
  uint64_t offset(OddSign sign) const { return offsets_[static_cast<size_t>(sign)]; }

 private:
  unsigned seen_ = 0;
  std::array<uint64_t, kOddSignCount> offsets_{};
};

/// The argument of INT or LONG as a pickler writes it: `-12`, `00` and `01` (the booleans), `12L`.
bool is_usual_integer(std::string_view line, bool is_int_opcode);

/// The argument of GET or PUT as a pickler writes it: decimal, without leading zeros.
bool is_usual_memo_index(std::string_view line);

}  // namespace pickletap
