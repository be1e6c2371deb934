// The whole path from file to detector beside a bare libpcap loop that only adds up lengths, in one run: compare the
// CPU columns. The capture is the one that PICKLETAP_BENCH_CAPTURE names, else the largest of pcaps/.
#include <benchmark/benchmark.h>
#include <pcap/pcap.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "config/policy_files.h"
#include "sensor/capture/file_source.h"
#include "sensor/detect/detector.h"
#include "sensor/worker.h"

namespace pickletap {
namespace {

std::string capture_path() {
  const char* named = std::getenv("PICKLETAP_BENCH_CAPTURE");
  return named != nullptr ? named : std::string(PICKLETAP_SOURCE_DIR) + "/pcaps/size-1m-nested.pcap";
}

class NoOutput final : public RecordSink {
 public:
  void write(const Record& record) override { benchmark::DoNotOptimize(&record); }
};

void bare_libpcap_loop(benchmark::State& state) {
  uint64_t bytes = 0;
  for (auto _ : state) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* handle = pcap_open_offline(capture_path().c_str(), error);
    if (handle == nullptr) {
      state.SkipWithError(error);
      return;
    }
    const auto add = [](u_char* sum, const pcap_pkthdr* header, const u_char*) {
      *reinterpret_cast<uint64_t*>(sum) += header->caplen;
    };
    while (pcap_dispatch(handle, 10000, add, reinterpret_cast<u_char*>(&bytes)) > 0) {
    }
    pcap_close(handle);
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(bare_libpcap_loop)->Unit(benchmark::kMillisecond);

void sensor(benchmark::State& state) {
  Policy policy;
  add_builtin_policy(policy);
  const Config config;
  uint64_t bytes = 0;
  for (auto _ : state) {
    NoOutput output;
    Detector detector(config, output);
    Worker worker(config, policy, detector, false);
    FileSource source(capture_path(), {});
    while (source.dispatch(worker, 4096) == ReadState::kMore) {
    }
    worker.finish();
    detector.finish();
    bytes += source.counters().bytes;
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(sensor)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pickletap
