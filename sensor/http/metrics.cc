#include "sensor/http/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "sensor/build_info.h"
#include "sensor/metric_catalog.h"

namespace pickletap {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double kNsPerSecond = 1e9;

MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return MetricType::Counter;
    case MetricKind::kGauge: return MetricType::Gauge;
    case MetricKind::kHistogram: return MetricType::Histogram;
  }
  return MetricType::Untyped;
}

void add_value(MetricFamily& family, double value, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  switch (family.type) {
    case MetricType::Counter: metric.counter.value = value; break;
    case MetricType::Gauge: metric.gauge.value = value; break;
    default: metric.untyped.value = value; break;
  }
  family.metric.push_back(std::move(metric));
}

void add_histogram(MetricFamily& family, const HistogramSnapshot& snapshot) {
  ClientMetric metric;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < snapshot.upper_bounds.size() && i < snapshot.counts.size(); ++i) {
    cumulative += snapshot.counts[i];
    metric.histogram.bucket.push_back({cumulative, snapshot.upper_bounds[i]});
  }
  if (snapshot.counts.size() > snapshot.upper_bounds.size()) cumulative += snapshot.counts.back();
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = snapshot.sum;
  family.metric.push_back(std::move(metric));
}

void add_requests(MetricFamily& family, const HttpCounters& http) {
  for (size_t handler = 0; handler < kHttpHandlerNames.size(); ++handler) {
    for (size_t code = 0; code < kHttpCodeClassNames.size(); ++code) {
      add_value(
          family, static_cast<double>(http.requests[handler][code]),
          {{"handler", std::string(kHttpHandlerNames[handler])}, {"code", std::string(kHttpCodeClassNames[code])}});
    }
  }
}

/// The families of the header's first two groups. False: `name` is not one of them.
bool fill_from_structs(std::string_view name, MetricFamily& family, const SensorStatus& status,
                       const HttpCounters& http) {
  if (name == "capture_interface_up") {
    for (const InterfaceStatus& i : status.interfaces) add_value(family, i.up ? 1 : 0, {{"interface", i.name}});
  } else if (name == "output_up") {
    for (const OutputStatus& o : status.outputs) add_value(family, o.up ? 1 : 0, {{"output", o.name}});
  } else if (name == "output_queue_bytes") {
    for (const OutputStatus& o : status.outputs) {
      add_value(family, static_cast<double>(o.queued_bytes), {{"output", o.name}});
    }
  } else if (name == "last_packet_timestamp_seconds") {
    add_value(family, static_cast<double>(status.last_packet_time_ns) / kNsPerSecond);
  } else if (name == "packet_clock_lag_seconds") {
    add_value(family, static_cast<double>(status.packet_clock_lag_ns) / kNsPerSecond);
  } else if (name == "packet_latency_seconds") {
    add_histogram(family, status.packet_latency);
  } else if (name == "config_last_reload_successful") {
    add_value(family, status.last_reload_successful ? 1 : 0);
  } else if (name == "config_last_reload_success_timestamp_seconds") {
    add_value(family, static_cast<double>(status.last_reload_success_ns) / kNsPerSecond);
  } else if (name == "build_info") {
    add_value(family, 1, {{"version", std::string(kVersion)}, {"revision", std::string(kRevision)}});
  } else if (name == "http_requests_total") {
    add_requests(family, http);
  } else if (name == "http_connections_rejected_total") {
    add_value(family, static_cast<double>(http.connections_rejected));
  } else if (name == "http_timeouts_total") {
    for (size_t phase = 0; phase < kHttpPhaseNames.size(); ++phase) {
      add_value(family, static_cast<double>(http.timeouts[phase]), {{"phase", std::string(kHttpPhaseNames[phase])}});
    }
  } else {
    return false;
  }
  return true;
}

void add_counters(MetricFamily& family, const std::vector<const StatsRecord::Counter*>& counters) {
  for (const StatsRecord::Counter* counter : counters) {
    Labels labels;
    for (const auto& [name, value] : counter->labels) labels.push_back({name, value});
    add_value(family, static_cast<double>(counter->value), std::move(labels));
  }
}

template <typename Number>
void add_process(std::vector<MetricFamily>& families, const char* name, MetricType type, const char* help,
                 const std::optional<Number>& value) {
  MetricFamily family{name, help, type, {}};
  if (value) add_value(family, static_cast<double>(*value));
  families.push_back(std::move(family));
}

void add_process_families(std::vector<MetricFamily>& families, const ProcessStatus& process) {
  add_process(families, "process_cpu_seconds_total", MetricType::Counter,
              "Total user and system CPU time spent in seconds.", process.cpu_seconds);
  add_process(families, "process_start_time_seconds", MetricType::Gauge,
              "Start time of the process since unix epoch in seconds.", process.start_time_seconds);
  add_process(families, "process_virtual_memory_bytes", MetricType::Gauge, "Virtual memory size in bytes.",
              process.virtual_bytes);
  add_process(families, "process_resident_memory_bytes", MetricType::Gauge, "Resident memory size in bytes.",
              process.resident_bytes);
  add_process(families, "process_threads", MetricType::Gauge, "Number of OS threads in the process.", process.threads);
  add_process(families, "process_open_fds", MetricType::Gauge, "Number of open file descriptors.", process.open_fds);
  add_process(families, "process_max_fds", MetricType::Gauge, "Maximum number of open file descriptors.",
              process.max_fds);
}

}  // namespace

std::string metrics_text(const SensorStatus& status, const HttpCounters& http, const ProcessStatus& process) {
  // A family must stand in one piece, so the counters are sorted into their families first.
  std::map<std::string_view, std::vector<const StatsRecord::Counter*>> by_name;
  for (const StatsRecord::Counter& counter : status.counters) by_name[counter.name].push_back(&counter);

  std::vector<MetricFamily> families;
  for (const MetricInfo& info : metric_catalog()) {
    MetricFamily family{"pickletap_" + std::string(info.name), std::string(info.help), type_of(info.kind), {}};
    const auto counters = by_name.extract(info.name);
    if (!fill_from_structs(info.name, family, status, http) && counters) add_counters(family, counters.mapped());
    families.push_back(std::move(family));
  }
  for (const auto& [name, counters] : by_name) {
    MetricFamily family{"pickletap_" + std::string(name), "", MetricType::Untyped, {}};
    add_counters(family, counters);
    families.push_back(std::move(family));
  }
  add_process_families(families, process);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace pickletap
