// The challenges seen, to know one again on another flow: a relay by a man in the middle, a reflection, a replay. Every
// challenge of CPython is 20 or 40 bytes of os.urandom (Lib/multiprocessing/connection.py `deliver_challenge`), so none
// comes twice by chance. Workers do not matter: the one detection thread sees all flows. Detection thread only.
//
// Kept are a hash (hmac_hash.h) and the flow. Bounded: kMaxChallenges; the oldest makes room and is counted.
// What looks the same and is none of it: one connection that the tap sees twice (same addresses and ports at nearly the
// same time), which is passed over; and a port forward or TCP proxy between two taps, which is a relay to us as well.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>

#include "sensor/detect/finding.h"
#include "sensor/detect/hmac_hash.h"

namespace pickletap {

class ChallengeMemory {
 public:
  static constexpr size_t kMaxChallenges = size_t{1} << 17;
  /// The same connection seen by two taps, or with and without its VLAN tag.
  static constexpr int64_t kTwinNs = 1'000'000'000;

  /// A challenge was sent: `random` is it without the digest's name, `by_server` who sent it.
  void on_challenge(const RecordHead& head, bool by_server, std::span<const uint8_t> random, Findings& findings);

  uint64_t forgotten() const { return forgotten_; }

 private:
  struct Seen {
    uint64_t flow_id = 0;
    Endpoint client, server;
    int64_t time_ns = 0;
    bool by_server = false;
    const Endpoint& challenger() const { return by_server ? server : client; }
    const Endpoint& answerer() const { return by_server ? client : server; }
  };
  static std::string sentence(const Seen& first, const Seen& again);

  HmacHash hash_;
  std::unordered_map<HmacHash::Value, Seen, HmacHash::OfValue> seen_;
  std::deque<HmacHash::Value> order_;  // of arrival
  uint64_t forgotten_ = 0;
};

}  // namespace pickletap
