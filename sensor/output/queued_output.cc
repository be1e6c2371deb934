#include "sensor/output/queued_output.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <future>
#include <optional>
#include <utility>

namespace pickletap {
namespace {

using Clock = Transport::Clock;

constexpr std::chrono::milliseconds kCloseTime{200};  // of kFinishPatience: to sync and close

uint64_t charge_of(std::string_view line) { return line.size() + QueuedOutput::kLineOverheadBytes; }

/// Signals are the main thread's business. SIGPIPE and SIGXFSZ, too: here they are EPIPE and EFBIG.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

/// What both threads see. All but the first three is guarded by `mutex`.
struct QueuedOutput::Shared {
  Shared(std::unique_ptr<Transport> to, const QueueLimits& queue_limits, OutputCounters& cells)
      : limits(queue_limits), transport(std::move(to)), place(transport->describe()), counters(&cells) {}

  uint64_t queued_events() const { return waiting.size() + in_flight; }

  const QueueLimits limits;
  const std::unique_ptr<Transport> transport;  // the thread's alone
  const std::string place;

  mutable std::mutex mutex;
  std::condition_variable wake, ended;
  std::deque<std::string> waiting;
  uint64_t waiting_bytes = 0;  // of `waiting`
  uint64_t held_bytes = 0;     // of `waiting` and of what is in flight: what the limit is about
  uint64_t in_flight = 0;      // lines
  Clock::time_point oldest;    // since when `waiting` was never empty
  Clock::time_point finish_by;
  bool finishing = false;
  bool nudged = false;  // do not sleep on: finish() or reopen() was called
  bool wants_reopen = false;
  bool over = false;  // the thread has left the transport
  bool up = true;
  std::string trouble;
  OutputCounters* counters;  // null once finish() has settled the accounts
};

/// The thread's side.
class QueuedOutput::Pump {
 public:
  explicit Pump(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  void run();

 private:
  using Lock = std::unique_lock<std::mutex>;

  void wait(Lock& lock);
  void fill_batch();
  void settle(const SendResult& result, bool went_well);
  void refused(bool made_progress, Clock::time_point now);
  void recovered(Clock::time_point now);
  void gather_news();
  void tell();

  std::shared_ptr<Shared> shared_;
  std::vector<std::string> batch_;  // in flight: what the transport was last given and has not taken, more behind it
  size_t done_ = 0;                 // of batch_: taken, and to be freed without the lock
  bool wants_open_ = true;          // there may be nothing to send, but it has to be known whether it could be
  std::optional<Clock::time_point> retry_at_;
  std::chrono::milliseconds pause_ = kFirstPause;
  Clock::time_point up_since_{};
  bool refusal_told_ = false;
  uint64_t dropped_before_ = 0;  // when the refusal began
  uint64_t dropped_told_ = 0;
  std::optional<Clock::time_point> refusal_told_at_, drops_told_at_, notice_told_at_;
  std::vector<std::pair<spdlog::level::level_enum, std::string>> news_;  // for the log, once the lock is free
};

void QueuedOutput::Pump::run() {
  Shared& s = *shared_;
  Lock lock(s.mutex);
  while (true) {
    wait(lock);
    if (s.counters == nullptr) break;
    if (std::exchange(s.wants_reopen, false)) {
      lock.unlock();
      s.transport->reopen();
      wants_open_ = true;
      lock.lock();
    }
    if (s.finishing && (s.queued_events() == 0 || Clock::now() >= s.finish_by)) break;
    fill_batch();
    if (batch_.empty() && !wants_open_) continue;
    const Clock::time_point patience = Clock::now() + Transport::kPatience;
    const Clock::time_point deadline = s.finishing ? std::min(s.finish_by, patience) : patience;
    lock.unlock();
    SendResult result;
    if (!batch_.empty()) result = s.transport->send(batch_, deadline);
    const bool went_well = batch_.empty() ? s.transport->open(deadline) : result.taken >= batch_.size();
    wants_open_ = !went_well;
    lock.lock();
    if (s.counters == nullptr) break;  // finish() gave us up and has counted these lines
    settle(result, went_well);
    lock.unlock();
    batch_.erase(batch_.begin(), batch_.begin() + static_cast<std::ptrdiff_t>(std::exchange(done_, 0)));
    tell();
    lock.lock();
  }
  lock.unlock();
  s.transport->close();
  lock.lock();
  s.over = true;
  lock.unlock();
  s.ended.notify_all();
}

/// Until there is something to do.
void QueuedOutput::Pump::wait(Lock& lock) {
  Shared& s = *shared_;
  if (wants_open_ && !retry_at_) return;
  if (retry_at_) {
    s.wake.wait_until(lock, *retry_at_, [&s] { return s.nudged; });
  } else if (!s.finishing) {
    s.wake.wait(lock, [&s] { return s.nudged || !s.waiting.empty(); });
    s.wake.wait_until(lock, s.oldest + s.limits.flush_interval,
                      [&s] { return s.nudged || s.waiting_bytes >= s.limits.flush_bytes; });
  }
  s.nudged = false;
}

void QueuedOutput::Pump::fill_batch() {
  Shared& s = *shared_;
  uint64_t bytes = 0;
  for (const std::string& line : batch_) bytes += charge_of(line);
  while (!s.waiting.empty() && batch_.size() < kMaxBatchLines) {
    const uint64_t charge = charge_of(s.waiting.front());
    if (!batch_.empty() && bytes + charge > kMaxBatchBytes) break;
    bytes += charge;
    s.waiting_bytes -= charge;
    batch_.push_back(std::move(s.waiting.front()));
    s.waiting.pop_front();
  }
  s.in_flight = batch_.size();
}

void QueuedOutput::Pump::settle(const SendResult& result, bool went_well) {
  Shared& s = *shared_;
  done_ = std::min(result.taken, batch_.size());
  const size_t dropped = std::min(result.dropped, done_);
  for (size_t i = 0; i < done_; ++i) s.held_bytes -= charge_of(batch_[i]);
  s.in_flight = batch_.size() - done_;
  s.counters->events += done_ - dropped;
  s.counters->dropped += dropped;
  const Clock::time_point now = Clock::now();
  if (went_well) {
    recovered(now);
  } else {
    refused(done_ > 0, now);
  }
  gather_news();
}

void QueuedOutput::Pump::refused(bool made_progress, Clock::time_point now) {
  Shared& s = *shared_;
  if (s.up) {
    if (now - up_since_ >= kLongestPause) pause_ = kFirstPause;
    dropped_before_ = s.counters->dropped;
  }
  s.up = false;
  s.trouble = s.transport->error();
  // Who takes a part is slow or short of room, not dead; and what finish() waits for is tried to the end.
  retry_at_ = now + (made_progress || s.finishing ? kFirstPause : pause_);
  if (!made_progress) pause_ = std::min(pause_ * 2, kLongestPause);
  if (refusal_told_ || (refusal_told_at_ && now - *refusal_told_at_ < kTellPause)) return;
  refusal_told_ = true;
  refusal_told_at_ = now;
  news_.emplace_back(spdlog::level::err, s.place + ": " + s.trouble + "; events wait (up to " +
                                             std::to_string(s.limits.bytes >> 10) + " KiB) until it works");
}

void QueuedOutput::Pump::recovered(Clock::time_point now) {
  Shared& s = *shared_;
  retry_at_.reset();
  if (s.up) return;
  s.up = true;
  s.trouble.clear();
  up_since_ = now;
  if (!std::exchange(refusal_told_, false)) return;
  const uint64_t dropped = s.counters->dropped - dropped_before_;
  dropped_told_ = s.counters->dropped;
  news_.emplace_back(dropped > 0 ? spdlog::level::warn : spdlog::level::info,
                     s.place + ": takes events again; " + std::to_string(dropped) + " were dropped meanwhile");
}

/// What the log should know beside that: losses that go on, and the transport's own words.
void QueuedOutput::Pump::gather_news() {
  Shared& s = *shared_;
  const Clock::time_point now = Clock::now();
  const uint64_t dropped = s.counters->dropped;
  if (dropped > dropped_told_ && (!drops_told_at_ || now - *drops_told_at_ >= kTellPause)) {
    news_.emplace_back(spdlog::level::warn, s.place + ": " + std::to_string(dropped - dropped_told_) +
                                                " events were dropped: the queue was full, or they were too long");
    dropped_told_ = dropped;
    drops_told_at_ = now;
  }
  if (notice_told_at_ && now - *notice_told_at_ < kTellPause) return;
  std::string notice = s.transport->take_notice();
  if (notice.empty()) return;
  news_.emplace_back(spdlog::level::warn, s.place + ": " + notice);
  notice_told_at_ = now;
}

void QueuedOutput::Pump::tell() {
  for (const auto& [level, text] : news_) spdlog::log(level, "{}", text);
  news_.clear();
}

QueuedOutput::QueuedOutput(std::unique_ptr<Transport> transport, const QueueLimits& limits)
    : name_(transport->name()), shared_(std::make_shared<Shared>(std::move(transport), limits, counters_)) {}

QueuedOutput::~QueuedOutput() { finish(); }

void QueuedOutput::start(const std::function<void()>& on_thread_start) {
  if (thread_.joinable()) return;
  std::promise<void> started;
  std::future<void> is_started = started.get_future();
  thread_ = std::thread([shared = shared_, &on_thread_start, started = std::move(started)]() mutable {
    block_signals();
    try {
      if (on_thread_start) on_thread_start();
    } catch (...) {
      started.set_exception(std::current_exception());
      return;
    }
    started.set_value();
    Pump(std::move(shared)).run();
  });
  try {
    is_started.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

bool QueuedOutput::write(std::string_view line) {
  Shared& s = *shared_;
  const uint64_t charge = charge_of(line);
  std::string copy(line);  // before the lock, though it may turn out not to be needed
  bool wakes = false;
  {
    const std::lock_guard lock(s.mutex);
    if (s.finishing || s.held_bytes + charge > s.limits.bytes) {
      ++counters_.dropped;
      return false;
    }
    const bool was_empty = s.waiting.empty(), was_due = s.waiting_bytes >= s.limits.flush_bytes;
    if (was_empty) s.oldest = Clock::now();
    s.waiting.push_back(std::move(copy));
    s.waiting_bytes += charge;
    s.held_bytes += charge;
    wakes = was_empty || (!was_due && s.waiting_bytes >= s.limits.flush_bytes);
  }
  if (wakes) s.wake.notify_one();
  return true;
}

void QueuedOutput::finish() {
  Shared& s = *shared_;
  uint64_t lost = 0;
  bool is_over = true;
  std::deque<std::string> freed;  // without the lock
  {
    std::unique_lock lock(s.mutex);
    if (s.finishing) return;
    const Clock::time_point end = Clock::now() + kFinishPatience;
    s.finishing = s.nudged = true;
    s.finish_by = end - kCloseTime;
    s.wake.notify_one();
    if (thread_.joinable()) is_over = s.ended.wait_until(lock, end, [&s] { return s.over; });
    lost = s.queued_events();
    counters_.dropped += lost;
    s.counters = nullptr;
    s.held_bytes = s.waiting_bytes = s.in_flight = 0;
    freed.swap(s.waiting);
    if (!is_over && s.trouble.empty()) s.trouble = "it hangs";
  }
  if (thread_.joinable()) {
    if (is_over) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }
  if (!is_over) spdlog::error("{}: did not come to an end", s.place);
  if (lost > 0)
    spdlog::error("{}: {} events were not written{}{}", s.place, lost, s.trouble.empty() ? "" : ": ", s.trouble);
}

void QueuedOutput::reopen() {
  Shared& s = *shared_;
  {
    const std::lock_guard lock(s.mutex);
    s.wants_reopen = s.nudged = true;
  }
  s.wake.notify_one();
}

bool QueuedOutput::failed() const {
  const std::lock_guard lock(shared_->mutex);
  return !shared_->up || counters_.dropped > 0;
}

OutputState QueuedOutput::state() const {
  const std::lock_guard lock(shared_->mutex);
  return {shared_->up, shared_->trouble, shared_->held_bytes, shared_->queued_events()};
}

}  // namespace pickletap
