// Everything that is counted, gathered from where it is counted (plain cells of a worker, the Detector, the outputs)
// into CONTRACT's metric names. Every series is there from the start, at 0.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "dissectors/dissector.h"
#include "sensor/record.h"

namespace pickletap {

struct CaptureCounters;
struct DetectorSnapshot;
struct FlowTableCounters;
struct UnwrapCounters;

/// Of evidence; zeros where none is written.
struct EvidenceCounts {
  uint64_t written = 0, failed = 0, deleted = 0, left_out = 0, missed = 0, dropped = 0;  ///< files
  uint64_t packets_let_go = 0, kept_bytes = 0;
};

/// What one `stats` event and one scrape are made of. References live as long as the call.
struct CounterSources {
  const CaptureCounters& capture;
  const UnwrapCounters& unwrapped;
  const FlowTableCounters& flows;
  const DissectorCounters& dissectors;
  const DetectorSnapshot& detection;
  /// Label and (events, dropped) of each output.
  std::vector<std::pair<std::string_view, std::pair<uint64_t, uint64_t>>> outputs;
  EvidenceCounts evidence = {};
};

std::vector<StatsRecord::Counter> gather_counters(const CounterSources& sources);

/// The sums of several workers; gauges add up as well.
void add_up(const CaptureCounters& from, CaptureCounters& to);
void add_up(const UnwrapCounters& from, UnwrapCounters& to);
void add_up(const FlowTableCounters& from, FlowTableCounters& to);
void add_up(const DissectorCounters& from, DissectorCounters& to);

}  // namespace pickletap
