// Records for the tests of output/: an ordinary one of each kind, and one with as much, and as hostile, as the types
// allow.
#pragma once

#include <string>
#include <vector>

#include "sensor/record.h"

namespace pickletap::sample {

inline constexpr int64_t kTime = 1'795'255'200'123'456'789;  // 2026-11-21 10:00:00.123456789 UTC
inline constexpr RuleInfo kExecution{5020001,
                                     "pickle.code-execution",
                                     Severity::kHigh,
                                     "loading the pickle runs code",
                                     "Attempted Administrator Privilege Gain",
                                     "CWE-502",
                                     "TA0002",
                                     "T1059.006",
                                     "high"};
inline constexpr RuleInfo kUnauthenticated{5020101,
                                           "exposure.unauthenticated",
                                           Severity::kMedium,
                                           "pickles travel on a connection that had no handshake",
                                           "Potentially Bad Traffic",
                                           "CWE-306",
                                           "TA0001",
                                           "T1190",
                                           "high"};

inline Endpoint endpoint(uint8_t last, uint16_t port) {
  Endpoint e;
  e.address.bytes = {10, 99, 0, last};
  e.port = port;
  return e;
}

inline RecordHead head() {
  RecordHead h;
  h.time_ns = kTime;
  h.packet_number = 17;
  h.flow.flow_id = 1234567890123;
  h.flow.initiator = endpoint(2, 51234);
  h.flow.responder = endpoint(1, 50000);
  h.flow.start_ns = kTime - 2'500'000'000;
  h.flow.counts.packets[0] = 9;
  h.flow.counts.packets[1] = 7;
  h.flow.counts.bytes[0] = 900;
  h.flow.counts.bytes[1] = 700;
  h.auth = AuthState::kMutual;
  h.digest = Digest::kSha256;
  h.has_protocol = true;
  return h;
}

inline Alert alert() {
  Alert a;
  a.head = head();
  a.rule = &kExecution;
  a.signature = "loading this pickle runs a command: posix.system";
  a.has_frame = true;
  a.frame = {3, 57, 200, FrameKind::kPickle};
  a.has_pickle = true;
  a.pickle.protocol = 4;
  a.pickle.length = 57;
  a.pickle.end = PickleEnd::kStop;
  a.pickle.globals = {"posix.system"};
  a.pickle.calls = {{"posix.system", "('touch /tmp/marker',)", "REDUCE", 31}};
  a.pickle.calls_total = 1;
  a.pickle.program = "posix.system('touch /tmp/marker')";
  a.pickle.indicators.commands = {"touch /tmp/marker"};
  a.pickle.indicators.paths = {"/tmp/marker"};
  PickleFinding finding;
  finding.rule = PickleRule::kCodeExecution;
  finding.callable = "posix.system";
  finding.category = "command-execution";
  finding.reason = "runs a command";
  finding.offset = 31;
  a.pickle.findings = {finding};
  a.has_outcome = true;
  return a;
}

/// An alert with every list and text at its maximum, each text out of repetitions of `piece`.
inline Alert largest_alert(const std::string& piece) {
  const auto text = [&piece](size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += piece;
    return out;
  };
  Alert a = alert();
  a.signature = text(4000);
  a.manager = {text(2000), text(2000), {}, false};
  PickleReport& p = a.pickle;
  p.truncated = true;
  p.calls_total = UINT64_MAX;
  p.program = text(PickleReport::kMaxProgramText);
  p.globals.assign(PickleReport::kMaxGlobals, text(3000));
  p.calls.assign(PickleReport::kMaxCalls, {text(3000), text(PickleReport::kMaxArgsText), "NEWOBJ_EX", UINT64_MAX});
  PickleFinding finding = p.findings.front();
  finding.callable = finding.reason = text(3000);
  finding.offset = UINT64_MAX;
  p.findings.assign(PickleReport::kMaxFindings, finding);
  const std::vector<std::string> list(PickleReport::kMaxIndicators, text(5000));
  p.indicators = {list, list, list, list};
  return a;
}

inline ListenerRecord listener() { return {head(), "new", kTime - 1'000'000'000, kTime, 3, 2}; }

inline FlowRecord flow() { return {head(), kTime, EndReason::kFin}; }

inline AnomalyRecord anomaly() { return {head(), "stream", "gap", 1460}; }

inline StatsRecord stats() {
  StatsRecord s;
  s.time_ns = kTime;
  s.packet_number = 99;
  s.counters = {{"packets_total", {}, 12345},
                {"bytes_total", {}, 2'000'000},
                {"flows_total", {}, 12},
                {"frames_total", {{"direction", "to_server"}}, 30},
                {"frames_total", {{"direction", "to_client"}}, 27},
                {"pickles_total", {{"verdict", "harmless"}}, 40},
                {"alerts_total", {{"rule", "pickle.code-execution"}, {"severity", "1"}}, 1},
                {"alerts_total", {{"rule", "pickle.unknown-call"}, {"severity", "2"}}, 0},
                {"alerts_total", {{"rule", "pickle.unknown-call"}, {"severity", "3"}}, 5},
                {"stream_gaps_total", {}, 1},
                {"flows_evicted_total", {{"reason", "closed"}}, 8},
                {"flows_evicted_total", {{"reason", "dissected"}}, 2}};
  return s;
}

/// Trouble before there is a flow.
inline AnomalyRecord decode_anomaly() {
  AnomalyRecord record;
  record.head.time_ns = kTime;
  record.head.packet_number = 5;
  record.layer = "decode";
  record.what = "truncated_header";
  record.count = 1;
  return record;
}

inline std::vector<Record> all() {
  return {alert(),
          listener(),
          flow(),
          anomaly(),
          decode_anomaly(),
          ProtocolRecord{head(), FrameSeen{1, 44, 100, FrameKind::kPickle}},
          ProtocolRecord{head(), HandshakeEnded{}},
          stats()};
}

}  // namespace pickletap::sample
