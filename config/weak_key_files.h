// Lists of keys that are no secret (config/policy/weak-keys.txt explains the form at its head): the one the sensor comes
// with, and an operator's files beside it. One key a line; '#' begins a comment line; a line's end, LF or CRLF, is not
// part of the key; '\' begins an escape: \\ \# \n \r \t \e (nothing: the empty key) and \xNN.
// Read at start and reload. Limits: kMaxKeys in all, kMaxKeyBytes a key, kMaxKeyFileBytes a file; more is a mistake that
// is said, not cut. A list is made once and only read from then on, by any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace pickletap {

class WeakKeyList {
 public:
  static constexpr size_t kMaxKeys = 2'000'000;
  static constexpr size_t kMaxKeyBytes = 1024;
  static constexpr size_t kMaxKeyFileBytes = size_t{64} << 20;

  /// Adds one file's keys. Throws ConfigError: "FILE:LINE: what is wrong"; never with the key in it.
  void add_text(const std::string& file, std::string_view text);
  void add_file(const std::string& path);

  size_t size() const { return entries_.size(); }
  std::string_view key(size_t index) const {
    const Entry& entry = entries_[index];
    return std::string_view(bytes_).substr(entry.offset, entry.length);
  }
  /// "weak-keys.txt:12".
  std::string place(size_t index) const;
  /// Tells two lists apart: a hash of all keys and files. Not for use against anybody.
  uint64_t version() const { return version_; }

 private:
  struct Entry {
    uint32_t offset = 0, line = 0;
    uint16_t length = 0, file = 0;
  };
  std::vector<std::string> files_;
  std::vector<Entry> entries_;
  std::string bytes_;  // of all keys
  uint64_t version_ = 0;
};

/// The built-in list and the configuration's files. Throws ConfigError.
WeakKeyList configured_weak_keys(const Config& config);

}  // namespace pickletap
