// Refused keys counted by source and listener: so many within so long are somebody who guesses. A source is an IPv4
// address or an IPv6 /64. When it happens a first time it is told at once, then once a window with the sum; when the
// source that was told of proves a key in the end, that is told, too. Times are packet times. Detection thread only.
//
// Bounded: kMaxSources, each with at most `failures` (≤ 1000) times, kMaxTimes of them in all; the source silent for
// longest makes room and is counted.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "sensor/detect/finding.h"

namespace pickletap {

class BruteForce {
 public:
  static constexpr size_t kMaxSources = 32768;
  static constexpr size_t kMaxTimes = size_t{1} << 20;

  void configure(const Config& config);
  /// The listener refused a client's key. `head` as the flow is then.
  void on_failure(const RecordHead& head, Findings& findings);
  /// The listener welcomed a client.
  void on_success(const RecordHead& head, Findings& findings);

  uint64_t forgotten() const { return forgotten_; }  ///< sources that made room

 private:
  struct Source {
    std::string key;
    std::vector<int64_t> times;   // of the latest failures, as many as the threshold
    std::vector<uint64_t> flows;  // of the latest failures, Alert::kMaxRestsOn
    uint64_t failures = 0;        // since told_ns, or since the first
    int64_t first_ns = 0, told_ns = 0;
    bool told = false;
  };
  using Sources = std::list<Source>;  // used last stands first

  static std::string key_of(const RecordHead& head);
  Source& source_of_key(std::string key);
  void drop_oldest();

  size_t threshold_ = 10;
  int64_t window_ns_ = 0;
  Sources sources_;
  std::unordered_map<std::string, Sources::iterator> places_;
  size_t times_ = 0;  // all sources' together
  uint64_t forgotten_ = 0;
};

}  // namespace pickletap
