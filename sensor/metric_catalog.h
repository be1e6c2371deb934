// The metrics: name, kind and help text of each, the only place that has them. gather_counters() fills them, /metrics
// and the `stats` event show them; names there and here are without `pickletap_`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pickletap {

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

struct MetricInfo {
  std::string_view name;
  MetricKind kind;
  std::string_view help;
};

std::span<const MetricInfo> metric_catalog();
/// Null when there is none of that name.
const MetricInfo* find_metric(std::string_view name);

}  // namespace pickletap
