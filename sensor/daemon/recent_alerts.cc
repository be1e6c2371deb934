#include "sensor/daemon/recent_alerts.h"

#include <algorithm>

namespace pickletap {

bool RecentAlerts::write(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  auto kept = std::make_shared<const std::string>(line);
  const std::lock_guard lock(mutex_);
  bytes_ += kept->size();
  lines_.push_back(std::move(kept));
  while (lines_.size() > kMaxAlerts || bytes_ > kMaxBytes) {
    bytes_ -= lines_.front()->size();
    lines_.pop_front();
  }
  return true;
}

std::vector<std::shared_ptr<const std::string>> RecentAlerts::latest(size_t max) const {
  const std::lock_guard lock(mutex_);
  const size_t count = std::min(max, lines_.size());
  return {lines_.rbegin(), lines_.rbegin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace pickletap
