// Weak keys: which exchanges are tried against the list, and what is said of a key that is on it. The trying itself is a
// KeyChecker's: on the spot in replay, so that the same capture gives the same bytes; on a thread of its own in the
// daemon, for the list may be long. Detection thread only, but for the checker.
//
// A listener and digest is tried once a version of the list, and again when a key that was on it makes its digests no
// longer, or after kTryAgainNs, for a listener that was started anew can have another key. Told once for each listener,
// digest, key and version. Bounded: kMaxListeners entries (listener and digest), what has no room is counted and not
// tried.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "config/config.h"
#include "sensor/detect/finding.h"
#include "sensor/detect/key_trial.h"
#include "sensor/detect/listeners.h"

namespace pickletap {

struct KeyJob {
  RecordHead head;  ///< of the welcome
  Exchange exchange;
};

struct KeyVerdict {
  RecordHead head;
  Exchange exchange;
  uint64_t version = 0;  ///< of the list
  uint64_t tried = 0;    ///< keys
  bool found = false;
  bool given_up = false;  ///< not tried to the end: no word on the key
  std::string key, place;
};

/// Goes through a list of keys for an exchange.
class KeyChecker {
 public:
  virtual ~KeyChecker() = default;
  virtual uint64_t version() const = 0;
  /// The verdict at once; or nothing, and then it goes to Detector::put_key_verdict() later. Where there is no room the
  /// verdict is `given_up`.
  virtual std::optional<KeyVerdict> check(KeyJob&& job) = 0;
};

/// Tries [begin, end) of the list; what `find` gives becomes a verdict.
KeyVerdict verdict_of(KeyJob&& job, const WeakKeyList& list, size_t found_at, uint64_t tried);

/// On the spot.
class InlineKeyChecker final : public KeyChecker {
 public:
  explicit InlineKeyChecker(WeakKeyList list) : list_(std::move(list)) {}
  uint64_t version() const override { return list_.version(); }
  std::optional<KeyVerdict> check(KeyJob&& job) override;

 private:
  const WeakKeyList list_;
  KeyTrial trial_;
};

struct WeakKeyCounters {
  uint64_t tried = 0;      ///< keys
  uint64_t weak = 0;       ///< exchanges with a listed key
  uint64_t strong = 0;     ///< gone through without one
  uint64_t dropped = 0;    ///< not gone through: too many waited
  uint64_t untracked = 0;  ///< listeners beyond kMaxListeners
};

class WeakKeys {
 public:
  static constexpr size_t kMaxListeners = 65536;
  static constexpr int64_t kTryAgainNs = 60'000'000'000;

  void configure(const Config& config);
  /// `checker` outlives this object; null: no key is tried.
  void set_checker(KeyChecker* checker) { checker_ = checker; }

  /// A client was welcomed with this exchange.
  void on_welcome(const RecordHead& head, const Exchange& exchange, Listeners& listeners,
                  std::vector<ListenerRecord>& records, Findings& findings);
  void on_verdict(const KeyVerdict& verdict, Listeners& listeners, std::vector<ListenerRecord>& records,
                  Findings& findings);

  const WeakKeyCounters& counters() const { return counters_; }

 private:
  struct Entry {
    uint64_t version = 0;  // of the list it was last tried against
    int64_t tried_ns = 0;
    bool waiting = false, tried = false, weak = false;
    std::string key;            // when weak
    uint64_t told_version = 0;  // for which `key` was told
  };
  static std::string entry_key(const RecordHead& head, Digest digest);

  bool enabled_ = true, show_keys_ = false;
  KeyChecker* checker_ = nullptr;
  KeyTrial trial_;
  std::unordered_map<std::string, Entry> entries_;
  WeakKeyCounters counters_;
};

/// "p******d" and such: enough to know one's own key by, not enough to use it.
std::string masked_key(std::string_view key);
/// As a Python literal without its prefix: 'pa\xdf'.
std::string quoted_key(std::string_view key);

}  // namespace pickletap
