#include "sensor/output/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace pickletap {

namespace {

constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP;

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

std::string write_whole_file(const std::string& path, std::string_view text) {
  const std::string draft = path + ".new";
  const auto failed = [&](bool made) {
    std::string why = std::generic_category().message(errno);
    if (made) unlink(draft.c_str());
    return why;
  };
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (fd < 0) return failed(false);
  const bool written = write_all(fd, text) && fdatasync(fd) == 0;
  if (!written) {
    std::string why = failed(true);
    ::close(fd);
    return why;
  }
  if (::close(fd) != 0 || std::rename(draft.c_str(), path.c_str()) != 0) return failed(true);
  return {};
}

}  // namespace pickletap
