#include "sensor/output/eve_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>

#include "sensor/output/socket.h"
#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP;  // whoever reads alerts is in the group

std::string text_of(int error) { return std::generic_category().message(error); }

/// Non-blocking, so that a pipe without a reader is an error and not a wait.
int open_for_append(const std::string& path) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, kMode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

/// The path with its links resolved; itself where that cannot be told.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), std::free);
  return real != nullptr ? real.get() : path;
}

/// Whether the file's last byte is something else than a newline. A file that may not be read passes as whole.
bool ends_inside_line(const std::string& path, const struct stat& file) {
  if (file.st_size == 0) return false;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  struct stat seen {};
  char last = '\n';
  const bool is_read = fstat(fd, &seen) == 0 && is_same(seen, file) && pread(fd, &last, 1, seen.st_size - 1) == 1;
  ::close(fd);
  return is_read && last != '\n';
}

}  // namespace

std::string EveFile::describe() const {
  if (options_.path == "-") return "standard output";
  std::string text;
  append_printable(text, options_.path);
  return text;
}

bool EveFile::refuse(const char* what, int error) {
  error_ = std::string(what) + ": " + text_of(error);
  return false;
}

bool EveFile::open(Clock::time_point /*deadline*/) { return fd_ >= 0 || open_file(); }

bool EveFile::open_file() {
  const bool is_stdout = options_.path == "-";
  fd_ = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : open_for_append(options_.path);
  if (fd_ < 0) return refuse("cannot open", errno);
  if (fstat(fd_, &identity_) != 0) {
    refuse("cannot open", errno);
    ::close(std::exchange(fd_, -1));
    return false;
  }
  // Standard output is not ours to rotate or to mend, whatever it is.
  is_regular_ = !is_stdout && S_ISREG(identity_.st_mode);
  target_ = is_regular_ ? resolved(options_.path) : options_.path;
  size_ = static_cast<uint64_t>(identity_.st_size);
  sent_of_first_ = 0;
  needs_newline_ = is_regular_ && ends_inside_line(target_, identity_);
  opened_at_ = Clock::now();
  next_rotation_ = {};
  return true;
}

SendResult EveFile::send(std::span<const std::string> lines, Clock::time_point deadline) {
  if (!open(deadline)) return {};
  look();
  size_t taken = 0;
  while (taken < lines.size()) {
    if (is_rotation_due(lines[taken].size())) rotate();
    if (!open(deadline)) break;  // the rotation found nothing to come back to
    if (needs_newline_) {
      if (!end_broken_line(deadline)) break;
      continue;
    }
    const auto rest = lines.subspan(taken);
    if (!write_once(rest.first(lines_before_rotation(rest)), taken, deadline)) break;
  }
  return {taken, 0};
}

/// Others may have cut the file meanwhile (copytruncate): then what was in it of a line is gone with the rest.
void EveFile::look() {
  struct stat now {};
  if (!is_regular_ || fstat(fd_, &now) != 0) return;
  const auto size = static_cast<uint64_t>(now.st_size);
  if (size < size_) sent_of_first_ = 0;
  size_ = size;
}

bool EveFile::end_broken_line(Clock::time_point deadline) {
  const std::string newline = "\n";
  size_t taken = 0;
  if (!write_once({&newline, 1}, taken, deadline)) return false;
  needs_newline_ = taken == 0;
  return true;
}

/// One writev(2), after a wait where there is no room in a pipe. False: refused or out of time, error_ says it.
bool EveFile::write_once(std::span<const std::string> lines, size_t& taken, Clock::time_point deadline) {
  std::array<iovec, kMaxLinesAtOnce> parts;
  const size_t count = std::min(lines.size(), parts.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string_view left = std::string_view(lines[i]).substr(i == 0 ? sent_of_first_ : 0);
    parts[i] = {const_cast<char*>(left.data()), left.size()};  // writev(2) does not write to it
  }
  size_t used = count;
  if (!is_regular_) {
    if (!Socket::wait(fd_, POLLOUT, deadline)) return refuse("it does not read", ETIMEDOUT);
    // Standard output may be a blocking pipe; one that poll(2) calls writable takes so much at once.
    parts[0].iov_len = std::min<size_t>(parts[0].iov_len, PIPE_BUF);
    used = 1;
  }
  const ssize_t n = ::writev(fd_, parts.data(), static_cast<int>(used));
  if (n <= 0) {
    const int error = n == 0 ? EIO : errno;
    if (error == EINTR || error == EAGAIN) return Clock::now() < deadline || refuse("cannot write", ETIMEDOUT);
    refuse("cannot write", error);
    // A full disk gets room again; after anything else the file is opened anew.
    if (error != ENOSPC && error != EDQUOT && error != EFBIG) close();
    return false;
  }
  size_ += static_cast<uint64_t>(n);
  size_t left = static_cast<size_t>(n) + sent_of_first_, whole = 0;
  while (whole < count && left >= lines[whole].size()) left -= lines[whole++].size();
  sent_of_first_ = left;
  taken += whole;
  return whole == lines.size() || Clock::now() < deadline || refuse("slow", ETIMEDOUT);
}

void EveFile::reopen() {
  close();
  open_file();  // at once, for whoever moved the old one away; trouble comes up with the next line
}

void EveFile::close() {
  if (fd_ < 0) return;
  if (is_regular_) {
    struct stat now {};
    // Nobody shall find half a line; the whole one is written again elsewhere, or counted as dropped.
    if (sent_of_first_ > 0 && fstat(fd_, &now) == 0 && static_cast<uint64_t>(now.st_size) == size_ &&
        ftruncate(fd_, now.st_size - static_cast<off_t>(sent_of_first_)) != 0) {
      notice_ = "cannot take back half a line: " + text_of(errno);
    }
    if (fdatasync(fd_) != 0) notice_ = "cannot sync: " + text_of(errno);
  }
  if (::close(fd_) != 0 && errno != EINTR) notice_ = "cannot close: " + text_of(errno);
  fd_ = -1;
  sent_of_first_ = 0;
}

std::string EveFile::take_notice() { return std::exchange(notice_, {}); }

bool EveFile::is_rotation_due(size_t line_bytes) const {
  if (!is_regular_ || size_ == 0 || sent_of_first_ > 0) return false;
  const Clock::time_point now = Clock::now();
  if (now < next_rotation_) return false;
  if (options_.rotate_bytes > 0 && size_ + line_bytes > options_.rotate_bytes) return true;
  return options_.rotate_interval.count() > 0 && now - opened_at_ >= options_.rotate_interval;
}

/// How many of `lines` (one or more) go into the file as it is; at least one.
size_t EveFile::lines_before_rotation(std::span<const std::string> lines) const {
  const size_t most = std::min(lines.size(), kMaxLinesAtOnce);
  if (!is_regular_ || options_.rotate_bytes == 0 || Clock::now() < next_rotation_) return most;
  uint64_t bytes = size_ - sent_of_first_;
  size_t count = 0;
  while (count < most && (count == 0 || bytes + lines[count].size() <= options_.rotate_bytes)) {
    bytes += lines[count++].size();
  }
  return count;
}

void EveFile::rotate() {
  if (!is_still_ours()) {  // somebody has moved it away; what stands there now is not ours to rename
    reopen();
    return;
  }
  if (!rotate_files()) next_rotation_ = Clock::now() + kRotatePause;
}

bool EveFile::is_still_ours() const {
  struct stat there {};
  return stat(target_.c_str(), &there) == 0 && is_same(there, identity_);
}

/// False: noted, and the old file is still open and in its place.
bool EveFile::rotate_files() {
  const auto numbered = [this](uint32_t n) { return n == 0 ? target_ : target_ + "." + std::to_string(n); };
  const auto fail = [this](const std::string& why) {
    notice_ = "cannot rotate: " + why + "; writing goes on in the old file";
    return false;
  };
  for (uint32_t n = options_.rotate_keep; n > 0; --n) {
    const bool is_moved = std::rename(numbered(n - 1).c_str(), numbered(n).c_str()) == 0;
    if (!is_moved && (errno != ENOENT || n == 1)) return fail(text_of(errno));
  }
  if (options_.rotate_keep == 0 && unlink(target_.c_str()) != 0) return fail(text_of(errno));
  const int old = std::exchange(fd_, -1);
  if (!open_file()) {
    fd_ = old;
    // Without a file to come back to, the deleted one cannot be put back: then lines wait for open() to work again.
    if (options_.rotate_keep == 0) {
      close();
    } else {
      std::rename(numbered(1).c_str(), target_.c_str());
    }
    return fail(error_);
  }
  if (fdatasync(old) != 0) notice_ = "cannot sync: " + text_of(errno);
  ::close(old);
  return true;
}

}  // namespace pickletap
