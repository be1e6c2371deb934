#include "sensor/evidence_collector.h"

#include <utility>

namespace pickletap {

void EvidenceCollector::write(const Record& record) {
  const auto* alert = std::get_if<Alert>(&record);
  if (alert == nullptr) return sink_.write(record);
  EvidenceRequest request = evidence_request(*alert);
  if (request.flows.empty()) return sink_.write(record);
  Alert named = *alert;
  named.capture_file = folder_.capture_path(request.stem);
  if (folder_.wants(request.stem)) wanted_.push_back(std::move(request));
  sink_.write(named);
}

void EvidenceCollector::on_flow_packet(const Flow& flow, const Packet& packet) {
  keeper_.keep(flow, packet);
  if (!wanted_.empty()) flush();
  keeper_.trim();
}

void EvidenceCollector::flush() {
  for (const EvidenceRequest& request : std::exchange(wanted_, {})) {
    std::vector<KeptFlow> flows;
    for (const uint64_t flow_id : request.flows) flows.push_back(keeper_.flow(flow_id));
    write_evidence(folder_, request, flows);
  }
}

}  // namespace pickletap
