// The unpickler's stack as the machine keeps it: a plain array that grows to a maximum its owner sets. The owner looks at
// `has_room` before it pushes; nothing here is checked twice.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "dissectors/pickle/value.h"

namespace pickletap {

class ValueStack {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool has_room() const { return size_ < room_; }
  size_t room() const { return room_; }
  size_t memory_bytes() const { return slots_.capacity() * sizeof(Value); }
  /// Makes room for more, up to `max` values; false when there are as many already.
  bool grow(size_t max) {
    if (room_ >= max) return false;
    room_ = std::min(max, std::max<size_t>(kFirstSlots, room_ * 2));
    slots_.resize(room_ + kBeyond);
    return true;
  }
  /// Empties it; what a large pickle needed is given back.
  void reset(size_t max) {
    size_ = 0;
    if (room_ > std::min(kKeepSlots, max)) {
      slots_ = std::vector<Value>();  // `= {}` would keep the memory
      room_ = 0;
    }
  }

  void push(Value value) { slots_[size_++] = value; }
  void pop() { --size_; }
  Value& back() { return slots_[size_ - 1]; }
  Value back() const { return slots_[size_ - 1]; }
  Value& operator[](size_t position) { return slots_[position]; }
  Value operator[](size_t position) const { return slots_[position]; }
  /// To fewer; never to more.
  void resize(size_t size) { size_ = std::min(size_, size); }
  /// Takes out [first, last).
  void cut(size_t first, size_t last) {
    std::copy(slots_.data() + last, slots_.data() + size_, slots_.data() + first);
    size_ -= last - first;
  }
  /// One more below all others; there must be room.
  void push_below(Value value) {
    std::copy_backward(slots_.data(), slots_.data() + size_, slots_.data() + size_ + 1);
    slots_[0] = value;
    ++size_;
  }

  const Value* begin() const { return slots_.data(); }
  const Value* end() const { return slots_.data() + size_; }

  /// Behind the top so many more values can be read; they mean nothing.
  static constexpr size_t kBeyond = 16;

  // For the machine's inner loop, which keeps the top in a register.
  Value* top_slot() { return slots_.data() + size_; }
  Value* slots() { return slots_.data(); }
  Value* slots_end() { return slots_.data() + room_; }
  void set_top(const Value* top) { size_ = static_cast<size_t>(top - slots_.data()); }

 private:
  static constexpr size_t kFirstSlots = 64;
  static constexpr size_t kKeepSlots = 4096;

  std::vector<Value> slots_;
  size_t room_ = 0;
  size_t size_ = 0;
};

}  // namespace pickletap
