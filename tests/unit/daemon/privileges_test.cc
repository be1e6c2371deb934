// drop_privileges() in forked children, judged by what the kernel says in /proc and by what it refuses afterwards.
#include "sensor/daemon/privileges.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "tests/unit/daemon/in_child.h"

namespace pickletap {
namespace {

constexpr std::string_view kNone = "0000000000000000";
constexpr std::string_view kCapabilitySets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};

void note_state(Notes& notes) {
  for (const std::string_view set : kCapabilitySets) notes.put(std::string(set), status_line(set));
  notes.put("NoNewPrivs", status_line("NoNewPrivs"));
  notes.put("Uid", status_line("Uid"));
  notes.put("Gid", status_line("Gid"));
  notes.put("Groups", status_line("Groups"));
  notes.put("dumpable", std::to_string(prctl(PR_GET_DUMPABLE)));
  notes.put("can_capture", can_capture() ? "yes" : "no");
  notes.attempt("packet socket", ::socket(AF_PACKET, SOCK_RAW, 0));
}

/// What a user other than root has who was given CAP_NET_RAW as systemd's AmbientCapabilities= gives it.
bool become_capable_user(uid_t uid) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, nullptr) != 0) return false;
  if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  sets[0].effective = sets[0].permitted = sets[0].inheritable = 1U << CAP_NET_RAW;
  if (syscall(SYS_capset, &header, sets.data()) != 0) return false;
  return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0;
}

class AsRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};
using Privileges = AsRoot;

TEST_F(Privileges, RootBecomesTheUserAndNothingIsLeft) {
  const passwd* nobody = getpwnam("nobody");
  ASSERT_NE(nobody, nullptr);
  const std::string uid = std::to_string(nobody->pw_uid), gid = std::to_string(nobody->pw_gid);
  const ChildResult child = run_in_child([](Notes& notes) {
    notes.attempt("packet socket before", ::socket(AF_PACKET, SOCK_RAW, 0));
    notes.put("can_capture before", can_capture() ? "yes" : "no");
    drop_privileges("nobody");
    note_state(notes);
    notes.attempt("setuid", setuid(0));
    notes.attempt("setgid", setgid(0));
    notes.attempt("setgroups", setgroups(0, nullptr));
    notes.attempt("shadow", ::open("/etc/shadow", O_RDONLY));
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_EQ(child["packet socket before"], "ok");
  EXPECT_EQ(child["can_capture before"], "yes");
  for (const std::string_view set : kCapabilitySets) EXPECT_EQ(child[std::string(set)], kNone) << set;
  EXPECT_EQ(child["NoNewPrivs"], "1");
  EXPECT_EQ(child["Uid"], uid + "\t" + uid + "\t" + uid + "\t" + uid);
  EXPECT_EQ(child["Gid"], gid + "\t" + gid + "\t" + gid + "\t" + gid);
  EXPECT_EQ(child["Groups"], gid);
  EXPECT_EQ(child["dumpable"], "0");
  EXPECT_EQ(child["can_capture"], "no");
  EXPECT_EQ(child["packet socket"], "EPERM");
  EXPECT_EQ(child["setuid"], "EPERM");
  EXPECT_EQ(child["setgid"], "EPERM");
  EXPECT_EQ(child["setgroups"], "EPERM");
  EXPECT_EQ(child["shadow"], "EACCES");
}

// The metrics process_* come from these files.
TEST_F(Privileges, ItsOwnProcFilesStayReadable) {
  const ChildResult child = run_in_child([](Notes& notes) {
    drop_privileges("nobody");
    for (const char* path : {"/proc/self/stat", "/proc/self/statm", "/proc/self/limits", "/proc/self/status"}) {
      const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
      char byte = 0;
      notes.put(path, fd >= 0 && ::pread(fd, &byte, 1, 0) == 1 ? "ok" : outcome(-1));
    }
    DIR* folder = ::opendir("/proc/self/fd");
    int entries = 0;
    while (folder && ::readdir(folder)) ++entries;
    notes.put("descriptors", entries > 3 ? "listed" : "not listed");
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_EQ(child["/proc/self/stat"], "ok");
  EXPECT_EQ(child["/proc/self/statm"], "ok");
  EXPECT_EQ(child["/proc/self/limits"], "ok");
  EXPECT_EQ(child["/proc/self/status"], "ok");
  EXPECT_EQ(child["descriptors"], "listed");
}

TEST_F(Privileges, AUserWithTheCapabilityAloneGivesItUp) {
  const ChildResult child = run_in_child([](Notes& notes) {
    notes.put("prepared", become_capable_user(65534) ? "yes" : "no");
    notes.put("CapAmb before", status_line("CapAmb"));
    notes.put("can_capture before", can_capture() ? "yes" : "no");
    notes.attempt("packet socket before", ::socket(AF_PACKET, SOCK_RAW, 0));
    drop_privileges("no-such-user-is-looked-up");
    note_state(notes);
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_EQ(child["prepared"], "yes");
  EXPECT_EQ(child["CapAmb before"], "0000000000002000");
  EXPECT_EQ(child["can_capture before"], "yes");
  EXPECT_EQ(child["packet socket before"], "ok");
  // The bounding set can only be narrowed with CAP_SETPCAP; no_new_privs makes it harmless.
  for (const std::string_view set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_EQ(child[std::string(set)], kNone) << set;
  }
  EXPECT_EQ(child["NoNewPrivs"], "1");
  EXPECT_EQ(child["Uid"], "65534\t65534\t65534\t65534");
  EXPECT_EQ(child["packet socket"], "EPERM");
  EXPECT_EQ(child["can_capture"], "no");
}

TEST_F(Privileges, TakesANumberThatNoNameBelongsTo) {
  const ChildResult child = run_in_child([](Notes& notes) {
    drop_privileges("61234");
    note_state(notes);
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_EQ(child["Uid"], "61234\t61234\t61234\t61234");
  EXPECT_EQ(child["Groups"], "61234");
  EXPECT_EQ(child["CapBnd"], kNone);
}

TEST_F(Privileges, RootMayStayRootWithoutCapabilities) {
  const ChildResult child = run_in_child([](Notes& notes) {
    drop_privileges("");
    note_state(notes);
    notes.attempt("setuid", setuid(1));
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  for (const std::string_view set : kCapabilitySets) EXPECT_EQ(child[std::string(set)], kNone) << set;
  EXPECT_EQ(child["Uid"], "0\t0\t0\t0");
  EXPECT_EQ(child["packet socket"], "EPERM");
  EXPECT_EQ(child["setuid"], "EPERM");
}

TEST_F(Privileges, AnUnknownUserIsOneClearMessageAndChangesNothing) {
  const ChildResult child = run_in_child([](Notes& notes) {
    const std::string before = status_line("CapEff");
    try {
      drop_privileges("pickletap-no-such-user");
    } catch (const PrivilegeError& error) {
      notes.put("error", error.what());
    }
    notes.put("unchanged", status_line("CapEff") == before && status_line("NoNewPrivs") == "0" ? "yes" : "no");
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_THAT(child["error"], ::testing::HasSubstr("no user pickletap-no-such-user"));
  EXPECT_THAT(child["error"], ::testing::HasSubstr("sandbox.user"));
  EXPECT_EQ(child["unchanged"], "yes");
}

// A container that takes every capability but CAP_NET_RAW from root.
TEST_F(Privileges, RootThatCannotChangeUserSaysWhatHelps) {
  const ChildResult child = run_in_child([](Notes& notes) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    sets[0].effective = sets[0].permitted = 1U << CAP_NET_RAW;
    notes.attempt("prepared", syscall(SYS_capset, &header, sets.data()));
    try {
      drop_privileges("nobody");
    } catch (const PrivilegeError& error) {
      notes.put("error", error.what());
    }
    drop_privileges("");  // the way out it names
    note_state(notes);
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"];
  EXPECT_EQ(child["prepared"], "ok");
  EXPECT_THAT(child["error"], ::testing::HasSubstr("CAP_SETUID"));
  EXPECT_THAT(child["error"], ::testing::HasSubstr("sandbox.user"));
  EXPECT_EQ(child["CapEff"], kNone);
  EXPECT_EQ(child["packet socket"], "EPERM");
}

TEST(CaptureHint, IsOneCommand) {
  EXPECT_EQ(capture_hint("/usr/bin/pickletap", false), "sudo setcap cap_net_raw+ep /usr/bin/pickletap");
  EXPECT_EQ(capture_hint("/home/a b/it's", false), "sudo setcap cap_net_raw+ep '/home/a b/it'\\''s'");
  EXPECT_EQ(capture_hint("/usr/bin/pickletap", true), "AmbientCapabilities=CAP_NET_RAW");
}

TEST(CaptureHint, NamesTheRunningProgram) {
  const ChildResult child = run_in_child([](Notes& notes) {
    ::unsetenv("NOTIFY_SOCKET");
    notes.put("hint", capture_hint());
    std::array<char, 4096> path{};
    notes.put("program",
              std::string(path.data(), static_cast<size_t>(::readlink("/proc/self/exe", path.data(), 4096))));
    ::setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
    notes.put("under systemd", capture_hint());
  });
  EXPECT_THAT(child["hint"], ::testing::EndsWith(child["program"]));
  EXPECT_EQ(child["under systemd"], "AmbientCapabilities=CAP_NET_RAW");
}

/// A copy of the Python interpreter that may be given what the distribution's must not have.
class PythonCopy {
 public:
  PythonCopy() {
    if (::mkdtemp(folder_.data()) == nullptr || ::chmod(folder_.c_str(), 0755) != 0) return;
    std::filesystem::copy_file("/usr/bin/python3", path(), error_);
  }
  ~PythonCopy() { std::filesystem::remove_all(folder_, error_); }
  PythonCopy(const PythonCopy&) = delete;
  PythonCopy& operator=(const PythonCopy&) = delete;

  std::string path() const { return folder_ + "/python3"; }
  bool there() const { return ::access(path().c_str(), X_OK) == 0; }
  /// Does not come back.
  void run(const char* program) const {
    ::execl(path().c_str(), path().c_str(), "-c", program, nullptr);
    _exit(97);
  }

 private:
  std::string folder_ = "/tmp/pickletap-python-XXXXXX";
  std::error_code error_;
};

void become_nobody() {
  if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(98);
}

// The command works: a program with that file capability may capture, as nobody.
TEST_F(Privileges, TheFileCapabilityTheHintNamesIsEnough) {
  const PythonCopy python;
  if (!python.there()) GTEST_SKIP() << "needs python3";
  const std::string command = capture_hint(python.path(), false).substr(std::string_view("sudo ").size());
  if (std::system((command + " 2>/dev/null").c_str()) != 0) GTEST_SKIP() << "needs setcap and a file system for it";
  const ChildResult child = run_in_child([&](Notes& notes) {
    become_nobody();
    notes.attempt("without", ::socket(AF_PACKET, SOCK_RAW, 0));
    python.run("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)");
  });
  EXPECT_EQ(child["without"], "EPERM");
  EXPECT_TRUE(child.ended_well()) << child.status;
}

TEST_F(Privileges, ASetUserIdProgramGivesNothingBack) {
  const PythonCopy python;
  if (!python.there()) GTEST_SKIP() << "needs python3";
  ASSERT_EQ(::chmod(python.path().c_str(), 04755), 0);
  const char* is_root = "import os; os._exit(1 if os.geteuid() == 0 else 0)";
  const ChildResult before = run_in_child([&](Notes&) {
    become_nobody();
    python.run(is_root);
  });
  if (before.ended_well()) GTEST_SKIP() << "the file system is mounted nosuid";
  const ChildResult after = run_in_child([&](Notes&) {
    drop_privileges("nobody");
    python.run(is_root);
  });
  EXPECT_TRUE(after.ended_well()) << after.status;
}

}  // namespace
}  // namespace pickletap
