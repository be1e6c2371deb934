// The whole path from file to detector beside a bare libpcap loop that only adds up lengths, in one run, capture by
// capture: compare the times of sensor/X and bare/X (CPU time, user and system) and their peak_MiB. Each measurement is
// a process of its own, so that the one's memory is not the other's.
//
// PICKLETAP_BENCH_CAPTURES names a folder of captures (*.pcap); without it the largest of pcaps/ is read.
// replay_ratio.py runs this and prints the ratios.
#include <benchmark/benchmark.h>
#include <pcap/pcap.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/policy_files.h"
#include "sensor/capture/file_source.h"
#include "sensor/detect/detector.h"
#include "sensor/worker.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> captures() {
  const char* folder = std::getenv("PICKLETAP_BENCH_CAPTURES");
  if (folder == nullptr) return {std::string(PICKLETAP_SOURCE_DIR) + "/pcaps/size-1m-nested.pcap"};
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".pcap") found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

class NoOutput final : public RecordSink {
 public:
  void write(const Record& record) override { benchmark::DoNotOptimize(&record); }
};

bool read_bare(const std::string& path) {
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* handle = pcap_open_offline(path.c_str(), error);
  if (handle == nullptr) return false;
  uint64_t bytes = 0;
  const auto add = [](u_char* sum, const pcap_pkthdr* header, const u_char*) {
    *reinterpret_cast<uint64_t*>(sum) += header->caplen;
  };
  while (pcap_dispatch(handle, 10000, add, reinterpret_cast<u_char*>(&bytes)) > 0) {
  }
  pcap_close(handle);
  return bytes != 0;
}

bool read_by_sensor(const std::string& path) {
  Policy policy;
  add_builtin_policy(policy);
  const Config config;
  NoOutput output;
  Detector detector(config, output);
  Worker worker(config, policy, detector, false, 1, &detector.armed_board());
  FileSource source(path, {});
  ReadState state = ReadState::kMore;
  while (state == ReadState::kMore) state = source.dispatch(worker, 4096);
  worker.finish();
  detector.finish();
  return state == ReadState::kEnd;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// What `read` takes in a child process; a child that does nothing takes next to nothing.
void run_in_child(benchmark::State& state, const std::string& path, bool (*read)(const std::string&)) {
  double peak_mib = 0;
  for (auto _ : state) {
    const pid_t child = fork();
    if (child < 0) return state.SkipWithError("fork failed");
    if (child == 0) _exit(read(path) ? 0 : 1);
    int status = 0;
    rusage usage{};
    if (wait4(child, &status, 0, &usage) != child || status != 0) {
      return state.SkipWithError("the capture could not be read");
    }
    state.SetIterationTime(seconds(usage.ru_utime) + seconds(usage.ru_stime));
    peak_mib = std::max(peak_mib, static_cast<double>(usage.ru_maxrss) / 1024);
  }
  state.counters["peak_MiB"] = peak_mib;
}

const bool kRegistered = [] {
  for (const std::string& path : captures()) {
    const std::string name = fs::path(path).stem().string();
    const auto add = [&](const std::string& kind, bool (*read)(const std::string&)) {
      benchmark::RegisterBenchmark((kind + "/" + name).c_str(),
                                   [path, read](benchmark::State& state) { run_in_child(state, path, read); })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMillisecond);
    };
    add("bare", read_bare);
    add("sensor", read_by_sensor);
  }
  return true;
}();

}  // namespace
}  // namespace pickletap
