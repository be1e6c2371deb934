// What an alert wants kept: whose packets, under which names. Made from the alert; written once the packets are at hand,
// which `replay` has at once (evidence_collector.h) and the daemon a moment later, on another thread
// (daemon/evidence_thread.h). By value, bounded by the alert.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sensor/kept_flow.h"
#include "sensor/output/evidence.h"
#include "sensor/record.h"

namespace pickletap {

struct EvidenceRequest {
  std::string stem;             ///< of the files' names: EvidenceFolder::stem()
  std::string comment;          ///< the capture's
  std::vector<uint64_t> flows;  ///< the alert's own first, then those it rests on
  std::string pickle;           ///< name of the pickle's file; empty: there is none
  Direction from = Direction::kToServer;
  uint64_t offset = 0, length = 0;  ///< of the pickle in the stream
};

/// Alerts of no flow have no evidence: `flows` is empty.
EvidenceRequest evidence_request(const Alert& alert);

/// `flows`: what was kept, in the order of `request.flows`; those of which nothing was have no segments. `shift_ns` is
/// added to the packets' times. Trouble is the folder's to count and to say.
void write_evidence(EvidenceFolder& folder, const EvidenceRequest& request, std::span<const KeptFlow> flows,
                    int64_t shift_ns = 0);

}  // namespace pickletap
