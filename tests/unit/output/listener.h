// The other end of a network output: a socket that listens, reads when it is told to, and can go away.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

namespace pickletap::waiting {

class Listener {
 public:
  /// SOCK_STREAM or SOCK_DGRAM at a path.
  Listener(int type, const std::string& path) : type_(type), path_(path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    unlink(path.c_str());
    bind_to(AF_UNIX, &at, sizeof at);
  }
  /// On 127.0.0.1; port 0: any.
  explicit Listener(int type, uint16_t port = 0) : type_(type) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind_to(AF_INET, &at, sizeof at);
    socklen_t size = sizeof at;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
  }
  ~Listener() {
    close_connections();
    close(fd_);
    if (!path_.empty()) unlink(path_.c_str());
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const { return port_; }

  /// Takes what has come: datagrams, or connections and what they carry, at most `max_bytes` of a connection.
  void take(size_t max_bytes = SIZE_MAX) {
    if (type_ == SOCK_DGRAM) {
      for (ssize_t n = 0; (n = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT)) >= 0;) {
        datagrams.emplace_back(buffer_.data(), static_cast<size_t>(n));
      }
      return;
    }
    for (int one = 0; (one = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      connections_.push_back(one);
      streams.emplace_back();
    }
    for (size_t i = 0; i < connections_.size(); ++i) {
      for (size_t left = max_bytes; connections_[i] >= 0 && left > 0;) {
        const ssize_t n = recv(connections_[i], buffer_.data(), std::min(left, buffer_.size()), MSG_DONTWAIT);
        if (n <= 0) break;
        streams[i].append(buffer_.data(), static_cast<size_t>(n));
        left -= static_cast<size_t>(n);
      }
    }
  }
  void close_connections() {
    for (int& one : connections_) {
      if (one >= 0) close(one);
      one = -1;
    }
  }

  std::vector<std::string> datagrams;
  std::vector<std::string> streams;  ///< one a connection, in the order they came

 private:
  void bind_to(int family, const void* address, socklen_t size) {
    fd_ = socket(family, type_ | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    EXPECT_EQ(bind(fd_, static_cast<const sockaddr*>(address), size), 0) << std::strerror(errno);
    if (type_ == SOCK_STREAM) {
      EXPECT_EQ(listen(fd_, 8), 0);
    }
  }

  int type_;
  std::string path_;
  uint16_t port_ = 0;
  int fd_ = -1;
  std::vector<int> connections_;
  std::vector<char> buffer_ = std::vector<char>(size_t{1} << 17);
};

}  // namespace pickletap::waiting
