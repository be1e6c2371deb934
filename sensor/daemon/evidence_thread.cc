#include "sensor/daemon/evidence_thread.h"

#include <algorithm>
#include <utility>

#include "sensor/daemon/started_thread.h"

namespace pickletap {

EvidenceThread::EvidenceThread(const Config& config)
    : folder_name_(config.outputs.evidence.folder),
      quota_bytes_(config.outputs.evidence.quota_bytes),
      max_collected_bytes_(config.outputs.evidence.memory_bytes / 8) {}

uint64_t EvidenceThread::keeper_bytes(const Config& config, unsigned workers) {
  const uint64_t memory = config.outputs.evidence.memory_bytes;
  return (memory - memory / 8) / std::max(workers, 1U);
}

void EvidenceThread::start(const std::function<void()>& on_thread_start) {
  thread_ = started_thread(on_thread_start, [this] { run(); });
}

bool EvidenceThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    news_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  const EvidenceCounts now = counts();
  return now.failed == 0 && now.dropped == 0;
}

std::string EvidenceThread::ask(const Alert& alert, int64_t shift_ns) {
  Waiting one;
  one.request = evidence_request(alert);
  if (one.request.flows.empty()) return {};
  one.shift_ns = shift_ns;
  std::string path = EvidenceFolder::capture_path(folder_name_, one.request.stem);
  const std::lock_guard lock(mutex_);
  if (asked_.size() >= kMaxAsked) {
    ++counts_.dropped;
    return {};
  }
  asked_.push_back(std::move(one));
  news_.notify_one();
  return path;
}

void EvidenceThread::look() {
  const std::lock_guard lock(mutex_);
  look_ = true;
  news_.notify_one();
}

EvidenceCounts EvidenceThread::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void EvidenceThread::run() {
  folder_.emplace(folder_name_, quota_bytes_);
  publish();
  Clock::time_point patience_ends = Clock::time_point::max();
  std::unique_lock lock(mutex_);
  while (true) {
    const auto has_news = [this] { return stop_ || look_ || !asked_.empty(); };
    if (waiting_.empty()) {
      news_.wait(lock, has_news);
    } else if (!stop_) {
      news_.wait_until(lock, waiting_.front().due, has_news);
    }
    if (stop_ && patience_ends == Clock::time_point::max()) patience_ends = Clock::now() + kFinishPatience;
    if (stop_ && (asked_.empty() || Clock::now() > patience_ends)) break;
    std::deque<Waiting> asked = std::exchange(asked_, {});
    const bool looks = std::exchange(look_, false);
    lock.unlock();
    if (looks) folder_->look();
    for (Waiting& one : asked) take(std::move(one));
    while (!waiting_.empty() && waiting_.front().due <= Clock::now()) write_first();
    publish();
    lock.lock();
  }
  const uint64_t not_looked_at = asked_.size();
  lock.unlock();
  while (!waiting_.empty() && Clock::now() <= patience_ends) write_first();
  publish();
  lock.lock();
  counts_.dropped += not_looked_at + waiting_.size();
}

void EvidenceThread::take(Waiting&& one) {
  if (!folder_->wants(one.request.stem)) return;
  for (const uint64_t flow_id : one.request.flows) {
    // A flow that alerts go on about fills its share: what asked before is written, and this begins anew.
    const auto at = collected_.find(flow_id);
    if (at != collected_.end() && at->second.bytes >= kMaxFlowBytes / 2) write_all();
    Collected& collected = collected_[flow_id];
    collect(flow_id, collected);
    ++collected.users;
  }
  one.due = Clock::now() + kSettle;
  waiting_.push_back(std::move(one));
  if (collected_bytes_ > max_collected_bytes_) write_all();
}

/// What a worker has kept of the flow since it was asked last.
void EvidenceThread::collect(uint64_t flow_id, Collected& collected) {
  std::vector<KeptSegment>& segments = collected.flow.segments;
  KeptFlow more = fetch(flow_id, segments.empty() ? 0 : segments.back().number);
  if (more.segments.empty()) return;
  const uint64_t bytes = more.bytes();
  if (collected.bytes + bytes > kMaxFlowBytes) return;
  if (segments.empty()) {
    collected.flow = std::move(more);
  } else {
    std::move(more.segments.begin(), more.segments.end(), std::back_inserter(segments));
  }
  collected.bytes += bytes;
  collected_bytes_ += bytes;
}

/// One worker has it, or none.
KeptFlow EvidenceThread::fetch(uint64_t flow_id, uint64_t after) {
  for (KeptPackets* worker : workers_) worker->ask(flow_id, after);
  const auto deadline = Clock::now() + kAnswerPatience;
  for (KeptPackets* worker : workers_) {
    std::optional<KeptFlow> flow = worker->take(deadline);
    if (flow && !flow->segments.empty()) return std::move(*flow);
  }
  return {};
}

void EvidenceThread::write_first() {
  const Waiting one = std::move(waiting_.front());
  waiting_.pop_front();
  std::vector<KeptFlow> flows;
  for (const uint64_t flow_id : one.request.flows) {
    const auto at = collected_.find(flow_id);
    Collected& collected = at->second;
    collect(flow_id, collected);
    if (--collected.users > 0) {
      flows.push_back(collected.flow);
      continue;
    }
    collected_bytes_ -= collected.bytes;
    flows.push_back(std::move(collected.flow));
    collected_.erase(at);
  }
  write_evidence(*folder_, one.request, flows, one.shift_ns);
}

void EvidenceThread::write_all() {
  while (!waiting_.empty()) write_first();
}

void EvidenceThread::publish() {
  const EvidenceCounters& files = folder_->counters();
  const std::lock_guard lock(mutex_);
  counts_.written = files.written;
  counts_.failed = files.failed;
  counts_.deleted = files.deleted;
  counts_.left_out = files.left_out;
  counts_.missed = files.missed;
  counts_.kept_bytes = collected_bytes_;
}

}  // namespace pickletap
