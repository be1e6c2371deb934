// Between an alert and its record: what an operator wants to hear of, and how often.
//   suppress   a case of rules.NAME.suppress: raises nothing
//   threshold  rules.NAME.threshold: so many within a window, for one listener and source, before one is raised
//   collapse   alerts alike (same rule, listener, source and sentence) are written one by one up to alerts.collapse_after
//              within alerts.collapse_window; the rest of the window are counted, and told by one closing record with
//              the last one's time and `repeated`
// Whatever is not written counts as suppressed. Times are packet times, so that replay says the same each time.
// Bounded: kMaxKinds alerts alike and kMaxCounted thresholds are remembered; the oldest makes room, and its closing
// record is written then. Detection thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "config/networks.h"
#include "sensor/detect/hmac_hash.h"
#include "sensor/record.h"

namespace pickletap {

class Suppressor {
 public:
  static constexpr size_t kMaxKinds = 8192;
  static constexpr size_t kMaxCounted = 8192;
  static constexpr size_t kMaxSignatureBytes = 1024;

  /// Takes a closing record: an alert with `repeated`, and the place of its rule.
  using Close = std::function<void(Alert&&, size_t rule)>;

  /// `rules`: in the order that `rule` counts in below.
  void configure(const Config& config, std::span<const RuleInfo> rules);
  /// Is it a case of rules.NAME.suppress?
  bool is_unwanted(const Alert& alert, size_t rule) const { return is_suppressed(alert, rules_[rule]); }
  /// Closing records that are due by the alert's time come first. True: write it.
  bool admit(const Alert& alert, size_t rule, const Close& close);
  /// Writes the closing records whose window is over at `time_ns`.
  void advance(int64_t time_ns, const Close& close);

 private:
  struct Rule {
    std::vector<SuppressedCase> cases;
    uint32_t threshold_count = 1;
    int64_t threshold_window_ns = 0;
  };
  struct Kind {
    HmacHash::Value key{};
    size_t rule = 0;
    int64_t begin_ns = 0;
    uint64_t written = 0, repeated = 0;
    RecordHead last;
    std::string signature;  // at most kMaxSignatureBytes of it
    std::string cwe, tactic, technique;
  };
  using Kinds = std::list<Kind>;  // by begin_ns
  struct Counted {
    std::string key;
    std::vector<int64_t> times;
  };
  using CountedList = std::list<Counted>;  // used last stands first

  bool is_suppressed(const Alert& alert, const Rule& rule) const;
  bool reaches_threshold(const Alert& alert, const Rule& rule, const std::string& key);
  void close_first(const Close& close);

  std::vector<Rule> rules_;
  std::vector<RuleInfo> infos_;
  uint32_t collapse_after_ = 5;
  int64_t collapse_window_ns_ = 0;
  Kinds kinds_;
  HmacHash hash_;
  std::unordered_map<HmacHash::Value, Kinds::iterator, HmacHash::OfValue> kind_places_;
  CountedList counted_;
  std::unordered_map<std::string, CountedList::iterator> counted_places_;
};

}  // namespace pickletap
