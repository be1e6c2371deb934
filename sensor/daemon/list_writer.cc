#include "sensor/daemon/list_writer.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "sensor/daemon/started_thread.h"
#include "sensor/output/allow_list_text.h"
#include "sensor/output/whole_file.h"

namespace pickletap {

void ListWriter::start(const std::function<void()>& on_thread_start) {
  thread_ = started_thread(on_thread_start, [this] { run(); });
}

void ListWriter::put(AllowList list) {
  const std::lock_guard lock(mutex_);
  latest_ = std::make_unique<const AllowList>(std::move(list));
  news_.notify_one();
}

bool ListWriter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    news_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  return !failed_;
}

void ListWriter::run() {
  std::unique_ptr<const AllowList> list;  // waits to be written
  std::unique_lock lock(mutex_);
  while (true) {
    const auto has_news = [this] { return stop_ || latest_ != nullptr; };
    if (list == nullptr) {
      news_.wait(lock, has_news);
    } else {
      news_.wait_for(lock, kRetryEvery, has_news);
    }
    if (latest_ != nullptr) list = std::move(latest_);
    const bool last = stop_;
    if (list != nullptr) {
      lock.unlock();
      const bool written = write(*list);
      lock.lock();
      if (written) list.reset();
    }
    if (last && latest_ == nullptr) return;
  }
}

bool ListWriter::write(const AllowList& list) {
  const std::string trouble = write_whole_file(path_, allow_list_text(list, allow_list_about()));
  if (trouble.empty()) {
    if (failed_) spdlog::info("policy.learn_file: {}: written again", path_);
  } else if (!failed_) {
    spdlog::error("policy.learn_file: {}: {}; trying again every {} s", path_, trouble, kRetryEvery.count());
  }
  failed_ = !trouble.empty();
  return !failed_;
}

}  // namespace pickletap
