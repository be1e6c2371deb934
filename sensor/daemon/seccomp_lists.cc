#include "sensor/daemon/seccomp_lists.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>

namespace pickletap {
namespace {

// ---- Plain lists. Grouped by what needs them, so that a line can be judged.

// Every kind. Memory: malloc(), its arenas and qsort(). Time: where there is no vDSO. Signals: abort(), the end of a
// thread. Descriptors: the log, and wake-ups by eventfd.
constexpr std::array kMemory{"brk", "munmap", "mremap", "madvise", "sched_getaffinity", "sysinfo"};
constexpr std::array kThreads{"futex", "sched_yield", "restart_syscall", "exit", "exit_group"};
constexpr std::array kTime{"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time"};
constexpr std::array kSignals{"rt_sigprocmask", "rt_sigaction", "rt_sigreturn", "sigaltstack"};
constexpr std::array kIdentity{"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getrandom"};
constexpr std::array kDescriptors{"read", "readv", "write", "writev", "close", "fstat", "poll", "ppoll"};

/// Opening for reading is added with conditions.
constexpr std::array kReadFiles{"newfstatat", "stat",   "lstat",   "statx",      "access", "faccessat",
                                "faccessat2", "lseek",  "pread64", "getdents64", "getcwd", "readlink",
                                "readlinkat", "statfs", "fstatfs", "fadvise64"};

constexpr std::array kWriteFiles{"fsync",    "fdatasync", "ftruncate", "rename",
                                 "renameat", "renameat2", "unlink",    "unlinkat"};

/// Of sockets that are there.
constexpr std::array kUseSockets{"recvfrom",   "recvmsg",    "sendto",      "sendmsg",    "shutdown",
                                 "getsockopt", "setsockopt", "getsockname", "getpeername"};

constexpr std::array kEventLoop{"epoll_create1",  "epoll_ctl",       "epoll_wait", "epoll_pwait",
                                "timerfd_create", "timerfd_settime", "eventfd2",   "pipe2"};

// ---- Conditions

/// The low 32 bits of argument `index`, which is all the kernel looks at in an int.
scmp_arg_cmp equals(unsigned index, uint32_t value) { return {index, SCMP_CMP_MASKED_EQ, 0xFFFFFFFFU, value}; }
scmp_arg_cmp masked(unsigned index, uint64_t mask, uint64_t value) { return {index, SCMP_CMP_MASKED_EQ, mask, value}; }

constexpr uint64_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;  // of open flags

class List {
 public:
  void plain(std::span<const char* const> names) {
    for (const char* name : names) calls_.push_back({name, {}});
  }
  void when(const char* name, std::initializer_list<scmp_arg_cmp> conditions) { calls_.push_back({name, conditions}); }
  void ioctls(std::initializer_list<uint64_t> requests) {
    for (const uint64_t request : requests) when("ioctl", {equals(1, static_cast<uint32_t>(request))});
  }
  void fcntls(std::initializer_list<int> commands) {
    for (const int command : commands) when("fcntl", {equals(1, static_cast<uint32_t>(command))});
  }
  /// `type` without SOCK_CLOEXEC and SOCK_NONBLOCK.
  void socket(int family, int type) {
    constexpr uint64_t kTypeMask = 0xF;  // SOCK_TYPE_MASK of the kernel
    when("socket", {equals(0, static_cast<uint32_t>(family)), masked(1, kTypeMask, static_cast<uint64_t>(type))});
  }
  std::vector<AllowedCall> take() { return std::move(calls_); }

 private:
  std::vector<AllowedCall> calls_;
};

void add_common(List& list) {
  list.plain(kMemory);
  list.plain(kThreads);
  list.plain(kTime);
  list.plain(kSignals);
  list.plain(kIdentity);
  list.plain(kDescriptors);
  for (const char* name : {"mmap", "mprotect"}) list.when(name, {masked(2, PROT_EXEC, 0)});
  list.when("tgkill", {equals(0, static_cast<uint32_t>(getpid()))});  // abort()
  list.when("prctl", {equals(0, PR_SET_NAME)});
  list.ioctls({TCGETS});                                               // isatty() of the log
  list.when("newfstatat", {masked(3, AT_EMPTY_PATH, AT_EMPTY_PATH)});  // fstat() of glibc 2.33 and later
}

void add_open_for_reading(List& list) {
  list.plain(kReadFiles);
  list.when("openat", {masked(2, kWriting, O_RDONLY)});
  list.fcntls({F_GETFD, F_SETFD, F_GETFL});
  list.ioctls({FIONREAD});  // std::filebuf
}

void add_main(List& list) {
  add_open_for_reading(list);  // reload, /proc/self
  list.plain(kEventLoop);
  list.plain(kUseSockets);
  list.plain(std::array{"accept", "accept4", "uname", "getrusage", "getrlimit"});
  list.when("prlimit64", {equals(0, 0), masked(2, ~uint64_t{0}, 0)});  // of itself, and without a new limit
  list.socket(AF_UNIX, SOCK_DGRAM);                                    // sd_notify()
  list.fcntls({F_SETFL});
  list.ioctls({FIONBIO});
}

/// Reads the ring, counts by the socket and by files of sysfs that are open, and binds the socket to an interface that
/// came back. It opens nothing and sends nothing.
void add_capture(List& list) {
  list.plain(std::array{"recvfrom", "recvmsg", "getsockopt", "setsockopt", "getsockname", "bind", "pread64"});
  list.fcntls({F_GETFL, F_SETFL});
  list.ioctls({SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFFLAGS, SIOCGIFHWADDR});
}

void add_file_output(List& list) {
  add_open_for_reading(list);
  list.plain(kWriteFiles);
  list.plain(std::array{"openat"});  // where to is Landlock's matter
  list.fcntls({F_SETFL, F_DUPFD_CLOEXEC});
}

/// getaddrinfo() reads /etc, asks the kernel for addresses by netlink and name servers by UDP and TCP.
void add_network_output(List& list) {
  add_open_for_reading(list);
  list.plain(kUseSockets);
  list.plain(std::array{"connect", "sendmmsg", "uname"});
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) list.socket(family, type);
  }
  list.socket(AF_NETLINK, SOCK_RAW);
  list.plain(std::array{"bind"});  // of the netlink socket; TCP is Landlock's matter
  list.fcntls({F_SETFL});
  list.ioctls({FIONBIO});
}

#if defined(__SANITIZE_ADDRESS__)
void add_sanitizer(List& list, ThreadKind kind) {
  // Whether memory may be read is found out by writing it to a pipe, before a type is checked or an error shown.
  list.plain(std::array{"pipe", "pipe2"});
  list.when("openat", {masked(2, kWriting, O_RDONLY)});
  list.when("open", {masked(1, kWriting, O_RDONLY)});
  list.plain(std::array{"readlink", "getdents64", "getdents", "lseek", "stat", "getrlimit", "getrusage"});
  if (kind != ThreadKind::kMain) return;
  list.plain(std::array{"ptrace", "wait4", "getppid", "prctl", "prlimit64", "set_robust_list"});
  list.when("clone", {masked(0, CLONE_VM | CLONE_UNTRACED, CLONE_VM | CLONE_UNTRACED)});
}
#endif

}  // namespace

std::vector<AllowedCall> allowed_calls(ThreadKind kind) {
  List list;
  add_common(list);
  switch (kind) {
    case ThreadKind::kMain: add_main(list); break;
    case ThreadKind::kCapture: add_capture(list); break;
    case ThreadKind::kDetection: break;
    case ThreadKind::kFileOutput: add_file_output(list); break;
    case ThreadKind::kNetworkOutput: add_network_output(list); break;
  }
#if defined(__SANITIZE_ADDRESS__)
  add_sanitizer(list, kind);
#endif
  return list.take();
}

}  // namespace pickletap
