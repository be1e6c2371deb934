#include "sensor/http/process_status.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <string>

namespace pickletap {
namespace {

constexpr size_t kMaxStatBytes = 2048;  // 52 numbers of at most 20 digits and a name of at most 64 bytes

/// When the system was started, Unix seconds.
std::optional<uint64_t> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    uint64_t seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return std::nullopt;
}

std::string read_stat(int descriptor) {
  char text[kMaxStatBytes];
  const ssize_t size = descriptor < 0 ? -1 : pread(descriptor, text, sizeof text, 0);
  return size < 0 ? std::string() : std::string(text, static_cast<size_t>(size));
}

uint64_t count_entries(DIR* directory) {
  uint64_t entries = 0;
  rewinddir(directory);
  while (const dirent* entry = readdir(directory)) entries += entry->d_name[0] == '.' ? 0 : 1;  // but . and ..
  return entries;
}

}  // namespace

std::optional<ProcessStatFields> parse_process_stat(std::string_view text) {
  // The second field is the program's name, which may hold anything, blanks and brackets too.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  ProcessStatFields fields;
  unsigned number = 2;
  for (size_t at = name_end + 1; number < 24;) {
    at = text.find_first_not_of(' ', at);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view word = text.substr(at, text.find_first_of(" \n", at) - at);
    at += word.size();
    uint64_t* const value = [&]() -> uint64_t* {
      switch (++number) {
        case 14: return &fields.user_ticks;
        case 15: return &fields.system_ticks;
        case 20: return &fields.threads;
        case 22: return &fields.start_ticks;
        case 23: return &fields.virtual_bytes;
        case 24: return &fields.resident_pages;
        default: return nullptr;
      }
    }();
    if (value == nullptr) continue;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *value);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  }
  return fields;
}

ProcessReader::ProcessReader()
    : stat_(open("/proc/self/stat", O_RDONLY | O_CLOEXEC)), open_fds_(opendir("/proc/self/fd")) {
  const auto fields = parse_process_stat(read_stat(stat_));
  const auto boot = boot_time();
  if (fields && boot) {
    start_time_seconds_ = static_cast<double>(*boot) +
                          static_cast<double>(fields->start_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
}

ProcessReader::~ProcessReader() {
  if (stat_ >= 0) close(stat_);
}

ProcessStatus ProcessReader::read() {
  ProcessStatus status;
  status.start_time_seconds = start_time_seconds_;
  if (const auto fields = parse_process_stat(read_stat(stat_))) {
    status.cpu_seconds =
        static_cast<double>(fields->user_ticks + fields->system_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
    status.virtual_bytes = fields->virtual_bytes;
    status.resident_bytes = fields->resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    status.threads = fields->threads;
  }
  if (open_fds_) status.open_fds = count_entries(open_fds_.get());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) status.max_fds = limit.rlim_cur;
  return status;
}

}  // namespace pickletap
