// Facts in, records out: the one place that decides what is alerted on. Sees events of all workers in packet order,
// never packets; one thread.
//
// A client may send its first pickle before a keyed server's challenge is on the wire. Until the server has spoken,
// nobody can say whether that pickle was loaded or read as a failed answer, so what depends on it is parked: at most
// kMaxParked records, for kParkNs of packet time, and not at all where the listener is known to ask for no key.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "sensor/detect/allow_watch.h"
#include "sensor/detect/auth_watch.h"
#include "sensor/detect/callback_watch.h"
#include "sensor/detect/exposure.h"
#include "sensor/detect/listeners.h"
#include "sensor/detect/manager_watch.h"
#include "sensor/detect/suppressor.h"
#include "sensor/detect/weak_keys.h"
#include "sensor/event.h"
#include "sensor/record.h"

namespace pickletap {

struct DetectorCounters {
  std::vector<uint64_t> alerts;      ///< by place in the rule catalogue
  std::vector<uint64_t> suppressed;  ///< the same; a rule that is switched off counts here
  uint64_t handshakes[7][3] = {};    ///< by Digest and by result: success, failure, abandoned
  uint64_t parked_early = 0;         ///< let go before their time because kMaxParked was reached
  uint64_t flows_untracked = 0;      ///< beyond kMaxFlows
};

/// What the watches could not keep, and what keys were tried.
struct WatchCounters {
  uint64_t sources_forgotten = 0;                            ///< BruteForce
  uint64_t challenges_forgotten = 0;                         ///< ChallengeMemory
  uint64_t handshakes_untracked = 0, peers_untracked = 0;    ///< AuthWatch
  uint64_t callbacks_forgotten = 0, contacts_forgotten = 0;  ///< CallbackWatch, and the workers for it
  WeakKeyCounters weak_keys;
};

/// What metrics and the HTTP interface need to know, by value: it goes to another thread.
struct DetectorSnapshot {
  DetectorCounters counters;
  std::vector<RuleInfo> rules;  ///< with the severities of the configuration; same order as in the counters
  std::array<uint64_t, 6> listeners_by_auth{};  ///< by AuthState
  uint64_t listeners_dropped = 0;
  ListenerGauges listener_gauges;
  WatchCounters watches;
};

class Detector final : public EventSink {
 public:
  static constexpr size_t kMaxParked = 4096;
  static constexpr size_t kMaxFlows = 1 << 20;
  static constexpr int64_t kParkNs = 500'000'000;
  static constexpr size_t kMaxLeftTold = 64;
  static constexpr size_t kMaxLessons = 8, kMaxLessonsHeld = 4096;

  /// `config` is read at construction and in configure() only; `sink` must outlive the Detector.
  Detector(const Config& config, RecordSink& sink);

  /// Takes the rules' settings of `config` anew. Counts and what is remembered stay.
  void configure(const Config& config);
  /// The files of policy.allow_lists, or in mode learn what is known before.
  void set_allow_list(std::shared_ptr<const AllowList> list) { allow_.set_list(std::move(list)); }
  AllowWatch& allow() { return allow_; }

  /// Who tries weak keys; outlives the Detector. Without one none are tried.
  void set_key_checker(KeyChecker* checker) { weak_keys_.set_checker(checker); }
  /// A verdict that the checker did not give at once.
  void put_key_verdict(const KeyVerdict& verdict);

  /// What workers are to look out for; lives as long as the Detector.
  ArmedBoard& armed_board() { return callbacks_.board(); }

  void put(Event&& event) override;
  void tick(int64_t time_ns) override;
  /// No more events: everything parked is let go.
  void finish();

  const DetectorCounters& counters() const { return counters_; }
  const Listeners& listeners() const { return listeners_; }
  DetectorSnapshot snapshot() const;

 private:
  /// What a pickle would teach an allow list, until it is known whether it was loaded.
  struct Lesson {
    RecordHead head;
    PickleReport report;
    std::string method;
  };
  /// What is remembered of a flow between its events.
  struct FlowNotes {
    bool counted = false;  // its listener knows of it
    bool look_alike = false;
    bool exposure_told = false;
    bool ever_failed = false;
    bool server_unseen = false;  // it said something that the tap missed
    bool one_way_told = false;
    Messages messages = Messages::kUnknown;  // the latest kind that its listener was told of
    RecordHead last;
    ManagerFlow manager;
    std::unique_ptr<Alert> attempt;   // code execution, until the manager's answer tells whether it was loaded
    bool peer_compared = false;       // with the allow lists
    std::set<std::string> left_told;  // what of this flow left them; kMaxLeftTold at most
    std::vector<Lesson> lessons;      // kMaxLessons at most
  };
  struct Parked {
    Alert alert;
    int64_t release_ns = 0;
    size_t rule = 0;
    uint64_t flow_id = 0;  // whose server has not spoken; of a call-back the pickle's
  };

  void on_observation(const Event& event, const Observation& observation);
  void on_pickle(const RecordHead& head, const Observation& observation, const PickleSeen& seen, FlowNotes& notes);
  // detector_managers.cc
  void on_manager_request(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes);
  void tell_pickle(const RecordHead& head, const PickleSeen& seen, const FlowNotes& notes);
  void on_manager_reply(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes);
  void await_proof(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes);
  void raise_about_manager(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes, std::string_view rule,
                           std::string signature);

  // detector_allow.cc
  void compare_with_list(const RecordHead& head, const Observation& observation, const PickleSeen& seen,
                         FlowNotes& notes);
  void compare_peer(const RecordHead& head, FlowNotes& notes);
  void raise_left(const RecordHead& head, FlowNotes& notes, LeftAllowList&& left, Alert&& alert, bool park);
  void settle_lessons(AuthState auth, FlowNotes& notes);

  // detector_callback.cc
  void arm_callback(const Alert& alert, size_t rule, bool park);
  void on_contact(const Event& event, const ContactSeen& contact);

  void on_step(const RecordHead& head, const HandshakeStep& step, FlowNotes& notes);
  void on_overlap(const Event& event, const OverlapSeen& overlap);
  void on_flow_end(const Event& event, const FlowEnded& ended);
  void note_listener(const RecordHead& head, FlowNotes& notes);
  void note_messages(const RecordHead& head, const Observation& observation, FlowNotes& notes);
  void raise_findings();
  void alert_about_pickle(const RecordHead& head, const Observation& observation, const PickleSeen& seen,
                          PickleRule rule, const PickleFinding* only, const ManagerRequest& manager);
  void settle_parked(uint64_t flow_id, AuthState auth);
  void release_until(int64_t time_ns);
  bool must_park(const RecordHead& head, const Observation& observation) const;
  void raise(Alert&& alert, size_t rule, bool park);
  void close(Alert&& alert, size_t rule);
  size_t rule_index(std::string_view name) const;
  FlowNotes& notes_of(uint64_t flow_id);

  RecordSink& sink_;
  std::vector<RuleInfo> rules_;  // the catalogue with the configuration's severities
  std::vector<bool> enabled_;
  bool tells_frames_ = false;  // an output wants python_mp events
  Listeners listeners_;
  AuthWatch auth_watch_;
  WeakKeys weak_keys_;
  Exposure exposure_;
  Suppressor suppressor_;
  CallbackWatch callbacks_;
  Findings findings_;  // of the event at hand
  std::unordered_map<uint64_t, FlowNotes> flows_;
  FlowNotes spare_notes_;  // for flows beyond kMaxFlows
  std::deque<Parked> parked_;
  AllowWatch allow_;
  size_t lessons_held_ = 0;
  DetectorCounters counters_;
};

}  // namespace pickletap
