#include "sensor/detect/weak_keys.h"

#include <utility>

#include "sensor/detect/addresses.h"

namespace pickletap {

namespace {

constexpr size_t kMinShownFirst = 4, kMinShownLast = 8;

bool is_plain(char c) { return c > 0x20 && c < 0x7F && c != '\'' && c != '\\'; }

std::string bytes_text(size_t n) { return std::to_string(n) + (n == 1 ? " byte" : " bytes"); }

}  // namespace

std::string masked_key(std::string_view key) {
  if (key.empty()) return "the empty key";
  // Three stars whatever the length: it is given beside.
  std::string out;
  if (key.size() >= kMinShownFirst && is_plain(key.front())) out += key.front();
  out += "***";
  if (key.size() >= kMinShownLast && is_plain(key.back())) out += key.back();
  return out + ", " + bytes_text(key.size());
}

std::string quoted_key(std::string_view key) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (const char c : key) {
    const auto byte = static_cast<uint8_t>(c);
    if (is_plain(c) || c == ' ') {
      out += c;
    } else if (c == '\'' || c == '\\') {
      out += {'\\', c};
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 0xF]};
    }
  }
  return out + "'";
}

KeyVerdict verdict_of(KeyJob&& job, const WeakKeyList& list, size_t found_at, uint64_t tried) {
  KeyVerdict verdict;
  verdict.head = job.head;
  verdict.exchange = std::move(job.exchange);
  verdict.version = list.version();
  verdict.tried = tried;
  verdict.found = found_at < list.size();
  if (!verdict.found) return verdict;
  verdict.key = std::string(list.key(found_at));
  verdict.place = list.place(found_at);
  return verdict;
}

std::optional<KeyVerdict> InlineKeyChecker::check(KeyJob&& job) {
  if (!trial_.begin(job.exchange)) return verdict_of(std::move(job), list_, list_.size(), 0);
  const size_t at = trial_.find(list_, 0, list_.size());
  return verdict_of(std::move(job), list_, at, std::min(at + 1, list_.size()));
}

void WeakKeys::configure(const Config& config) {
  enabled_ = config.auth.weak_key_cpu_percent > 0;
  show_keys_ = config.auth.show_keys;
}

std::string WeakKeys::entry_key(const RecordHead& head, Digest digest) {
  return BytesKey().add(head.server()).add(head.flow.vlan).add(static_cast<uint16_t>(digest)).take();
}

void WeakKeys::on_welcome(const RecordHead& head, const Exchange& exchange, Listeners& listeners,
                          std::vector<ListenerRecord>& records, Findings& findings) {
  if (checker_ == nullptr || !enabled_ || !exchange.complete()) return;
  std::string key = entry_key(head, exchange.digest);
  auto at = entries_.find(key);
  if (at == entries_.end()) {
    if (entries_.size() >= kMaxListeners) {
      ++counters_.untracked;
      return;
    }
    at = entries_.emplace(std::move(key), Entry{}).first;
  }
  Entry& entry = at->second;
  if (entry.waiting) return;
  const bool same_list = entry.tried && entry.version == checker_->version();
  if (same_list && entry.weak && trial_.begin(exchange) && trial_.matches(entry.key)) return;
  const bool lately = same_list && !entry.weak && head.time_ns - entry.tried_ns < kTryAgainNs;
  if (lately) return;
  entry.waiting = true;
  if (auto verdict = checker_->check({head, exchange})) on_verdict(*verdict, listeners, records, findings);
}

void WeakKeys::on_verdict(const KeyVerdict& verdict, Listeners& listeners, std::vector<ListenerRecord>& records,
                          Findings& findings) {
  counters_.tried += verdict.tried;
  const auto at = entries_.find(entry_key(verdict.head, verdict.exchange.digest));
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  entry.waiting = false;
  if (verdict.given_up) {
    ++counters_.dropped;
    return;
  }
  ++(verdict.found ? counters_.weak : counters_.strong);
  const bool told = entry.weak && entry.key == verdict.key && entry.told_version == verdict.version;
  entry.tried = true;
  entry.version = verdict.version;
  entry.tried_ns = verdict.head.time_ns;
  entry.weak = verdict.found;
  entry.key = verdict.key;
  if (auto record = listeners.note_weak_key(verdict.head, verdict.found)) records.push_back(*record);
  if (!verdict.found || told) return;
  entry.told_version = verdict.version;
  RecordHead head = verdict.head;
  head.weak_key = true;
  add_finding(findings, "auth.weak-key", head, Direction::kToServer,
              "The key of " + text_of(head.server()) + " is on a list of weak keys: " + verdict.place + " (" +
                  (show_keys_ ? quoted_key(verdict.key) : masked_key(verdict.key)) + ")");
}

}  // namespace pickletap
