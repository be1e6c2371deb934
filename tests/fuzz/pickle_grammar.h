// A grammar of pickles for fuzzing: bytes of the fuzzer are the choices, a pickle comes out that is nearly always valid.
// All opcodes of all protocols, whatever PROTO says: memo, MARKs, numbers in every spelling, names, the five ways to
// call, BUILD, persistent ids, extension codes, frames that lie. One choice in thirty-two is nonsense.
//
// Bounds, for the sake of the unpickler that will load it: kMaxPickleOps opcodes, memo indices below 70,000, no
// announced length beyond the pickle of more than a megabyte, no tuple of more than kMaxWeight items in all (their
// hash is computed anew for every use as a key).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "dissectors/dissector.h"

namespace pickletap::fuzz {

inline constexpr unsigned kMaxPickleOps = 160;
inline constexpr uint32_t kMaxWeight = 2000;

std::vector<uint8_t> grow_pickle(ByteSpan choices);

/// The pickles that an input of the fuzzer stands for. Bit 0 of its first byte clear: the rest drives the grammar. Set:
/// the rest is a pickle as it is; with bit 4 as well, it is many, each behind two bytes of length.
void for_each_pickle(ByteSpan input, const std::function<void(ByteSpan)>& take);

/// A pickle from elsewhere that keeps to the same bounds, as far as its opcodes tell.
bool is_within_bounds(ByteSpan pickle);

}  // namespace pickletap::fuzz
