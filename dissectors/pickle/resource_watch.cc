#include "dissectors/pickle/resource_watch.h"

#include <bit>
#include <cmath>

namespace pickletap {

namespace {

constexpr uint64_t kModulus = (uint64_t{1} << 61) - 1;  // of hash(int), 3.x on 64 bits

// BINBYTES, BINBYTES8 and BYTEARRAY8 are allocated before their bytes are looked for (3.8 to 3.13; 3.6 and 3.7 compare
// with what is there first). The pages are touched only where allocation itself is paid for: Windows, strict
// overcommit, limited address space, allocators that fill. 64 MiB is what a frame may cost; a message that was cut off
// announces its own size, which is within the same order as the frame.
constexpr uint64_t kFreeAllocation = uint64_t{64} << 20;
constexpr uint64_t kAnnouncedPerByte = 64;
// Where the frame is not known: more than any machine has.
constexpr uint64_t kMoreThanAnyMemory = uint64_t{1} << 40;

// The memo array grows to twice the index, 16 bytes an index, all of it written: 2**22 touches 64 MiB, 2**26 1 GiB in up
// to a second.
constexpr uint64_t kFreeMemoIndex = uint64_t{1} << 22;

// Decimal text becomes a number in quadratic time, 3e-12 s times the square (2.7 and 3.6; then came the limit of 4300
// digits, with 3.7.14 to 3.10.7 and 3.11). 200,000 digits cost 0.12 s, 0.6 µs a byte, where other opcodes cost 0.01 µs.
constexpr double kFreeDigitWork = 4e10 * 0.9;
constexpr double kDigitWorkPerByte = 1e5;

// A node costs 2.5 to 5 ns to hash, and about 10 to compare.
constexpr double kWorkPerByte = 1000;
constexpr double kFreeCompareWork = 3e7;
constexpr uint32_t kSizeShift = 17;  // sizes are one where their exponent and six more bits are
constexpr uint32_t kSizeBits = 64 * 64 - 1;
constexpr uint32_t kRounding = 256;  // of sums in another order

// n keys of one hash cost n²/2 comparisons of 15 ns (integers) to 60 ns (tuples): 6,000 cost 0.15 and 0.6 s. Ordinary
// keys collide by -1 and -2 only: twice as many for each number in the tuple.
constexpr double kManyOfOneHash = 3000;
// So many of one hash, and those that are forgotten are taken for more of them: seven numbers each, all -1 or -2.
constexpr double kSomeOfOneHash = 128;

constexpr uint32_t mix(uint64_t value) {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccdULL;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return static_cast<uint32_t>(value >> 32);
}

}  // namespace

HashCost HashCost::of_integer(int64_t value) {
  HashCost cost;
  cost.exact = mix(static_cast<uint64_t>(value));
  if (value == -1 || value == -2) cost.hash = static_cast<uint16_t>(mix(kModulus + 2) | 1);
  return cost;
}

HashCost HashCost::of_integer_bytes(const uint8_t* bytes, uint64_t kept, uint64_t length) {
  HashCost cost;
  // 30 bits a digit, about a third of a node each.
  cost.nodes = cost.compared = 1 + static_cast<float>(length) / 12;
  uint64_t remainder = 0, fingerprint = length;
  // From the high end, eight bits a step; 2**61 is 1 here, so what runs over comes in again below.
  const bool negative = kept > 0 && kept == length && bytes[kept - 1] >= 0x80;
  for (uint64_t i = kept; i-- > 0;) {
    remainder = ((remainder << 8 & kModulus) | remainder >> 53) + bytes[i];
    if (remainder >= kModulus) remainder -= kModulus;
    fingerprint = (fingerprint ^ bytes[i]) * 0x100000001b3ULL;
  }
  cost.exact = mix(fingerprint);
  // Beyond what is kept the hash is not known: then none, so as not to take different ones for the same.
  if (kept != length) return cost;
  // Two's complement: a negative value is this less 2**(8 * length), a rotated 1. CPython keeps the sign, which makes
  // two classes of this one.
  if (negative) remainder = (remainder + kModulus - (uint64_t{1} << (8 * length % 61))) % kModulus;
  cost.hash = static_cast<uint16_t>(mix(remainder) | 1);
  return cost;
}

void ResourceWatch::reset(uint64_t frame_bytes) {
  frame_bytes_ = frame_bytes;
  hash_work_ = compare_work_ = digit_work_ = 0;
  if (used_slowly_) {
    collisions_ = alike_ = {};
    lost_keys_ = 0;
    costly_keys_ = {};
    used_slowly_ = false;
  }
  lost_ = {};
  bomb_.reset();
}

void ResourceWatch::announced(Opcode code, uint64_t size, uint64_t offset, uint64_t bytes_left_in_frame) {
  const bool allocated = code == Opcode::kBinBytes || code == Opcode::kBinBytes8 || code == Opcode::kByteArray8;
  if (!allocated || size <= bytes_left_in_frame) return;
  const bool known = frame_bytes_ != UINT64_MAX;
  if (known ? size >= kFreeAllocation && size / kAnnouncedPerByte >= frame_bytes_ : size >= kMoreThanAnyMemory) {
    report("announces far more bytes than it has, which are allocated first", offset);
  }
}

void ResourceWatch::memo_index(uint64_t index, uint64_t offset) {
  // A pickler numbers its entries, and each takes bytes.
  if (index >= kFreeMemoIndex && index > offset) report("a huge memo index makes the memo as long", offset);
}

void ResourceWatch::digits(uint64_t count, uint64_t offset) {
  const auto digits = static_cast<double>(count);
  digit_work_ += digits * digits;
  if (digit_work_ >= kFreeDigitWork && digit_work_ > kDigitWorkPerByte * (static_cast<double>(offset) + digits)) {
    report("a decimal number of very many digits, which is read in quadratic time", offset);
  }
}

void ResourceWatch::note_costly(const HashCost& cost, uint64_t offset) {
  const double dear = kWorkPerByte * static_cast<double>(offset);
  if (static_cast<double>(cost.nodes) > dear) lost_.nodes = std::max(lost_.nodes, cost.nodes);
  if (static_cast<double>(cost.compared) > dear) lost_.compared = std::max(lost_.compared, cost.compared);
  if (cost.hash != 0) {
    used_slowly_ = true;
    if (count_alike(alike_, cost) > kSomeOfOneHash) lost_.hash = HashCost::kAlike;
  }
  if (cost.depth > kMaxHashDepth) lost_.depth = std::max(lost_.depth, cost.depth);
}

void ResourceWatch::hashed_slowly(const HashCost& cost, uint64_t offset) {
  // Each level takes 40 to 80 bytes of C stack and nothing limits it. 8 MiB, a main thread's, end between 100,000 and
  // 200,000 levels, 512 KiB, a thread's of macOS, between 8,000 and 10,000 (3.11 on) or 15,000. Picklers recurse as well
  // and stop at 1,000 levels, in 3.12 and 3.13 at some thousands.
  if (cost.depth > kMaxHashDepth) report("hashing a deeply nested key overflows the C stack", offset);
  if (hash_work_ > kFreeHashWork && hash_work_ > kWorkPerByte * static_cast<double>(offset)) {
    report("hashing nested keys visits the same values again and again", offset);
  }
  if (cost.compared > kFreeComparison) compared(cost, offset);
  if (cost.hash == 0) return;
  used_slowly_ = true;
  const double alike = cost.hash == HashCost::kAlike ? ++lost_keys_ : count_alike(collisions_, cost);
  if (alike > kManyOfOneHash) {
    report("very many keys with one hash make a dict as slow as a list", offset);
  }
}

// Two equal keys that are not one object are compared to the leaves, each way down anew. Equal keys are of one size, in
// whatever order a frozenset has its items; that two of nearly one size are equal, and two objects, is taken for
// granted: no program builds such things.
void ResourceWatch::compared(const HashCost& cost, uint64_t offset) {
  used_slowly_ = true;
  const auto size = std::bit_cast<uint32_t>(cost.compared);  // as unsigned: exponent, then the leading bits
  bool seen = false;
  for (const uint32_t rounded : {size - kRounding, size, size + kRounding}) {
    const uint32_t bit = rounded >> kSizeShift & kSizeBits;
    seen = seen || (costly_keys_[bit / 64] >> bit % 64 & 1) != 0;
  }
  const uint32_t bit = size >> kSizeShift & kSizeBits;
  costly_keys_[bit / 64] |= uint64_t{1} << bit % 64;
  if (seen) compare_work_ += static_cast<double>(cost.compared);
  if (compare_work_ > kFreeCompareWork && compare_work_ > kWorkPerByte * static_cast<double>(offset)) {
    report("comparing equal nested keys visits the same values again and again", offset);
  }
}

// A place belongs to the hash that comes most often to it (Misra and Gries), and counts the distinct keys of that hash
// (HyperLogLog): the same few keys in a hundred thousand dicts are no collision.
double ResourceWatch::count_alike(Collisions& collisions, const HashCost& cost) {
  Collision& place = collisions[cost.hash >> 1 & 15];
  if (place.hash != cost.hash) {
    if (place.weight > 0) {
      --place.weight;
      return 0;
    }
    place = Collision{cost.hash, 0, 0, {}};
  }
  if (place.weight < UINT16_MAX) ++place.weight;
  const uint32_t key = mix(cost.exact);
  if (place.last == key) return 0;
  place.last = key;
  const auto rank = static_cast<uint8_t>(std::countl_zero(key << 4 | 8) + 1);
  uint8_t& highest = place.ranks[key >> 28];
  if (rank <= highest) return 0;
  highest = rank;
  double sum = 0;
  for (const uint8_t part : place.ranks) sum += std::ldexp(1.0, -part);
  return 0.673 * 16 * 16 / sum;
}

}  // namespace pickletap
