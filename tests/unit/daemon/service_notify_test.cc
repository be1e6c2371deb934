// ServiceNotify against a real Unix datagram socket that stands for the service manager.
#include "sensor/daemon/service_notify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

namespace pickletap {
namespace {

/// The environment is the process's: set for one test and taken away after it.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

/// Listens at `name`, a path or "@name" in the abstract namespace.
class Manager {
 public:
  explicit Manager(const std::string& name) : name_(name), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Manager() {
    ::close(fd_);
    if (name_[0] != '@') ::unlink(name_.c_str());
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  std::string receive() {
    std::array<char, 8192> buffer{};
    const ssize_t length = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return length < 0 ? "(nothing came)" : std::string(buffer.data(), static_cast<size_t>(length));
  }
  bool is_empty() {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT) < 0;
  }

 private:
  std::string name_;
  int fd_;
};

std::string unique_name(const std::string& prefix) { return prefix + "pickletap-notify-" + std::to_string(getpid()); }

TEST(ServiceNotify, SpeaksThroughTheLifeOfAService) {
  for (const std::string& name : {unique_name("/tmp/"), unique_name("@")}) {
    Manager manager(name);
    const Variable socket("NOTIFY_SOCKET", name);
    ServiceNotify notify;
    notify.ready("2 interfaces");
    EXPECT_EQ(manager.receive(), "READY=1\nSTATUS=2 interfaces");

    const auto before = std::chrono::steady_clock::now();
    notify.reloading();
    const auto after = std::chrono::steady_clock::now();
    const std::string reloading = manager.receive(), start = "RELOADING=1\nMONOTONIC_USEC=";
    ASSERT_TRUE(reloading.starts_with(start)) << reloading;
    const std::chrono::microseconds said(std::stoll(reloading.substr(start.size())));
    EXPECT_GE(said, std::chrono::duration_cast<std::chrono::microseconds>(before.time_since_epoch()));
    EXPECT_LE(said, after.time_since_epoch());

    notify.status("reloaded");
    EXPECT_EQ(manager.receive(), "STATUS=reloaded");
    notify.watchdog();
    EXPECT_EQ(manager.receive(), "WATCHDOG=1");
    notify.stopping();
    EXPECT_EQ(manager.receive(), "STOPPING=1");
    EXPECT_TRUE(manager.is_empty());
    EXPECT_EQ(notify.failures(), 0U);
  }
}

TEST(ServiceNotify, AStatusIsOneBoundedLineAndNeverAnotherAssignment) {
  const std::string name = unique_name("/tmp/");
  Manager manager(name);
  const Variable socket("NOTIFY_SOCKET", name);
  ServiceNotify notify;
  notify.status("eth0\nMAINPID=1\x1b[31m \xff");
  EXPECT_EQ(manager.receive(), "STATUS=eth0\\nMAINPID=1\\x1b[31m \uFFFD");
  const std::string most(ServiceNotify::kMaxStatusCharacters, 'x');
  notify.status(most);
  EXPECT_EQ(manager.receive(), "STATUS=" + most);
  notify.status(most + "y");
  EXPECT_EQ(manager.receive(), "STATUS=" + most + "\u2026");
}

TEST(ServiceNotify, DoesNothingOutsideOfAManager) {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceNotify notify;
  notify.ready("x");
  notify.watchdog();
  EXPECT_EQ(notify.failures(), 0U);
  EXPECT_EQ(notify.watchdog_interval(), std::nullopt);
}

TEST(ServiceNotify, AManagerThatIsGoneIsCountedAndTriedAgain) {
  const std::string name = unique_name("/tmp/");
  const Variable socket("NOTIFY_SOCKET", name);
  ServiceNotify notify;
  notify.ready("x");
  notify.watchdog();
  EXPECT_EQ(notify.failures(), 2U);
  Manager manager(name);
  notify.watchdog();
  EXPECT_EQ(manager.receive(), "WATCHDOG=1");
  EXPECT_EQ(notify.failures(), 2U);
}

TEST(ServiceNotify, TheWatchdogIsFedTwiceAsOftenAsItBites) {
  const Variable interval("WATCHDOG_USEC", "3000000");
  EXPECT_EQ(ServiceNotify().watchdog_interval(), std::chrono::milliseconds(1500));
  {
    const Variable mine("WATCHDOG_PID", std::to_string(getpid()));
    EXPECT_EQ(ServiceNotify().watchdog_interval(), std::chrono::milliseconds(1500));
  }
  const Variable others("WATCHDOG_PID", "1");
  EXPECT_EQ(ServiceNotify().watchdog_interval(), std::nullopt);
}

}  // namespace
}  // namespace pickletap
