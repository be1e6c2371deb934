#include "sensor/daemon/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include "sensor/daemon/seccomp_lists.h"

namespace pickletap {
namespace {

// ---- Landlock. Debian 12 has the kernel's header of 6.1 (ABI 2) and no function in its C library; bits that came later
// are from Documentation/userspace-api/landlock.rst and security/landlock of Linux 6.12, with the ABI that brought them.
constexpr uint64_t kTruncate = uint64_t{1} << 14;                                                 // ABI 3, Linux 6.2
constexpr uint64_t kBindTcp = uint64_t{1} << 0;                                                   // ABI 4, Linux 6.7
constexpr uint64_t kConnectTcp = uint64_t{1} << 1;                                                // ABI 4
constexpr uint64_t kIoctlDevice = uint64_t{1} << 15;                                              // ABI 5, Linux 6.10
constexpr uint64_t kScopeAbstractUnixSocket = uint64_t{1} << 0, kScopeSignal = uint64_t{1} << 1;  // ABI 6, Linux 6.12

/// struct landlock_ruleset_attr of ABI 6. An older kernel takes it as long as what it does not know is 0.
struct RulesetAttributes {
  uint64_t handled_access_fs = 0;   // ABI 1
  uint64_t handled_access_net = 0;  // ABI 4
  uint64_t scoped = 0;              // ABI 6
};

constexpr uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kReadFolder = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWriteFile = kReadFile | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
// Renaming within one folder needs no LANDLOCK_ACCESS_FS_REFER, and rotation does no other.
constexpr uint64_t kWriteFolder =
    kWriteFile | kReadFolder | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;

uint64_t file_rights_of(long abi) {
  uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // ABI 1, Linux 5.13: bits 0 … 12
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;          // Linux 5.19
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDevice;
  return rights;
}

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  /// Left open for as long as the process lives.
  void keep() { fd_ = -1; }

 private:
  int fd_;
};

void allow_path(const Descriptor& ruleset, const std::string& path, uint64_t for_folder, uint64_t for_file) {
  Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (place.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return;
    fail("cannot open " + path + " for the sandbox");
  }
  struct stat status {};
  struct statfs system {};
  if (::fstat(place.get(), &status) != 0 || ::fstatfs(place.get(), &system) != 0) fail("cannot look at " + path);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(status.st_mode) ? for_folder : for_file;
  rule.parent_fd = place.get();
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    fail("Landlock refuses a rule for " + path);
  }
  // Of procfs the kernel makes inodes anew once memory was short, and the rule would stay with the old one (seen with
  // /proc/sys/vm/drop_caches); an open descriptor holds the one that the rule is about.
  if (system.f_type == PROC_SUPER_MAGIC) place.keep();
}

/// A service manager's socket in the abstract namespace must stay within reach; systemd's own is a path.
bool manager_is_abstract() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  return socket && socket[0] == '@';
}

// ---- seccomp

struct FilterRelease {
  void operator()(void* filter) const { seccomp_release(filter); }
};

void check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

}  // namespace

void add_system_paths(SandboxPaths& paths, bool resolves_names) {
  // /proc/net is a link into /proc/self.
  constexpr std::array<std::string_view, 3> kAlways{"/etc/localtime", "/usr/share/zoneinfo", "/proc/self"};
  // Modules of the name service, and where links of /etc/resolv.conf lead to.
  constexpr std::array<std::string_view, 5> kNames{"/etc", "/usr/lib", "/run/systemd/resolve", "/run/NetworkManager",
                                                   "/run/resolvconf"};
  paths.readable.insert(paths.readable.end(), kAlways.begin(), kAlways.end());
  if (resolves_names) paths.readable.insert(paths.readable.end(), kNames.begin(), kNames.end());
}

bool restrict_files(const SandboxPaths& paths, std::string& why) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) {
    why = errno == EOPNOTSUPP ? "Landlock is switched off at boot (lsm=)" : "this kernel has no Landlock";
    return false;
  }
  const uint64_t rights = file_rights_of(abi);
  RulesetAttributes attributes;
  attributes.handled_access_fs = rights;
  if (abi >= 4) attributes.handled_access_net = kBindTcp | (paths.tcp_connect ? 0 : kConnectTcp);
  if (abi >= 6) attributes.scoped = kScopeSignal | (manager_is_abstract() ? 0 : kScopeAbstractUnixSocket);

  const Descriptor ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (ruleset.get() < 0) fail("Landlock refuses a set of rules");
  for (const std::string& path : paths.readable) allow_path(ruleset, path, kReadFolder & rights, kReadFile & rights);
  for (const std::string& path : paths.writable) allow_path(ruleset, path, kWriteFolder & rights, kWriteFile & rights);

  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("cannot set no_new_privs");
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) fail("Landlock refuses to restrict the process");
  return true;
}

bool can_restrict_threads(std::string& why) {
  const uint32_t action = SECCOMP_RET_ERRNO;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) return true;
  why = "this kernel has no seccomp filters";
  return false;
}

void restrict_thread(ThreadKind kind) {
  // libseccomp keeps what it found out about the kernel in globals without a lock.
  static std::mutex building;
  const std::lock_guard lock(building);
  const std::unique_ptr<void, FilterRelease> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) throw std::system_error(ENOMEM, std::generic_category(), "cannot make a seccomp filter");
  check(seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "seccomp: other architectures");
  // Both where the kernel can. Refused calls go to the audit log; and the threads run no code of others, so they need
  // not be slowed by the guard against speculative stores that seccomp switched on before Linux 5.16.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_SSB, 1);

  for (const AllowedCall& call : allowed_calls(kind)) {
    const int number = seccomp_syscall_resolve_name(call.name);
    if (number == __NR_SCMP_ERROR) check(-EINVAL, std::string("seccomp: unknown call ") + call.name);
    if (number < 0) continue;  // not on this architecture, as poll on aarch64
    check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, number, static_cast<unsigned>(call.when.size()),
                                 call.when.data()),
          std::string("seccomp: rule for ") + call.name);
  }
  check(seccomp_load(filter.get()), "seccomp: the kernel refuses the filter");
}

}  // namespace pickletap
