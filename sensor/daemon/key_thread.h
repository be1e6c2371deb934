// The thread that tries weak keys: at the lowest priority, within a share of one core (auth.weak_key_cpu), beside capture
// and detection. Jobs wait in a queue of kMaxJobs; what finds it full is given up at once and tried with a later
// handshake. Verdicts go where `deliver` takes them, from this thread; false there: no room now, try again.
//
// Owns the list, which a reload replaces between two slices of kSliceKeys; a job that was begun with another list begins
// anew. stop() gives up what waits. check() and version(): detection thread; set_list(), set_share(): any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "sensor/detect/weak_keys.h"

namespace pickletap {

class KeyThread final : public KeyChecker {
 public:
  static constexpr size_t kMaxJobs = 256;
  /// About a millisecond of work, so that the share is kept evenly.
  static constexpr size_t kSliceKeys = 512;
  static constexpr int kNice = 19;

  using Deliver = std::function<bool(KeyVerdict verdict)>;

  KeyThread(WeakKeyList list, unsigned cpu_percent, Deliver deliver);
  ~KeyThread() override { stop(); }

  void start(const std::function<void()>& on_thread_start);
  void stop();
  void set_list(WeakKeyList list);
  void set_share(unsigned cpu_percent) { cpu_percent_.store(cpu_percent); }

  uint64_t version() const override { return version_.load(); }
  std::optional<KeyVerdict> check(KeyJob&& job) override;

 private:
  void run();
  bool next(KeyJob& job);
  void work(KeyJob&& job);
  /// Sleeps for as long as `worked` entitles to. False: stopping.
  bool rest(std::chrono::nanoseconds worked);
  std::shared_ptr<const WeakKeyList> list() const;

  const Deliver deliver_;
  std::atomic<unsigned> cpu_percent_;
  std::atomic<uint64_t> version_;
  KeyTrial trial_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::deque<KeyJob> jobs_;
  std::shared_ptr<const WeakKeyList> list_;
};

}  // namespace pickletap
