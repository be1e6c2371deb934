// Evidence of the daemon: takes alerts from the detection thread, asks the workers for the packets of their flows and
// writes the files (output/evidence.h), all on a thread of its own, so that no disk holds up capture or detection.
//
// The packets are asked for at once, because a worker keeps them for as long as it has room, and once more kSettle later:
// what the flow carried meanwhile (the rest of the message, the answer that shows what it did) belongs to the evidence;
// what comes after that does not, unless another alert asks. Alerts on a flow within that time share its packets. The
// event has been written by then and names the file that will be; the sensor's end writes what waits at once.
//
// Bounded: kMaxAsked requests that nobody has looked at yet (more are dropped, counted, and their events name no file),
// and for packets that wait an eighth of outputs.evidence.memory, plus one flow: beyond it everything that waits is
// written at once. The rest of that memory is the workers'. One thread, but for ask(), look(), counts() and stop().
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "sensor/counters.h"
#include "sensor/daemon/kept_packets.h"
#include "sensor/evidence_request.h"
#include "sensor/output/evidence.h"
#include "sensor/record.h"

namespace pickletap {

class EvidenceThread {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr size_t kMaxAsked = 1024;
  static constexpr std::chrono::milliseconds kSettle{1000};
  /// For the answer of a worker, which is due within a batch of packets.
  static constexpr std::chrono::milliseconds kAnswerPatience{1000};
  /// For what waits when the sensor ends; what is left then is dropped and counted.
  static constexpr std::chrono::seconds kFinishPatience{5};
  /// Of one flow that alerts go on about, while it waits.
  static constexpr uint64_t kMaxFlowBytes = PacketKeeper::kMaxFirst + 2 * PacketKeeper::kMaxLast;

  explicit EvidenceThread(const Config& config);
  ~EvidenceThread() { stop(); }
  EvidenceThread(const EvidenceThread&) = delete;
  EvidenceThread& operator=(const EvidenceThread&) = delete;

  /// What each of `workers` may keep.
  static uint64_t keeper_bytes(const Config& config, unsigned workers);
  /// Before start(). It lives until stop() is done.
  void add(KeptPackets& worker) { workers_.push_back(&worker); }
  /// The folder must exist. Throws what `on_thread_start` throws on the new thread.
  void start(const std::function<void()>& on_thread_start);
  /// Writes what waits and ends. False: some evidence could not be written.
  bool stop();

  /// The file that will have the evidence; empty: there will be none. `shift_ns`: from the packets' time to the event's.
  std::string ask(const Alert& alert, int64_t shift_ns);
  /// Reads the folder anew.
  void look();
  /// Of files; the workers' packets are not in it.
  EvidenceCounts counts() const;

 private:
  struct Waiting {
    EvidenceRequest request;
    int64_t shift_ns = 0;
    Clock::time_point due{};
  };
  struct Collected {
    KeptFlow flow;
    uint64_t bytes = 0;
    unsigned users = 0;  // requests that wait and name it
  };

  void run();
  void take(Waiting&& one);
  void collect(uint64_t flow_id, Collected& collected);
  KeptFlow fetch(uint64_t flow_id, uint64_t after);
  void write_first();
  void write_all();
  void publish();

  const std::string folder_name_;
  const uint64_t quota_bytes_, max_collected_bytes_;
  std::vector<KeptPackets*> workers_;
  std::thread thread_;

  // The thread's own.
  std::optional<EvidenceFolder> folder_;
  std::deque<Waiting> waiting_;  // due first stands first
  std::unordered_map<uint64_t, Collected> collected_;
  uint64_t collected_bytes_ = 0;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable news_;
  std::deque<Waiting> asked_;
  bool stop_ = false, look_ = false;
  EvidenceCounts counts_;
};

}  // namespace pickletap
