#include <algorithm>

#include "dissectors/pickle/op_reader.h"
#include "tests/fuzz/pickle_grammar.h"

namespace pickletap::fuzz {

namespace {
constexpr uint64_t kMaxAnnounced = 1 << 20;
constexpr uint64_t kMaxIndex = 70000;
constexpr size_t kMaxIndexDigits = 5;
constexpr unsigned kMaxSharedTuples = 24;
}  // namespace

void for_each_pickle(ByteSpan input, const std::function<void(ByteSpan)>& take) {
  if (input.empty()) return;
  const uint8_t how = input[0];
  ByteSpan rest = input.subspan(1);
  if ((how & 1) == 0) return take(grow_pickle(rest));
  if ((how & 0x10) == 0) return take(rest);
  while (rest.size() > 2) {
    const size_t size = std::min<size_t>(rest[0] | rest[1] << 8, rest.size() - 2);
    take(rest.subspan(2, size));
    rest = rest.subspan(2 + size);
  }
}

bool is_within_bounds(ByteSpan pickle) {
  OpReader reader;
  reader.reset();
  Op op;
  unsigned ops = 0, tuples = 0, copies = 0;
  ByteSpan before = pickle;
  while (reader.next(pickle, op) == OpReader::Result::kOp && op.info->code != Opcode::kStop) {
    before = pickle;
    const Opcode code = op.info->code;
    if (++ops > 2 * kMaxPickleOps) return false;
    if (code == Opcode::kLongBinPut && op.number > kMaxIndex) return false;
    if (code == Opcode::kPut && op.text.size() > kMaxIndexDigits) return false;
    copies += code == Opcode::kDup || code == Opcode::kGet || code == Opcode::kBinGet || code == Opcode::kLongBinGet;
    tuples +=
        code == Opcode::kTuple || code == Opcode::kTuple2 || code == Opcode::kTuple3 || code == Opcode::kFrozenSet;
  }
  if (copies > 0 && tuples > kMaxSharedTuples) return false;
  // The one that the pickle ends in may announce anything, and CPython makes room for it first.
  if (before.empty() || kOpcodes[before[0]].shape != ArgShape::kCounted) return true;
  uint64_t announced = 0;
  for (size_t i = kOpcodes[before[0]].width; i > 0; --i)
    announced = announced << 8 | (i < before.size() ? before[i] : 0);
  return announced <= kMaxAnnounced;
}

}  // namespace pickletap::fuzz
