// The JSON behind /api/v1/: the sensor's state, its listeners, its latest alerts. Pure functions from what a
// StatusSource gives to a text; whatever the wire put into names and programs, the text is valid JSON and valid UTF-8.
// Bounded: kMaxAlerts and kMaxAlertsBytes an answer, Listeners::kMaxSummaries listeners. Times are EVE timestamps (UTC,
// microseconds). What is not known is null; no key is ever left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sensor/http/process_status.h"
#include "sensor/http/status_source.h"

namespace pickletap {

inline constexpr size_t kDefaultAlerts = 100, kMaxAlerts = 1000;
inline constexpr size_t kMaxAlertsBytes = size_t{4} << 20;

/// A parameter that is not right; what() is for the client.
class BadParameter : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// {"sensor", "version", "revision", "now", "start_time", "ready", "not_ready_reason", "last_packet", "reload", "process",
/// "interfaces", "outputs", "counters"}; `counters` has the sum over all labels of each name.
std::string status_json(const SensorStatus& status, const ProcessStatus& process, int64_t now_ns);

/// {"listeners":[…]}, in the order given.
std::string listeners_json(std::span<const ListenerSummary> listeners);

/// {"alerts":[…],"truncated":false} in the order given; `truncated` when kMaxAlertsBytes left no room for the rest.
std::string alerts_json(std::span<const std::shared_ptr<const std::string>> alerts);

/// The `limit` of a query such as "limit=20"; kDefaultAlerts when it has none. Throws BadParameter.
size_t alerts_limit(std::string_view query);

/// For what takes no parameter at all. Throws BadParameter.
void expect_no_parameter(std::string_view query);

/// {"error":"…"}
std::string error_json(std::string_view what);

}  // namespace pickletap
