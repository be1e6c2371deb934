// A place EVE lines go to: a file, standard output, or a queue that a thread of its own empties (queued_output.h).
// Called on one thread only, the counters excepted; nothing here may wait for long. An output that fails says so once
// in the log, counts what it drops and goes on trying; it never throws. Lines are valid for the duration of the call.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace pickletap {

/// `output_events_total` and `output_dropped_total`. Any thread may read them.
struct OutputCounters {
  std::atomic<uint64_t> events{0}, dropped{0};
};

class Output {
 public:
  virtual ~Output() = default;

  /// Label of the metrics, from a closed set: "file", "stdout", "syslog", "socket", "redis".
  virtual std::string_view name() const = 0;
  /// Takes one line, newline included. False: it was dropped.
  virtual bool write(std::string_view line) = 0;
  /// Hands on what is buffered; called about once a second.
  virtual void flush() = 0;
  /// The last call: flushes and closes. failed() is final after it.
  virtual void finish() { flush(); }
  /// Opens the file again, which log rotation has moved away. Nothing to do for most.
  virtual void reopen() {}
  /// Something was not written, or waits to be while the place refuses it. A command that ends so exits 1.
  virtual bool failed() const = 0;

  const OutputCounters& counters() const { return counters_; }

 protected:
  OutputCounters counters_;  ///< kept by the output itself: only it knows what arrived
};

}  // namespace pickletap
