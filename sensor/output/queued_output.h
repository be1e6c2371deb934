// An output with a bounded queue and a thread of its own, so that no disk, broker or log daemon ever holds up the
// detection thread. write() copies the line into the queue; while the queue is full the newest line is dropped and
// counted. The thread hands lines, in order and in batches, to a Transport: at once when flush_bytes wait, else when
// the first waited flush_interval. What a transport does not take stays at the front of the queue and in its bound, and
// is tried again after a pause that doubles from 0.1 s to 30 s and starts anew once all went well for 30 s. The place is
// opened when the thread starts, and looked for like that while there is nothing to send, too. Refusal and recovery are said once each in the log, and nothing of a kind more than once a minute.
// Counters: every line written is, at any moment, in one of `events`, `dropped` and the queue. `events` means that the
// transport had the word of whoever it talks to; across a broken connection that is "at least once".
// finish() gives what waits kFinishPatience to get out; what does not is counted as dropped. A transport that hangs
// where no time-out reaches (name resolution, a dead network file system) keeps its thread; that thread then owns what
// it uses, touches no counter and writes no log, and ends with the process.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sensor/output/output.h"

namespace pickletap {

/// What became of the lines of one send(): the first `taken` are done with, and `dropped` of these could not be
/// delivered and never will be (too long for a datagram).
struct SendResult {
  size_t taken = 0, dropped = 0;
};

/// Where the thread of a QueuedOutput takes lines to. Used on that thread only, but for the constructor. Never throws,
/// never logs: the queue does, with error() and take_notice().
class Transport {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Transport() = default;
  /// Label of the metrics.
  virtual std::string_view name() const = 0;
  /// For the log: a path or an address.
  virtual std::string describe() const = 0;
  /// Connects or opens, before there is anything to send: a wrong path is better known at the start than at the first
  /// alert. True when it is open already. When false, error() says why.
  virtual bool open(Clock::time_point deadline) = 0;
  /// Takes lines (with their newlines) in order, connecting or opening first where it must; waits until `deadline` at
  /// most. When it takes fewer than all, error() says why, and the others come again: first, unchanged, more behind
  /// them.
  virtual SendResult send(std::span<const std::string> lines, Clock::time_point deadline) = 0;
  virtual const std::string& error() const = 0;
  /// Something for the log though no line was refused, such as a rotation that failed. Empty: nothing. Asked after each
  /// send().
  virtual std::string take_notice() { return {}; }
  /// Log rotation has moved the file away; a password may have changed.
  virtual void reopen() {}
  /// The last call.
  virtual void close() {}

  static constexpr std::chrono::milliseconds kPatience{2000};  ///< what send() gets, less when the end is near
};

struct QueueLimits {
  uint64_t bytes = 16U << 20;
  uint32_t flush_bytes = 64U << 10;
  std::chrono::milliseconds flush_interval{5};
};

struct OutputState {
  bool up = true;       ///< it took what it was last given
  std::string trouble;  ///< why it is not up
  uint64_t queued_bytes = 0, queued_events = 0;
};

class QueuedOutput final : public Output {
 public:
  static constexpr std::chrono::milliseconds kFirstPause{100}, kLongestPause{30'000};
  static constexpr std::chrono::milliseconds kFinishPatience{3000};

  static constexpr uint64_t kLineOverheadBytes = 64;  ///< charged for each line beside its text
  static constexpr size_t kMaxBatchLines = 1024;
  static constexpr uint64_t kMaxBatchBytes = 256U << 10;
  static constexpr std::chrono::seconds kTellPause{60};  ///< between two lines of the log about the same thing

  QueuedOutput(std::unique_ptr<Transport> transport, const QueueLimits& limits);
  ~QueuedOutput() override;

  /// Starts the thread. `on_thread_start` runs first on it (its name, its sandbox); start() waits for that and throws
  /// what it threw. Lines written earlier wait in the queue.
  void start(const std::function<void()>& on_thread_start);

  std::string_view name() const override { return name_; }
  bool write(std::string_view line) override;
  /// Nothing to do: the thread flushes.
  void flush() override {}
  void finish() override;
  void reopen() override;
  bool failed() const override;
  /// Any thread.
  OutputState state() const;

 private:
  struct Shared;
  class Pump;

  std::string_view name_;
  std::shared_ptr<Shared> shared_;  // the thread's, too: it may outlive this object, see finish()
  std::thread thread_;
};

}  // namespace pickletap
