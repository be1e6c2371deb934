// A wire to test on: two network namespaces with a veth pair between them, and programs that run inside. All of it goes
// with the object. Needs root and iproute2; a test that uses it begins with PICKLETAP_NEEDS_NAMESPACES().
//
//   VethPair wire;                                           // or VethPair wire("another")
//   wire.run_in(wire.a, {"tcpreplay", "-i", wire.a.interface, FILE});  // to its end: exit code and output
//   Process sensor = wire.spawn_in(wire.b, {PICKLETAP_BINARY, "run", "-i", wire.b.interface}, "/path/of/its/log");
//   EXPECT_TRUE(eventually([&] { return …; }));
//   EXPECT_EQ(sensor.terminate(), 0);
//
// Offloads are off, so that what one end sends is what the other end sees. The loopback interfaces are up.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/replay/program.h"

namespace pickletap::test {

/// Polls until `condition` holds. False: it did not within `patience`.
template <typename Condition>
bool eventually(Condition condition, std::chrono::seconds patience = std::chrono::seconds(60)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// Runs a command that must succeed.
inline std::string must_run(const Arguments& command) {
  const Finished finished = run(command);
  if (finished.exit_code == 0) return finished.out;
  std::string text;
  for (const std::string& word : command) text += word + " ";
  throw std::runtime_error(text + "failed: " + finished.out + finished.err);
}

/// Why there can be no namespaces here; empty when there can.
inline std::string why_no_namespaces() {
  if (geteuid() != 0) return "network namespaces need root";
  const std::string name = "pickletap-probe-" + std::to_string(getpid());
  const Finished made = run({"ip", "netns", "add", name});
  if (made.exit_code != 0) return "ip netns add failed: " + made.err;
  const Finished veth = run({"ip", "-n", name, "link", "add", "va", "type", "veth", "peer", "name", "vb"});
  run({"ip", "netns", "del", name});
  return veth.exit_code == 0 ? "" : "no veth interfaces here: " + veth.err;
}
#define PICKLETAP_NEEDS_NAMESPACES()                                       \
  do {                                                                     \
    static const std::string why = ::pickletap::test::why_no_namespaces(); \
    if (!why.empty()) GTEST_SKIP() << why;                                 \
  } while (false)

/// A program in the background. Killed and waited for at the end of the scope, and with the test program.
class Process {
 public:
  /// Standard output and error go to `log` (appended), standard input is /dev/null.
  Process(const Arguments& command, const std::string& log) {
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(125);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0 || out < 0) _exit(125);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
    _exit(126);
  }
  Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ <= 0 || status_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }
  void signal(int number) const {
    if (pid_ > 0 && !status_) kill(pid_, number);
  }
  bool is_running() {
    int status = 0;
    if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    return !status_;
  }
  /// The exit code, 128 + the signal that ended it, or -1: still running after `patience`.
  int wait(std::chrono::seconds patience = std::chrono::seconds(30)) {
    if (!eventually([this] { return !is_running(); }, patience)) return -1;
    return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : 128 + WTERMSIG(*status_);
  }
  /// SIGTERM and wait().
  int terminate(std::chrono::seconds patience = std::chrono::seconds(30)) {
    signal(SIGTERM);
    return wait(patience);
  }

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

class VethPair {
 public:
  struct End {
    std::string ns, interface, ipv4, ipv6;
  };

  /// `tag` tells several wires of one process apart.
  explicit VethPair(const std::string& tag = "wire")
      : a{name("a", tag), "veth-a", "10.99.0.1", "fd99::1"}, b{name("b", tag), "veth-b", "10.99.0.2", "fd99::2"} {
    for (const End* end : {&a, &b}) {
      must_run({"ip", "netns", "add", end->ns});
      ip(*end, {"link", "set", "lo", "up"});
    }
    create();
  }
  VethPair(const VethPair&) = delete;
  VethPair& operator=(const VethPair&) = delete;
  ~VethPair() {
    try {
      for (const End* end : {&a, &b}) run({"ip", "netns", "del", end->ns});
    } catch (const std::exception& error) {
      ADD_FAILURE() << "a namespace is left behind: " << error.what();
    }
  }

  const End a, b;

  /// Both interfaces, with addresses and up. Also after destroy(): they are new ones then, with other indices.
  void create(bool up = true) const {
    must_run(
        {"ip", "link", "add", a.interface, "netns", a.ns, "type", "veth", "peer", "name", b.interface, "netns", b.ns});
    for (const End* end : {&a, &b}) {
      run({"ip", "netns", "exec", end->ns, "ethtool", "-K", end->interface, "tx", "off", "rx", "off", "sg", "off",
           "tso", "off", "gso", "off", "gro", "off"});
      ip(*end, {"address", "add", end->ipv4 + "/24", "dev", end->interface});
      ip(*end, {"address", "add", end->ipv6 + "/64", "dev", end->interface, "nodad"});
      if (up) set_up(*end, true);
    }
  }
  void destroy() const { ip(a, {"link", "delete", a.interface}); }
  void set_up(const End& end, bool up) const { ip(end, {"link", "set", end.interface, up ? "up" : "down"}); }

  /// iproute2 in the end's namespace; must succeed. Its output.
  std::string ip(const End& end, const Arguments& arguments) const {
    Arguments command{"ip", "-n", end.ns};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return must_run(command);
  }
  Finished run_in(const End& end, const Arguments& command, const RunOptions& options = {}) const {
    return run(inside(end, command), options);
  }
  Process spawn_in(const End& end, const Arguments& command, const std::string& log) const {
    return {inside(end, command), log};  // `ip netns exec` becomes the command: the process is the program itself
  }
  /// `command` as it runs in the end's namespace.
  static Arguments inside(const End& end, const Arguments& command) {
    Arguments words{"ip", "netns", "exec", end.ns};
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }

 private:
  static std::string name(const std::string& end, const std::string& tag) {
    return "pickletap-" + std::to_string(getpid()) + "-" + tag + "-" + end;
  }
};

/// The calling thread is in the end's namespace for a scope; the sockets that it opens there stay in it.
class InNamespace {
 public:
  explicit InNamespace(const VethPair::End& end) : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    const int fd = open(("/run/netns/" + end.ns).c_str(), O_RDONLY | O_CLOEXEC);
    if (home_ < 0 || fd < 0 || setns(fd, CLONE_NEWNET) != 0) throw std::runtime_error("cannot enter " + end.ns);
    close(fd);
  }
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;
  ~InNamespace() {
    setns(home_, CLONE_NEWNET);
    close(home_);
  }

 private:
  int home_;
};

}  // namespace pickletap::test
