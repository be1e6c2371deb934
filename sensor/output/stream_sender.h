// Lines over a stream connection that comes and goes: for Unix stream sockets and syslog over TCP. A line that a
// time-out cut stays cut only as long as the connection holds, and is gone on with there; on a new connection it is
// sent whole again, so that no reader ever sees two lines run together. What the other end's kernel has taken counts as
// delivered, for neither protocol has an answer; what it had not read when it died is lost with it, and is noted.
// Connects when something is to be sent. Bounded by the batch it is given; one thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "config/output_address.h"
#include "sensor/output/queued_output.h"
#include "sensor/output/socket.h"

namespace pickletap {

class StreamSender {
 public:
  /// Appends a line as it goes over the wire; the same bytes whenever it is asked for the same line.
  using Frame = std::function<void(std::string& out, const std::string& line)>;

  explicit StreamSender(OutputAddress address, Frame frame) : address_(std::move(address)), frame_(std::move(frame)) {}

  bool open(Socket::Deadline deadline);
  /// As Transport::send().
  SendResult send(std::span<const std::string> lines, Socket::Deadline deadline);
  /// Ends the connection; what the kernel has is still delivered.
  void close();
  int error_number() const { return socket_.error_number(); }
  const std::string& error() const { return socket_.error(); }
  std::string take_notice();

 private:
  OutputAddress address_;
  Frame frame_;
  Socket socket_;
  size_t sent_of_first_ = 0;  // bytes of the first line not taken yet that this connection has had
  bool broke_ = false;        // to be noted
  std::string buffer_;        // one batch, framed
  std::vector<size_t> ends_;  // of its lines
};

}  // namespace pickletap
