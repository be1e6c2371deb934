// What the workers look out for after somebody was sent code: which hosts turning where would be a call-back. Made by the
// detection thread (detect/callback_watch), read by every worker (net/contact_watch). A list is immutable once published;
// a new one shares the victims that did not change with the one before. Bounded by its maker: CallbackWatch's limits.
// Times are packet times.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sensor/event.h"

namespace pickletap {

/// From when to when, and of which list it is first a part.
struct ArmedSpan {
  int64_t since_ns = 0, until_ns = 0;
  uint64_t generation = 0;
  bool holds(int64_t time_ns) const { return time_ns >= since_ns && time_ns <= until_ns; }
};

struct ArmedAddress {
  IpAddress address;
  uint16_t port = 0;  ///< 0: any
  ArmedSpan span;
};

/// A host by name; what is below it counts, too.
struct ArmedName {
  std::string name;  ///< lower case, without a last dot
  ArmedSpan span;
};

struct ArmedVictim {
  IpAddress address;
  uint64_t generation = 0;  ///< the latest below
  std::vector<ArmedAddress> addresses;
  std::vector<ArmedName> names;
};

struct ArmedList {
  uint64_t generation = 0;
  std::vector<std::shared_ptr<const ArmedVictim>> victims;  ///< by is_before()

  static bool is_before(const IpAddress& a, const IpAddress& b) {
    return std::tie(a.is_v6, a.bytes) < std::tie(b.is_v6, b.bytes);
  }
  /// Null: this host is not watched.
  const ArmedVictim* find(const IpAddress& address) const {
    const auto at =
        std::lower_bound(victims.begin(), victims.end(), address,
                         [](const auto& one, const IpAddress& key) { return is_before(one->address, key); });
    return at != victims.end() && (*at)->address == address ? at->get() : nullptr;
  }
};

/// Where lists change hands: one writer, any number of readers, who look at `generation()` and take the list when it
/// has changed. Outlives them all.
class ArmedBoard {
 public:
  /// Whether anybody will ever arm anything; the workers need remember nothing until then.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
  void set_wanted(bool wanted) { wanted_.store(wanted, std::memory_order_relaxed); }

  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  void publish(std::shared_ptr<const ArmedList> list) {
    const uint64_t generation = list->generation;
    {
      const std::lock_guard lock(mutex_);
      list_.swap(list);
    }
    generation_.store(generation, std::memory_order_release);
  }
  std::shared_ptr<const ArmedList> take() const {
    const std::lock_guard lock(mutex_);
    return list_;
  }

  /// What a worker could not tell, from any thread: first packets of flows it had no room for when it was asked for
  /// them.
  void add_forgotten() { forgotten_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t forgotten() const { return forgotten_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> wanted_{false};
  std::atomic<uint64_t> generation_{0}, forgotten_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const ArmedList> list_;
};

}  // namespace pickletap
