// The objects of an EVE line that speak of the protocol: alert, python_mp, pickle.
#include <algorithm>
#include <span>

#include "sensor/net/address_text.h"
#include "sensor/output/eve_parts.h"
#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

std::string_view end_text(PickleEnd end) {
  switch (end) {
    case PickleEnd::kStop: return "stop";
    case PickleEnd::kTruncated: return "truncated";
    case PickleEnd::kRefused: return "refused";
    case PickleEnd::kLimit: return "limit";
    case PickleEnd::kGap: return "gap";
  }
  return "refused";
}

std::string_view outcome_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAttempted: return "attempted";
    case Outcome::kNotUnpickled: return "not-unpickled";
    case Outcome::kExecuted: return "executed";
  }
  return "attempted";
}

/// The first `max` of a list; says in `cuts` that there were more.
template <typename T>
std::span<const T> first_of(const std::vector<T>& list, size_t max, Cuts& cuts, Cut what) {
  if (list.size() > max) cuts.add(what);
  return std::span(list).first(std::min(list.size(), max));
}

void write_globals(EveDraft& draft, const PickleReport& report) {
  draft.json.key("globals").begin_array();
  for (const std::string& name : first_of(report.globals, draft.limits.globals, draft.cuts, Cut::kGlobals)) {
    draft.text(name, draft.limits.global_bytes, Cut::kGlobals);
  }
  draft.json.end_array();
}

void write_calls(EveDraft& draft, const PickleReport& report) {
  draft.json.key("calls").begin_array();
  for (const PickleCall& call : first_of(report.calls, draft.limits.calls, draft.cuts, Cut::kCalls)) {
    draft.json.begin_object().key("callable");
    draft.text(call.callable, draft.limits.callable_bytes, Cut::kCalls);
    draft.json.key("args");
    draft.text(call.args, draft.limits.args_bytes, Cut::kArgs);
    draft.json.key("opcode").text(call.opcode).key("offset").number(call.offset).end_object();
  }
  draft.json.end_array();
  if (report.calls_total > report.calls.size()) {
    draft.cuts.add(Cut::kCalls);
    draft.json.key("calls_total").number(report.calls_total);
  }
}

void write_indicators(EveDraft& draft, std::string_view key, const std::vector<std::string>& list) {
  draft.json.key(key).begin_array();
  for (const std::string& text : first_of(list, draft.limits.indicators, draft.cuts, Cut::kIndicators)) {
    draft.text(text, draft.limits.indicator_bytes, Cut::kIndicators);
  }
  draft.json.end_array();
}

/// What a policy's category says of ATT&CK or CWE, where it does.
void write_known(EveDraft& draft, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  draft.json.key(key);
  draft.text(value, kMaxIdentifierBytes, Cut::kFindings);
}

void write_findings(EveDraft& draft, const PickleReport& report) {
  draft.json.key("findings").begin_array();
  for (const PickleFinding& finding : first_of(report.findings, draft.limits.findings, draft.cuts, Cut::kFindings)) {
    draft.json.begin_object().key("rule").text(rule_name(finding.rule)).key("callable");
    draft.text(finding.callable, draft.limits.callable_bytes, Cut::kFindings);
    draft.json.key("category");
    draft.text(finding.category, kMaxCategoryBytes, Cut::kFindings);
    draft.json.key("reason");
    draft.text(finding.reason, draft.limits.text_bytes, Cut::kFindings);
    draft.json.key("offset").number(finding.offset);
    write_known(draft, "cwe", finding.cwe);
    write_known(draft, "tactic", finding.tactic);
    write_known(draft, "technique", finding.technique);
    if (!finding.how.empty()) {
      draft.json.key("how");
      draft.text(finding.how, kMaxHowBytes, Cut::kFindings);
    }
    draft.json.end_object();
  }
  draft.json.end_array();
}

/// The report does not say which of its lists reached a maximum; their lengths do, else the pickle as such was cut.
void note_cuts_of_report(Cuts& cuts, const PickleReport& report) {
  if (!report.truncated) return;
  if (report.globals.size() >= PickleReport::kMaxGlobals) cuts.add(Cut::kGlobals);
  if (report.program.size() + 64 >= PickleReport::kMaxProgramText) cuts.add(Cut::kProgram);
  if (report.findings.size() >= PickleReport::kMaxFindings) cuts.add(Cut::kFindings);
  for (const PickleCall& call : report.calls) {
    if (call.args.size() + 64 >= PickleReport::kMaxArgsText) cuts.add(Cut::kArgs);
  }
  const Indicators& found = report.indicators;
  for (const auto* list : {&found.commands, &found.hosts, &found.urls, &found.paths}) {
    if (list->size() >= PickleReport::kMaxIndicators) cuts.add(Cut::kIndicators);
  }
  if (!cuts.any()) cuts.add(Cut::kPickle);
}

void write_frame(JsonWriter& json, const FrameSeen& frame) {
  json.key("frame").begin_object().key("index").number(frame.index).key("length").number(frame.length);
  json.key("offset").number(frame.offset).key("kind").text(to_text(frame.kind));
  if (frame.after_gap) json.key("after_gap").boolean(true);
  json.end_object();
}

/// The members every python_mp object begins with.
void write_protocol_head(JsonWriter& json, const RecordHead& head, bool weak_key) {
  json.key("direction").text(head.from == Direction::kToServer ? "to_server" : "to_client");
  json.key("application").text(to_text(head.application));
  if (head.server_python != PythonGuess::kUnknown) json.key("python").text(to_text(head.server_python));
  write_auth(json, head, weak_key);
}

/// As many callables as findings.
void write_left(EveDraft& draft, const LeftAllowList& left) {
  JsonWriter& json = draft.json;
  const auto field = [&](std::string_view key, std::string_view text) {
    json.key(key);
    draft.text(text, draft.limits.callable_bytes, Cut::kText);
  };
  json.key("allow_list").begin_object().key("enforced").boolean(left.enforced);
  field("file", left.file);
  json.key("line").number(left.line).key("callables").begin_array();
  const size_t shown = std::min(left.callables.size(), draft.limits.findings);
  if (shown < left.callables.size()) draft.cuts.add(Cut::kText);
  for (size_t i = 0; i < shown; ++i) draft.text(left.callables[i], draft.limits.callable_bytes, Cut::kText);
  json.end_array();
  if (!left.method.empty()) field("method", left.method);
  if (!left.peer.empty()) json.key("peer").text(left.peer);
  json.end_object();
}

/// How the call-back is tied to the pickle; `python_mp` tells of that.
void write_callback(EveDraft& draft, const Callback& callback) {
  JsonWriter& json = draft.json;
  const auto field = [&](std::string_view key, std::string_view text) {
    if (text.empty()) return;
    json.key(key);
    draft.text(text, draft.limits.callable_bytes, Cut::kText);
  };
  json.key("callback").begin_object().key("kind").text(callback.kind);
  field("named", callback.named);
  field("query", callback.query);
  constexpr int64_t kNsPerMs = 1'000'000;
  json.key("after_ms").number(static_cast<uint64_t>(callback.after_ns / kNsPerMs));
  json.key("rule").text(callback.rule).key("signature_id").number(callback.sid);
  field("callable", callback.callable);
  json.end_object();
}

/// What is asked of a manager, and what it answers.
void write_manager(EveDraft& draft, const ManagerRequest& request, const ManagerReply& reply) {
  if (request.method.empty() && reply.kind.empty()) return;
  draft.json.key("manager").begin_object();
  if (!request.method.empty()) draft.field("method", request.method);
  if (!request.type_id.empty()) draft.field("typeid", request.type_id);
  if (!reply.kind.empty()) draft.field("reply", reply.kind);
  draft.json.end_object();
}

/// `head` says who spoke: of a call-back, on the first flow.
void write_alert_protocol(EveDraft& draft, const Alert& alert, const RecordHead& head) {
  JsonWriter& json = draft.json;
  json.key("python_mp").begin_object();
  write_protocol_head(json, head, head.weak_key);
  if (head.other_reading) json.key("reading").text("other");
  if (alert.has_frame) write_frame(json, alert.frame);
  write_manager(draft, alert.manager, {});
  if (!alert.left.file.empty()) write_left(draft, alert.left);
  if (alert.has_pickle) {
    json.key("pickle");
    write_pickle(draft, alert.pickle);
  }
  if (alert.has_outcome) json.key("outcome").text(outcome_text(alert.outcome));
  json.end_object();
}

void write_list_of_one(EveDraft& draft, std::string_view key, std::string_view better, std::string_view usual) {
  const std::string_view value = better.empty() ? usual : better;
  if (value.empty()) return;
  draft.json.key(key).begin_array();
  draft.text(value, draft.limits.text_bytes, Cut::kText);
  draft.json.end_array();
}

}  // namespace

void EveDraft::text(std::string_view value, size_t max_bytes, Cut what) {
  const std::string_view shown = cut_utf8(value, max_bytes);
  if (shown.size() < value.size()) cuts.add(what);
  json.text(shown);
}

void Cuts::write(JsonWriter& json) const {
  if (!any()) return;
  json.key("truncated").begin_array();
  for (size_t i = 0; i < kCutNames.size(); ++i) {
    if (has(static_cast<Cut>(i))) json.text(kCutNames[i]);
  }
  json.end_array();
}

void write_auth(JsonWriter& json, const RecordHead& head, bool weak_key) {
  json.key("auth").begin_object().key("state").text(to_text(head.auth));
  if (head.digest != Digest::kNone) json.key("digest").text(to_text(head.digest));
  if (weak_key) json.key("key").text("weak");
  json.end_object();
}

void write_pickle(EveDraft& draft, const PickleReport& report) {
  JsonWriter& json = draft.json;
  Cuts of_report;
  note_cuts_of_report(of_report, report);
  draft.cuts.add(of_report);
  json.begin_object().key("protocol").number(report.protocol).key("length").number(report.length);
  write_globals(draft, report);
  write_calls(draft, report);
  json.key("program");
  draft.text(report.program, draft.limits.program_bytes, Cut::kProgram);
  json.key("nested").number(report.nested).key("complete").boolean(report.complete());
  json.key("end").text(end_text(report.end));
  if (!report.end_reason.empty()) draft.field("end_reason", report.end_reason);
  if (!report.receivers.empty()) draft.field("receivers", report.receivers);
  if (report.trailing_bytes > 0) json.key("trailing_bytes").number(report.trailing_bytes);
  write_findings(draft, report);
  json.key("indicators").begin_object();
  write_indicators(draft, "commands", report.indicators.commands);
  write_indicators(draft, "hosts", report.indicators.hosts);
  write_indicators(draft, "urls", report.indicators.urls);
  write_indicators(draft, "paths", report.indicators.paths);
  json.end_object().end_object();
}

void write_alert(EveDraft& draft, const Alert& alert) {
  static constexpr RuleInfo kNoRule{};
  const RuleInfo& rule = alert.rule != nullptr ? *alert.rule : kNoRule;
  JsonWriter& json = draft.json;
  json.key("alert").begin_object().key("action").text("allowed").key("gid").number(502);
  json.key("signature_id").number(rule.sid).key("rev").number(1).key("rule").text(rule.name);
  draft.field("signature", alert.signature);
  json.key("category").text(rule.category).key("severity").number(static_cast<int>(rule.severity));
  if (alert.repeated > 0) json.key("repeated").number(alert.repeated);
  json.key("metadata").begin_object();
  write_list_of_one(draft, "cwe_id", alert.cwe, rule.cwe);
  write_list_of_one(draft, "mitre_tactic_id", alert.tactic, rule.tactic);
  write_list_of_one(draft, "mitre_technique_id", alert.technique, rule.technique);
  write_list_of_one(draft, "confidence", {}, rule.confidence);
  json.end_object().end_object();
  if (alert.head.has_protocol) write_alert_protocol(draft, alert, alert.head);
  if (alert.callback) {
    write_alert_protocol(draft, alert, alert.callback->first);
    write_callback(draft, *alert.callback);
  }
  if (alert.other_flow) {
    const OtherFlow& other = *alert.other_flow;
    json.key("other_flow").begin_object().key("flow_id").number(other.flow_id);
    json.key("src_ip").text(to_text(other.client.address)).key("src_port").number(other.client.port);
    json.key("dest_ip").text(to_text(other.server.address)).key("dest_port").number(other.server.port).end_object();
  }
}

void write_protocol(EveDraft& draft, const ProtocolRecord& record) {
  JsonWriter& json = draft.json;
  json.key("python_mp").begin_object();
  write_protocol_head(json, record.head, false);
  if (const auto* frame = std::get_if<FrameSeen>(&record.what)) {
    write_frame(json, *frame);
  } else if (const auto* pickle = std::get_if<PickleSeen>(&record.what)) {
    if (record.head.other_reading) json.key("reading").text("other");
    write_frame(json, pickle->frame);
    write_manager(draft, pickle->manager, pickle->reply);
    json.key("pickle");
    write_pickle(draft, pickle->report);
    if (pickle->not_unpickled) json.key("outcome").text(outcome_text(Outcome::kNotUnpickled));
  } else {
    json.key("handshake").begin_object().key("abandoned").boolean(std::get<HandshakeEnded>(record.what).abandoned);
    json.end_object();
  }
  json.end_object();
}

}  // namespace pickletap
