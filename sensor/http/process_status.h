// What the kernel says of this process: memory, processor time, descriptors, threads, as the client libraries of
// Prometheus define the `process_*` metrics. Everything of /proc is opened at construction, before the sandbox is put
// on, and stays open: two descriptors. Afterwards read() needs pread64, lseek, getdents64 and prlimit64, and no path.
// One thread. Sources: proc(5), the guideline "Writing client libraries" of Prometheus.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace pickletap {

/// What could not be read is left out.
struct ProcessStatus {
  std::optional<double> cpu_seconds;         ///< user and system
  std::optional<double> start_time_seconds;  ///< Unix time, as the clock stood when the reader was made
  std::optional<uint64_t> virtual_bytes, resident_bytes;
  std::optional<uint64_t> threads;
  std::optional<uint64_t> open_fds, max_fds;
};

class ProcessReader {
 public:
  ProcessReader();
  ~ProcessReader();
  ProcessReader(const ProcessReader&) = delete;
  ProcessReader& operator=(const ProcessReader&) = delete;

  ProcessStatus read();

 private:
  struct CloseDirectory {
    void operator()(DIR* directory) const { closedir(directory); }
  };

  int stat_ = -1;                                  ///< /proc/self/stat, or -1
  std::unique_ptr<DIR, CloseDirectory> open_fds_;  ///< /proc/self/fd, or null
  std::optional<double> start_time_seconds_;
};

/// The fields of /proc/PID/stat that matter here, in clock ticks and pages; nothing when the text is another.
struct ProcessStatFields {
  uint64_t user_ticks = 0, system_ticks = 0, threads = 0, start_ticks = 0, virtual_bytes = 0, resident_pages = 0;
};
std::optional<ProcessStatFields> parse_process_stat(std::string_view text);

}  // namespace pickletap
