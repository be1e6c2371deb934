// Indicators of compromise out of strings: URLs, hosts, file paths, commands. Pure, linear in the text, bounded lists.
#pragma once

#include <string_view>

#include "dissectors/pickle/pickle_report.h"

namespace pickletap {

/// Adds what `text` holds. `is_command`: it is an argument of something that runs commands, and so a command itself.
void collect_indicators(std::string_view text, bool is_command, Indicators& out);

}  // namespace pickletap
