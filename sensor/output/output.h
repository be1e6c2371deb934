// A place EVE lines go to: a file, standard output, later syslog or a broker. Called on the detection thread only;
// nothing here may wait for long. An output that fails says so once in the log, counts what it drops and goes on
// trying; it never throws. Lines are valid for the duration of the call.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace pickletap {

/// One writer (the detection thread), any reader: `output_events_total` and `output_dropped_total`.
struct OutputCounters {
  std::atomic<uint64_t> events{0}, dropped{0};

  static void add(std::atomic<uint64_t>& cell, uint64_t n = 1) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

class Output {
 public:
  virtual ~Output() = default;

  /// Label of the metrics, from a closed set: "file", "stdout".
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
};

}  // namespace pickletap
