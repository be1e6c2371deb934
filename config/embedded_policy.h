// The shipped policy lists (config/policy/*.yaml) as the build put them into the binary, so that the sensor judges
// pickles without any file beside it. Static storage, read-only, any thread. Written by config/embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace pickletap {

struct EmbeddedFile {
  std::string_view name;  ///< file name without folder: "dangerous.yaml"
  std::string_view text;  ///< the whole file, also terminated by a NUL behind its end
};

/// In the order stdlib.yaml, safe.yaml, conditional.yaml, dangerous.yaml.
std::span<const EmbeddedFile> embedded_policy_files();
/// weak-keys.txt (weak_key_files.h).
std::span<const EmbeddedFile> embedded_key_files();

}  // namespace pickletap
