#include "sensor/output/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace pickletap {
namespace {

using Clock = std::chrono::steady_clock;

/// A peer that vanished without a word is given up after this: bytes unacknowledged, and probes of an idle connection.
constexpr int kUserTimeoutMs = 20'000, kKeepIdleS = 60, kKeepIntervalS = 10, kKeepCount = 3;

void watch_the_peer(int fd) {
  const auto set = [fd](int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleS);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalS);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

int pending_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

bool Socket::wait(int fd, short events, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd one{fd, events, 0};
    const int n = poll(&one, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 60'000)));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return true;  // let the call that follows say what is wrong
    if (left <= 0) return false;
  }
}

bool Socket::fail(const char* what, int error_number) {
  error_number_ = error_number;
  error_ = std::string(what) + ": " + std::generic_category().message(error_number);
  return false;
}

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int Socket::release() { return std::exchange(fd_, -1); }

bool Socket::connect(const OutputAddress& address, Type type, Deadline deadline) {
  close();
  if (address.kind == OutputAddress::Kind::kUnix) return connect_unix(address.path, type, deadline);
  return connect_ip(address, type, deadline);
}

bool Socket::connect_unix(const std::string& path, Type type, Deadline deadline) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) return fail("cannot connect", ENAMETOOLONG);
  std::memcpy(to.sun_path, path.data(), path.size());
  return connect_to(&to, sizeof to, AF_UNIX, type == Type::kStream ? SOCK_STREAM : SOCK_DGRAM, deadline);
}

bool Socket::connect_ip(const OutputAddress& address, Type type, Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = type == Type::kStream ? SOCK_STREAM : SOCK_DGRAM;
  // Without AI_ADDRCONFIG: on a host with nothing but loopback addresses it leaves no answer for "localhost".
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int trouble = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (trouble != 0) {
    error_number_ = trouble == EAI_SYSTEM ? errno : EHOSTUNREACH;
    error_ = "cannot resolve " + address.host + ": " +
             (trouble == EAI_SYSTEM ? std::generic_category().message(errno) : gai_strerror(trouble));
    return false;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  size_t left = 0;
  for (const addrinfo* one = found; one != nullptr && left < kMaxAddresses; one = one->ai_next) ++left;
  for (const addrinfo* one = found; left > 0; one = one->ai_next, --left) {
    const auto share = (deadline - Clock::now()) / static_cast<int64_t>(left);
    if (connect_to(one->ai_addr, one->ai_addrlen, one->ai_family, one->ai_socktype, Clock::now() + share)) return true;
  }
  return false;
}

bool Socket::connect_to(const void* address, uint32_t length, int family, int type, Deadline deadline) {
  fd_ = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return fail("cannot open a socket", errno);
  int error = ::connect(fd_, static_cast<const sockaddr*>(address), length) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) error = wait(fd_, POLLOUT, deadline) ? pending_error(fd_) : ETIMEDOUT;
  if (error != 0) {
    close();
    return fail("cannot connect", error);
  }
  if (family != AF_UNIX && type == SOCK_STREAM) watch_the_peer(fd_);
  return true;
}

bool Socket::is_closed_by_peer() {
  std::array<char, 4096> ignored{};
  for (int i = 0; i < 16; ++i) {  // a peer that talks without end is not drained without end
    const ssize_t n = recv(fd_, ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    fail("connection lost", n == 0 ? EPIPE : errno);
    return true;
  }
  return false;
}

size_t Socket::write(std::string_view bytes, Deadline deadline) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (wait(fd_, POLLOUT, deadline)) continue;
      fail("it does not read", ETIMEDOUT);
      break;
    } else if (errno != EINTR) {
      fail("connection lost", errno);
      close();
      break;
    }
  }
  return done;
}

bool Socket::send(std::string_view datagram, Deadline deadline) {
  while (true) {
    if (::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno == EMSGSIZE) return fail("cannot send", EMSGSIZE);
    if (errno != EAGAIN && errno != EWOULDBLOCK) break;
    if (!wait(fd_, POLLOUT, deadline)) return fail("it does not read", ETIMEDOUT);
  }
  fail("cannot send", errno);
  close();
  return false;
}

bool Socket::waits_for_error(Deadline deadline) {
  if (!wait(fd_, 0, deadline)) return false;  // POLLERR is always reported
  const int error = pending_error(fd_);
  if (error == 0) return false;
  fail("cannot send", error);
  close();
  return true;
}

}  // namespace pickletap
