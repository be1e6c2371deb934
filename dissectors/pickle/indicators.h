// Indicators of compromise out of strings: URLs, hosts, file paths, commands. Pure, linear in the text, bounded lists.
#pragma once

#include <span>
#include <string_view>

#include "dissectors/pickle/pickle_report.h"

namespace pickletap {

/// Adds what `text` holds. `is_command`: it is an argument of something that runs commands, and so a command itself.
void collect_indicators(std::string_view text, bool is_command, Indicators& out);
/// A host that is known as such; none where it is empty.
void add_host(std::string_view host, Indicators& out);
/// What runs when a program is started with these strings: `texts` stand on their own, `list` is an argument vector.
void add_commands(std::span<const std::string_view> texts, std::span<const std::string_view> list, Indicators& out);

}  // namespace pickletap
