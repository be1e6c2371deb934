// /metrics: every family of the catalogue (sensor/metric_catalog.h) and `process_*`, in the text format of Prometheus.
// Who brings which family:
//   - from the structs of SensorStatus, here: capture_interface_up, output_up, output_queue_bytes,
//     last_packet_timestamp_seconds, packet_clock_lag_seconds, packet_latency_seconds, config_last_reload_successful,
//     config_last_reload_success_timestamp_seconds, build_info; a counter of such a name in SensorStatus::counters is
//     passed over, so that no series can appear twice;
//   - from the server's own HttpCounters, here too: http_*;
//   - from SensorStatus::counters, by name: all others. A family for which the counters hold nothing has its HELP and
//     TYPE and no series. A counter that the catalogue does not know is shown without either, for promtool to complain.
// Pure: nothing is kept between two scrapes. Source: "Exposition formats" of the documentation of Prometheus.
#pragma once

#include <string>
#include <string_view>

#include "sensor/http/http_message.h"
#include "sensor/http/process_status.h"
#include "sensor/http/status_source.h"

namespace pickletap {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_text(const SensorStatus& status, const HttpCounters& http, const ProcessStatus& process);

}  // namespace pickletap
