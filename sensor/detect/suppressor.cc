#include "sensor/detect/suppressor.h"

#include <algorithm>
#include <utility>

#include "sensor/detect/addresses.h"

namespace pickletap {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

bool holds(const Network& network, const Endpoint& endpoint) {
  return network.contains(endpoint.address.bytes, endpoint.address.is_v6);
}

bool names_callable(const Alert& alert, const std::string& pattern) {
  const auto& findings = alert.pickle.findings;
  // All that the alert is about, or an unwanted one could hide behind a wanted one.
  size_t named = 0;
  const bool all = std::all_of(findings.begin(), findings.end(), [&](const PickleFinding& finding) {
    if (finding.callable.empty() || rule_name(finding.rule) != alert.rule->name) return true;
    ++named;
    return matches_wildcard(pattern, finding.callable);
  });
  return all && named > 0;
}

}  // namespace

void Suppressor::configure(const Config& config, std::span<const RuleInfo> rules) {
  rules_.assign(rules.size(), {});
  for (size_t i = 0; i < rules.size(); ++i) {
    rules_[i].threshold_window_ns = 60 * kNsPerSecond;
    const auto setting = config.rules.find(std::string(rules[i].name));
    if (setting == config.rules.end()) continue;
    rules_[i].threshold_count = setting->second.threshold_count;
    rules_[i].threshold_window_ns = int64_t{setting->second.threshold_window_s} * kNsPerSecond;
    for (const std::string& text : setting->second.suppress) {
      if (auto one = parse_suppressed_case(text)) rules_[i].cases.push_back(std::move(*one));
    }
  }
  collapse_after_ = config.alerts.collapse_after;
  collapse_window_ns_ = int64_t{config.alerts.collapse_window_s} * kNsPerSecond;
  counted_.clear();
  counted_places_.clear();
}

bool Suppressor::is_suppressed(const Alert& alert, const Rule& rule) const {
  const RecordHead& head = alert.head;
  return std::any_of(rule.cases.begin(), rule.cases.end(), [&](const SuppressedCase& one) {
    if (one.either_end && !holds(*one.either_end, head.client()) && !holds(*one.either_end, head.server()))
      return false;
    if (one.source && !holds(*one.source, head.sender())) return false;
    const Endpoint& server = head.server();
    if (one.listener && !one.listener->matches(server.address.bytes, server.address.is_v6, server.port)) return false;
    return one.callable.empty() || names_callable(alert, one.callable);
  });
}

bool Suppressor::reaches_threshold(const Alert& alert, const Rule& rule, const std::string& key) {
  if (rule.threshold_count <= 1) return true;
  const int64_t now = alert.head.time_ns;
  auto at = counted_places_.find(key);
  if (at == counted_places_.end()) {
    if (counted_.size() >= kMaxCounted) {
      counted_places_.erase(counted_.back().key);
      counted_.pop_back();
    }
    counted_.push_front({key, {}});
    at = counted_places_.emplace(key, counted_.begin()).first;
  }
  counted_.splice(counted_.begin(), counted_, at->second);
  auto& times = at->second->times;
  times.push_back(now);
  if (times.size() > rule.threshold_count) times.erase(times.begin());
  return times.size() == rule.threshold_count && now - times.front() <= rule.threshold_window_ns;
}

bool Suppressor::admit(const Alert& alert, size_t rule, const Close& close) {
  const int64_t now = alert.head.time_ns;
  advance(now, close);
  if (is_suppressed(alert, rules_[rule])) return false;
  BytesKey parts;
  parts.add(static_cast<uint16_t>(rule)).add(alert.head.server()).add(alert.head.flow.vlan);
  parts.add(source_of(alert.head.sender().address));
  std::string key = parts.take();
  if (!reaches_threshold(alert, rules_[rule], key)) return false;
  if (collapse_window_ns_ == 0) return true;
  key += alert.signature;
  const HmacHash::Value hash = hash_({reinterpret_cast<const uint8_t*>(key.data()), key.size()});
  if (const auto at = kind_places_.find(hash); at != kind_places_.end()) {
    Kind& kind = *at->second;
    if (kind.written < collapse_after_) {
      ++kind.written;
      return true;
    }
    ++kind.repeated;
    kind.last = alert.head;
    return false;
  }
  if (kinds_.size() >= kMaxKinds) close_first(close);
  kinds_.push_back({hash, rule, now, 1, 0, alert.head, alert.signature.substr(0, kMaxSignatureBytes), alert.cwe,
                    alert.tactic, alert.technique});
  kind_places_.emplace(hash, std::prev(kinds_.end()));
  return true;
}

void Suppressor::close_first(const Close& close) {
  Kind kind = std::move(kinds_.front());
  kind_places_.erase(kind.key);
  kinds_.pop_front();
  if (kind.repeated == 0) return;
  Alert alert;
  alert.head = kind.last;
  alert.signature = std::move(kind.signature);
  alert.cwe = std::move(kind.cwe);
  alert.tactic = std::move(kind.tactic);
  alert.technique = std::move(kind.technique);
  alert.repeated = kind.repeated;
  close(std::move(alert), kind.rule);
}

void Suppressor::advance(int64_t time_ns, const Close& close) {
  while (!kinds_.empty()) {
    const int64_t begin = kinds_.front().begin_ns;
    const bool over = begin <= time_ns && (time_ns == INT64_MAX || time_ns - begin >= collapse_window_ns_);
    if (!over) break;
    close_first(close);
  }
}

}  // namespace pickletap
