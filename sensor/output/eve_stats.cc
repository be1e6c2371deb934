// The stats object: counters grouped by metric name; a labelled metric is an object of objects, one level for each
// label in the metric's order, with the label's value as key. {"frames_total":{"to_server":3,"to_client":2},
// "alerts_total":{"pickle.code-execution":{"1":4}}, …}; jq: .stats.alerts_total["pickle.code-execution"]["1"].
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "sensor/output/eve_parts.h"

namespace pickletap {
namespace {

using Counter = StatsRecord::Counter;
using Series = std::vector<const Counter*>;

/// The counters by name, in the order of first appearance, each name's in the order of its labels' values.
std::vector<Series> grouped(const std::vector<Counter>& counters, size_t max) {
  std::vector<Series> groups;
  std::unordered_map<std::string_view, size_t> place;
  for (size_t i = 0; i < std::min(counters.size(), max); ++i) {
    const auto [at, is_new] = place.emplace(counters[i].name, groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].push_back(&counters[i]);
  }
  const auto by_label_values = [](const Counter* a, const Counter* b) {
    return std::lexicographical_compare(a->labels.begin(), a->labels.end(), b->labels.begin(), b->labels.end(),
                                        [](const auto& x, const auto& y) { return x.second < y.second; });
  };
  for (Series& series : groups) std::stable_sort(series.begin(), series.end(), by_label_values);
  return groups;
}

size_t common_labels(const Counter& a, const Counter& b) {
  size_t n = 0;
  while (n < a.labels.size() && n < b.labels.size() && a.labels[n].second == b.labels[n].second) ++n;
  return n;
}

void write_labelled(JsonWriter& json, const Series& series) {
  const size_t depth = series.front()->labels.size();
  const Counter* previous = nullptr;
  for (const Counter* counter : series) {
    // A metric has one set of labels; what breaks that, or comes twice, would be a key of two meanings.
    if (counter->labels.size() != depth) continue;
    const size_t common = previous != nullptr ? common_labels(*previous, *counter) : 0;
    if (common == depth) continue;
    for (size_t open = previous != nullptr ? depth : 0; open > common + 1; --open) json.end_object();
    for (size_t level = previous != nullptr ? common + 1 : 0; level < depth; ++level) {
      if (level > 0) json.key(counter->labels[level - 1].second);
      json.begin_object();
    }
    json.key(counter->labels[depth - 1].second).number(counter->value);
    previous = counter;
  }
  for (size_t open = depth; open > 0; --open) json.end_object();
}

}  // namespace

void write_stats(EveDraft& draft, const StatsRecord& stats) {
  JsonWriter& json = draft.json;
  if (stats.counters.size() > draft.limits.counters) draft.cuts.add(Cut::kStats);
  json.key("stats").begin_object();
  for (const Series& series : grouped(stats.counters, draft.limits.counters)) {
    json.key(series.front()->name);
    if (series.front()->labels.empty()) {
      json.number(series.front()->value);
    } else {
      write_labelled(json, series);
    }
  }
  json.end_object();
}

}  // namespace pickletap
