// The pickle machines of a worker. A flow has one only while it is inside a frame: most frames come in one piece, and
// their machine goes back at once. One that waits for the rest of its frame holds memory, at most as much as
// DissectorLimits allow it; but anybody may open any number of flows and leave a frame open in each. So those that wait
// are added up: above half of `budget_bytes` none of them grows any more (what it would have kept is forgotten, as at
// every bound of a machine), and above all of it the one that was fed longest ago is taken away. Both are counted.
// One thread; outlives its machines and leases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/shape_table.h"

namespace pickletap {

class MachineLease;

class PickleMachinePool {
 public:
  struct Counters {
    uint64_t limited = 0;        ///< machines that could grow no more
    uint64_t taken_away = 0;     ///< and the pickles that were not followed to their end
    uint64_t waiting = 0;        ///< gauge: machines inside a frame
    uint64_t waiting_bytes = 0;  ///< gauge: of these
  };

  PickleMachinePool(const Policy& policy, const DissectorLimits& limits) : policy_(&policy), limits_(limits) {}
  PickleMachinePool(const PickleMachinePool&) = delete;
  PickleMachinePool& operator=(const PickleMachinePool&) = delete;

  /// From the next acquire() on. Machines in use keep the policy they have, which must outlive them.
  void set_policy(const Policy& policy);
  std::unique_ptr<PickleMachine> acquire();
  void release(std::unique_ptr<PickleMachine> machine);

  const Counters& counters() const { return counters_; }

 private:
  friend class MachineLease;
  static constexpr size_t kMaxIdle = 16;

  /// The lease's machine waits, and holds so much.
  void wait(MachineLease& lease);
  void wait_no_more(MachineLease& lease);
  bool is_short() const { return counters_.waiting_bytes > limits_.pickle_machines_bytes / 2; }

  const Policy* policy_;
  const DissectorLimits& limits_;
  ShapeTable shapes_;
  std::vector<std::unique_ptr<PickleMachine>> idle_;
  MachineLease* oldest_ = nullptr;  ///< those that wait, in the order in which they were fed
  MachineLease* latest_ = nullptr;
  Counters counters_;
};

/// One direction's hold on a machine; stays where it is, the pool knows its place.
class MachineLease {
 public:
  MachineLease() = default;
  ~MachineLease() { release(); }
  MachineLease(const MachineLease&) = delete;
  MachineLease& operator=(const MachineLease&) = delete;

  explicit operator bool() const { return machine_ != nullptr; }
  PickleMachine* operator->() const { return machine_.get(); }
  PickleMachine& operator*() const { return *machine_; }

  void acquire(PickleMachinePool& pool);
  /// Also forgets that a machine was taken away.
  void release();
  /// The frame goes on with later bytes. The machine may be gone when they come.
  void wait() {
    if (machine_) pool_->wait(*this);
  }
  /// They are here: before the machine is fed.
  void resume();
  /// The pool took the machine away since acquire().
  bool was_taken_away() const { return taken_away_; }

 private:
  friend class PickleMachinePool;

  PickleMachinePool* pool_ = nullptr;
  std::unique_ptr<PickleMachine> machine_;
  MachineLease* older_ = nullptr;
  MachineLease* newer_ = nullptr;
  size_t bytes_ = 0;  ///< what the pool counts for it; 0: it does not wait
  bool taken_away_ = false;
};

}  // namespace pickletap
