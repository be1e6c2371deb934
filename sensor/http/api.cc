#include "sensor/http/api.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "sensor/build_info.h"
#include "sensor/net/address_text.h"
#include "sensor/output/json_writer.h"
#include "sensor/output/time_text.h"

namespace pickletap {
namespace {

// Everything in a status comes from closed sets or the operator, so this is never reached; it bounds our own mistakes.
constexpr size_t kMaxStatusBytes = size_t{1} << 20;
constexpr size_t kMaxListenerBytes = 1024;  // all of it numbers and words of ours
constexpr size_t kMaxNamedParameterBytes = 64;

void write_text_or_null(JsonWriter& json, std::string_view key, std::string_view text) {
  json.key(key);
  if (text.empty()) {
    json.null();
  } else {
    json.text(text);
  }
}

void write_time_or_null(JsonWriter& json, std::string_view key, int64_t time_ns) {
  write_text_or_null(json, key, time_ns == 0 ? std::string() : eve_time(time_ns));
}

void write_number_or_null(JsonWriter& json, std::string_view key, const std::optional<uint64_t>& number) {
  json.key(key);
  if (number) {
    json.number(*number);
  } else {
    json.null();
  }
}

void write_interfaces(JsonWriter& json, const SensorStatus& status) {
  json.key("interfaces").begin_array();
  for (const InterfaceStatus& i : status.interfaces) {
    json.begin_object().key("name").text(i.name).key("up").boolean(i.up);
    write_text_or_null(json, "trouble", i.trouble);
    json.key("packets").number(i.packets).key("bytes").number(i.bytes).key("dropped").number(i.dropped).end_object();
  }
  json.end_array();
}

void write_outputs(JsonWriter& json, const SensorStatus& status) {
  json.key("outputs").begin_array();
  for (const OutputStatus& o : status.outputs) {
    json.begin_object().key("name").text(o.name).key("up").boolean(o.up);
    write_text_or_null(json, "trouble", o.trouble);
    json.key("events").number(o.events).key("dropped").number(o.dropped);
    json.key("queued_bytes").number(o.queued_bytes).end_object();
  }
  json.end_array();
}

void write_counters(JsonWriter& json, const SensorStatus& status) {
  std::map<std::string_view, uint64_t> sums;
  for (const StatsRecord::Counter& counter : status.counters) sums[counter.name] += counter.value;
  json.key("counters").begin_object();
  for (const auto& [name, sum] : sums) json.key(name).number(sum);
  json.end_object();
}

void write_listener(JsonWriter& json, const ListenerSummary& listener) {
  json.begin_object().key("address").text(to_text(listener.endpoint.address));
  json.key("port").number(listener.endpoint.port).key("vlan").begin_array();
  const size_t tags = std::min<size_t>(listener.vlan.count, listener.vlan.ids.size());
  for (size_t i = 0; i < tags; ++i) json.number(listener.vlan.ids[i]);
  json.end_array().key("auth").begin_object().key("state").text(to_text(listener.auth));
  write_text_or_null(json, "digest", listener.digest == Digest::kNone ? std::string_view() : to_text(listener.digest));
  json.key("weak_key").boolean(listener.weak_key);
  json.end_object().key("application").text(to_text(listener.application));
  write_text_or_null(json, "messages", to_text(listener.messages));
  write_text_or_null(json, "python", to_text(listener.python));
  json.key("first_seen").text(eve_time(listener.first_seen_ns));
  json.key("last_seen").text(eve_time(listener.last_seen_ns));
  json.key("flows").number(listener.flows).key("peers").number(listener.peers);
  json.key("untrusted_peers").number(listener.untrusted_peers);
  json.key("departures").begin_array();
  for (const unsigned one : Departure::kAll) {
    if ((listener.departures & one) != 0) json.text(departure_text(one));
  }
  json.end_array().end_object();
}

[[noreturn]] void refuse_parameter(std::string_view name) {
  throw BadParameter("unknown parameter '" + std::string(name.substr(0, kMaxNamedParameterBytes)) + "'");
}

}  // namespace

std::string status_json(const SensorStatus& status, const ProcessStatus& process, int64_t now_ns) {
  std::string out;
  JsonWriter json(out, kMaxStatusBytes);
  json.begin_object().key("sensor").text(status.sensor_name);
  json.key("version").text(kVersion).key("revision").text(kRevision).key("now").text(eve_time(now_ns));
  write_time_or_null(json, "start_time", status.start_time_ns);
  json.key("ready").boolean(status.ready);
  write_text_or_null(json, "not_ready_reason", status.ready ? std::string_view() : status.not_ready_reason);
  write_time_or_null(json, "last_packet", status.last_packet_time_ns);
  json.key("reload").begin_object().key("successful").boolean(status.last_reload_successful);
  write_text_or_null(json, "error", status.last_reload_error);
  write_time_or_null(json, "last_success", status.last_reload_success_ns);
  json.end_object().key("process").begin_object();
  write_number_or_null(json, "resident_bytes", process.resident_bytes);
  write_number_or_null(json, "threads", process.threads);
  write_number_or_null(json, "open_fds", process.open_fds);
  json.end_object();
  write_interfaces(json, status);
  write_outputs(json, status);
  write_counters(json, status);
  json.end_object();
  if (json.overflowed()) throw std::length_error("the status is larger than its limit");
  return out;
}

std::string listeners_json(std::span<const ListenerSummary> listeners) {
  const auto shown = listeners.first(std::min(listeners.size(), Listeners::kMaxSummaries));
  std::string out;
  JsonWriter json(out, kMaxListenerBytes * (Listeners::kMaxSummaries + 1));
  json.begin_object().key("listeners").begin_array();
  for (const ListenerSummary& listener : shown) write_listener(json, listener);
  json.end_array().end_object();
  return out;
}

std::string alerts_json(std::span<const std::shared_ptr<const std::string>> alerts) {
  constexpr std::string_view kLongestEnd = R"(],"truncated":false})";
  size_t bytes = 64;
  for (const auto& alert : alerts) bytes += alert->size() + 1;
  std::string out;
  out.reserve(std::min(bytes, kMaxAlertsBytes));
  JsonWriter json(out, kMaxAlertsBytes);
  json.begin_object().key("alerts").begin_array();
  bool truncated = false;
  for (const auto& alert : alerts) {
    truncated = out.size() + 1 + alert->size() + kLongestEnd.size() > kMaxAlertsBytes;
    if (truncated) break;
    json.raw(*alert);
  }
  json.end_array().key("truncated").boolean(truncated).end_object();
  return out;
}

size_t alerts_limit(std::string_view query) {
  std::optional<size_t> limit;
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    const std::string_view name = parameter.substr(0, parameter.find('='));
    if (name != "limit") refuse_parameter(name);
    const std::string_view value = parameter.substr(std::min(name.size() + 1, parameter.size()));
    size_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (limit || error != std::errc() || end != value.data() + value.size() || number < 1 || number > kMaxAlerts) {
      throw BadParameter("limit must be one number from 1 to " + std::to_string(kMaxAlerts));
    }
    limit = number;
  }
  return limit.value_or(kDefaultAlerts);
}

void expect_no_parameter(std::string_view query) {
  if (!query.empty()) refuse_parameter(query.substr(0, query.find_first_of("=&")));
}

std::string error_json(std::string_view what) {
  std::string out;
  JsonWriter(out, SIZE_MAX).begin_object().key("error").text(what).end_object();
  return out;
}

}  // namespace pickletap
