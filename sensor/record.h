// What the detection thread hands to the outputs: one struct for each EVE event type. By value, bounded, complete: an
// output needs nothing but the record to write its line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sensor/event.h"

namespace pickletap {

enum class Severity : uint8_t { kHigh = 1, kMedium = 2, kLow = 3 };

/// One row of the rule catalogue (detect/rule_catalog.cc, the only place that has them). Static.
struct RuleInfo {
  uint32_t sid = 0;
  std::string_view name;  ///< "pickle.code-execution"
  Severity severity = Severity::kLow;
  std::string_view raised_when;  ///< for `pickletap rules`, a half-sentence
  std::string_view category;     ///< Suricata classtype text, "Attempted Administrator Privilege Gain" and such
  std::string_view cwe;          ///< "CWE-502"
  std::string_view tactic;       ///< ATT&CK, "TA0002"
  std::string_view technique;    ///< ATT&CK, "T1059.006"
  std::string_view confidence;   ///< "high", "medium" or "low"
};

enum class Outcome : uint8_t { kAttempted, kNotUnpickled, kExecuted };

/// Fields every record has: when, where in the capture, on which flow.
struct RecordHead {
  int64_t time_ns = 0;
  uint64_t packet_number = 0;
  uint16_t source_index = 0;
  FlowContext flow;
  Direction from = Direction::kToServer;  ///< for alerts: who sent the offending bytes
  bool server_is_initiator = false;
  Application application = Application::kConnection;
  AuthState auth = AuthState::kUnknown;
  Digest digest = Digest::kNone;
  PythonGuess server_python = PythonGuess::kUnknown;
  bool other_reading = false;  ///< of an alert: of what the receiver may have read instead (stream.overlap-conflict)
  bool has_protocol = false;   ///< false: no python_mp object and no app_proto in the event
  bool weak_key = false;       ///< a listed key makes this listener's digests

  const Endpoint& server() const { return server_is_initiator ? flow.initiator : flow.responder; }
  const Endpoint& client() const { return server_is_initiator ? flow.responder : flow.initiator; }
  const Endpoint& sender() const { return from == Direction::kToServer ? client() : server(); }
  const Endpoint& receiver() const { return from == Direction::kToServer ? server() : client(); }
};

/// The other one, of an alert that two flows make.
struct OtherFlow {
  uint64_t flow_id = 0;
  Endpoint client, server;
};

/// What left an allow list, and which one.
struct LeftAllowList {
  bool enforced = false;  ///< else enforcing would have raised it
  std::string file;       ///< and line: of the listener's (first) entry
  unsigned line = 0;
  std::vector<std::string> callables;  ///< a few
  std::string method;                  ///< "Type.method"
  std::string peer;                    ///< an address
};

/// How the traffic proves that a pickle ran. The alert's own flow is the call-back's; frame and pickle are the first's.
struct Callback {
  std::string_view kind;  ///< "connection", "datagram" or "query"
  std::string named;      ///< the host in the payload, with the port that stands with it
  std::string query;      ///< the name asked for
  std::string_view rule;  ///< of the alert about the pickle, and its sid
  uint32_t sid = 0;
  std::string callable;
  int64_t after_ns = 0;  ///< since the pickle
  RecordHead first;      ///< of that alert
};

struct Alert {
  static constexpr size_t kMaxRestsOn = 32;

  RecordHead head;
  const RuleInfo* rule = nullptr;
  std::string signature;               ///< a human sentence
  std::string cwe, tactic, technique;  ///< of the finding's category where it knows better than the rule; else empty
  bool has_frame = false;
  FrameSeen frame;
  bool has_pickle = false;
  PickleReport pickle;
  ManagerRequest manager;
  bool has_outcome = false;  ///< only alerts about a pickle have one
  Outcome outcome = Outcome::kAttempted;
  std::optional<OtherFlow> other_flow;
  std::optional<Callback> callback;
  std::vector<uint64_t> rests_on;  ///< further flows without whose packets it would not have been raised; kMaxRestsOn
  uint64_t repeated = 0;           ///< so many more alerts like this one were not written since the last
  std::string capture_file;        ///< of the evidence; empty: none
  LeftAllowList left;              ///< no `file`: it is not about an allow list
};

/// What a listener exchanges. Only pickles can run code.
enum class Messages : uint8_t { kUnknown, kPickles, kXmlRpc, kBytes };
constexpr std::string_view to_text(Messages messages) {
  switch (messages) {
    case Messages::kPickles: return "pickles";
    case Messages::kXmlRpc: return "xml-rpc";
    case Messages::kBytes: return "bytes";
    case Messages::kUnknown: break;
  }
  return {};
}

/// A listener was first seen, or what is known of it changed.
struct ListenerRecord {
  RecordHead head;
  std::string_view change;  ///< "new", "auth", "application", "digest", "python", "messages", "peers", "key"
  int64_t first_seen_ns = 0, last_seen_ns = 0;
  uint64_t flows = 0;
  uint64_t peers = 0;            ///< distinct client addresses, counted up to a maximum
  uint64_t untrusted_peers = 0;  ///< those outside networks.trusted, up to the same maximum
  Messages messages = Messages::kUnknown;
};

struct FlowRecord {
  RecordHead head;
  int64_t last_ns = 0;
  EndReason reason = EndReason::kCapture;
};

struct AnomalyRecord {
  RecordHead head;
  std::string_view layer, what;
  uint64_t count = 0;
};

/// One per handshake and per frame; off by default. A manager's answer has the request it belongs to in `manager`.
struct ProtocolRecord {
  RecordHead head;
  std::variant<HandshakeEnded, FrameSeen, PickleSeen> what;
};

/// All counters at the end (offline) or at an interval. Names are CONTRACT's metric names without `pickletap_`,
/// in a stable order; label text as in the metric ("alerts_total", "rule=…,severity=…").
struct StatsRecord {
  struct Counter {
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
    uint64_t value = 0;
  };
  int64_t time_ns = 0;
  uint64_t packet_number = 0;
  std::vector<Counter> counters;
};

using Record = std::variant<Alert, ListenerRecord, FlowRecord, AnomalyRecord, ProtocolRecord, StatsRecord>;

/// Takes records, on the detection thread. False from `write`: the output failed (said once by the output itself).
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void write(const Record& record) = 0;
};

}  // namespace pickletap
