// A file that is there whole or not at all: written beside its place, synchronised, and renamed over what was there.
#pragma once

#include <string>
#include <string_view>

namespace pickletap {

/// Empty when it worked, else the reason; what was at `path` then stays. Readable for the group (as eve.json).
std::string write_whole_file(const std::string& path, std::string_view text);

}  // namespace pickletap
