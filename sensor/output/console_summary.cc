// The part of console_text.h that stands at the end of a replay: listeners and summary.
#include <algorithm>
#include <array>
#include <numeric>

#include "sensor/output/console_text.h"
#include "sensor/output/progress.h"

namespace pickletap {
namespace {

using Counter = StatsRecord::Counter;

/// All series of a metric together; 0 where it is not kept.
uint64_t total(const StatsRecord& stats, std::string_view name) {
  return std::accumulate(stats.counters.begin(), stats.counters.end(), uint64_t{0},
                         [name](uint64_t sum, const Counter& c) { return c.name == name ? sum + c.value : sum; });
}

/// Flows that made room while they could still have said something: not those closed or known to be something else.
uint64_t flows_given_up(const StatsRecord& stats) {
  uint64_t sum = 0;
  for (const Counter& counter : stats.counters) {
    if (counter.name != "flows_evicted_total") continue;
    const bool is_harmless = std::any_of(counter.labels.begin(), counter.labels.end(), [](const auto& label) {
      return label.second == "closed" || label.second == "ignored";
    });
    if (!is_harmless) sum += counter.value;
  }
  return sum;
}

void append_row(std::string& out, std::string_view title, std::string_view text, Paint paint) {
  std::string padded(title);
  padded.resize(10, ' ');
  out += "  ";
  out += paint.dim();
  out += padded;
  out += paint.off();
  out += text;
  out += '\n';
}

void append_title(std::string& out, std::string_view title, Paint paint) {
  out += '\n';
  out += paint.bold();
  out += title;
  out += paint.off();
  out += '\n';
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

/// What was lost on the way, and so could not be judged.
std::vector<std::string> losses(const StatsRecord& stats) {
  std::vector<std::string> parts;
  const auto add = [&parts](uint64_t n, std::string_view noun) {
    if (n > 0) parts.push_back(counted(n, noun));
  };
  add(total(stats, "capture_dropped_packets_total"), "dropped packet");
  add(total(stats, "capture_cut_packets_total"), "cut packet");
  add(total(stats, "decode_errors_total"), "undecodable packet");
  add(total(stats, "stream_gaps_total"), "stream gap");
  add(total(stats, "stream_limit_segments_total"), "dropped segment");
  add(flows_given_up(stats), "abandoned flow");
  add(total(stats, "held_facts_dropped_total"), "dropped fact");
  add(total(stats, "pickles_not_followed_total"), "unfollowed pickle");
  add(total(stats, "output_dropped_total"), "unwritten event");
  return parts;
}

void append_alert_counts(std::string& out, const Gathered& gathered, Paint paint) {
  std::array<uint64_t, 4> by_severity{};
  for (const auto& [key, n] : gathered.alerts) by_severity[static_cast<size_t>(std::clamp(key.first, 1, 3))] += n;
  const uint64_t all = by_severity[1] + by_severity[2] + by_severity[3];
  if (all == 0) {
    append_row(out, "alerts", std::string(paint.good()) + "none" + std::string(paint.off()), paint);
    return;
  }
  std::vector<std::string> parts;
  static constexpr std::array<std::string_view, 4> kNames{"", "high", "medium", "low"};
  for (size_t i = 1; i < kNames.size(); ++i) {
    if (by_severity[i] > 0) parts.push_back(std::to_string(by_severity[i]) + " " + std::string(kNames[i]));
  }
  append_row(out, "alerts", std::to_string(all) + ": " + joined(parts), paint);
  for (const auto& [key, n] : gathered.alerts) {
    const auto severity = static_cast<Severity>(std::clamp(key.first, 1, 3));
    std::string number = std::to_string(n), name(severity_text(severity));
    number.insert(0, number.size() < 8 ? 8 - number.size() : 0, ' ');
    name.resize(8, ' ');
    out += "    " + number + "  ";
    out += paint.severity(severity);
    out += name;
    out += paint.off();
    out += key.second;
    out += '\n';
  }
}

std::string auth_text(const RecordHead& head) {
  std::string out = "auth " + std::string(to_text(head.auth));
  if (head.digest != Digest::kNone) out += " (" + std::string(to_text(head.digest)) + ")";
  return out;
}

}  // namespace

void append_listeners(std::string& out, const Gathered& gathered, Paint paint) {
  if (gathered.listeners.empty()) return;
  append_title(out, "Listeners", paint);
  size_t widest_address = 0, widest_auth = 0;
  for (const ListenerRecord& listener : gathered.listeners) {
    widest_address = std::max(widest_address, endpoint_text(listener.head.server()).size());
    widest_auth = std::max(widest_auth, auth_text(listener.head).size());
  }
  for (const ListenerRecord& listener : gathered.listeners) {
    const RecordHead& head = listener.head;
    std::string address = endpoint_text(head.server()), application(to_text(head.application)), auth = auth_text(head);
    address.resize(widest_address + 3, ' ');
    application.resize(13, ' ');
    const bool is_open = head.auth == AuthState::kNone || head.auth == AuthState::kOneWay;
    std::string rest;
    if (head.server_python != PythonGuess::kUnknown) rest += "Python " + std::string(to_text(head.server_python));
    // Only the last word on a listener has counts of the whole capture.
    if (listener.change == "end") {
      if (!rest.empty()) rest += ", ";
      rest += counted(listener.flows, "flow") + " from " + counted(listener.peers, "peer");
    }
    if (!rest.empty()) auth.resize(widest_auth + 3, ' ');
    out += "  " + address + application;
    out += is_open ? paint.warning() : std::string_view();
    out += auth;
    out += is_open ? paint.off() : std::string_view();
    out += rest;
    out += '\n';
  }
  if (gathered.listeners_total > gathered.listeners.size()) {
    out += "  … " + counted(gathered.listeners_total - gathered.listeners.size(), "more listener") + '\n';
  }
}

void append_summary(std::string& out, const Gathered& gathered, Paint paint) {
  const StatsRecord& stats = gathered.stats;
  append_title(out, "Summary", paint);
  append_row(out, "read",
             joined({counted(gathered.sources, "file"), counted(total(stats, "packets_total"), "packet"),
                     readable_bytes(total(stats, "bytes_total")), counted(total(stats, "flows_total"), "flow")}),
             paint);
  append_row(out, "found",
             joined({counted(gathered.listeners_total, "listener"), counted(total(stats, "frames_total"), "frame"),
                     counted(total(stats, "pickles_total"), "pickle")}),
             paint);
  append_alert_counts(out, gathered, paint);
  const uint64_t suppressed = total(stats, "alerts_suppressed_total");
  if (suppressed > 0) append_row(out, "", counted(suppressed, "more alert") + " suppressed", paint);
  const std::vector<std::string> lost = losses(stats);
  if (lost.empty()) return;
  append_row(out, "not seen",
             std::string(paint.warning()) + joined(lost) + std::string(paint.off()) + ": what was lost was not judged",
             paint);
}

}  // namespace pickletap
