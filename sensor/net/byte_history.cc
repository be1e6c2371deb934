#include "sensor/net/byte_history.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pickletap {

void ByteHistory::append(ByteSpan bytes) {
  const uint64_t whole = bytes.size();
  if (whole > kMaxBytes) bytes = bytes.last(kMaxBytes);
  const auto count = static_cast<uint32_t>(bytes.size());
  end_ += whole - count;  // for a moment a hole, which what is kept ends at
  if (whole != count) begin_ = end_;
  if (size() + count > kMaxBytes) {
    const uint32_t old = size() + count - kMaxBytes;
    begin_ += old;
    first_ += old;
  }
  if (!make_room(count)) {
    pool_->dropped_bytes += count;
    end_ += count;
    begin_ = end_;
    release();
    return;
  }
  if (count != 0) std::memcpy(buffer_.get() + first_ + size(), bytes.data(), count);
  end_ += count;
}

/// Room behind what is kept. A buffer is twice as long as what may be kept, so that a byte is moved once at most.
bool ByteHistory::make_room(uint32_t count) {
  const uint32_t kept = size();
  if (kept == 0) first_ = 0;
  if (first_ + kept + count <= capacity_) return true;
  if (uint64_t{kept + count} * 2 <= capacity_ || (capacity_ == 2 * kMaxBytes)) {
    std::memmove(buffer_.get(), buffer_.get() + first_, kept);
    first_ = 0;
    return true;
  }
  uint32_t wanted = HistoryPool::kSmallBytes;
  while (wanted < kept + count) wanted *= 2;
  if (wanted > HistoryPool::kSmallBytes) wanted = std::min(wanted * 2, 2 * kMaxBytes);
  if (wanted <= capacity_) wanted = std::min(capacity_ * 2, 2 * kMaxBytes);
  if (pool_->used_bytes - capacity_ + wanted > pool_->budget_bytes) return false;
  std::unique_ptr<uint8_t[]> larger;
  if (wanted == HistoryPool::kSmallBytes) {
    larger = pool_->take_small();
  } else {
    larger = std::make_unique_for_overwrite<uint8_t[]>(wanted);
  }
  if (kept != 0) std::memcpy(larger.get(), buffer_.get() + first_, kept);
  const uint32_t old = std::exchange(capacity_, wanted);
  pool_->used_bytes += wanted;
  pool_->used_bytes -= old;
  std::unique_ptr<uint8_t[]> before = std::exchange(buffer_, std::move(larger));
  first_ = 0;
  if (old == HistoryPool::kSmallBytes) pool_->give_back_small(std::move(before));
  return true;
}

void ByteHistory::let_go() {
  first_ = 0;
  // A long stream is acknowledged often: its buffer stays, until the budget is short or the flow ends.
  if (capacity_ == HistoryPool::kSmallBytes || pool_->used_bytes > pool_->budget_bytes / 2) release();
}

void ByteHistory::release() {
  if (buffer_ == nullptr) return;
  pool_->used_bytes -= capacity_;
  if (capacity_ == HistoryPool::kSmallBytes) pool_->give_back_small(std::move(buffer_));
  buffer_.reset();
  capacity_ = 0;
}

void ByteHistory::overwrite(uint64_t offset, ByteSpan bytes) {
  if (offset < begin_ || offset + bytes.size() > end_ || bytes.empty()) return;
  std::memcpy(buffer_.get() + first_ + (offset - begin_), bytes.data(), bytes.size());
}

}  // namespace pickletap
