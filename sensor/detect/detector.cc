#include "sensor/detect/detector.h"

#include <algorithm>
#include <utility>

#include "sensor/detect/rule_catalog.h"
#include "sensor/net/address_text.h"

namespace pickletap {

namespace {

constexpr size_t kMaxNamedCallables = 8;

RecordHead head_of(const Event& event, const Observation& observation) {
  RecordHead head;
  head.time_ns = event.time_ns;
  head.packet_number = event.packet_number;
  head.source_index = event.source_index;
  head.flow = event.flow;
  head.from = observation.from;
  head.server_is_initiator = observation.server_is_initiator;
  // Directions are the flow's; where its server turned out to be the initiator they read the other way round.
  if (head.server_is_initiator) head.from = opposite(head.from);
  head.application = observation.application;
  head.auth = observation.auth;
  head.digest = observation.digest;
  head.server_python = observation.server_python;
  head.other_reading = observation.other_reading;
  head.has_protocol = true;
  return head;
}

/// "runs a command: posix.system, subprocess.Popen; unpickles more data: pickle.loads"
std::string describe(const PickleReport& report, PickleRule rule) {
  std::string text;
  std::string_view reason;
  size_t named = 0;
  for (const PickleFinding& finding : report.findings) {
    if (finding.rule != rule || ++named > kMaxNamedCallables) continue;
    if (text.empty() || finding.reason != reason) {
      if (!text.empty()) text += "; ";
      text += finding.reason;
      if (!finding.reason.empty() && !finding.callable.empty()) text += ": ";
    } else {
      text += ", ";
    }
    text += finding.callable;
    reason = finding.reason;
  }
  if (named > kMaxNamedCallables) text += " and more";
  return text;
}

bool is_of_flow(const RecordHead& head, const std::string& host) {
  return !host.empty() &&
         (host == to_text(head.flow.initiator.address) || host == to_text(head.flow.responder.address));
}

std::string signature_of(const PickleFinding& unknown) {
  if (unknown.host.empty()) return "Loading this pickle calls what no policy list knows: " + unknown.callable;
  return "Loading this pickle makes its receiver connect to " + unknown.host + ": " + unknown.callable;
}

std::string signature_of(PickleRule rule, const std::string& what) {
  switch (rule) {
    case PickleRule::kCodeExecution: return "Loading this pickle " + what;
    case PickleRule::kDangerousReference: return "The pickle passes a dangerous callable by reference: " + what;
    case PickleRule::kCodeObject: return "The pickle " + what;
    case PickleRule::kUnknownCall: return what;  // told one by one
    case PickleRule::kResourceBomb: return "Loading this pickle takes memory or time out of all proportion: " + what;
    case PickleRule::kEvasion: return "The pickle is built to hide what it does: " + what;
    case PickleRule::kMalformed: return "Malformed pickle: " + what;
  }
  return what;
}

}  // namespace

Detector::Detector(const Config& config, RecordSink& sink) : sink_(sink) {
  const auto catalog = rule_catalog();
  rules_.assign(catalog.begin(), catalog.end());
  counters_.alerts.resize(rules_.size());
  counters_.suppressed.resize(rules_.size());
  configure(config);
}

void Detector::configure(const Config& config) {
  // In place: alerts that wait point at their rule.
  const auto catalog = rule_catalog();
  std::copy(catalog.begin(), catalog.end(), rules_.begin());
  enabled_.assign(rules_.size(), true);
  for (size_t i = 0; i < rules_.size(); ++i) {
    const auto setting = config.rules.find(std::string(rules_[i].name));
    if (setting == config.rules.end()) continue;
    enabled_[i] = setting->second.enabled;
    if (setting->second.severity != 0) rules_[i].severity = static_cast<Severity>(setting->second.severity);
  }
  tells_frames_ = wanted_types(config).python_mp;
  auth_watch_.configure(config);
  weak_keys_.configure(config);
  exposure_.configure(config);
  suppressor_.configure(config, rules_);
  callbacks_.configure(config, enabled_[rule_index("attack.callback")]);
  allow_.configure(config);
  // What enforcing would raise must wake nobody.
  const size_t left = rule_index("pickle.not-allowed");
  if (config.policy.mode == "alert" && !config.policy.allow_lists.empty()) rules_[left].severity = Severity::kLow;
}

DetectorSnapshot Detector::snapshot() const {
  const WatchCounters watches{auth_watch_.brute_force().forgotten(),
                              auth_watch_.challenges().forgotten(),
                              auth_watch_.handshakes_untracked(),
                              auth_watch_.peers_untracked(),
                              callbacks_.forgotten(),
                              callbacks_.contacts_forgotten(),
                              weak_keys_.counters()};
  return {counters_, rules_, listeners_.count_by_auth(), listeners_.dropped(), listeners_.gauges(), watches};
}

size_t Detector::rule_index(std::string_view name) const {
  const auto at = std::find_if(rules_.begin(), rules_.end(), [&](const RuleInfo& r) { return r.name == name; });
  return static_cast<size_t>(at - rules_.begin());
}

Detector::FlowNotes& Detector::notes_of(uint64_t flow_id) {
  if (const auto at = flows_.find(flow_id); at != flows_.end()) return at->second;
  if (flows_.size() >= kMaxFlows) {
    ++counters_.flows_untracked;
    spare_notes_ = {};
    return spare_notes_;
  }
  return flows_[flow_id];
}

void Detector::put(Event&& event) {
  if (!parked_.empty()) release_until(event.time_ns);
  if (const auto* observation = std::get_if<Observation>(&event.what)) {
    on_observation(event, *observation);
  } else if (const auto* ended = std::get_if<FlowEnded>(&event.what)) {
    on_flow_end(event, *ended);
  } else if (const auto* unseen = std::get_if<BytesUnseen>(&event.what)) {
    const auto at = flows_.find(event.flow.flow_id);
    if (at != flows_.end() && unseen->from == Direction::kToClient) at->second.server_unseen = true;
  } else if (const auto* contact = std::get_if<ContactSeen>(&event.what)) {
    on_contact(event, *contact);
  } else if (const auto* overlap = std::get_if<OverlapSeen>(&event.what)) {
    on_overlap(event, *overlap);
  } else if (const auto* trouble = std::get_if<StreamTrouble>(&event.what)) {
    AnomalyRecord record{{}, trouble->layer, trouble->what, trouble->count};
    record.head.time_ns = event.time_ns;
    record.head.packet_number = event.packet_number;
    record.head.source_index = event.source_index;
    record.head.flow = event.flow;
    sink_.write(record);
  }
}

void Detector::tick(int64_t time_ns) {
  release_until(time_ns);
  callbacks_.advance(time_ns);
  suppressor_.advance(time_ns, [this](Alert&& alert, size_t rule) { close(std::move(alert), rule); });
}

void Detector::finish() { tick(INT64_MAX); }

void Detector::put_key_verdict(const KeyVerdict& verdict) {
  std::vector<ListenerRecord> records;
  weak_keys_.on_verdict(verdict, listeners_, records, findings_);
  for (const ListenerRecord& record : records) sink_.write(record);
  raise_findings();
}

void Detector::raise_findings() {
  for (Finding& finding : findings_) raise(std::move(finding.alert), rule_index(finding.rule), false);
  findings_.clear();
}

void Detector::on_observation(const Event& event, const Observation& observation) {
  RecordHead head = head_of(event, observation);
  // Other flows may have shown that a manager listens there.
  const Listener* listener = listeners_.find(head);
  if (listener != nullptr && listener->application == Application::kManager && !is_look_alike(head.application)) {
    head.application = Application::kManager;
  }
  head.weak_key = listener != nullptr && listener->weak_key;
  FlowNotes& notes = notes_of(head.flow.flow_id);
  notes.last = head;
  notes.look_alike = is_look_alike(observation.application);
  if (observation.auth_settled && !notes.lessons.empty()) settle_lessons(head.auth, notes);
  if (observation.auth_settled && !parked_.empty()) settle_parked(head.flow.flow_id, head.auth);

  note_messages(head, observation, notes);
  if (const auto* step = std::get_if<HandshakeStep>(&observation.fact)) {
    on_step(head, *step, notes);
  } else if (const auto* violation = std::get_if<HandshakeViolation>(&observation.fact)) {
    auth_watch_.on_violation(head, *violation, findings_);
  } else if (const auto* seen = std::get_if<PickleSeen>(&observation.fact)) {
    on_pickle(head, observation, *seen, notes);
    if (tells_frames_) tell_pickle(head, *seen, notes);
  } else if (const auto* oversized = std::get_if<FrameOversized>(&observation.fact)) {
    Alert alert;
    alert.head = head;
    alert.signature = "A frame announces " + std::to_string(oversized->frame.length) + " bytes";
    alert.has_frame = true;
    alert.frame = oversized->frame;
    raise(std::move(alert), rule_index("frame.oversized"), false);
  } else if (const auto* anomaly = std::get_if<StreamAnomaly>(&observation.fact)) {
    sink_.write(AnomalyRecord{head, "stream", anomaly->what, anomaly->bytes});
  } else if (const auto* frame = std::get_if<FrameSeen>(&observation.fact)) {
    sink_.write(ProtocolRecord{head, *frame});
  } else if (const auto* ended = std::get_if<HandshakeEnded>(&observation.fact)) {
    const size_t result = ended->abandoned ? 2 : head.auth == AuthState::kFailed ? 1 : 0;
    ++counters_.handshakes[static_cast<size_t>(head.digest)][result];
    sink_.write(ProtocolRecord{head, *ended});
    auth_watch_.forget(head.flow.flow_id);
  }
  if (head.auth == AuthState::kOneWay && !std::exchange(notes.one_way_told, true)) {
    AuthWatch::on_one_way(head, findings_);
  }
  raise_findings();
  const bool certain = head.auth == AuthState::kNone ? observation.auth_settled : head.auth != AuthState::kPending;
  if (certain && !notes.look_alike) note_listener(head, notes);
  if (certain && !notes.peer_compared) compare_peer(head, notes);
}

void Detector::note_listener(const RecordHead& head, FlowNotes& notes) {
  const bool first = !std::exchange(notes.counted, true);
  const bool untrusted = first && !exposure_.is_trusted(head.client().address);
  if (auto record = listeners_.update(head, first, untrusted)) sink_.write(*record);
  if (first) exposure_.on_flow(head, listeners_, findings_);
  exposure_.on_state(head, listeners_, findings_);
  raise_findings();
}

void Detector::note_messages(const RecordHead& head, const Observation& observation, FlowNotes& notes) {
  if (is_look_alike(observation.application)) return;
  Messages messages = Messages::kUnknown;
  if (const auto* found = std::get_if<ProtocolFound>(&observation.fact)) {
    if (found->xml) messages = Messages::kXmlRpc;
  } else if (const auto* frame = std::get_if<FrameSeen>(&observation.fact)) {
    // What stands where a handshake was due is no message of the listener's.
    const bool behind = head.auth == AuthState::kMutual || head.auth == AuthState::kOneWay;
    if (frame->kind == FrameKind::kBytes && (behind || head.auth == AuthState::kNone)) messages = Messages::kBytes;
  } else if (std::holds_alternative<PickleSeen>(observation.fact)) {
    messages = Messages::kPickles;
  }
  if (messages == Messages::kUnknown || std::exchange(notes.messages, messages) == messages) return;
  if (auto record = listeners_.note_messages(head, messages)) sink_.write(*record);
}

/// Known to be ours or not: whoever shapes packets so means to hide something.
void Detector::on_overlap(const Event& event, const OverlapSeen& overlap) {
  Alert alert;
  const auto notes = flows_.find(event.flow.flow_id);
  if (notes != flows_.end()) alert.head = notes->second.last;
  const bool reversed = alert.head.server_is_initiator;
  alert.head.time_ns = event.time_ns;
  alert.head.packet_number = event.packet_number;
  alert.head.source_index = event.source_index;
  alert.head.flow = event.flow;
  alert.head.from = reversed ? opposite(overlap.from) : overlap.from;
  alert.head.other_reading = false;
  alert.signature = "The same stream bytes were sent twice with different contents: " + std::to_string(overlap.bytes) +
                    (overlap.bytes == 1 ? " byte" : " bytes") + " from offset " + std::to_string(overlap.offset);
  raise(std::move(alert), rule_index("stream.overlap-conflict"), false);
}

void Detector::on_step(const RecordHead& head, const HandshakeStep& step, FlowNotes& notes) {
  Listener* listener = listeners_.find_or_add(head);
  if (auth_watch_.on_step(head, step, listener, findings_)) {
    std::vector<ListenerRecord> records;
    weak_keys_.on_welcome(head, auth_watch_.exchange(), listeners_, records, findings_);
    for (const ListenerRecord& record : records) sink_.write(record);
  }
  const bool verdict = step.kind == HandshakeStepKind::kWelcome || step.kind == HandshakeStepKind::kFailure;
  if (!verdict) return;
  Alert alert;
  alert.head = head;
  // Who sent the offending bytes is who gave the answer, not who judged it.
  alert.head.from = opposite(head.from);
  if (step.kind == HandshakeStepKind::kFailure && !notes.ever_failed) {
    notes.ever_failed = true;
    Alert failed = alert;
    failed.signature = step.server_challenges ? "The listener refused the client's key (#FAILURE#)"
                                              : "The client refused the listener's key (#FAILURE#)";
    raise(std::move(failed), rule_index("auth.failed"), false);
  }
  if (!step.server_challenges || step.digest != Digest::kMd5) return;
  if (listener != nullptr && std::exchange(listener->legacy_digest_told, true)) return;
  alert.signature = "The handshake used HMAC-MD5";
  raise(std::move(alert), rule_index("auth.legacy-digest"), false);
}

bool Detector::must_park(const RecordHead& head, const Observation& observation) const {
  if (observation.auth_settled || is_look_alike(observation.application) || head.from != Direction::kToServer) {
    return false;
  }
  const Listener* listener = listeners_.find(head);
  return listener == nullptr || !listener->announced || listener->auth != AuthState::kNone;
}

void Detector::on_pickle(const RecordHead& head, const Observation& observation, const PickleSeen& seen,
                         FlowNotes& notes) {
  if (!seen.manager.method.empty()) on_manager_request(head, seen, notes);
  if (!seen.reply.kind.empty()) on_manager_reply(head, seen, notes);
  const bool is_request = !seen.manager.method.empty() && head.from == Direction::kToServer && !seen.not_unpickled;
  const ManagerRequest& request = is_request ? notes.manager.request : seen.manager;
  for (unsigned i = 0; i < kPickleRuleCount; ++i) {
    const auto rule = static_cast<PickleRule>(i);
    for (const PickleFinding& finding : seen.report.findings) {
      if (finding.rule != rule) continue;
      if (rule == PickleRule::kUnknownCall) {
        // One alert a callable: they are told once a listener, each by itself.
        // A proxy that comes back to the manager it is of.
        if (is_of_flow(head, finding.host)) continue;
        if (listeners_.is_new_callable(head, finding.news())) {
          alert_about_pickle(head, observation, seen, rule, &finding, request);
        } else {
          ++counters_.suppressed[rule_index(rule_name(rule))];
        }
        continue;
      }
      alert_about_pickle(head, observation, seen, rule, nullptr, request);
      if (rule == PickleRule::kCodeExecution) await_proof(head, seen, notes);
      break;
    }
  }
  counters_.suppressed[rule_index(rule_name(PickleRule::kUnknownCall))] += seen.report.told_before;
  if (allow_.is_learning() || allow_.is_watching()) compare_with_list(head, observation, seen, notes);
  // What the server said and the tap missed may have been a challenge. (One byte is a FIN's.)
  const bool server_unseen = head.flow.unseen_bytes[index_of(Direction::kToClient)] > 1;
  if (head.auth == AuthState::kNone && !notes.look_alike && !notes.exposure_told && !server_unseen) {
    notes.exposure_told = true;
    Alert alert;
    alert.head = head;
    alert.has_frame = true;
    alert.frame = seen.frame;
    alert.signature = "Pickles travel without authentication";
    raise(std::move(alert), rule_index("exposure.unauthenticated"), must_park(head, observation));
  }
}

void Detector::alert_about_pickle(const RecordHead& head, const Observation& observation, const PickleSeen& seen,
                                  PickleRule rule, const PickleFinding* only, const ManagerRequest& manager) {
  Alert alert;
  alert.head = head;
  alert.signature = only != nullptr ? signature_of(*only) : signature_of(rule, describe(seen.report, rule));
  if (head.other_reading) alert.signature += " (in another copy of the same stream bytes)";
  alert.has_frame = true;
  alert.frame = seen.frame;
  alert.has_pickle = true;
  alert.pickle = seen.report;
  if (only != nullptr) {
    // The other unknown ones have, or had, alerts of their own.
    std::erase_if(alert.pickle.findings,
                  [&](const PickleFinding& f) { return f.rule == rule && f.news() != only->news(); });
  }
  alert.manager = manager;
  alert.has_outcome = true;
  alert.outcome = seen.not_unpickled ? Outcome::kNotUnpickled : Outcome::kAttempted;
  const auto& findings = alert.pickle.findings;
  const auto worst = std::find_if(findings.begin(), findings.end(), [&](const auto& f) { return f.rule == rule; });
  if (worst != findings.end()) {
    alert.cwe = worst->cwe;
    alert.tactic = worst->tactic;
    alert.technique = worst->technique;
  }
  const size_t index = rule_index(rule_name(rule));
  const bool park = must_park(head, observation);
  alert.rule = &rules_[index];
  arm_callback(alert, index, park);
  raise(std::move(alert), index, park);
}

void Detector::raise(Alert&& alert, size_t rule, bool park) {
  alert.rule = &rules_[rule];
  if (!enabled_[rule]) {
    ++counters_.suppressed[rule];
    return;
  }
  if (!park) {
    const auto write_closed = [this](Alert&& closed, size_t of) { close(std::move(closed), of); };
    if (!suppressor_.admit(alert, rule, write_closed)) {
      ++counters_.suppressed[rule];
      return;
    }
    ++counters_.alerts[rule];
    sink_.write(alert);
    return;
  }
  if (parked_.size() >= kMaxParked) {
    ++counters_.parked_early;
    release_until(parked_.front().release_ns);
  }
  const int64_t release_ns = alert.head.time_ns + kParkNs;
  const uint64_t flow_id = (alert.callback ? alert.callback->first : alert.head).flow.flow_id;
  parked_.push_back({std::move(alert), release_ns, rule, flow_id});
}

/// Alerts alike that were not written one by one.
void Detector::close(Alert&& alert, size_t rule) {
  alert.rule = &rules_[rule];
  ++counters_.alerts[rule];
  sink_.write(alert);
}

void Detector::on_flow_end(const Event& event, const FlowEnded& ended) {
  RecordHead head;
  auth_watch_.forget(event.flow.flow_id);
  const auto at = flows_.find(event.flow.flow_id);
  settle_parked(event.flow.flow_id, at != flows_.end() ? at->second.last.auth : AuthState::kNone);
  if (at != flows_.end()) {
    FlowNotes notes = std::move(at->second);
    flows_.erase(at);
    if (!notes.lessons.empty()) settle_lessons(notes.last.auth, notes);
    // A handshake that never ended is all there is to know of this listener.
    if (!notes.counted && !notes.look_alike) note_listener(notes.last, notes);
    head = notes.last;
    head.flow = event.flow;
  } else {
    head.flow = event.flow;
  }
  head.source_index = event.source_index;
  head.time_ns = event.time_ns;
  head.packet_number = event.packet_number;
  sink_.write(FlowRecord{head, ended.last_ns, ended.reason});
}

}  // namespace pickletap
