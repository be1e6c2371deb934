// A line on standard error that says how far reading has come, for a person who waits; nothing at all when standard
// error is no terminal. Its clock is the wall's, and nothing but this line depends on it. One thread. Whoever writes to
// the same terminal calls clear() first.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pickletap {

class Progress {
 public:
  static constexpr std::chrono::milliseconds kInterval{200};

  /// On standard error, when that is a terminal and `wanted`.
  explicit Progress(bool wanted);
  /// On any descriptor, whatever it is; for tests.
  Progress(int fd, bool active) : fd_(fd), active_(active) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `total_bytes` 0: not known (a pipe). Cheap to call often; draws at most every kInterval.
  void update(std::string_view file, uint64_t done_bytes, uint64_t total_bytes);
  /// Takes the line away; a later update() draws it again.
  void clear();

 private:
  void put(std::string_view text);

  int fd_;
  bool active_;
  bool is_drawn_ = false;
  std::chrono::steady_clock::time_point next_{};
};

/// "512 B", "1.4 MiB": sizes for people.
std::string readable_bytes(uint64_t bytes);

}  // namespace pickletap
