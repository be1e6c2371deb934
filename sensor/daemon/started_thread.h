// A thread whose first step may fail: its list of system calls may be refused. The caller waits for that step and gets
// its exception.
#pragma once

#include <exception>
#include <functional>
#include <future>
#include <thread>
#include <utility>

namespace pickletap {

template <typename Body>
std::thread started_thread(const std::function<void()>& first, Body body) {
  std::promise<void> started;
  std::future<void> is_started = started.get_future();
  std::thread thread([&first, started = std::move(started), body = std::move(body)]() mutable {
    try {
      first();
    } catch (...) {
      started.set_exception(std::current_exception());
      return;
    }
    started.set_value();
    body();
  });
  try {
    is_started.get();
  } catch (...) {
    thread.join();
    throw;
  }
  return thread;
}

}  // namespace pickletap
