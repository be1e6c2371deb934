// Runs a piece of a test in a forked child, for what cannot be taken back: users, capabilities, sandboxes. The child
// notes what it saw under names, through a pipe, so that notes made before it dies arrive too.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace pickletap {

/// "ok", or the name of errno: "EPERM".
inline std::string outcome(long result) { return result >= 0 ? "ok" : strerrorname_np(errno); }

class Notes {
 public:
  explicit Notes(int fd) : fd_(fd) {}
  void put(const std::string& name, const std::string& value) {
    const std::string line = name + "=" + value + "\n";
    if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(99);
  }
  void attempt(const std::string& name, long result) { put(name, outcome(result)); }

 private:
  int fd_;
};

struct ChildResult {
  std::map<std::string, std::string> notes;
  int status = 0;  ///< as waitpid(2) gives it

  /// What was noted under `name`; "(nothing)" when the child did not come so far.
  std::string operator[](const std::string& name) const {
    const auto found = notes.find(name);
    return found == notes.end() ? "(nothing)" : found->second;
  }
  bool ended_well() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
};

inline ChildResult run_in_child(const std::function<void(Notes&)>& body) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(60);  // a child that hangs must not hang the test
    Notes notes(ends[1]);
    try {
      body(notes);
    } catch (const std::exception& error) {
      notes.put("exception", error.what());
      _exit(1);
    }
    _exit(0);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<size_t>(n));
  }
  ::close(ends[0]);
  ChildResult result;
  ::waitpid(child, &result.status, 0);
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const size_t equals = line.find('=');
    result.notes[line.substr(0, equals)] = line.substr(equals + 1);
    at = end + 1;
  }
  return result;
}

/// A line of /proc/self/status, of the calling thread: status_line("CapEff").
inline std::string status_line(std::string_view key) {
  std::ifstream file("/proc/thread-self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':') {
      const size_t start = line.find_first_not_of(" \t", key.size() + 1), last = line.find_last_not_of(' ');
      return start == std::string::npos ? std::string() : line.substr(start, last + 1 - start);
    }
  }
  return {};
}

}  // namespace pickletap
