// restrict_files() in forked children: what is allowed works, what is not is refused. Each attempt is made in a tree of
// its own, first without the sandbox, where all must work, so that no refusal has another reason.
#include "sensor/daemon/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sensor/daemon/privileges.h"
#include "tests/unit/daemon/in_child.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

/// The kernel's own word, not ours.
long landlock_abi() { return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U); }

/// config/, log/, log/old/ and else/, each with a file that everybody may write; config/program.
class Tree {
 public:
  Tree() {
    if (::mkdtemp(root_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    fs::permissions(root_, fs::perms(0755));
    for (const char* folder : {"config", "log", "log/old", "else"}) {
      fs::create_directory(in(folder));
      fs::permissions(in(folder), fs::perms(0777));
      const std::string file = in(std::string(folder) + "/file");
      std::ofstream(file) << "contents\n";
      fs::permissions(file, fs::perms(0666));
    }
    fs::copy_file("/bin/true", in("config/program"));
  }
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  std::string in(const std::string& name) const { return root_ + "/" + name; }
  SandboxPaths paths() const { return {{in("config"), in("missing"), in("missing/too")}, {in("log")}, false}; }

 private:
  std::string root_ = "/tmp/pickletap-sandbox-XXXXXX";
};

long open_with(const std::string& path, int flags) { return ::open(path.c_str(), flags | O_CLOEXEC, 0640); }
long move(const std::string& from, const std::string& to) { return ::rename(from.c_str(), to.c_str()); }

struct Attempt {
  std::string name;
  std::function<long(const Tree&)> act;  ///< below 0: errno says why
  std::string want;                      ///< in the sandbox
  long since_abi = 1;                    ///< older kernels let it pass
};

std::string try_in_child(const Attempt& attempt, const std::function<void(const Tree&)>& restrict) {
  const Tree tree;
  const ChildResult child = run_in_child([&](Notes& notes) {
    if (restrict) restrict(tree);
    notes.attempt("it", attempt.act(tree));
  });
  return child.notes.contains("exception") ? child["exception"] : child["it"];
}

void restrict_to(const SandboxPaths& paths) {
  std::string why;
  if (!restrict_files(paths, why)) throw std::runtime_error(why);
}

class FileSandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    if (landlock_abi() < 1) GTEST_SKIP() << "this kernel has no Landlock";
  }
  static void expect(const std::vector<Attempt>& attempts, const std::function<void(const Tree&)>& restrict) {
    for (const Attempt& attempt : attempts) {
      if (landlock_abi() < attempt.since_abi) continue;
      EXPECT_EQ(try_in_child(attempt, nullptr), "ok") << attempt.name << ", without the sandbox";
      EXPECT_EQ(try_in_child(attempt, restrict), attempt.want) << attempt.name;
    }
  }
};

TEST_F(FileSandbox, OutputFoldersAreWritableAndConfigurationIsReadable) {
  expect(
      {
          {"read what is readable", [](const Tree& t) { return open_with(t.in("config/file"), O_RDONLY); }, "ok"},
          {"list what is readable", [](const Tree& t) { return open_with(t.in("config"), O_RDONLY | O_DIRECTORY); },
           "ok"},
          {"create", [](const Tree& t) { return open_with(t.in("log/new"), O_WRONLY | O_CREAT | O_APPEND); }, "ok"},
          {"append", [](const Tree& t) { return open_with(t.in("log/file"), O_WRONLY | O_APPEND); }, "ok"},
          {"truncate", [](const Tree& t) { return open_with(t.in("log/file"), O_WRONLY | O_TRUNC); }, "ok"},
          {"write below", [](const Tree& t) { return open_with(t.in("log/old/file"), O_RDWR); }, "ok"},
          {"rotate", [](const Tree& t) { return move(t.in("log/file"), t.in("log/file.1")); }, "ok"},
          {"remove", [](const Tree& t) { return ::unlink(t.in("log/file").c_str()); }, "ok"},
      },
      [](const Tree& tree) { restrict_to(tree.paths()); });
}

TEST_F(FileSandbox, EverythingElseIsRefused) {
  expect(
      {
          {"read elsewhere", [](const Tree& t) { return open_with(t.in("else/file"), O_RDONLY); }, "EACCES"},
          {"list elsewhere", [](const Tree& t) { return open_with(t.in("else"), O_RDONLY | O_DIRECTORY); }, "EACCES"},
          {"read what all may read", [](const Tree&) { return open_with("/etc/passwd", O_RDONLY); }, "EACCES"},
          {"write elsewhere", [](const Tree& t) { return open_with(t.in("else/file"), O_WRONLY); }, "EACCES"},
          {"create elsewhere", [](const Tree& t) { return open_with(t.in("else/new"), O_WRONLY | O_CREAT); }, "EACCES"},
          {"write what is readable", [](const Tree& t) { return open_with(t.in("config/file"), O_WRONLY); }, "EACCES"},
          {"create where it reads", [](const Tree& t) { return open_with(t.in("config/new"), O_WRONLY | O_CREAT); },
           "EACCES"},
          {"remove elsewhere", [](const Tree& t) { return ::unlink(t.in("else/file").c_str()); }, "EACCES"},
          {"truncate elsewhere", [](const Tree& t) { return ::truncate(t.in("else/file").c_str(), 0); }, "EACCES", 3},
          {"move out", [](const Tree& t) { return move(t.in("log/file"), t.in("else/moved")); }, "EACCES"},
          {"move in", [](const Tree& t) { return move(t.in("else/file"), t.in("log/moved")); }, "EACCES"},
          {"link in", [](const Tree& t) { return ::link(t.in("else/file").c_str(), t.in("log/l").c_str()); }, "EXDEV"},
          {"make a link", [](const Tree& t) { return ::symlink("/etc/passwd", t.in("log/l").c_str()); }, "EACCES"},
          {"make a folder", [](const Tree& t) { return ::mkdir(t.in("log/folder").c_str(), 0755); }, "EACCES"},
          {"make a pipe", [](const Tree& t) { return ::mkfifo(t.in("log/pipe").c_str(), 0600); }, "EACCES"},
          {"remove a folder",
           [](const Tree& t) {
             fs::remove(t.in("log/old/file"));
             return ::rmdir(t.in("log/old").c_str());
           },
           "EACCES"},
      },
      [](const Tree& tree) { restrict_to(tree.paths()); });
}

TEST_F(FileSandbox, NothingIsExecutable) {
  const auto run = [](bool restricted) {
    const Tree tree;
    return run_in_child([&](Notes& notes) {
      if (restricted) restrict_to({{tree.in("config"), "/usr", "/lib", "/lib64", "/etc"}, {tree.in("log")}, false});
      ::execl(tree.in("config/program").c_str(), "true", nullptr);
      notes.attempt("execl", -1);
    });
  };
  EXPECT_EQ(run(false)["execl"], "(nothing)");
  EXPECT_EQ(run(true)["execl"], "EACCES");
}

TEST_F(FileSandbox, ASingleFileCanBeReadableOrWritable) {
  expect(
      {
          {"read it", [](const Tree& t) { return open_with(t.in("config/file"), O_RDONLY); }, "ok"},
          {"not its neighbour", [](const Tree& t) { return open_with(t.in("config/program"), O_RDONLY); }, "EACCES"},
          {"append to it", [](const Tree& t) { return open_with(t.in("log/file"), O_WRONLY | O_APPEND); }, "ok"},
          {"not create beside it", [](const Tree& t) { return open_with(t.in("log/new"), O_WRONLY | O_CREAT); },
           "EACCES"},
          {"write to a device", [](const Tree&) { return open_with("/dev/null", O_WRONLY); }, "ok"},
      },
      [](const Tree& t) {
        restrict_to({{t.in("config/file")}, {t.in("log/file"), "/dev/null"}, false});
      });
}

TEST_F(FileSandbox, OpenDescriptorsGoOnAndLaterThreadsAreRestrictedToo) {
  const Tree tree;
  const ChildResult child = run_in_child([&](Notes& notes) {
    const int fd = ::open(tree.in("else/file").c_str(), O_RDWR | O_CLOEXEC);
    restrict_to(tree.paths());
    notes.attempt("write", ::write(fd, "x", 1));
    std::thread([&] { notes.attempt("thread", open_with(tree.in("else/file"), O_RDONLY)); }).join();
    std::thread([&] { notes.attempt("thread's log", open_with(tree.in("log/file"), O_WRONLY)); }).join();
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_EQ(child["write"], "ok");
  EXPECT_EQ(child["thread"], "EACCES");
  EXPECT_EQ(child["thread's log"], "ok");
}

int listen_tcp() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 4) != 0) return -1;
  return fd;
}

long connect_tcp(int listener) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return ::connect(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), reinterpret_cast<const sockaddr*>(&address),
                   length);
}

TEST_F(FileSandbox, TcpIsForOutputsOnlyAndListeningForNobody) {
  if (landlock_abi() < 4) GTEST_SKIP() << "Landlock of this kernel knows no TCP (ABI 4)";
  const int listener = listen_tcp();  // opened before, as the HTTP server's
  ASSERT_GE(listener, 0);
  const auto attempts = [&](const char* connects) {
    return std::vector<Attempt>{{"connect", [&](const Tree&) { return connect_tcp(listener); }, connects},
                                {"bind", [](const Tree&) -> long { return listen_tcp(); }, "EACCES"}};
  };
  expect(attempts("EACCES"), [](const Tree& tree) { restrict_to(tree.paths()); });
  expect(attempts("ok"), [](const Tree& tree) {
    SandboxPaths paths = tree.paths();
    paths.tcp_connect = true;
    restrict_to(paths);
  });
  ::close(listener);
}

/// A datagram socket in the abstract namespace, which only its network namespace guards.
class AbstractSocket {
 public:
  AbstractSocket() : name_("@pickletap-sandbox-" + std::to_string(::getpid())) {
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, name_.data(), name_.size());
    address_.sun_path[0] = '\0';
    length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address_), length_), 0);
  }
  ~AbstractSocket() { ::close(fd_); }
  AbstractSocket(const AbstractSocket&) = delete;
  AbstractSocket& operator=(const AbstractSocket&) = delete;

  const std::string& name() const { return name_; }
  long send_to() const {
    const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return ::sendto(sender, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address_), length_);
  }

 private:
  std::string name_;
  sockaddr_un address_{};
  socklen_t length_ = 0;
  int fd_ = -1;
};

TEST_F(FileSandbox, OtherProcessesAreOutOfReach) {
  if (landlock_abi() < 6) GTEST_SKIP() << "Landlock of this kernel has no scopes (ABI 6)";
  const AbstractSocket socket;
  expect({{"signal another", [](const Tree&) { return ::kill(::getppid(), 0); }, "EPERM"},
          {"signal itself", [](const Tree&) { return ::kill(::getpid(), 0); }, "ok"},
          {"abstract socket", [&](const Tree&) { return socket.send_to(); }, "EPERM"}},
         [](const Tree& tree) { restrict_to(tree.paths()); });
  // A service manager that listens on one must go on hearing from us, or its watchdog bites.
  expect({{"abstract socket", [&](const Tree&) { return socket.send_to(); }, "ok"}}, [&](const Tree& tree) {
    ::setenv("NOTIFY_SOCKET", socket.name().c_str(), 1);
    restrict_to(tree.paths());
  });
}

// As the daemon does it: not root any more, not dumpable, files restricted. process_* come from /proc/self.
TEST_F(FileSandbox, SystemPathsAreEnoughForWhatLibrariesRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto as_daemon = [](bool names) {
    return [names](const Tree& tree) {
      drop_privileges("nobody");
      SandboxPaths paths = tree.paths();
      add_system_paths(paths, names);
      restrict_to(paths);
    };
  };
  const Attempt statm{"statm", [](const Tree&) { return open_with("/proc/self/statm", O_RDONLY); }, "ok"};
  const Attempt fds{"fd", [](const Tree&) { return open_with("/proc/self/fd", O_RDONLY | O_DIRECTORY); }, "ok"};
  const Attempt drops{"interface counters", [](const Tree&) { return open_with("/proc/net/dev", O_RDONLY); }, "ok"};
  const Attempt zone{"time zone", [](const Tree&) { return open_with("/etc/localtime", O_RDONLY); }, "ok"};
  const Attempt other{
      "another process",
      [](const Tree&) { return open_with("/proc/" + std::to_string(::getppid()) + "/status", O_RDONLY); }, "EACCES"};
  Attempt hosts{"names", [](const Tree&) { return open_with("/etc/hosts", O_RDONLY); }, "EACCES"};
  std::vector<Attempt> attempts{statm, fds, drops, other, hosts};
  if (fs::exists("/etc/localtime")) attempts.push_back(zone);
  expect(attempts, as_daemon(false));
  hosts.want = "ok";
  expect({statm, hosts}, as_daemon(true));
}

/// Makes the kernel answer as one that has not this call, or has it switched off.
void take_away(int call, int error) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const auto action = SCMP_ACT_ERRNO(static_cast<uint16_t>(error));
  if (seccomp_rule_add_array(filter, action, call, 0, nullptr) != 0 || seccomp_load(filter) != 0) {
    throw std::runtime_error("seccomp");
  }
}

TEST(FileSandboxWithoutLandlock, SaysWhyAndIsNoError) {
  for (const auto& [error, want] : {std::pair{ENOSYS, "this kernel has no Landlock"},
                                    std::pair{EOPNOTSUPP, "Landlock is switched off at boot (lsm=)"}}) {
    const ChildResult child = run_in_child([error = error](Notes& notes) {
      take_away(SYS_landlock_create_ruleset, error);
      std::string why;
      notes.put("in force", restrict_files({}, why) ? "yes" : "no");
      notes.put("why", why);
      notes.attempt("open", open_with("/etc/passwd", O_RDONLY));
    });
    ASSERT_TRUE(child.ended_well()) << child["exception"];
    EXPECT_EQ(child["in force"], "no");
    EXPECT_EQ(child["why"], want);
    EXPECT_EQ(child["open"], "ok");
  }
}

TEST(CallSandboxWithoutSeccomp, SaysSoBeforeAThreadStarts) {
  const ChildResult child = run_in_child([](Notes& notes) {
    std::string why;
    notes.put("here", can_restrict_threads(why) ? "yes" : "no");
    take_away(SYS_seccomp, ENOSYS);
    notes.put("without", can_restrict_threads(why) ? "yes" : "no");
    notes.put("why", why);
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_EQ(child["here"], "yes");
  EXPECT_EQ(child["without"], "no");
  EXPECT_EQ(child["why"], "this kernel has no seccomp filters");
}

}  // namespace
}  // namespace pickletap
