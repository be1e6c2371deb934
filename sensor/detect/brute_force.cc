#include "sensor/detect/brute_force.h"

#include <algorithm>
#include <utility>

#include "sensor/detect/addresses.h"

namespace pickletap {

namespace {

constexpr std::string_view kRule = "auth.bruteforce";
constexpr int64_t kNsPerSecond = 1'000'000'000;

std::string seconds_text(int64_t ns) {
  const int64_t seconds = (ns + kNsPerSecond - 1) / kNsPerSecond;
  return std::to_string(seconds) + (seconds == 1 ? " second" : " seconds");
}

}  // namespace

void BruteForce::configure(const Config& config) {
  threshold_ = config.auth.bruteforce_failures;
  window_ns_ = int64_t{config.auth.bruteforce_window_s} * kNsPerSecond;
  for (Source& source : sources_) {
    if (source.times.size() <= threshold_) continue;
    const size_t more = source.times.size() - threshold_;
    source.times.erase(source.times.begin(), source.times.begin() + static_cast<std::ptrdiff_t>(more));
    times_ -= more;
  }
}

std::string BruteForce::key_of(const RecordHead& head) {
  return BytesKey().add(head.server()).add(head.flow.vlan).add(source_of(head.client().address)).take();
}

void BruteForce::drop_oldest() {
  times_ -= sources_.back().times.size();
  places_.erase(sources_.back().key);
  sources_.pop_back();
  ++forgotten_;
}

BruteForce::Source& BruteForce::source_of_key(std::string key) {
  if (const auto at = places_.find(key); at != places_.end()) {
    sources_.splice(sources_.begin(), sources_, at->second);
    return sources_.front();
  }
  if (sources_.size() >= kMaxSources) drop_oldest();
  sources_.emplace_front();
  sources_.front().key = key;
  places_.emplace(std::move(key), sources_.begin());
  return sources_.front();
}

void BruteForce::on_failure(const RecordHead& head, Findings& findings) {
  Source& source = source_of_key(key_of(head));
  const int64_t now = head.time_ns;
  if (source.failures == 0) source.first_ns = now;
  if (source.told && now - source.told_ns >= window_ns_ && now - source.times.back() >= window_ns_) {
    // Silent for a window: what comes now is another attempt.
    source.told = false;
    source.failures = 0;
    source.first_ns = now;
  }
  ++source.failures;
  if (source.flows.size() >= std::min(threshold_, Alert::kMaxRestsOn)) source.flows.erase(source.flows.begin());
  source.flows.push_back(head.flow.flow_id);
  source.times.push_back(now);
  ++times_;
  if (source.times.size() > threshold_) {
    source.times.erase(source.times.begin());
    --times_;
  }
  while (times_ > kMaxTimes && sources_.size() > 1) drop_oldest();

  const bool within = source.times.size() == threshold_ && now - source.times.front() <= window_ns_;
  const bool due = !source.told || now - source.told_ns >= window_ns_;
  if (!within || !due) return;
  const std::string client = to_text(head.client().address), server = text_of(head.server());
  const std::string failures = std::to_string(source.failures);
  std::string text = source.told
                         ? client + " goes on guessing the key of " + server + ": " + failures + " more failures"
                         : client + " guesses the key of " + server + ": " + std::to_string(threshold_) +
                               " failures within " + seconds_text(now - source.times.front());
  add_finding(findings, kRule, head, Direction::kToServer, std::move(text)).rests_on = source.flows;
  source.told = true;
  source.told_ns = now;
  source.failures = 0;
}

void BruteForce::on_success(const RecordHead& head, Findings& findings) {
  const auto at = places_.find(key_of(head));
  if (at == places_.end()) return;
  const Source& source = *at->second;
  const bool recent = !source.times.empty() && head.time_ns - source.times.back() <= window_ns_;
  if (source.told && recent) {
    add_finding(findings, kRule, head, Direction::kToServer,
                to_text(head.client().address) + " guessed the key of " + text_of(head.server()) +
                    ": it was welcomed after so many failures that they raised this alert before")
        .rests_on = source.flows;
  }
  if (source.told || !recent) {
    times_ -= source.times.size();
    sources_.erase(at->second);
    places_.erase(at);
  }
}

}  // namespace pickletap
