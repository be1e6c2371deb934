#include "sensor/output/console.h"

#include <utility>

#include "sensor/output/progress.h"

namespace pickletap {

Console::Console(int fd, std::vector<std::string> sources, ConsoleOptions options, Progress* progress)
    : file_(fd, "standard output"), sources_(std::move(sources)), options_(options), progress_(progress) {
  gathered_.sources = sources_.size();
}

void Console::write(const Record& record) {
  if (const auto* alert = std::get_if<Alert>(&record)) return take(*alert);
  if (const auto* listener = std::get_if<ListenerRecord>(&record)) return take(*listener);
  if (const auto* stats = std::get_if<StatsRecord>(&record)) gathered_.stats = *stats;
}

void Console::take(const Alert& alert) {
  if (alert.rule != nullptr) ++gathered_.alerts[{static_cast<int>(alert.rule->severity), alert.rule->name}];
  const size_t index = alert.head.source_index;
  const bool names_source = sources_.size() > 1 && index < sources_.size();
  std::string text(is_first_ ? "" : "\n");
  is_first_ = false;
  append_alert(text, alert, names_source ? std::string_view(sources_[index]) : std::string_view(),
               Paint(options_.colours));
  put(text, options_.at_once);
}

void Console::take(const ListenerRecord& listener) {
  std::string key = endpoint_text(listener.head.server());
  for (const uint16_t id : listener.head.flow.vlan.ids) key += "," + std::to_string(id);
  const auto known = listener_place_.find(key);
  if (known != listener_place_.end()) {
    gathered_.listeners[known->second] = listener;
    return;
  }
  // Beyond the maximum a listener is counted when it is new, and forgotten.
  const bool has_room = gathered_.listeners.size() < Gathered::kMaxListeners;
  if (has_room || listener.change == "new") ++gathered_.listeners_total;
  if (!has_room) return;
  listener_place_.emplace(std::move(key), gathered_.listeners.size());
  gathered_.listeners.push_back(listener);
}

void Console::finish() {
  std::string text;
  if (options_.summary) {
    append_listeners(text, gathered_, Paint(options_.colours));
    append_summary(text, gathered_, Paint(options_.colours));
    if (is_first_ && !text.empty()) text.erase(0, 1);  // the blank line that parts it from the alerts
  }
  put(text, false);
  file_.finish();
}

void Console::put(const std::string& text, bool at_once) {
  if (progress_ != nullptr) progress_->clear();
  file_.append(text);
  if (at_once) file_.flush();
}

}  // namespace pickletap
