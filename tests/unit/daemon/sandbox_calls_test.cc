// restrict_thread() in forked children, each kind on a thread of its own as in the daemon: what no thread of ours has to do
// is refused, and memory, locks, time and abort() work. Each forbidden call is made without the filter first, where EPERM
// must not be the answer. What each kind has to do: sandbox_work_test.cc.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sensor/daemon/sandbox.h"
#include "sensor/daemon/seccomp_lists.h"
#include "tests/unit/daemon/in_child.h"
#include "tests/unit/daemon/restricted_thread.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

struct Kind {
  ThreadKind kind;
  std::string name;
};
const std::vector<Kind> kKinds{{ThreadKind::kMain, "main"},
                               {ThreadKind::kCapture, "capture"},
                               {ThreadKind::kDetection, "detection"},
                               {ThreadKind::kFileOutput, "file output"},
                               {ThreadKind::kNetworkOutput, "network output"}};

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // its runtime may do more on the main thread, see seccomp_lists.h
#else
constexpr bool kSanitized = false;
#endif

// ---- What no thread may do

struct Forbidden {
  std::string name;
  std::function<long()> act;
  bool writes = false;     ///< allowed to file outputs
  bool sanitizer = false;  ///< AddressSanitizer's runtime needs it on the main thread
};

std::vector<Forbidden> forbidden(const std::string& file) {
  const long page = ::sysconf(_SC_PAGESIZE);
  void* memory = ::mmap(nullptr, static_cast<size_t>(page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto open_with = [file](int flags) { return [=]() -> long { return ::open(file.c_str(), flags, 0600); }; };
  return {
      {"execve", [] { return syscall(SYS_execve, "/no/such/program", nullptr, nullptr); }},
      {"execveat", [] { return syscall(SYS_execveat, -1, "/no/such/program", nullptr, nullptr, 0); }},
      {"fork",
       []() -> long {
         const pid_t child = ::fork();
         if (child == 0) ::_exit(0);
         return child;
       }},
      {"thread",
       []() -> long {
         // Flags that the kernel refuses, so that nothing is started where the filter lets it through.
         return syscall(SYS_clone, CLONE_THREAD, nullptr, nullptr, nullptr, 0);
       }},
      {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_ATTACH, -1, 0, 0); }, false, true},
      {"packet socket", [] { return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0); }},
      {"raw socket", [] { return syscall(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_TCP); }},
      {"other socket family", [] { return syscall(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0); }},
      {"listen", [] { return syscall(SYS_listen, -1, 1); }},
      {"process_vm_readv", [] { return syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
      {"process_vm_writev", [] { return syscall(SYS_process_vm_writev, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
      {"kill another", [] { return syscall(SYS_kill, ::getppid(), 0); }},
      {"tgkill another", [] { return syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }},
      {"memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); }},
      {"io_uring_setup", [] { return syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"bpf", [] { return syscall(SYS_bpf, -1, nullptr, 0); }},
      {"perf_event_open", [] { return syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
      {"keyctl", [] { return syscall(SYS_keyctl, -1, 0, 0, 0, 0); }},
      {"userfaultfd", [] { return syscall(SYS_userfaultfd, O_CLOEXEC); }},
      {"unshare", [] { return syscall(SYS_unshare, 0); }},
      {"setns", [] { return syscall(SYS_setns, -1, 0); }},
      {"mount", [] { return ::mount("x", "/no/such/folder", "tmpfs", 0, nullptr); }},
      {"chroot", [] { return ::chroot("/no/such/folder"); }},
      {"setuid", [] { return syscall(SYS_setuid, ::getuid()); }},
      {"capset", [] { return syscall(SYS_capset, nullptr, nullptr); }},
      {"personality", [] { return syscall(SYS_personality, 0xffffffffU); }},
      {"prctl", [] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }, false, true},
      {"limits",
       []() -> long {
         rlimit limit{};
         ::getrlimit(RLIMIT_CORE, &limit);
         return syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, nullptr);
       },
       false, true},
      {"executable mmap",
       [page] {
         return reinterpret_cast<long>(
             ::mmap(nullptr, static_cast<size_t>(page), PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
       }},
      {"executable mprotect", [=] { return ::mprotect(memory, static_cast<size_t>(page), PROT_READ | PROT_EXEC); }},
      {"terminal input", [] { return ::ioctl(-1, TIOCSTI, "x"); }},
      {"interface down", [] { return ::ioctl(-1, SIOCSIFFLAGS, nullptr); }},
      {"open for writing", open_with(O_WRONLY), true},
      {"open for both", open_with(O_RDWR), true},
      {"open and create", open_with(O_RDONLY | O_CREAT), true},
      {"open and truncate", open_with(O_RDONLY | O_TRUNC), true},
      {"unnamed file", []() -> long { return ::open("/tmp", O_TMPFILE | O_RDWR, 0600); }, true},
      {"rename", [file] { return ::rename(file.c_str(), file.c_str()); }, true},
      {"unlink", [] { return ::unlink("/no/such/file"); }, true},
      {"link", [] { return ::link("/no/such/file", "/no/such/link"); }},
      {"symlink", [] { return ::symlink("x", "/no/such/folder/link"); }},
      {"mkdir", [] { return ::mkdir("/no/such/folder/new", 0700); }},
      {"chmod", [file] { return ::chmod(file.c_str(), 0600); }},
      {"chown", [] { return ::chown("/no/such/file", 0, 0); }},
      {"truncate", [file] { return ::truncate(file.c_str(), 0); }},
  };
}

TEST(CallSandbox, RefusesWhatNoThreadHasToDo) {
  const Folder folder;
  const std::string file = folder.in("file");
  std::ofstream(file) << "contents\n";
  const ChildResult free = run_in_child([&](Notes& notes) {
    for (const Forbidden& call : forbidden(file)) notes.attempt(call.name, call.act());
  });
  ASSERT_TRUE(free.ended_well()) << free.status;
  for (const Kind& kind : kKinds) {
    const ChildResult child = run_in_child([&](Notes& notes) {
      on_restricted_thread(kind.kind, [&] {
        for (const Forbidden& call : forbidden(file)) notes.attempt(call.name, call.act());
        notes.put("filters", status_line("Seccomp_filters"));
      });
      notes.put("mode of the others", status_line("Seccomp"));
    });
    ASSERT_TRUE(child.ended_well()) << kind.name << ": " << child["exception"];
    size_t compared = 0;
    for (const Forbidden& call : forbidden(file)) {
      if (free[call.name] == "EPERM" || free[call.name] == "ENOSYS") continue;  // not root, or not in this kernel
      if (kSanitized && kind.kind == ThreadKind::kMain && call.sanitizer) continue;
      const bool allowed = call.writes && kind.kind == ThreadKind::kFileOutput;
      EXPECT_EQ(child[call.name], allowed ? free[call.name] : "EPERM") << kind.name << ": " << call.name;
      ++compared;
    }
    EXPECT_GE(compared, 25U) << kind.name;
    EXPECT_EQ(child["mode of the others"], "0") << kind.name;
  }
}

TEST(CallSandbox, OnlyTheKindsThatReadFilesMayOpenThem) {
  for (const Kind& kind : kKinds) {
    const ChildResult child = run_in_child([&](Notes& notes) {
      on_restricted_thread(kind.kind, [&] { notes.attempt("open", ::open("/etc/passwd", O_RDONLY | O_CLOEXEC)); });
    });
    const bool never = (kind.kind == ThreadKind::kDetection || kind.kind == ThreadKind::kCapture) && !kSanitized;
    EXPECT_EQ(child["open"], never ? "EPERM" : "ok") << kind.name;
  }
}

TEST(CallSandbox, OnlyNetworkOutputsMayReachOut) {
  for (const Kind& kind : kKinds) {
    const ChildResult child = run_in_child([&](Notes& notes) {
      on_restricted_thread(kind.kind, [&] {
        notes.attempt("tcp", ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        notes.attempt("tcp6", ::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
        const sockaddr_in nowhere{};
        notes.attempt("connect", ::connect(-1, reinterpret_cast<const sockaddr*>(&nowhere), sizeof nowhere));
      });
    });
    const bool network = kind.kind == ThreadKind::kNetworkOutput;
    EXPECT_EQ(child["tcp"], network ? "ok" : "EPERM") << kind.name;
    EXPECT_EQ(child["tcp6"], network ? "ok" : "EPERM") << kind.name;
    EXPECT_EQ(child["connect"], network ? "EBADF" : "EPERM") << kind.name;
  }
}

// ---- What every thread may do

TEST(CallSandbox, MemoryLocksTimeAndOpenDescriptorsWork) {
  for (const Kind& kind : kKinds) {
    const ChildResult child = run_in_child([&](Notes& notes) {
      const int event = ::eventfd(0, EFD_CLOEXEC);
      std::mutex mutex;
      std::condition_variable changed;
      bool ping = false, pong = false;
      std::thread partner([&] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ping; });
        pong = true;
        changed.notify_all();
      });
      on_restricted_thread(kind.kind, [&] {
        std::vector<std::string> blocks;
        for (size_t size = 16; size <= (size_t{64} << 20); size *= 2) blocks.emplace_back(size, 'x');
        while (!blocks.empty()) blocks.pop_back();
        notes.put("memory", "ok");
        {
          std::unique_lock lock(mutex);
          ping = true;
          changed.notify_all();
          notes.put("lock", changed.wait_for(lock, std::chrono::seconds(30), [&] { return pong; }) ? "ok" : "late");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const uint64_t one = 1;
        uint64_t got = 0;
        notes.attempt("event", ::write(event, &one, sizeof one));
        pollfd waiting{event, POLLIN, 0};
        notes.attempt("poll", ::poll(&waiting, 1, 10000));
        notes.attempt("read", ::read(event, &got, sizeof got));
        notes.attempt("name", ::prctl(PR_SET_NAME, "renamed", 0, 0, 0));
        notes.attempt("random", syscall(SYS_getrandom, &got, sizeof got, 0));
        try {
          throw std::runtime_error("caught");
        } catch (const std::runtime_error& error) {
          notes.put("exception thrown", error.what());
        }
        struct stat status {};
        notes.attempt("fstat", ::fstat(event, &status));
      });
      partner.join();
    });
    ASSERT_TRUE(child.ended_well()) << kind.name << ": " << child["exception"] << " " << child.status;
    for (const char* what : {"memory", "lock", "event", "poll", "read", "name", "random", "fstat"}) {
      EXPECT_EQ(child[what], "ok") << kind.name << ": " << what;
    }
    EXPECT_EQ(child["exception thrown"], "caught") << kind.name;
  }
}

// A bug must end the process as it does elsewhere, not leave a thread in a loop of refused calls.
TEST(CallSandbox, AbortStillEndsTheProcess) {
  for (const Kind& kind : kKinds) {
    const ChildResult child = run_in_child([&](Notes&) {
      ::signal(SIGABRT, SIG_DFL);
      const rlimit none{0, 0};
      ::setrlimit(RLIMIT_CORE, &none);
      on_restricted_thread(kind.kind, [] { std::abort(); });
    });
    EXPECT_TRUE(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGABRT) << kind.name << ": " << child.status;
  }
}

// A call that this architecture has not is left out; a name that libseccomp does not know is a slip of ours.
TEST(CallSandbox, EveryNameIsOneTheLibraryKnows) {
  for (const Kind& kind : kKinds) {
    const std::vector<AllowedCall> calls = allowed_calls(kind.kind);
    EXPECT_GE(calls.size(), 20U);
    for (const AllowedCall& call : calls) {
      EXPECT_NE(seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, call.name), __NR_SCMP_ERROR) << call.name;
    }
  }
}

}  // namespace
}  // namespace pickletap
