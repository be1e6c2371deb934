#include "sensor/output/stream_sender.h"

#include <algorithm>
#include <utility>

namespace pickletap {

bool StreamSender::open(Socket::Deadline deadline) {
  return socket_.is_open() || socket_.connect(address_, Socket::Type::kStream, deadline);
}

SendResult StreamSender::send(std::span<const std::string> lines, Socket::Deadline deadline) {
  buffer_.clear();
  ends_.clear();
  for (const std::string& line : lines) {
    frame_(buffer_, line);
    ends_.push_back(buffer_.size());
  }
  if (socket_.is_open() && socket_.is_closed_by_peer()) {
    broke_ = true;
    close();
  }
  size_t at = sent_of_first_, taken = 0;
  while (true) {
    const bool is_new = !socket_.is_open();
    if (!open(deadline)) break;
    at += socket_.write(std::string_view(buffer_).substr(at), deadline);
    taken = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), at) - ends_.begin());
    const size_t line_begin = taken == 0 ? 0 : ends_[taken - 1];
    sent_of_first_ = socket_.is_open() ? at - line_begin : 0;
    if (socket_.is_open()) break;  // all is sent, or the time is up
    broke_ = true;
    at = line_begin;
    if (is_new) break;  // it broke right away; the next try is another day
  }
  return {taken, 0};
}

void StreamSender::close() {
  socket_.close();
  sent_of_first_ = 0;
}

std::string StreamSender::take_notice() {
  if (!std::exchange(broke_, false)) return {};
  return "the connection broke; what the other end had not read by then is lost";
}

}  // namespace pickletap
