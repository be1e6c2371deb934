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
  uint64_t best_challenge_flow = 0;  ///< the latest on which it asked for best_challenge
  AuthState auth = AuthState::kUnknown;
  Digest digest = Digest::kNone;
  PythonGuess python = PythonGuess::kUnknown;
  Application application = Application::kConnection;
  std::set<std::array<uint8_t, 16>> peers;  ///< client addresses
  std::set<std::string> unknown_callables;  ///< alerted on
  bool legacy_digest_told = false;
  ManagerObjects objects;
  std::set<std::string> recon_told;       ///< peer and method
  Digest best_challenge = Digest::kNone;  ///< the strongest it asked for
  bool downgrade_told = false;
  Messages messages = Messages::kUnknown;
  bool weak_key = false;
  size_t untrusted_peers = 0;                ///< of `peers`, those outside networks.trusted
  std::set<std::string> untrusted_networks;  ///< alerted on
  std::set<std::string> unexpected_peers;    ///< alerted on
  unsigned departures_told = 0;              ///< bits of Departure
};

/// How a listener departs from what `networks.listeners` expects of it.
struct Departure {
  static constexpr unsigned kNoKey = 1, kWeakDigest = 2, kManager = 4, kPeer = 8;
  static constexpr unsigned kAll[] = {kNoKey, kWeakDigest, kManager, kPeer};
};
constexpr std::string_view departure_text(unsigned one) {
  switch (one) {
    case Departure::kNoKey: return "no-key";
    case Departure::kWeakDigest: return "weak-digest";
    case Departure::kManager: return "manager";
    case Departure::kPeer: return "unexpected-peer";
    default: return {};
  }
}

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
  size_t untrusted_peers = 0;  ///< those outside networks.trusted, up to the same maximum
  Messages messages = Messages::kUnknown;
  bool weak_key = false;
  unsigned departures = 0;  ///< bits of Departure
};

/// Listeners that something is to be said against.
struct ListenerGauges {
  uint64_t untrusted = 0;  ///< talked with peers from outside networks.trusted
  uint64_t weak_key = 0;   ///< a listed key makes their digests
  uint64_t bytes_only = 0;
};

class Listeners {
 public:
  static constexpr size_t kMaxSummaries = 1000;
  static constexpr size_t kMaxListeners = 65536;
  static constexpr size_t kMaxPeers = 256;
  static constexpr size_t kMaxCallables = 1024;
  static constexpr size_t kMaxRecon = 1024;
  static constexpr size_t kMaxTold = 64;  ///< networks and peers alerted on, each

  /// The entry of the flow's server; null when the inventory is full and it is not in it.
  Listener* find_or_add(const RecordHead& head);
  const Listener* find(const RecordHead& head) const;
  /// A manager's token named this address: what listens there is a manager, whatever of it is seen.
  void expect_manager(const RecordHead& head, const Endpoint& endpoint);

  /// Takes what the flow is known to be now; the record to write when that is news.
  /// `untrusted`: the client is outside networks.trusted.
  std::optional<ListenerRecord> update(const RecordHead& head, bool first_of_flow, bool untrusted = false);

  /// The server or the client of the flow sent messages of this kind; the record to write when that is news.
  std::optional<ListenerRecord> note_messages(const RecordHead& head, Messages messages);
  /// True when `text` was not in this set of the listener's before; false when the set is full, which is counted.
  bool is_new(const RecordHead& head, std::set<std::string> Listener::*set, const std::string& text);
  std::optional<ListenerRecord> note_weak_key(const RecordHead& head, bool weak);

  /// True when this callable was not alerted on for this listener before.
  bool is_new_callable(const RecordHead& head, const std::string& callable);

  uint64_t dropped() const { return dropped_; }
  /// Announced listeners, last seen first; at most kMaxSummaries.
  std::vector<ListenerSummary> summaries() const;
  const ListenerGauges& gauges() const { return gauges_; }
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
  ListenerRecord record_of(const RecordHead& head, const Listener& listener, std::string_view change) const;
  static Key key_of(const RecordHead& head) { return {head.server(), head.flow.vlan}; }

  std::unordered_map<Key, Listener, KeyHash> listeners_;
  std::array<uint64_t, 6> by_auth_{};
  ListenerGauges gauges_;
  uint64_t dropped_ = 0;
};

}  // namespace pickletap
