#include "sensor/output/file.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr std::chrono::seconds kLongestPause{30};
constexpr int kPatienceMs = 1000;  // for a reader of a pipe that does not block us but does not read either

/// Waits until `fd` takes bytes again. False: it did not in time.
bool wait_writable(int fd) {
  pollfd wanted{fd, POLLOUT, 0};
  return poll(&wanted, 1, kPatienceMs) > 0;
}

}  // namespace

BufferedFile::BufferedFile(std::string path, OpenMode mode) : name_(std::move(path)), mode_(mode), owns_(true) {
  open();
}

BufferedFile::BufferedFile(int fd, std::string name)
    : name_(std::move(name)), mode_(OpenMode::kAppend), owns_(false), fd_(fd) {}

BufferedFile::~BufferedFile() { finish(); }

void BufferedFile::finish() {
  next_try_ = {};
  flush();
  close();
  gone_ = true;
}

void BufferedFile::close() {
  if (!owns_ || fd_ < 0) return;
  if (::close(fd_) != 0) report(errno);
  fd_ = -1;
}

void BufferedFile::open() {
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (mode_ == OpenMode::kTruncate ? O_TRUNC : O_APPEND);
  do {
    fd_ = ::open(name_.c_str(), flags, S_IRUSR | S_IWUSR | S_IRGRP);
  } while (fd_ < 0 && errno == EINTR);
  if (fd_ < 0) report(errno);
}

bool BufferedFile::append(std::string_view text) {
  if (gone_ || buffer_.size() - written_ + text.size() > kMaxBytes) {
    lost_ = true;
    return false;
  }
  buffer_ += text;
  if (buffer_.size() - written_ >= kFlushBytes) flush();
  return !gone_;
}

void BufferedFile::flush() {
  if (written_ == buffer_.size() || gone_) return;
  if (error_ != 0 && std::chrono::steady_clock::now() < next_try_) return;
  if (fd_ < 0) open();
  if (fd_ >= 0) write_out();
}

void BufferedFile::write_out() {
  while (written_ < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + written_, buffer_.size() - written_);
    if (n > 0) {
      written_ += static_cast<size_t>(n);
      continue;
    }
    const int error = n == 0 ? EIO : errno;
    if (error == EINTR) continue;
    if (error == EAGAIN && wait_writable(fd_)) continue;
    report(error);
    break;
  }
  if (written_ == buffer_.size()) {
    if (error_ != 0) spdlog::info("{}: written to again", printable_name());
    error_ = 0;
    pause_ = std::chrono::seconds(1);
  }
  buffer_.erase(0, written_);
  written_ = 0;
}

void BufferedFile::reopen() {
  if (!owns_) return;
  next_try_ = {};
  flush();
  close();
  gone_ = false;  // a pipe may have a new reader
  open();
  if (fd_ >= 0 && buffer_.empty()) error_ = 0;
}

std::string BufferedFile::printable_name() const {
  std::string name;  // a path may hold anything, and this goes to a terminal
  append_printable(name, name_);
  return name;
}

void BufferedFile::report(int error) {
  if (error != error_) {
    spdlog::error("{}: cannot write: {}", printable_name(), std::generic_category().message(error));
  }
  error_ = error;
  gone_ = error == EPIPE || error == EBADF;
  if (gone_) lost_ = true;
  next_try_ = std::chrono::steady_clock::now() + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
}

FileOutput::FileOutput(std::string path, OpenMode mode)
    : name_(path == "-" ? "stdout" : "file"),
      file_(path == "-" ? BufferedFile(STDOUT_FILENO, "standard output") : BufferedFile(std::move(path), mode)) {}

}  // namespace pickletap
