// A connected socket whose every wait ends at a deadline: for the outputs that speak to log daemons and brokers.
// Non-blocking inside, poll(2) around it. Trouble is a text and an errno, never an exception. Owns its descriptor; one
// thread. Name resolution (getaddrinfo(3)) is the one thing no deadline reaches; at most kMaxAddresses of a name are
// tried, each with its share of the time.
// Sources: connect(2), unix(7), tcp(7), udp(7).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/output_address.h"

namespace pickletap {

class Socket {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  enum class Type : uint8_t { kStream, kDatagram };
  static constexpr size_t kMaxAddresses = 8;

  Socket() = default;
  ~Socket() { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Closes what was open, then connects. False: error() says why.
  bool connect(const OutputAddress& address, Type type, Deadline deadline);
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  /// Gives the descriptor away; it is non-blocking.
  int release();
  void close();

  /// Stream: the other end has closed or reset. What it says is read and thrown away: no protocol here has answers.
  bool is_closed_by_peer();
  /// Stream: how many bytes went out. Fewer than all: the deadline came (still open) or the connection broke (closed).
  size_t write(std::string_view bytes, Deadline deadline);
  /// Datagram: false as write(), or with error_number() EMSGSIZE (still open).
  bool send(std::string_view datagram, Deadline deadline);
  /// Waits until an error arrives from the network, such as "port unreachable". True: one did; closed.
  bool waits_for_error(Deadline deadline);

  /// Of the last failure; ETIMEDOUT for a deadline.
  int error_number() const { return error_number_; }
  const std::string& error() const { return error_; }

  /// Waits for `events` of poll(2) on `fd`. False: the deadline came first.
  static bool wait(int fd, short events, Deadline deadline);

 private:
  bool connect_unix(const std::string& path, Type type, Deadline deadline);
  bool connect_ip(const OutputAddress& address, Type type, Deadline deadline);
  bool connect_to(const void* address, uint32_t length, int family, int type, Deadline deadline);
  bool fail(const char* what, int error_number);

  int fd_ = -1;
  int error_number_ = 0;
  std::string error_;
};

}  // namespace pickletap
