// The latest alerts as EVE lines, for the HTTP interface: at most kMaxAlerts and kMaxBytes; older ones go. Written on
// the detection thread, read on any.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "sensor/output/output.h"

namespace pickletap {

class RecentAlerts final : public Output {
 public:
  static constexpr size_t kMaxAlerts = 1000;
  static constexpr size_t kMaxBytes = size_t{4} << 20;

  /// No output of the operator's: it has no label and is in no metric.
  std::string_view name() const override { return {}; }
  bool write(std::string_view line) override;
  void flush() override {}
  bool failed() const override { return false; }

  /// Newest first, without the newline.
  std::vector<std::shared_ptr<const std::string>> latest(size_t max) const;

 private:
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const std::string>> lines_;
  size_t bytes_ = 0;
};

}  // namespace pickletap
