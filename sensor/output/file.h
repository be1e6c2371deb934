// Files and standard output, written with write(2) through a buffer of our own, so that an error is seen, kept and
// reported with its reason, and a full disk never tears a line in two: what could not be written stays in the buffer
// and goes first when the disk has room again. SIGPIPE is ignored by main, so a reader that has gone is an error like
// another. The buffer is bounded; what does not fit while the place refuses is dropped, whole lines at a time, and the
// caller told. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "sensor/output/output.h"

namespace pickletap {

/// How a file is opened. Replay starts anew and so writes the same bytes each time; the daemon goes on where it was.
enum class OpenMode { kTruncate, kAppend };

/// A file descriptor with a buffer. Opened files are closed with it, standard output is not.
class BufferedFile {
 public:
  static constexpr size_t kFlushBytes = size_t{64} * 1024;  ///< written out once this much has gathered
  static constexpr size_t kMaxBytes = size_t{1024} * 1024;  ///< kept while the place refuses

  BufferedFile(std::string path, OpenMode mode);
  /// Takes an open descriptor that someone else closes, such as 1.
  BufferedFile(int fd, std::string name);
  ~BufferedFile();
  BufferedFile(const BufferedFile&) = delete;
  BufferedFile& operator=(const BufferedFile&) = delete;

  /// Adds `text`, one or more whole lines. False: dropped, the buffer is full or the place is gone.
  bool append(std::string_view text);
  void flush();
  /// Flushes and closes, so that what a network file system says only then is heard too. Nothing is taken after it.
  void finish();
  /// Flushes, then opens the path again.
  void reopen();
  /// Bytes were lost, or wait for a place that refuses them.
  bool failed() const { return error_ != 0 || lost_; }
  int fd() const { return fd_; }

 private:
  void open();
  void close();
  void write_out();
  void report(int error);
  std::string printable_name() const;

  std::string name_;
  OpenMode mode_;
  bool owns_;
  int fd_ = -1;
  std::string buffer_;
  size_t written_ = 0;  // of buffer_
  int error_ = 0;       // of the last try; 0: it worked
  bool lost_ = false;
  bool gone_ = false;  // nobody reads any more: no use in trying
  std::chrono::steady_clock::time_point next_try_{};
  std::chrono::seconds pause_{1};
};

/// EVE lines into a file ("-" is standard output).
class FileOutput : public Output {
 public:
  FileOutput(std::string path, OpenMode mode);

  std::string_view name() const override { return name_; }
  bool write(std::string_view line) override {
    const bool taken = file_.append(line);
    ++(taken ? counters_.events : counters_.dropped);
    return taken;
  }
  void flush() override { file_.flush(); }
  void finish() override { file_.finish(); }
  void reopen() override { file_.reopen(); }
  bool failed() const override { return file_.failed(); }

 private:
  std::string_view name_;
  BufferedFile file_;
};

}  // namespace pickletap
