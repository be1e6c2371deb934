// Writes the allow list that the daemon learns (policy.mode: learn) on a thread of its own, so that a slow disk holds up
// nothing. Keeps the latest list only. A failure is said once, and tried again every kRetryEvery until it works.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "config/allow_list.h"

namespace pickletap {

class ListWriter {
 public:
  static constexpr std::chrono::seconds kRetryEvery{10};

  explicit ListWriter(std::string path) : path_(std::move(path)) {}
  ~ListWriter() { stop(); }
  ListWriter(const ListWriter&) = delete;
  ListWriter& operator=(const ListWriter&) = delete;

  /// Throws what `on_thread_start` throws on the new thread.
  void start(const std::function<void()>& on_thread_start);
  /// Any thread.
  void put(AllowList list);
  /// Writes what was put and ends. False: it could not be written.
  bool stop();

 private:
  void run();
  bool write(const AllowList& list);

  const std::string path_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::unique_ptr<const AllowList> latest_;
  bool stop_ = false, failed_ = false;
};

}  // namespace pickletap
