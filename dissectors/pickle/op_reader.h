// Bytes → opcodes, incrementally: chunks may be cut anywhere and the opcodes that come out are the same.
//
// The reader keeps at most kMaxText bytes of an argument (the rest of a longer one is counted and skipped), so a
// bytes object of 2 GB passes through in constant memory. Spans in an Op are valid until the next call.
#pragma once

#include <cstdint>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/pickle/opcodes.h"

namespace pickletap {

struct Op {
  const OpcodeInfo* info = nullptr;
  uint64_t offset = 0;      ///< of the opcode byte, from the pickle's first byte
  uint64_t number = 0;      ///< kFixed: the argument; kCounted: the announced length
  uint64_t line_bytes = 0;  ///< kLine: of the whole line
  ByteSpan text;            ///< kCounted and kLine: the argument; kTwoLines: the module. At most kMaxText bytes
  ByteSpan second;          ///< kTwoLines: the name
  bool cut = false;         ///< text or second is shorter than what the pickle holds
};

class OpReader {
 public:
  static constexpr size_t kMaxText = 4096;

  enum class Result : uint8_t {
    kOp,        ///< `op` is filled
    kNeedMore,  ///< the chunk is used up
    kUnknown,   ///< no such opcode; the reader stays there
    kNegative,  ///< a negative length, which the unpickler refuses
  };

  void reset();
  /// Takes bytes off the front of `in` until one opcode is complete.
  Result next(ByteSpan& in, Op& op);
  /// There are no more bytes. True, with `op`, when they end in a name: Python 2.7 and the pure Python unpickler take the
  /// line without its last byte, and the next one as empty (2.7 Modules/cPickle.c load_inst, 3.13 Lib/pickle.py load_inst).
  bool finish(Op& op);
  /// Is the next byte an opcode?
  bool at_opcode() const { return state_ == State::kOpcode; }
  /// So many bytes of whole opcodes were read by somebody else.
  void advance(uint64_t count) { position_ += count; }
  /// An opcode whose announced length is known and whose bytes are not all there; null when none is.
  const Op* waiting() const { return state_ == State::kBody ? &pending_ : nullptr; }
  /// Bytes taken so far; of the pickle, if it is read from its first byte.
  uint64_t position() const { return position_; }
  size_t memory_bytes() const { return first_.capacity() + second_.capacity(); }

 private:
  enum class State : uint8_t { kOpcode, kFixed, kLength, kBody, kFirstLine, kSecondLine };

  Result start(ByteSpan& in, Op& op);
  Result resume(ByteSpan& in, Op& op);
  void consume(ByteSpan& in, size_t count);
  bool take_line(ByteSpan& in, std::vector<uint8_t>& line);
  static uint64_t little_endian(const uint8_t* bytes, size_t width);

  State state_ = State::kOpcode;
  Op pending_;
  uint64_t position_ = 0;
  uint64_t body_left_ = 0;
  size_t fixed_have_ = 0;
  uint8_t fixed_[8] = {};
  std::vector<uint8_t> first_, second_;  // at most kMaxText each
};

}  // namespace pickletap
