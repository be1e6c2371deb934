// EVE lines as RFC 5424 messages: to the local log daemon (a Unix socket, datagram or stream, whatever it is), over UDP
// (RFC 5426) or TCP (octet counting, RFC 6587). The message is the EVE line; in front of it stand its own time, the
// sensor's name, "pickletap", our pid and, as MSGID, the event type. No structured data, and no byte order mark, which
// RFC 5424 asks for in front of UTF-8: common receivers hand it on as a part of the JSON.
// Severity: alerts 1, 2, 3 are critical, warning, notice; all else is informational.
// A message that is too long for a datagram (65,507 bytes over UDP; over Unix sockets net.core.wmem_max) is dropped and
// counted, never cut: half a JSON object is none. TCP has no such limit. UDP has no answer: what left this host counts
// as delivered, unless the network says at once that nobody listens, for which the first line of a connection waits.
// One thread (queued_output.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/output_address.h"
#include "sensor/output/stream_sender.h"

namespace pickletap {

/// The facilities of RFC 5424, table 1, by their usual short names; nothing for a name that is none.
std::optional<int> syslog_facility(std::string_view name);

/// What is the same in each message.
struct SyslogOrigin {
  int facility = 3;       ///< daemon
  std::string host_name;  ///< made printable and short where it is not
  int process_id = 0;
};

/// Appends the message of one EVE line (with or without its newline).
void append_syslog_message(std::string& out, const SyslogOrigin& origin, std::string_view eve_line);

class Syslog final : public Transport {
 public:
  static constexpr std::chrono::milliseconds kProbeTime{100};  ///< for "port unreachable" after the first datagram

  /// `place` is the address as it was configured, for the log.
  Syslog(OutputAddress address, const std::string& place, SyslogOrigin origin);

  std::string_view name() const override { return "syslog"; }
  std::string describe() const override { return "syslog " + place_; }
  bool open(Clock::time_point deadline) override;
  SendResult send(std::span<const std::string> lines, Clock::time_point deadline) override;
  const std::string& error() const override { return uses_stream_ ? stream_.error() : socket_.error(); }
  std::string take_notice() override;
  /// The name may have another address by now.
  void reopen() override { close(); }
  void close() override;

 private:
  bool open_as_it_seems(Clock::time_point deadline);
  bool is_of_other_type();
  bool connect(Clock::time_point deadline);
  bool send_datagram(Clock::time_point deadline);
  SendResult send_datagrams(std::span<const std::string> lines, Clock::time_point deadline);

  OutputAddress address_;
  std::string place_;
  SyslogOrigin origin_;
  bool uses_stream_;
  Socket socket_;  // datagrams
  StreamSender stream_;
  bool is_proven_ = false;  // UDP: the first datagram met no refusal
  std::string message_;
  size_t too_long_bytes_ = 0;  // of a message that was dropped, to be noted
};

}  // namespace pickletap
