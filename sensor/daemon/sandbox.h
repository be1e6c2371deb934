// What the process may still do once it runs: files and TCP by Landlock, for the whole process before threads start;
// system calls by seccomp, a list for each kind of thread (seccomp_lists.h).
// Order: open capture and listening sockets, drop_privileges(), restrict_files(), start the threads, each of which calls
// restrict_thread() first, then restrict_thread(kMain). A thread started after that would inherit main's list.
// What is not allowed fails with EPERM (seccomp) or EACCES (Landlock) and stands in the kernel's audit log where the
// kernel can; a call of another architecture ends the process. Descriptors that are open already go on working.
// Nothing is taken back while the process lives, a reload included. No limits but those of the kernel: 16 layers of
// Landlock, of which one is used.
// Sources: Documentation/userspace-api/landlock.rst, landlock(7), seccomp(2), libseccomp 2.5.4.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pickletap {

/// Who a thread is: the system calls it needs.
enum class ThreadKind : uint8_t {
  kMain,           ///< signals, timers, HTTP, reload
  kCapture,        ///< reads packets; binds its socket anew
  kDetection,      ///< facts to records; no descriptor but the log
  kFileOutput,     ///< writes, rotates, syncs
  kNetworkOutput,  ///< resolves names, connects, writes
};

/// A rule belongs to the file that is there when it is made. What is replaced later (a configuration by an editor, a
/// ConfigMap, resolv.conf by DHCP) is another file: name its folder.
struct SandboxPaths {
  std::vector<std::string> readable;  ///< files or folders with all below them; never for execution
  std::vector<std::string>
      writable;              ///< folders of outputs: read, create, write, rename, remove files in and below them
  bool tcp_connect = false;  ///< an output or a name server is reached by TCP; listening anew never is allowed
};

/// Adds what the C library and the metrics read while the daemon runs: time zones and /proc/self; with `resolves_names`
/// also what getaddrinfo(3) reads, which is /etc as a whole (see above).
void add_system_paths(SandboxPaths& paths, bool resolves_names);

/// Landlock for this thread and all it will start. True: in force. False: this kernel has none (`why` says so).
/// Paths that do not exist, or that this user cannot reach, are left out. Throws std::system_error when the kernel has
/// it and refuses. Sets no_new_privs. Beside files it refuses to signal other processes and to reach their abstract
/// Unix sockets (but for a NOTIFY_SOCKET that is one), where the kernel can.
bool restrict_files(const SandboxPaths& paths, std::string& why);

/// False: this kernel has no seccomp filters (`why` says so). Ask before threads start, for restrict_thread() throws.
bool can_restrict_threads(std::string& why);

/// seccomp for the calling thread, for good. Sets no_new_privs. Throws std::system_error.
void restrict_thread(ThreadKind kind);

}  // namespace pickletap
