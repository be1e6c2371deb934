// Runs the program under test as a user does: fork, exec, pipes, and a bounded wait. Whatever it prints is kept in
// memory. A death by signal, a wait that ran out and a sanitizer's report are failures of the calling test at once.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pickletap::test {

using Arguments = std::vector<std::string>;

struct RunOptions {
  std::string input;        ///< standard input, through a pipe
  std::string stdin_file;   ///< or a file; without both it is /dev/null
  std::string stdout_file;  ///< standard output goes there, and Finished::out stays empty
  std::vector<std::pair<std::string, std::string>> environment;  ///< over the inherited one
  std::chrono::seconds patience{120};
};

struct Finished {
  int exit_code = -1;  ///< -1: it did not exit by itself
  int signal = 0;      ///< that ended it
  bool timed_out = false;
  std::string out, err;

  /// Why it counts as crashed; empty when it ended as a program should.
  std::string crash() const {
    if (timed_out) return "did not end in time";
    if (signal != 0) return "ended by signal " + std::to_string(signal) + "\n" + err;
    const bool reported = err.find("Sanitizer") != std::string::npos || err.find("runtime error:") != std::string::npos;
    return reported || exit_code < 0 || exit_code > 3 ? "exit " + std::to_string(exit_code) + "\n" + err : "";
  }
};

/// Both ends of a pipe; closed at the end of the scope, or before by close_*.
struct Pipe {
  std::array<int, 2> fds{-1, -1};
  Pipe() {
    if (pipe2(fds.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(size_t end) {
    if (fds[end] >= 0) close(fds[end]);
    fds[end] = -1;
  }
};

/// What the child does between fork and exec. Does not return.
[[noreturn]] inline void become(const Arguments& command, const RunOptions& options, const Pipe& in, const Pipe& out,
                                const Pipe& err) {
  signal(SIGPIPE, SIG_DFL);
  const auto open_or_exit = [](const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags, 0644);
    if (fd < 0) _exit(125);
    return fd;
  };
  const std::string source = options.stdin_file.empty() ? "/dev/null" : options.stdin_file;
  dup2(options.input.empty() ? open_or_exit(source, O_RDONLY) : in.fds[0], STDIN_FILENO);
  dup2(options.stdout_file.empty() ? out.fds[1] : open_or_exit(options.stdout_file, O_WRONLY | O_CREAT | O_TRUNC),
       STDOUT_FILENO);
  dup2(err.fds[1], STDERR_FILENO);
  unsetenv("NO_COLOR");
  // A sanitizer's report must not look like exit code 1, which is an answer.
  const auto add = [](const char* name, const std::string& more) {
    const char* old = getenv(name);
    setenv(name, (old == nullptr ? more : old + (":" + more)).c_str(), 1);
  };
  add("ASAN_OPTIONS", "exitcode=99");
  add("UBSAN_OPTIONS", "halt_on_error=1:exitcode=99");
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  _exit(126);
}

/// Feeds and drains the pipes until the child closed its ends. False: the deadline passed.
inline bool exchange(const std::string& input, Pipe& in, Pipe& out, Pipe& err, Finished& result,
                     std::chrono::steady_clock::time_point deadline) {
  size_t fed = 0;
  if (input.empty()) in.close_end(1);
  std::vector<char> buffer(65536);
  while (out.fds[0] >= 0 || err.fds[0] >= 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    std::array<pollfd, 3> wanted{{{in.fds[1], POLLOUT, 0}, {out.fds[0], POLLIN, 0}, {err.fds[0], POLLIN, 0}}};
    if (left <= 0 || (poll(wanted.data(), wanted.size(), static_cast<int>(left)) < 0 && errno != EINTR)) return false;
    if (wanted[0].revents != 0) {
      const ssize_t n = write(in.fds[1], input.data() + fed, std::min<size_t>(input.size() - fed, 4096));
      fed += n > 0 ? static_cast<size_t>(n) : 0;
      if (n < 0 || fed == input.size()) in.close_end(1);
    }
    for (size_t i = 1; i <= 2; ++i) {
      if (wanted[i].revents == 0) continue;
      const ssize_t n = read(wanted[i].fd, buffer.data(), buffer.size());
      if (n > 0) (i == 1 ? result.out : result.err).append(buffer.data(), static_cast<size_t>(n));
      if (n <= 0) (i == 1 ? out : err).close_end(0);
    }
  }
  return true;
}

/// Runs `command` to its end. Judges nothing.
inline Finished run(const Arguments& command, const RunOptions& options = {}) {
  signal(SIGPIPE, SIG_IGN);  // a child that does not read its input is no reason to die
  Pipe in, out, err;
  Finished result;
  const auto deadline = std::chrono::steady_clock::now() + options.patience;
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) become(command, options, in, out, err);
  in.close_end(0);
  out.close_end(1);
  err.close_end(1);
  result.timed_out = !exchange(options.input, in, out, err, result, deadline);
  if (result.timed_out) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

inline std::string shown(const Arguments& arguments) {
  std::string text = "pickletap";
  for (const std::string& word : arguments) text += " " + (word.find(' ') == word.npos ? word : "'" + word + "'");
  return text;
}

/// Runs the product; a crash is a failure of the test.
inline Finished pickletap(Arguments arguments, const RunOptions& options = {}) {
  arguments.insert(arguments.begin(), PICKLETAP_BINARY);
  Finished result = run(arguments, options);
  arguments.erase(arguments.begin());
  if (const std::string crash = result.crash(); !crash.empty()) ADD_FAILURE() << shown(arguments) << ": " << crash;
  return result;
}

/// A folder of one test's own, gone with it.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pickletap-replay-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path(const std::string& name = {}) const { return name.empty() ? path_ : path_ + "/" + name; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, std::string_view bytes) const {
    std::ofstream file(path(name), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) throw std::runtime_error(path(name) + ": cannot write");
    return path(name);
  }

 private:
  std::string path_;
};

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace pickletap::test
