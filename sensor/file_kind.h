// What a file that is no pickle is by its first bytes, where knowing it helps: archives and compressed files that hold
// pickles, captures. Pure.
#pragma once

#include <string_view>

#include "dissectors/dissector.h"

namespace pickletap {

inline constexpr size_t kFileKindBytes = 512;  ///< as much of the file as helps: a tar's magic stands at 257

/// What it is and what to do with it; empty when nothing is known. Static text.
std::string_view file_kind(ByteSpan first_bytes);

}  // namespace pickletap
