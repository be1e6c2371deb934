// What the steps of handshakes show beside their result: guessing, challenges seen before, weaker digests than before,
// steps that no CPython makes, keys proved by one side only. Follows each handshake from its challenge to its end and
// gives away complete exchanges, for the list of weak keys. Detection thread only.
//
// Bounded: kMaxHandshakes at once and kMaxPeers (listener, client) pairs; what has no room is counted and not judged by
// what came before. A handshake's memory is its two challenges and answers, at most 256 bytes each.
// Source: CPython 3.13 and 3.11 Lib/multiprocessing/connection.py, `deliver_challenge`, `answer_challenge`,
// `_create_response`, `_verify_challenge`.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "config/config.h"
#include "sensor/detect/brute_force.h"
#include "sensor/detect/challenge_memory.h"
#include "sensor/detect/finding.h"
#include "sensor/detect/key_trial.h"
#include "sensor/detect/listeners.h"

namespace pickletap {

class AuthWatch {
 public:
  static constexpr size_t kMaxHandshakes = 65536;
  static constexpr size_t kMaxPeers = 65536;

  void configure(const Config& config) { brute_force_.configure(config); }

  /// One step. `listener` may be null. True: the server welcomed the client, and exchange() is complete.
  bool on_step(const RecordHead& head, const HandshakeStep& step, Listener* listener, Findings& findings);
  /// Of the step on_step() was true for, until the next call.
  const Exchange& exchange() const { return exchange_; }
  // The next two say nothing of a flow that packets are missing of.
  void on_violation(const RecordHead& head, const HandshakeViolation& violation, Findings& findings);
  /// Data flowed on a flow that only one side had proved its key on.
  static void on_one_way(const RecordHead& head, Findings& findings);
  /// The flow or its handshake is over.
  void forget(uint64_t flow_id) { handshakes_.erase(flow_id); }

  uint64_t handshakes_untracked() const { return handshakes_untracked_; }
  uint64_t peers_untracked() const { return peers_untracked_; }
  const BruteForce& brute_force() const { return brute_force_; }
  const ChallengeMemory& challenges() const { return challenges_; }

 private:
  /// One half: a challenge and its answer.
  struct Half {
    bool begun = false, named = false;  // named: the challenge begins with {digest}
    Digest asked = Digest::kNone;
    Exchange exchange;
  };
  struct Handshake {
    std::array<Half, 2> halves;  // [0]: the server challenges
    bool failure_counted = false;
    bool downgrade_told = false;
  };
  struct Peer {
    int best = 0;
    uint64_t flow_id = 0;  // the latest on which it was that good
    bool told = false;
  };

  Handshake* handshake_of(uint64_t flow_id);
  void on_challenge(const RecordHead& head, const HandshakeStep& step, Handshake* handshake, Listener* listener,
                    Findings& findings);
  void on_response(const RecordHead& head, const HandshakeStep& step, Handshake& handshake, Findings& findings);
  void on_welcome(const RecordHead& head, Digest digest, Findings& findings);
  void count_failure(const RecordHead& head, Handshake* handshake, Findings& findings);

  BruteForce brute_force_;
  ChallengeMemory challenges_;
  std::unordered_map<uint64_t, Handshake> handshakes_;
  std::unordered_map<std::string, Peer> peers_;
  Exchange exchange_;
  uint64_t handshakes_untracked_ = 0, peers_untracked_ = 0;
};

/// How strong a digest is for HMAC, in the order of its output: kNone 0, md5 1, the 256-bit ones 2, the 384-bit ones 3.
int strength_of(Digest digest);

}  // namespace pickletap
