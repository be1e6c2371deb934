// The latest bytes of one direction of a flow as they were delivered, from begin() to end() (offsets of the stream): kept
// so that a second copy of them can be compared, and read instead of them. Owned by a FlowBody's StreamReadings; worker
// thread. Spans live until the next call that is not const.
//
// Limits: kMaxBytes a stream, of which the oldest go first, and HistoryPool::budget_bytes for all; beyond the budget
// nothing is kept and `dropped_bytes` counts it. Small histories share buffers of kSmallBytes, since most flows come and
// go by messages smaller than that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dissectors/dissector.h"

namespace pickletap {

/// What all histories of one worker share.
class HistoryPool {
 public:
  static constexpr uint32_t kSmallBytes = 2048;
  static constexpr size_t kMaxSpare = 64;
  static constexpr uint32_t kMaxReadings = 1024;

  uint64_t budget_bytes = uint64_t{32} << 20;
  uint64_t used_bytes = 0;     ///< buffers of histories and what StreamReadings keeps beside them
  uint64_t dropped_bytes = 0;  ///< not kept, for want of room
  uint32_t readings = 0;       ///< forks alive, at most kMaxReadings: each may hold a PickleMachine

  std::unique_ptr<uint8_t[]> take_small() {
    if (spare_.empty()) return std::make_unique_for_overwrite<uint8_t[]>(kSmallBytes);
    std::unique_ptr<uint8_t[]> buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }
  void give_back_small(std::unique_ptr<uint8_t[]> buffer) {
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(buffer));
  }

 private:
  std::vector<std::unique_ptr<uint8_t[]>> spare_;
};

class ByteHistory {
 public:
  static constexpr uint32_t kMaxBytes = 65536;

  /// `pool` outlives the history.
  explicit ByteHistory(HistoryPool& pool, uint64_t offset = 0) : pool_(&pool), begin_(offset), end_(offset) {}
  ~ByteHistory() { release(); }
  ByteHistory(const ByteHistory&) = delete;
  ByteHistory& operator=(const ByteHistory&) = delete;

  /// The next bytes.
  void append(ByteSpan bytes);
  /// The next `count` bytes were never captured.
  void skip(uint64_t count) {
    end_ += count;
    begin_ = end_;
    let_go();
  }
  void forget_before(uint64_t offset) {
    if (offset <= begin_) return;
    if (offset >= end_) {
      begin_ = end_;
      let_go();
    } else {
      first_ += static_cast<uint32_t>(offset - begin_);
      begin_ = offset;
    }
  }
  /// Puts other bytes in the place of those that were kept; all of [offset, offset + size) must be.
  void overwrite(uint64_t offset, ByteSpan bytes);

  uint64_t begin() const { return begin_; }
  uint64_t end() const { return end_; }
  /// What is kept from `offset` on (at least begin(), at most end()).
  ByteSpan from(uint64_t offset) const {
    return {buffer_.get() + first_ + (offset - begin_), static_cast<size_t>(end_ - offset)};
  }

 private:
  uint32_t size() const { return static_cast<uint32_t>(end_ - begin_); }
  bool make_room(uint32_t count);
  void let_go();
  void release();

  HistoryPool* pool_;
  uint64_t begin_;
  uint64_t end_;
  std::unique_ptr<uint8_t[]> buffer_;
  uint32_t capacity_ = 0;
  uint32_t first_ = 0;  ///< where begin_ lies in the buffer
};

}  // namespace pickletap
