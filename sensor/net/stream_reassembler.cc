#include "sensor/net/stream_reassembler.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pickletap {
namespace {

/// A stream that was once badly out of order does not keep the room for it.
constexpr size_t kKeptBlockCapacity = 16;

}  // namespace

StreamReassembler::~StreamReassembler() { clear_blocks(); }

void StreamReassembler::start(uint32_t first_seq) {
  if (started_) return;
  started_ = true;
  first_seq_ = first_seq;
}

int64_t StreamReassembler::offset_of(uint32_t seq) const {
  const uint32_t next_seq = first_seq_ + static_cast<uint32_t>(next_);
  return next_ + static_cast<int32_t>(seq - next_seq);
}

void StreamReassembler::push(const Segment& segment, int64_t now_ns) {
  const auto length = static_cast<int64_t>(segment.data.size() + segment.missing);
  if (length == 0 && !segment.fin) return;
  if (ended_) {
    pool_.counters.after_end_bytes += static_cast<uint64_t>(length);
    return;
  }
  if (!started_) start(segment.seq);
  const int64_t start = offset_of(segment.seq);
  if (policy_ != OverlapPolicy::kLinux && overlaps_queue(start, start + length)) {
    if (!queue_settled(segment, start) && start <= next_) accept_in_order(segment, start);
  } else if (start <= next_) {
    accept_in_order(segment, start);
  } else if (start > horizon()) {
    ++pool_.counters.outside_window_segments;
  } else {
    queue(segment, start);
  }
  if (has_blocks()) consider_hole(now_ns);
}

void StreamReassembler::accept_in_order(const Segment& segment, int64_t start) {
  const int64_t captured_end = start + static_cast<int64_t>(segment.data.size());
  const int64_t end = captured_end + segment.missing;
  if (end < next_) return;  // all of it was delivered, a FIN behind it is covered
  ready_ = captured_end > next_ ? segment.data.subspan(static_cast<size_t>(next_ - start)) : ByteSpan{};
  ready_end_ = end;
  ready_fin_ = segment.fin;
}

size_t StreamReassembler::first_block_after(int64_t start) const {
  const auto after = std::upper_bound(blocks_.begin() + head_, blocks_.end(), start,
                                      [](int64_t value, const Block& block) { return value < block.start; });
  return static_cast<size_t>(after - blocks_.begin());
}

bool StreamReassembler::overlaps_queue(int64_t start, int64_t end) const {
  if (!has_blocks() || blocks_[head_].start >= end) return false;
  const size_t after = first_block_after(start);
  return (after > head_ && blocks_[after - 1].end > start) || (after < blocks_.size() && blocks_[after].start < end);
}

/// Queues a segment that overlaps queued ones; where it does both get the bytes of the one that the policy prefers, so
/// that it no longer matters which of them is read.
bool StreamReassembler::queue_settled(const Segment& segment, int64_t start) {
  const int64_t captured_end = start + static_cast<int64_t>(segment.data.size());
  const int64_t end = captured_end + segment.missing;
  if (captured_end <= next_ || start > horizon()) return false;
  const int64_t first = std::max(start, next_);
  std::vector<uint8_t> bytes(segment.data.begin() + (first - start), segment.data.end());
  for (size_t i = head_; i < blocks_.size() && blocks_[i].start < captured_end; ++i) {
    Block& block = blocks_[i];
    const int64_t from = std::max(first, block.start);
    const int64_t to = std::min(captured_end, block.start + block.size);
    if (from >= to || !block.bytes) continue;
    uint8_t* mine = bytes.data() + (from - first);
    uint8_t* queued = block.bytes.get() + (from - block.start);
    const auto count = static_cast<size_t>(to - from);
    const int64_t block_end = block.end - (block.fin ? 1 : 0);
    if (newer_wins(policy_, block.start, block_end, start, end)) {
      std::memcpy(queued, mine, count);
    } else {
      std::memcpy(mine, queued, count);
    }
  }
  return queue({first_seq_ + static_cast<uint32_t>(first), bytes, segment.missing, segment.fin}, first);
}

/// False when there is no room for it.
bool StreamReassembler::queue(const Segment& segment, int64_t start) {
  const auto size = static_cast<uint32_t>(segment.data.size());
  const int64_t end = start + size + segment.missing + (segment.fin ? 1 : 0);
  size_t position = first_block_after(start);
  if (position > head_ && end <= blocks_[position - 1].end) return true;  // covered by an older copy
  if (!make_room(start, size + kBlockOverhead)) {
    pool_.counters.limit_bytes += size;
    ++pool_.counters.limit_segments;
    limit_bytes_ += size;
    return false;
  }
  if (head_ > 0) {
    blocks_.erase(blocks_.begin(), blocks_.begin() + head_);
    head_ = 0;
  }
  position = first_block_after(start);
  // The longer of two with the same start stays, and what lies wholly under the new one goes.
  const size_t first = position > 0 && blocks_[position - 1].start == start ? position - 1 : position;
  size_t last = first;
  while (last < blocks_.size() && blocks_[last].end <= end) ++last;
  erase_blocks(first, last);

  Block block;
  block.start = start;
  block.end = end;
  block.size = size;
  block.fin = segment.fin;
  if (size != 0) {
    block.bytes = std::make_unique_for_overwrite<uint8_t[]>(size);
    std::memcpy(block.bytes.get(), segment.data.data(), size);
  }
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(first), std::move(block));
  charge(size + kBlockOverhead);
  ++pool_.counters.out_of_order_segments;
  return true;
}

bool StreamReassembler::make_room(int64_t start, uint64_t charge) {
  const ReassemblyLimits& limits = pool_.limits;
  while (queued_blocks() >= limits.max_blocks || charged_bytes_ + charge > limits.max_bytes ||
         pool_.used_bytes + charge > pool_.budget_bytes) {
    if (acked_ < 0) {
      // Nobody will say what arrived. The hole in front goes; take() then hands out at least one block at once, so
      // that the limit is exceeded by one segment and only until then.
      const int64_t front = has_blocks() ? std::min(start, blocks_[head_].start) : start;
      skip_until_ = std::max(skip_until_, front);
      return true;
    }
    if (!has_blocks() || blocks_.back().start <= start) return false;
    pool_.counters.limit_bytes += blocks_.back().size;
    ++pool_.counters.limit_segments;
    limit_bytes_ += blocks_.back().size;
    erase_blocks(blocks_.size() - 1, blocks_.size());
  }
  return true;
}

void StreamReassembler::charge(uint64_t bytes) {
  charged_bytes_ += bytes;
  pool_.used_bytes += bytes;
}

void StreamReassembler::release(uint64_t bytes) {
  charged_bytes_ -= bytes;
  pool_.used_bytes -= bytes;
}

void StreamReassembler::erase_blocks(size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) release(blocks_[i].size + kBlockOverhead);
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(first),
                blocks_.begin() + static_cast<std::ptrdiff_t>(last));
}

void StreamReassembler::clear_blocks() {
  release(charged_bytes_);
  head_ = 0;
  if (blocks_.capacity() > kKeptBlockCapacity) {
    blocks_ = std::vector<Block>();
  } else {
    blocks_.clear();
  }
}

void StreamReassembler::acknowledge(uint32_t ack, int64_t now_ns) {
  if (!started_ || ended_) return;
  const int64_t offset = offset_of(ack);
  if (offset > horizon()) return;   // nobody can have sent that much
  if (acked_ < 0) marked_ = false;  // the mark came from what was queued, which proves nothing any more
  acked_ = std::max({acked_, offset, int64_t{0}});
  if (has_blocks()) consider_hole(now_ns);
}

void StreamReassembler::note_position(uint32_t seq) {
  if (!started_ || ended_) return;
  const int64_t offset = offset_of(seq);
  if (offset <= horizon()) spoken_ = std::max(spoken_, offset);
}

uint64_t StreamReassembler::unseen_bytes() const {
  int64_t known = std::max(acked_, spoken_);
  if (has_blocks()) known = std::max(known, blocks_[head_].start);
  return known > next_ ? static_cast<uint64_t>(known - next_) : 0;
}

// A hole is given up when the peer confirmed what lies behind it long enough ago for a late copy to have come by:
// what is confirmed now becomes the mark, and what the mark says after that time is believed.
void StreamReassembler::consider_hole(int64_t now_ns) {
  const bool peer_seen = acked_ >= 0;
  const int64_t confirmed = peer_seen ? acked_ : blocks_.back().end;
  if (confirmed <= next_) {
    marked_ = false;
    return;
  }
  if (marked_) {
    const int64_t patience_ns = peer_seen ? pool_.limits.acked_hole_ns : pool_.limits.unseen_peer_hole_ns;
    if (now_ns - mark_ns_ < patience_ns) return;
    skip_until_ = std::max(skip_until_, mark_);
  }
  marked_ = true;
  mark_ = confirmed;
  mark_ns_ = now_ns;
}

bool StreamReassembler::accepts_reset(uint32_t seq) const {
  if (!started_ || ended_) return true;
  const int64_t offset = offset_of(seq);
  if (offset == next_) return true;
  if (has_blocks() && offset == blocks_.back().end) return true;
  // Where the capture lost data, the peer's ACK says where its stream stands. Where there are no ACKs, the window.
  if (acked_ >= 0) return offset > next_ && offset == acked_;
  return offset > next_ && offset <= next_ + kResetWindow;
}

void StreamReassembler::finish(EndReason reason) {
  if (finishing_) return;
  finishing_ = true;
  finish_reason_ = reason;
}

uint64_t StreamReassembler::take_limit_bytes() { return std::exchange(limit_bytes_, 0); }

bool StreamReassembler::take(StreamPiece& piece) {
  if (ended_) return false;
  if (!has_certain_fin()) {  // a FIN that the peer has stands against what comes in its place
    if (take_ready(piece)) return true;
  }
  if (has_certain_fin()) {
    take_end(piece, EndReason::kFin);
    return true;
  }
  if (!has_blocks() && !finishing_) return false;
  if (take_block(piece)) return true;
  if (has_certain_fin()) {
    take_end(piece, EndReason::kFin);
    return true;
  }
  if (has_blocks()) {
    const int64_t front = blocks_[head_].start;
    const int64_t until = finishing_ ? front : std::min(front, skip_until_);
    if (until <= next_) return false;
    take_gap(piece, until, StreamPiece::Kind::kHole);
    return true;
  }
  marked_ = false;
  if (!finishing_) return false;
  // More was sent than was captured. One number more may be a FIN that was lost.
  if (const uint64_t unseen = unseen_bytes(); unseen > 1) {
    take_gap(piece, next_ + static_cast<int64_t>(unseen), StreamPiece::Kind::kHole);
    return true;
  }
  take_end(piece, finish_reason_);
  return true;
}

bool StreamReassembler::take_ready(StreamPiece& piece) {
  if (!ready_.empty()) {
    take_data(piece, ready_);
    ready_ = {};
    return true;
  }
  if (ready_end_ > next_) {
    take_gap(piece, ready_end_, StreamPiece::Kind::kCutOff);
    return true;
  }
  if (std::exchange(ready_fin_, false)) fin_at_ = next_;
  return false;
}

bool StreamReassembler::take_block(StreamPiece& piece) {
  while (has_blocks() && blocks_[head_].start <= next_) {
    Block& block = blocks_[head_];
    const int64_t captured_end = block.start + block.size;
    if (block.end > next_ && captured_end > next_) {
      const auto skip = static_cast<size_t>(next_ - block.start);
      current_ = std::move(block.bytes);
      take_data(piece, ByteSpan(current_.get(), block.size).subspan(skip));
      release(block.size);
      block.start = captured_end;
      block.size = 0;
      return true;
    }
    const int64_t data_end = block.end - (block.fin ? 1 : 0);
    if (data_end > next_) {
      take_gap(piece, data_end, StreamPiece::Kind::kCutOff);
      return true;
    }
    if (block.end > next_) fin_at_ = next_;
    release(block.size + kBlockOverhead);
    block.bytes.reset();
    ++head_;
  }
  if (!has_blocks()) clear_blocks();
  return false;
}

void StreamReassembler::take_data(StreamPiece& piece, ByteSpan data) {
  piece.kind = StreamPiece::Kind::kData;
  piece.data = data;
  piece.bytes = data.size();
  next_ += static_cast<int64_t>(data.size());
}

void StreamReassembler::take_gap(StreamPiece& piece, int64_t until, StreamPiece::Kind kind) {
  piece.kind = kind;
  piece.data = {};
  piece.bytes = static_cast<uint64_t>(until - next_);
  next_ = until;
  ++pool_.counters.gaps;
  pool_.counters.gap_bytes += piece.bytes;
}

void StreamReassembler::take_end(StreamPiece& piece, EndReason reason) {
  piece.kind = StreamPiece::Kind::kEnd;
  piece.data = {};
  piece.bytes = 0;
  piece.reason = reason;
  ended_ = true;
  clear_blocks();
}

}  // namespace pickletap
