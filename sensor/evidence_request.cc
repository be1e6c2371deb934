#include "sensor/evidence_request.h"

#include <algorithm>
#include <string_view>

namespace pickletap {

EvidenceRequest evidence_request(const Alert& alert) {
  EvidenceRequest request;
  if (alert.head.flow.flow_id == 0) return request;
  request.stem = EvidenceFolder::stem(alert.head.flow.flow_id, alert.rule->sid, alert.rule->name);
  // Of a call-back the flow that brought the pickle: the other one is none of ours, and its packets are not kept.
  const RecordHead& head = alert.callback ? alert.callback->first : alert.head;
  request.comment =
      "pickletap: " + std::string(alert.rule->name) + ": " + alert.signature +
      "\nPackets of the flow as far as they were kept; link and IP headers and the handshake are rebuilt.";
  request.flows = {head.flow.flow_id};
  for (const uint64_t flow_id : alert.rests_on) {
    if (std::find(request.flows.begin(), request.flows.end(), flow_id) == request.flows.end()) {
      request.flows.push_back(flow_id);
    }
  }
  if (!alert.has_pickle) return request;
  request.pickle = request.stem + (head.from == Direction::kToServer ? "-to_server-" : "-to_client-") +
                   std::to_string(alert.frame.index) + ".pickle";
  // Where the server opened the connection, the stream's directions are the other way round.
  request.from = head.server_is_initiator ? opposite(head.from) : head.from;
  request.offset = alert.frame.offset;
  request.length = alert.frame.length;
  return request;
}

void write_evidence(EvidenceFolder& folder, const EvidenceRequest& request, std::span<const KeptFlow> flows,
                    int64_t shift_ns) {
  const bool any = std::any_of(flows.begin(), flows.end(), [](const KeptFlow& flow) { return !flow.segments.empty(); });
  if (!any) return folder.miss(request.stem);
  std::vector<EvidencePacket> frames = frames_of(flows);
  for (EvidencePacket& frame : frames) frame.time_ns += shift_ns;
  folder.write(request.stem + ".pcapng", pcapng_of(frames, request.comment));
  if (request.pickle.empty()) return;
  const auto pickle = message_of(flows.front(), request.from, request.offset, request.length);
  if (pickle) folder.write(request.pickle, *pickle);
}

}  // namespace pickletap
