// Rouses a thread that sleeps in poll(2), and costs nothing but a look while it is awake. One sleeper, any number of
// wakers. Source: eventfd(2).
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "sensor/event_queue.h"

namespace pickletap {

class EventfdWaker final : public Waker {
 public:
  EventfdWaker() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~EventfdWaker() override { close(fd_); }
  EventfdWaker(const EventfdWaker&) = delete;
  EventfdWaker& operator=(const EventfdWaker&) = delete;

  void wake() override {
    // Between what the caller has just stored and the look at the sleeper: pairs with the fence in sleep().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!asleep_.load(std::memory_order_relaxed) || !asleep_.exchange(false)) return;
    const uint64_t one = 1;
    // Nothing can fail here but a full counter, and then the sleeper is roused already.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
  }

  /// Sleeps until wake(), `timeout_ms`, or at once when `has_work()`. `extra_fd`: readable ends the sleep, too; or -1.
  template <typename HasWork>
  void sleep(int timeout_ms, HasWork has_work, int extra_fd = -1) {
    asleep_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!has_work()) {
      pollfd wanted[] = {{fd_, POLLIN, 0}, {extra_fd, POLLIN, 0}};
      poll(wanted, 2, timeout_ms);
    }
    asleep_.store(false, std::memory_order_relaxed);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof count);
  }

 private:
  int fd_;
  std::atomic<bool> asleep_{false};
};

}  // namespace pickletap
