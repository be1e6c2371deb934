// Evidence of `replay`: stands between the Detector and the outputs, where it gives alerts the name of their evidence, and
// beside the worker, whose packets it keeps. Written when the packet that brought the alert is kept, so before its flow
// can make room for others. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sensor/evidence_request.h"
#include "sensor/output/evidence.h"
#include "sensor/packet_keeper.h"
#include "sensor/record.h"
#include "sensor/worker.h"

namespace pickletap {

class EvidenceCollector final : public RecordSink, public FlowPackets {
 public:
  /// `sink` outlives the collector. The folder must exist.
  EvidenceCollector(std::string folder, uint64_t quota_bytes, uint64_t memory_bytes, RecordSink& sink)
      : sink_(sink), folder_(std::move(folder), quota_bytes), keeper_(memory_bytes) {}

  void write(const Record& record) override;
  void on_flow_packet(const Flow& flow, const Packet& packet) override;
  /// Writes what was asked for; also the last call.
  void flush();

  const EvidenceCounters& counters() const { return folder_.counters(); }
  uint64_t kept_bytes() const { return keeper_.bytes(); }
  uint64_t packets_let_go() const { return keeper_.packets_let_go(); }
  bool failed() const { return folder_.counters().failed > 0; }

 private:
  RecordSink& sink_;
  EvidenceFolder folder_;
  PacketKeeper keeper_;
  std::vector<EvidenceRequest> wanted_;  // of one packet, mostly
};

}  // namespace pickletap
