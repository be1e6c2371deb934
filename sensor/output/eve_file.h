// EVE lines into a file, appended with write(2), for the daemon. A line is never torn: where the disk filled in the
// middle of one, the rest goes first once there is room; where the file is left before that, the half is taken back;
// and a file that ends without a newline (a crash, a power cut) gets one before anything else. The folder must exist.
// Rotation: before a line would make the file longer than rotate_bytes, or when it has been open for rotate_interval
// (so a restart begins a new interval) and has something in it, it is renamed to FILE.1, FILE.1 to FILE.2 and so on, at
// most rotate_keep of them. A rotation that fails is noted, tried again after kRotatePause, and writing goes on in the
// old file. A symbolic link is followed: what it points to is rotated, beside where that is.
// A file that somebody renames or deletes is written to until reopen() (SIGHUP), as with Suricata and syslog daemons;
// logrotate's copytruncate is understood. Pipes and terminals are written to as they are; "-" is standard output.
// fdatasync(2) when a file is left, not before. One thread (queued_output.h).
// Sources: write(2), open(2), rename(2), fifo(7).
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "sensor/output/queued_output.h"

namespace pickletap {

struct EveFileOptions {
  std::string path;
  uint64_t rotate_bytes = 0;                ///< 0: not by size
  std::chrono::seconds rotate_interval{0};  ///< 0: not by time
  uint32_t rotate_keep = 7;                 ///< 0: what is rotated away is deleted
};

class EveFile final : public Transport {
 public:
  static constexpr size_t kMaxLinesAtOnce = 256;  ///< in one writev(2)
  static constexpr std::chrono::seconds kRotatePause{60};

  explicit EveFile(EveFileOptions options) : options_(std::move(options)) {}
  ~EveFile() override { EveFile::close(); }
  EveFile(const EveFile&) = delete;
  EveFile& operator=(const EveFile&) = delete;

  std::string_view name() const override { return options_.path == "-" ? "stdout" : "file"; }
  std::string describe() const override;
  bool open(Clock::time_point deadline) override;
  SendResult send(std::span<const std::string> lines, Clock::time_point deadline) override;
  const std::string& error() const override { return error_; }
  std::string take_notice() override;
  void reopen() override;
  void close() override;

 private:
  bool open_file();
  bool refuse(const char* what, int error);
  void look();
  bool is_rotation_due(size_t line_bytes) const;
  size_t lines_before_rotation(std::span<const std::string> lines) const;
  bool write_once(std::span<const std::string> lines, size_t& taken, Clock::time_point deadline);
  bool end_broken_line(Clock::time_point deadline);
  void rotate();
  bool rotate_files();
  bool is_still_ours() const;

  EveFileOptions options_;
  int fd_ = -1;
  struct stat identity_ {};  // as it was opened
  bool is_regular_ = false;
  std::string target_;          // what path names, links resolved
  uint64_t size_ = 0;           // where our writing has got to
  size_t sent_of_first_ = 0;    // bytes in the file of a line not taken yet
  bool needs_newline_ = false;  // the file ends in the middle of somebody's line
  Clock::time_point opened_at_{}, next_rotation_{};
  std::string error_, notice_;
};

}  // namespace pickletap
