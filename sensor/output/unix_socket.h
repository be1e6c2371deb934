// EVE lines into a Unix stream socket that somebody else listens on, as Suricata's `filetype: unix_stream` has it. The
// listener may come late, go and come again: see stream_sender.h for what is sent again and what is lost then.
// One thread (queued_output.h).
#pragma once

#include <string>

#include "sensor/output/stream_sender.h"

namespace pickletap {

class UnixSocket final : public Transport {
 public:
  explicit UnixSocket(const std::string& path);

  std::string_view name() const override { return "socket"; }
  std::string describe() const override { return "socket " + path_; }
  bool open(Clock::time_point deadline) override { return sender_.open(deadline); }
  SendResult send(std::span<const std::string> lines, Clock::time_point deadline) override {
    return sender_.send(lines, deadline);
  }
  const std::string& error() const override { return sender_.error(); }
  std::string take_notice() override { return sender_.take_notice(); }
  void close() override { sender_.close(); }

 private:
  std::string path_;  // printable
  StreamSender sender_;
};

}  // namespace pickletap
