#include "dissectors/pickle/machine_pool.h"

#include <utility>

namespace pickletap {

void PickleMachinePool::set_policy(const Policy& policy) {
  policy_ = &policy;
  idle_.clear();
  shapes_.clear();
}

std::unique_ptr<PickleMachine> PickleMachinePool::acquire() {
  if (idle_.empty()) return std::make_unique<PickleMachine>(*policy_, limits_, &shapes_);
  auto machine = std::move(idle_.back());
  idle_.pop_back();
  return machine;
}

void PickleMachinePool::release(std::unique_ptr<PickleMachine> machine) {
  if (machine && &machine->policy() == policy_ && idle_.size() < kMaxIdle) idle_.push_back(std::move(machine));
}

void PickleMachinePool::wait(MachineLease& lease) {
  wait_no_more(lease);
  lease.bytes_ = lease.machine_->memory_bytes();
  lease.older_ = latest_;
  (latest_ != nullptr ? latest_->newer_ : oldest_) = &lease;
  latest_ = &lease;
  ++counters_.waiting;
  counters_.waiting_bytes += lease.bytes_;
  while (counters_.waiting_bytes > limits_.pickle_machines_bytes && oldest_ != &lease) {
    MachineLease& gone = *oldest_;
    // What no Python reads on, and what called nothing, was read to its end.
    const PickleMachine& machine = *gone.machine_;
    const bool over = machine.ended() && !machine.is_loadable() && !machine.called_by_name();
    gone.release();
    gone.taken_away_ = !over;
    counters_.taken_away += over ? 0 : 1;
  }
}

void PickleMachinePool::wait_no_more(MachineLease& lease) {
  if (lease.bytes_ == 0) return;
  (lease.older_ != nullptr ? lease.older_->newer_ : oldest_) = lease.newer_;
  (lease.newer_ != nullptr ? lease.newer_->older_ : latest_) = lease.older_;
  lease.older_ = lease.newer_ = nullptr;
  --counters_.waiting;
  counters_.waiting_bytes -= std::exchange(lease.bytes_, 0);
}

void MachineLease::acquire(PickleMachinePool& pool) {
  release();
  pool_ = &pool;
  machine_ = pool.acquire();
}

void MachineLease::release() {
  taken_away_ = false;
  if (!machine_) return;
  pool_->wait_no_more(*this);
  pool_->release(std::move(machine_));
}

void MachineLease::resume() {
  if (bytes_ == 0) return;
  pool_->wait_no_more(*this);
  if (pool_->is_short() && machine_->limit_growth()) ++pool_->counters_.limited;
}

}  // namespace pickletap
