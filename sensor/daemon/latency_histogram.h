// How long alerts took, for `pickletap_packet_latency_seconds`. One writer, any reader.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sensor/http/status_source.h"

namespace pickletap {

class LatencyHistogram {
 public:
  /// Upper bounds in seconds: a block of the capture ring is handed over within 10 ms, a parked alert after 0.5 s.
  static constexpr std::array<double, 13> kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1,     2.5,  10};

  void observe(int64_t latency_ns) {
    const double seconds = static_cast<double>(latency_ns) / 1e9;
    size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(latency_ns, std::memory_order_relaxed);
  }

  HistogramSnapshot snapshot() const {
    HistogramSnapshot now;
    now.upper_bounds.assign(kBounds.begin(), kBounds.end());
    for (const auto& count : counts_) now.counts.push_back(count.load(std::memory_order_relaxed));
    now.sum = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
    return now;
  }

 private:
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<int64_t> sum_ns_{0};
};

}  // namespace pickletap
