// From root, or a user with CAP_NET_RAW, to a process that can do nothing but what its open descriptors allow. Called on
// the main thread after capture and sockets are open and before any other thread starts, for capabilities belong to
// threads. Nothing is kept; an error leaves the process in an unknown state in between, so the caller ends.
// The process is not dumpable afterwards: no core file with captured data, no ptrace by others of the same user. Its own
// /proc/self/stat, statm and fd stay readable for itself (task_dump_owner() and proc_fd_permission() of the kernel,
// checked by a test); /proc/self/environ and mem do not.
// Sources: capabilities(7), prctl(2), proc(5), libcap-ng 0.8.3.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace pickletap {

/// An operator can help it: what() is one sentence and says how.
class PrivilegeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// CAP_NET_RAW is in the effective set.
bool can_capture();

/// The one command, or the one line of a systemd unit, that grants what can_capture() misses:
/// "sudo setcap cap_net_raw+ep /usr/bin/pickletap".
std::string capture_hint();
/// For tests: of the program at `executable`.
std::string capture_hint(std::string_view executable, bool under_systemd);

/// As root: becomes `user` (a name, or a number where there are no names, as in a container) with its groups. An empty
/// `user` stays who it is. Always: no capability left in any set (in the bounding set where CAP_SETPCAP allows), no way
/// to gain one (no_new_privs), not dumpable. It is verified that there is no way back.
void drop_privileges(const std::string& user);

}  // namespace pickletap
