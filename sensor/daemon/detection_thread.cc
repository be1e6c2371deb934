#include "sensor/daemon/detection_thread.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "sensor/daemon/started_thread.h"

namespace pickletap {

namespace {

/// Moves all times of a record by `shift_ns`.
void shift_times(Record& record, int64_t shift_ns) {
  std::visit(
      [shift_ns](auto& one) {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, StatsRecord>) {
          return;  // made with wall time
        } else {
          one.head.time_ns += shift_ns;
          one.head.flow.start_ns += shift_ns;
          if constexpr (std::is_same_v<T, ListenerRecord>) {
            one.first_seen_ns += shift_ns;
            one.last_seen_ns += shift_ns;
          }
          if constexpr (std::is_same_v<T, FlowRecord>) one.last_ns += shift_ns;
        }
      },
      record);
}

}  // namespace

void DetectionThread::WallTimeRecords::write(const Record& record) {
  ++written;
  // What was told late on purpose says nothing of the sensor's pace.
  const auto* alert = std::get_if<Alert>(&record);
  if (alert != nullptr && alert->repeated == 0 && alert->rule->name != "auth.weak-key") {
    latency.observe(std::max<int64_t>(clock_.now_ns() - alert->head.time_ns, 0));
  }
  const int64_t shift_ns = clock_.shift_ns();
  const bool asks = alert != nullptr && ask_evidence;
  if (shift_ns == 0 && !asks) return writer_.write(record);
  Record changed = record;
  if (asks) std::get<Alert>(changed).capture_file = ask_evidence(*alert, shift_ns);
  shift_times(changed, shift_ns);
  writer_.write(changed);
}

DetectionThread::DetectionThread(const Config& config, EventWriter& writer, LiveClock& clock,
                                 std::function<Counters()> gather)
    : writer_(writer),
      clock_(clock),
      records_(writer, clock),
      detector_(config, records_),
      gather_(std::move(gather)),
      stats_interval_(config.outputs.stats_interval_s),
      next_stats_(Clock::now() + stats_interval_),
      snapshot_(detector_.snapshot()),
      summaries_(std::make_shared<const std::vector<ListenerSummary>>()) {}

void DetectionThread::start(const std::function<void()>& on_thread_start) {
  thread_ = started_thread(on_thread_start, [this] { run(); });
}

void DetectionThread::stop() {
  stop_.store(true, std::memory_order_release);
  waker_.wake();
  if (thread_.joinable()) thread_.join();
}

bool DetectionThread::post(std::function<void(Detector&, EventWriter&)> task) {
  const std::lock_guard lock(mutex_);
  if (tasks_.size() >= kMaxTasks) return false;
  tasks_.push_back(std::move(task));
  has_tasks_.store(true, std::memory_order_release);
  waker_.wake();
  return true;
}

void DetectionThread::run() {
  bool stopping = false;
  while (true) {
    const bool took = take_events();
    run_tasks();
    unpublished_ = unpublished_ || took || records_.written != published_records_;
    keep_time();
    beats_.fetch_add(1, std::memory_order_relaxed);
    if (took) continue;
    if (stopping) break;  // nothing came since stop() was seen
    stopping = stop_.load(std::memory_order_acquire);
    if (stopping) continue;
    waker_.sleep(kIdleWaitMs, [this] { return stop_.load() || has_tasks_.load() || has_events(); });
  }
  detector_.finish();
  publish();
  publish_listeners();
  publish_learned();
  write_stats();
  writer_.flush();
}

bool DetectionThread::has_events() const {
  return std::any_of(queues_.begin(), queues_.end(), [](const EventQueue* queue) { return !queue->empty(); });
}

/// Every queue's events that were there, in turns; then the time that all workers have passed.
bool DetectionThread::take_events() {
  int64_t passed_ns = INT64_MAX;
  for (const EventQueue* queue : queues_) passed_ns = std::min(passed_ns, queue->ticked_ns());
  bool any = false;
  // At most what all queues hold: a worker that puts without end must not keep the clock from going on.
  size_t left = queues_.size() * EventQueue::kMaxEvents;
  for (bool more = true; more && left > 0;) {
    more = false;
    for (EventQueue* queue : queues_) {
      Event event;
      for (unsigned i = 0; i < kTurnEvents && left > 0 && queue->pop(event); ++i, --left) {
        detector_.put(std::move(event));
        more = any = true;
      }
    }
  }
  if (!queues_.empty() && passed_ns != INT64_MIN) detector_.tick(passed_ns);
  return any;
}

void DetectionThread::run_tasks() {
  if (!has_tasks_.exchange(false)) return;
  std::vector<std::function<void(Detector&, EventWriter&)>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task(detector_, writer_);
  unpublished_ = true;
}

void DetectionThread::keep_time() {
  const auto now = Clock::now();
  if (unpublished_ && now >= next_publish_) {
    next_publish_ = now + kPublishEvery;
    unpublished_ = false;
    publish();
  }
  if (now >= next_listeners_) {
    next_listeners_ = now + kListenersEvery;
    publish_listeners();
    writer_.flush();
  }
  if (put_learned_ && now >= next_learned_) {
    next_learned_ = now + kLearnedEvery;
    publish_learned();
  }
  if (stats_interval_.count() != 0 && now >= next_stats_) {
    next_stats_ = now + stats_interval_;
    write_stats();
  }
}

void DetectionThread::write_stats() { writer_.write(StatsRecord{clock_.now_ns() + clock_.shift_ns(), 0, gather_()}); }

void DetectionThread::publish() {
  published_records_ = records_.written;
  DetectorSnapshot now = detector_.snapshot();
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(now);
}

void DetectionThread::publish_listeners() {
  auto now = detector_.listeners().summaries();
  for (ListenerSummary& one : now) {
    one.first_seen_ns += clock_.shift_ns();
    one.last_seen_ns += clock_.shift_ns();
  }
  auto shared = std::make_shared<const std::vector<ListenerSummary>>(std::move(now));
  const std::lock_guard lock(mutex_);
  summaries_ = std::move(shared);
}

void DetectionThread::publish_learned() {
  const AllowWatch& allow = detector_.allow();
  if (!put_learned_ || allow.learned_changes() == published_changes_) return;
  published_changes_ = allow.learned_changes();
  put_learned_(allow.learned());
}

DetectorSnapshot DetectionThread::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

std::shared_ptr<const std::vector<ListenerSummary>> DetectionThread::listeners() const {
  const std::lock_guard lock(mutex_);
  return summaries_;
}

}  // namespace pickletap
