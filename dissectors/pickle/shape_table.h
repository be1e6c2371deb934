// Small pickles that a worker has judged before. Programs send the same few messages over and over (a task and its result,
// a request to a manager and its answer), and what differs from one to the next is a job's number or somebody's name: bytes
// that nothing in the verdict was made of. A shape is such a pickle with those bytes left open. A pickle of the same length
// whose other bytes are all the same takes the machine the same way, opcode by opcode, so its answer is the same and need
// not be worked out again.
//
// Open are the contents of strings and bytes that the machine did not look at, and of BININT1, BININT2, BININT and BINFLOAT
// where no verdict weighed numbers; all else is fixed, the opcodes, lengths and names with it. Two contents are never open,
// because they lead elsewhere: a string that begins with "__" (a special method may be set), a negative number (-1 and -2
// collide as keys). Only harmless, complete pickles are learned; one with findings is followed every time.
//
// Owned by the PickleMachinePool, one thread. At most kSets * kWays shapes of about 1.5 KiB each, made as they are needed. How
// often a new one is learned falls while those that are given up were of no use, so traffic that never repeats itself pays
// next to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/pickle/pickle_report.h"
#include "dissectors/pickle/value.h"
#include "dissectors/pickle/value_store.h"

namespace pickletap {

struct PickleShape {
  static constexpr size_t kMinBytes = 16;
  static constexpr size_t kMaxBytes = 192;
  static constexpr size_t kMaxOpenTexts = 16;

  explicit PickleShape(const ValueStore& the_store) : store(the_store.snapshot()) {}

  uint32_t length = 0;
  uint8_t worth = 0;  ///< falls with each shape that is learned beside it
  bool used = false;
  uint8_t open_texts = 0;
  std::array<uint8_t, kMaxOpenTexts> open_text_at{};  ///< first byte of an open text of two bytes or more
  std::array<uint8_t, kMaxBytes> bytes{};             ///< zero where open
  std::array<uint8_t, kMaxBytes> fixed{};             ///< bits: 0xff, or 0 where open

  // The answer, as the machine had it after STOP.
  uint64_t ops = 0;
  int protocol = 0, highest_protocol = 0;
  bool has_header = false, is_typical = false, called_by_name = false;
  unsigned told_before = 0;
  std::vector<std::string> reached;  ///< PickleReport::reached; 256 names at most, and what is learned has few
  std::vector<std::string> told;     ///< the news that a flow must have been told of before
  Value root;
  ValueStore
      store;  ///< of the first pickle of this shape: its texts are looked up in the pickle at hand, its numbers are not

  bool fits(ByteSpan pickle) const;
};

class ShapeTable {
 public:
  static constexpr size_t kSets = 64, kWays = 8;

  /// The shape of this pickle, for a flow that was `told` so much; null when there is none.
  PickleShape* find(ByteSpan pickle, const ToldCallables& told);
  /// Asked for each pickle that find() did not know: is this one to be learned?
  bool wants_one() {
    if (--until_next_ > 0) return false;
    until_next_ = patience_;
    return true;
  }
  /// The shape of this pickle, which find() did not know.
  void learn(std::unique_ptr<PickleShape> shape, ByteSpan pickle);
  void clear();
  size_t size() const;
  uint64_t learned() const { return learned_; }

 private:
  static constexpr uint8_t kWorthWhenNew = 2;
  static constexpr uint8_t kWorthWhenUsed = 16;
  static constexpr unsigned kMostPatience = 256;

  using Set = std::array<std::unique_ptr<PickleShape>, kWays>;
  Set& set_of(ByteSpan pickle);

  std::array<Set, kSets> sets_;
  unsigned patience_ = 1;
  unsigned until_next_ = 1;
  uint64_t learned_ = 0;
};

}  // namespace pickletap
