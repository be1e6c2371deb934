// What the program says of itself (--help, check-config --dump), as sets to hold documents and completions against.
// Includes the runner of tests/replay, as nothing of it is about replaying.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/replay/program.h"

namespace pickletap::test {

using Names = std::set<std::string>;

inline std::string shipped(const std::string& name) { return std::string(PICKLETAP_SOURCE_DIR) + "/deploy/" + name; }

/// The first executable file of that name in PATH or the system's sbin folders; empty when there is none.
inline std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders((path == nullptr ? std::string() : std::string(path)) + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string file = folder + "/" + name;
    if (!folder.empty() && access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Every match of `pattern`'s first group.
inline Names matches(const std::string& text, const std::string& pattern) {
  const std::regex compiled(pattern);
  Names found;
  for (std::sregex_iterator at(text.begin(), text.end(), compiled), end; at != end; ++at) found.insert((*at)[1]);
  return found;
}

/// "pickletap --help" → the commands it lists.
inline Names commands() {
  const Finished help = pickletap({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  Names names;
  bool listed = false;
  for (const std::string& line : lines_of(help.out)) {
    if (line.starts_with("Subcommands:")) {
      listed = true;
    } else if (line.empty() || line[0] != ' ') {
      listed = false;
    } else if (std::smatch match; listed && std::regex_search(line, match, std::regex("^  ([a-z][a-z-]*)"))) {
      names.insert(match[1]);
    }
  }
  EXPECT_FALSE(names.empty()) << help.out;
  return names;
}

/// The options a command's --help lists, short and long, without those for help itself. `command` may be empty.
inline Names options_of(const std::string& command) {
  const Finished help = command.empty() ? pickletap({"--help"}) : pickletap({command, "--help"});
  EXPECT_EQ(help.exit_code, 0) << command;
  Names names;
  for (const std::string& line : lines_of(help.out)) {
    static const std::regex option("^  (-[A-Za-z])?,?(--[a-z][a-z-]*)?(?=[ ,:]|$)");
    std::smatch match;
    if (!std::regex_search(line, match, option)) continue;
    for (const size_t group : {1U, 2U}) {
      if (match[group].matched) names.insert(match[group]);
    }
  }
  names.erase("-h");
  names.erase("--help");
  return names;
}

}  // namespace pickletap::test
