#include "sensor/daemon/key_thread.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "sensor/daemon/started_thread.h"

namespace pickletap {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kDeliverAgain{10};
constexpr unsigned kAllOfIt = 100;

KeyVerdict given_up(KeyJob&& job, uint64_t tried) {
  KeyVerdict verdict;
  verdict.head = job.head;
  verdict.exchange = std::move(job.exchange);
  verdict.tried = tried;
  verdict.given_up = true;
  return verdict;
}

}  // namespace

KeyThread::KeyThread(WeakKeyList list, unsigned cpu_percent, Deliver deliver)
    : deliver_(std::move(deliver)),
      cpu_percent_(cpu_percent),
      version_(list.version()),
      list_(std::make_shared<const WeakKeyList>(std::move(list))) {}

void KeyThread::start(const std::function<void()>& on_thread_start) {
  const auto first = [&on_thread_start] {
    // Of this thread alone, as Linux has it. Where it may not be: the share still holds.
    setpriority(PRIO_PROCESS, 0, kNice);
    on_thread_start();
  };
  thread_ = started_thread(first, [this] { run(); });
}

void KeyThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void KeyThread::set_list(WeakKeyList list) {
  auto shared = std::make_shared<const WeakKeyList>(std::move(list));
  const std::lock_guard lock(mutex_);
  list_ = std::move(shared);
  version_ = list_->version();
}

std::shared_ptr<const WeakKeyList> KeyThread::list() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

std::optional<KeyVerdict> KeyThread::check(KeyJob&& job) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() < kMaxJobs && !stopping_) {
      jobs_.push_back(std::move(job));
      wake_.notify_one();
      return std::nullopt;
    }
  }
  return given_up(std::move(job), 0);
}

bool KeyThread::next(KeyJob& job) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
  if (stopping_) return false;
  job = std::move(jobs_.front());
  jobs_.pop_front();
  return true;
}

bool KeyThread::rest(std::chrono::nanoseconds worked) {
  const unsigned percent = std::clamp(cpu_percent_.load(), 1U, kAllOfIt);
  const auto pause = worked * (kAllOfIt - percent) / percent;
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, pause, [this] { return stopping_; });
}

void KeyThread::run() {
  KeyJob job;
  while (next(job)) work(std::move(job));
}

void KeyThread::work(KeyJob&& job) {
  std::shared_ptr<const WeakKeyList> keys = list();
  uint64_t tried = 0;
  size_t at = 0;
  bool found = false, going_on = true;
  const bool can = trial_.begin(job.exchange);
  while (can && going_on && !found && at < keys->size()) {
    const auto begin = Clock::now();
    const size_t end = std::min(at + kSliceKeys, keys->size());
    const size_t hit = trial_.find(*keys, at, end);
    found = hit < end;
    tried += hit - at + (found ? 1 : 0);
    at = hit;
    going_on = rest(Clock::now() - begin);
    if (auto now = list(); now != keys && !found) {
      keys = std::move(now);
      at = 0;
    }
  }
  const bool whole = found || (going_on && (at >= keys->size() || !can));
  KeyVerdict verdict =
      whole ? verdict_of(std::move(job), *keys, found ? at : keys->size(), tried) : given_up(std::move(job), tried);
  while (!deliver_(verdict)) {
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kDeliverAgain, [this] { return stopping_; })) return;
  }
}

}  // namespace pickletap
