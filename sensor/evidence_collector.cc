#include "sensor/evidence_collector.h"

#include <utility>

namespace pickletap {

void EvidenceCollector::write(const Record& record) {
  const auto* alert = std::get_if<Alert>(&record);
  if (alert == nullptr || alert->head.flow.flow_id == 0) return sink_.write(record);
  const std::string stem = EvidenceFolder::stem(alert->head.flow.flow_id, alert->rule->sid, alert->rule->name);
  Alert named = *alert;
  named.capture_file = folder_.capture_path(stem);
  if (folder_.wants(stem)) {
    Wanted wanted;
    wanted.stem = stem;
    // Of a call-back the flow that brought the pickle: the other one is none of ours, and its packets are not kept.
    const RecordHead& head = alert->callback ? alert->callback->first : alert->head;
    wanted.comment = "pickletap: " + std::string(alert->rule->name) + ": " + alert->signature +
                     "\nPackets of the flow as far as they were kept, headers rebuilt.";
    wanted.flow_id = head.flow.flow_id;
    // Where the server opened the connection, the stream's directions are the other way round.
    wanted.from = head.server_is_initiator ? opposite(head.from) : head.from;
    wanted.has_pickle = alert->has_pickle;
    wanted.pickle = stem + (head.from == Direction::kToServer ? "-to_server-" : "-to_client-") +
                    std::to_string(alert->frame.index) + ".pickle";
    wanted.offset = alert->frame.offset;
    wanted.length = alert->frame.length;
    wanted_.push_back(std::move(wanted));
  }
  sink_.write(named);
}

void EvidenceCollector::on_flow_packet(const Flow& flow, const Packet& packet) {
  keeper_.keep(flow, packet);
  if (!wanted_.empty()) flush();
  keeper_.trim();
}

void EvidenceCollector::flush() {
  for (const Wanted& wanted : std::exchange(wanted_, {})) {
    folder_.write(wanted.stem + ".pcapng", pcapng_of(keeper_.packets_of(wanted.flow_id), wanted.comment));
    if (!wanted.has_pickle) continue;
    const auto pickle = keeper_.bytes_of(wanted.flow_id, wanted.from, wanted.offset, wanted.length);
    if (pickle) folder_.write(wanted.pickle, *pickle);
  }
}

}  // namespace pickletap
