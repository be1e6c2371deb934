#include "sensor/output/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

constexpr size_t kFileColumns = 40;  // with the rest below 80: a line that wraps cannot be taken away

std::string percent(uint64_t done, uint64_t total) {
  const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  return std::to_string(static_cast<int>(share * 100)) + "%";
}

}  // namespace

Progress::Progress(bool wanted) : fd_(STDERR_FILENO), active_(wanted && isatty(STDERR_FILENO) == 1) {}

void Progress::update(std::string_view file, uint64_t done_bytes, uint64_t total_bytes) {
  if (!active_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kInterval;
  std::string line = "\r\x1b[2K";
  append_printable(line, file, kFileColumns);
  line += "  " + readable_bytes(done_bytes);
  if (total_bytes > 0) line += " of " + readable_bytes(total_bytes) + "  " + percent(done_bytes, total_bytes);
  put(line);
  is_drawn_ = true;
}

void Progress::clear() {
  if (is_drawn_) put("\r\x1b[2K");
  is_drawn_ = false;
}

void Progress::put(std::string_view text) {
  // A terminal that has gone is no reason to stop; there is nobody left to tell.
  if (::write(fd_, text.data(), text.size()) < 0) active_ = false;
}

std::string readable_bytes(uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  size_t unit = 0;
  uint64_t tenths = bytes * 10 / 1024;  // below 2^60 bytes: exact; above nobody counts tenths
  if (bytes > UINT64_MAX / 10) tenths = bytes / 1024 * 10;
  while (tenths >= 10240 && unit + 1 < kUnits.size()) {
    tenths /= 1024;
    ++unit;
  }
  const std::string whole = std::to_string(tenths / 10);
  return whole + (tenths < 100 ? "." + std::to_string(tenths % 10) : "") + " " + std::string(kUnits[unit]);
}

}  // namespace pickletap
