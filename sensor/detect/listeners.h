// The inventory of listeners: every endpoint that was seen to speak multiprocessing.connection, by what it said, with
// how its peers authenticate. Also remembers what is alerted on once a listener. Detection thread only.
//
// Bounded: kMaxListeners, kMaxPeers and kMaxCallables a listener; what has no room is counted in `dropped()`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sensor/detect/manager_watch.h"
#include "sensor/record.h"

namespace pickletap {

struct Listener {
  bool announced = false;  ///< a `listener` event told of it; look-alikes' servers never are
  int64_t first_seen_ns = 0, last_seen_ns = 0;
  uint64_t flows = 0;
  AuthState auth = AuthState::kUnknown;
  Digest digest = Digest::kNone;
  PythonGuess python = PythonGuess::kUnknown;
  Application application = Application::kConnection;
  std::set<std::array<uint8_t, 16>> peers;  ///< client addresses
  std::set<std::string> unknown_callables;  ///< alerted on
  bool legacy_digest_told = false;
  ManagerObjects objects;
  std::set<std::string> recon_told;  ///< peer and method
};

/// One listener as the HTTP interface shows it.
struct ListenerSummary {
  Endpoint endpoint;
  VlanTags vlan;
  int64_t first_seen_ns = 0, last_seen_ns = 0;
  uint64_t flows = 0;
  size_t peers = 0;  ///< distinct client addresses, counted up to Listeners::kMaxPeers
  AuthState auth = AuthState::kUnknown;
  Digest digest = Digest::kNone;
  PythonGuess python = PythonGuess::kUnknown;
  Application application = Application::kConnection;
};

class Listeners {
 public:
  static constexpr size_t kMaxSummaries = 1000;
  static constexpr size_t kMaxListeners = 65536;
  static constexpr size_t kMaxPeers = 256;
  static constexpr size_t kMaxCallables = 1024;
  static constexpr size_t kMaxRecon = 1024;

  /// The entry of the flow's server; null when the inventory is full and it is not in it.
  Listener* find_or_add(const RecordHead& head);
  const Listener* find(const RecordHead& head) const;
  /// A manager's token named this address: what listens there is a manager, whatever of it is seen.
  void expect_manager(const RecordHead& head, const Endpoint& endpoint);

  /// Takes what the flow is known to be now; the record to write when that is news.
  std::optional<ListenerRecord> update(const RecordHead& head, bool first_of_flow);

  /// True when this callable was not alerted on for this listener before.
  bool is_new_callable(const RecordHead& head, const std::string& callable);

  uint64_t dropped() const { return dropped_; }
  /// Announced listeners, last seen first; at most kMaxSummaries.
  std::vector<ListenerSummary> summaries() const;
  /// Announced listeners by AuthState.
  const std::array<uint64_t, 6>& count_by_auth() const { return by_auth_; }

 private:
  struct Key {
    Endpoint endpoint;
    VlanTags vlan;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  static Key key_of(const RecordHead& head) { return {head.server(), head.flow.vlan}; }

  std::unordered_map<Key, Listener, KeyHash> listeners_;
  std::array<uint64_t, 6> by_auth_{};
  uint64_t dropped_ = 0;
};

}  // namespace pickletap
