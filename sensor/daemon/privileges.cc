#include "sensor/daemon/privileges.h"

#include <cap-ng.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

namespace pickletap {
namespace {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // empty: a number that no name belongs to
};

[[noreturn]] void fail(const std::string& what, int error) { throw PrivilegeError(what + ": " + std::strerror(error)); }

std::optional<uid_t> as_number(std::string_view text) {
  uid_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

User find_user(const std::string& wanted) {
  std::array<char, 16384> buffer{};  // sysconf(_SC_GETPW_R_SIZE_MAX) is 1024; entries of a directory service are longer
  passwd entry{};
  passwd* found = nullptr;
  const std::optional<uid_t> number = as_number(wanted);
  const int error = number ? getpwuid_r(*number, &entry, buffer.data(), buffer.size(), &found)
                           : getpwnam_r(wanted.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found) return {found->pw_uid, found->pw_gid, found->pw_name};
  if (number) return {*number, *number, {}};
  if (error != 0 && error != ENOENT) fail("cannot look up the user " + wanted + " of sandbox.user", error);
  throw PrivilegeError("started as root, but there is no user " + wanted +
                       " to become: create it (systemd-sysusers, or adduser --system --group " + wanted +
                       ") or set sandbox.user");
}

/// Does what needs privileges first: groups while still root, the user last.
void become(const User& user) {
  const bool groups_set =
      user.name.empty() ? setgroups(1, &user.gid) == 0 : initgroups(user.name.c_str(), user.gid) == 0;
  if (!groups_set || setresgid(user.gid, user.gid, user.gid) != 0 || setresuid(user.uid, user.uid, user.uid) != 0) {
    const int error = errno;
    const std::string name = user.name.empty() ? std::to_string(user.uid) : user.name;
    if (error != EPERM) fail("cannot become the user " + name, error);
    throw PrivilegeError("cannot become the user " + name +
                         ": root without CAP_SETUID and CAP_SETGID; add the two capabilities, start as that user, or "
                         "stay root without capabilities by an empty sandbox.user");
  }
}

/// Needs CAP_SETPCAP; without it the bounding set stays, which no_new_privs makes harmless.
void clear_bounding_set() {
  if (capng_get_caps_process() != 0) throw PrivilegeError("cannot read the process's capabilities");
  if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) return;
  capng_clear(CAPNG_SELECT_BOUNDS);
  if (capng_apply(CAPNG_SELECT_BOUNDS) != 0) throw PrivilegeError("cannot clear the capability bounding set");
}

void clear_capabilities() {
  capng_clear(CAPNG_SELECT_ALL);
  // Said apart, though the kernel drops them with the permitted set: libcap-ng may be built without ambient ones.
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) fail("cannot clear ambient capabilities", errno);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) throw PrivilegeError("cannot give up capabilities");
}

/// What was given up must be gone: a kernel, a container or a library that does otherwise is found here.
void verify(const std::optional<User>& user) {
  if (capng_get_caps_process() != 0 || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE) {
    throw PrivilegeError("capabilities are left after they were given up");
  }
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) throw PrivilegeError("no_new_privs did not stay");
  if (!user || user->uid == 0) return;
  uid_t real = 0, effective = 0, saved = 0;
  gid_t real_group = 0, effective_group = 0, saved_group = 0;
  getresuid(&real, &effective, &saved);
  getresgid(&real_group, &effective_group, &saved_group);
  if (real != user->uid || effective != user->uid || saved != user->uid || real_group != user->gid ||
      effective_group != user->gid || saved_group != user->gid) {
    throw PrivilegeError("the user did not change as a whole");
  }
  if (setuid(0) == 0 || seteuid(0) == 0 || (user->gid != 0 && setgid(0) == 0)) {
    throw PrivilegeError("could become root again");
  }
}

std::string shell_quoted(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+@%:,=").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain && !text.empty()) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

bool can_capture() { return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) != 0; }

std::string capture_hint() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  const std::string_view executable =
      length > 0 ? std::string_view(path.data(), static_cast<size_t>(length)) : "/usr/bin/pickletap";
  // Of the variables systemd sets this is the one that a login shell below a service does not inherit.
  return capture_hint(executable, std::getenv("NOTIFY_SOCKET") != nullptr);
}

std::string capture_hint(std::string_view executable, bool under_systemd) {
  if (under_systemd) return "AmbientCapabilities=CAP_NET_RAW";
  return "sudo setcap cap_net_raw+ep " + shell_quoted(executable);
}

void drop_privileges(const std::string& user) {
  std::optional<User> target;
  if (geteuid() == 0 && !user.empty()) target = find_user(user);
  clear_bounding_set();
  if (target) become(*target);
  clear_capabilities();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("cannot set no_new_privs", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) fail("cannot forbid core files", errno);
  verify(target);
}

}  // namespace pickletap
