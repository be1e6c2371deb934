#include "sensor/output/eve_record.h"

#include <algorithm>

#include "sensor/net/address_text.h"
#include "sensor/net/community_id.h"
#include "sensor/output/eve_parts.h"
#include "sensor/output/time_text.h"

namespace pickletap {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

/// Decoding trouble may come without a flow: then there are no addresses to print.
bool has_flow(const RecordHead& head) { return head.flow.flow_id != 0 || head.flow.initiator != Endpoint{}; }

/// Who stands as src: who sent the bytes an alert or a frame speaks of, else the client as in Suricata's flow events.
bool from_sender(const Record& record) {
  return std::holds_alternative<Alert>(record) || std::holds_alternative<ProtocolRecord>(record);
}

void write_time(JsonWriter& json, std::string_view key, int64_t time_ns) { json.key(key).text(eve_time(time_ns)); }

void write_origin(EveDraft& draft, const EveContext& context, uint16_t source_index, uint64_t packet_number) {
  const std::string_view source =
      source_index < context.sources.size() ? std::string_view(context.sources[source_index]) : std::string_view();
  if (context.live) {
    if (!source.empty()) draft.field("in_iface", source);
    return;
  }
  if (!source.empty()) draft.field("pcap_filename", source);
  draft.json.key("pcap_cnt").number(packet_number);
}

void write_tuple(EveDraft& draft, const Endpoint& source, const Endpoint& destination, bool is_udp) {
  JsonWriter& json = draft.json;
  json.key("src_ip").text(to_text(source.address)).key("src_port").number(source.port);
  json.key("dest_ip").text(to_text(destination.address)).key("dest_port").number(destination.port);
  json.key("proto").text(is_udp ? "UDP" : "TCP");
  json.key("community_id").text(community_id(source, destination, is_udp));
}

void write_vlan(JsonWriter& json, const VlanTags& vlan) {
  const size_t count = std::min<size_t>(vlan.count, vlan.ids.size());
  if (count == 0) return;
  json.key("vlan").begin_array();
  for (size_t i = 0; i < count; ++i) json.number(vlan.ids[i]);
  json.end_array();
}

std::string_view protocol_name(uint8_t protocol) {
  switch (protocol) {
    case 4: return "IPv4";
    case 17: return "UDP";
    case 41: return "IPv6";
    case 47: return "GRE";
    case 137: return "MPLS-in-IP";
    default: return "IP";
  }
}

struct TunnelWords {
  std::string_view type, id;
};

TunnelWords words_of(TunnelKind kind) {
  switch (kind) {
    case TunnelKind::kIpInIp: break;
    case TunnelKind::kGre: return {"gre", "key"};
    case TunnelKind::kErspan: return {"erspan", "session"};
    case TunnelKind::kVxlan: return {"vxlan", "vni"};
    case TunnelKind::kGeneve: return {"geneve", "vni"};
    case TunnelKind::kGtpU: return {"gtp-u", "teid"};
  }
  return {"ip-in-ip", "id"};
}

/// Suricata's `tunnel`, the outermost header, and what kind it is.
void write_tunnel(JsonWriter& json, const TunnelInfo& tunnel) {
  if (tunnel.depth == 0) return;
  const TunnelLayer& outer = tunnel.outermost;
  const TunnelWords words = words_of(outer.kind);
  json.key("tunnel").begin_object();
  json.key("src_ip").text(to_text(outer.source)).key("src_port").number(outer.source_port);
  json.key("dest_ip").text(to_text(outer.destination)).key("dest_port").number(outer.destination_port);
  json.key("proto").text(protocol_name(outer.protocol)).key("type").text(words.type);
  if (outer.has_id) json.key(words.id).number(outer.id);
  json.key("depth").number(tunnel.depth).end_object();
}

/// What Suricata adds to a flow when it is over.
void write_flow_end(JsonWriter& json, const FlowRecord& record) {
  const bool is_closed = record.reason == EndReason::kFin || record.reason == EndReason::kReset;
  const FlowCounts& counts = record.head.flow.counts;
  const bool is_answered = counts.packets[0] > 0 && counts.packets[1] > 0;
  write_time(json, "end", record.last_ns);
  json.key("age").number(std::max<int64_t>(0, (record.last_ns - record.head.flow.start_ns) / kNsPerSecond));
  json.key("state").text(is_closed ? "closed" : is_answered ? "established" : "new").key("reason");
  switch (record.reason) {
    case EndReason::kFin: json.text("fin"); break;
    case EndReason::kReset: json.text("reset"); break;
    case EndReason::kTimeout: json.text("timeout"); break;
    case EndReason::kEvicted: json.text("forced"); break;
    case EndReason::kCapture: json.text("shutdown"); break;
  }
}

/// `flow`: src is who opened it, and "toserver" what went the other way from there. Counts are kept by who sent first,
/// which is the server where the beginning was missed and guessed wrong.
void write_flow(JsonWriter& json, const RecordHead& head, const FlowRecord* ended) {
  const unsigned to_server = head.server_is_initiator ? 1 : 0, to_client = 1 - to_server;
  const FlowCounts& counts = head.flow.counts;
  json.key("flow").begin_object();
  json.key("pkts_toserver").number(counts.packets[to_server]).key("pkts_toclient").number(counts.packets[to_client]);
  json.key("bytes_toserver").number(counts.bytes[to_server]).key("bytes_toclient").number(counts.bytes[to_client]);
  write_time(json, "start", head.flow.start_ns);
  json.key("src_ip").text(to_text(head.client().address)).key("dest_ip").text(to_text(head.server().address));
  json.key("src_port").number(head.client().port).key("dest_port").number(head.server().port);
  if (ended != nullptr) write_flow_end(json, *ended);
  if (head.flow.midstream) json.key("midstream").boolean(true);
  json.end_object();
}

void write_listener(EveDraft& draft, const ListenerRecord& record) {
  JsonWriter& json = draft.json;
  const RecordHead& head = record.head;
  json.key("listener").begin_object();
  json.key("change").text(record.change);
  json.key("ip").text(to_text(head.server().address)).key("port").number(head.server().port);
  json.key("application").text(to_text(head.application));
  if (head.server_python != PythonGuess::kUnknown) json.key("python").text(to_text(head.server_python));
  write_auth(json, head, head.weak_key);
  json.key("manager").boolean(head.application == Application::kManager);
  if (record.messages != Messages::kUnknown) json.key("messages").text(to_text(record.messages));
  write_time(json, "first_seen", record.first_seen_ns);
  write_time(json, "last_seen", record.last_seen_ns);
  json.key("flows").number(record.flows).key("peers").number(record.peers);
  json.key("untrusted_peers").number(record.untrusted_peers).end_object();
}

void write_anomaly(EveDraft& draft, const AnomalyRecord& record) {
  draft.json.key("anomaly").begin_object().key("type").text(record.layer).key("event").text(record.what);
  draft.json.key("count").number(record.count).end_object();
}

/// Everything up to the object that the event type is named for.
void write_head(EveDraft& draft, const EveContext& context, const RecordHead& head, const Record& record) {
  JsonWriter& json = draft.json;
  write_time(json, "timestamp", head.time_ns);
  if (has_flow(head)) json.key("flow_id").number(head.flow.flow_id);
  write_origin(draft, context, head.source_index, head.packet_number);
  json.key("event_type").text(event_type(record));
  write_vlan(json, head.flow.vlan);
  write_tunnel(json, head.flow.tunnel);
  if (has_flow(head)) {
    const bool by_sender = from_sender(record);
    write_tuple(draft, by_sender ? head.sender() : head.client(), by_sender ? head.receiver() : head.server(),
                head.flow.is_udp);
  }
  if (const auto* alert = std::get_if<Alert>(&record); alert != nullptr && !alert->capture_file.empty()) {
    draft.field("capture_file", alert->capture_file);
  }
  if (head.has_protocol) json.key("app_proto").text(app_proto_text(head.application));
}

void write_body(EveDraft& draft, const Record& record) {
  std::visit(Overloaded{[&](const Alert& alert) { write_alert(draft, alert); },
                        [&](const ListenerRecord& listener) { write_listener(draft, listener); },
                        [](const FlowRecord&) {}, [&](const AnomalyRecord& anomaly) { write_anomaly(draft, anomaly); },
                        [&](const ProtocolRecord& protocol) { write_protocol(draft, protocol); },
                        [&](const StatsRecord& stats) { write_stats(draft, stats); }},
             record);
}

/// One try at a line, without its newline.
void render(EveDraft& draft, const EveContext& context, const Record& record) {
  JsonWriter& json = draft.json;
  json.begin_object();
  const RecordHead* head = std::visit(Overloaded{[](const StatsRecord&) -> const RecordHead* { return nullptr; },
                                                 [](const auto& other) { return &other.head; }},
                                      record);
  if (head != nullptr) {
    write_head(draft, context, *head, record);
  } else {
    const auto& stats = std::get<StatsRecord>(record);
    write_time(json, "timestamp", stats.time_ns);
    if (!context.live) json.key("pcap_cnt").number(stats.packet_number);
    json.key("event_type").text("stats");
  }
  write_body(draft, record);
  if (head != nullptr && has_flow(*head)) write_flow(json, *head, std::get_if<FlowRecord>(&record));
  draft.field("sensor", context.sensor_name);
  draft.field("host", context.sensor_name);
  draft.cuts.write(json);
  json.end_object();
}

}  // namespace

std::string_view event_type(const Record& record) {
  static constexpr std::string_view kNames[] = {"alert", "listener", "flow", "anomaly", "python_mp", "stats"};
  static_assert(std::size(kNames) == std::variant_size_v<Record>);
  return kNames[record.index()];
}

std::string_view EveRenderer::line(const Record& record) {
  for (const EveLimits& limits : kEveLimits) {
    line_.clear();
    JsonWriter json(line_, kMaxEveLineBytes - 1);
    EveDraft draft{json, limits, {}};
    render(draft, context_, record);
    if (!json.overflowed()) break;  // the last row always fits: eve_parts.h proves it for alerts, tests for all
  }
  line_ += '\n';
  return line_;
}

std::string explain_line_start(std::string_view file) {
  std::string line;
  JsonWriter(line, SIZE_MAX).begin_object().key("file").text(file).key("pickles").begin_array();
  return line;
}

std::string explain_line_pickle(const ExplainedPickle& pickle, bool is_first) {
  std::string text;
  for (const EveLimits& limits : kEveLimits) {
    text.assign(is_first ? "" : ",");
    JsonWriter json(text, kMaxEveLineBytes);
    EveDraft draft{json, limits, {}};
    json.begin_object().key("offset").number(pickle.offset).key("length").number(pickle.length).key("severity");
    if (pickle.severity) {
      json.number(static_cast<int>(*pickle.severity));
    } else {
      json.null();
    }
    json.key("rules").begin_array();
    for (const std::string_view rule : pickle.rules) json.text(rule);
    json.end_array().key("pickle");
    write_pickle(draft, pickle.report);
    draft.cuts.write(json);
    json.end_object();
    if (!json.overflowed()) break;
  }
  return text;
}

std::string rule_line(const RuleInfo& rule) {
  std::string line;
  JsonWriter json(line, SIZE_MAX);
  json.begin_object().key("sid").number(rule.sid).key("rule").text(rule.name);
  json.key("severity").number(static_cast<int>(rule.severity)).key("raised_when").text(rule.raised_when);
  json.key("category").text(rule.category).key("cwe_id").text(rule.cwe).key("mitre_tactic_id").text(rule.tactic);
  json.key("mitre_technique_id").text(rule.technique).key("confidence").text(rule.confidence).end_object();
  line += '\n';
  return line;
}

}  // namespace pickletap
