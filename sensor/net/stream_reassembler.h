// One direction of a TCP conversation, put back in order: segments go in with push(), the stream comes out of take() in
// pieces that are data, a gap of known size, or the end. Owned by a FlowBody, used on one worker thread.
//
// Spans: data that arrives in order is not copied, its piece points into the packet, so every push() must be followed
// by take() until that says false, before the packet goes away. Data out of order is copied and kept until its turn;
// its piece lives until the next take().
//
// Limits: per stream `max_blocks` queued segments and `max_bytes`, and `ReassemblyPool::budget_bytes` for all streams
// together; each queued segment is charged kBlockOverhead on top of its bytes. At a limit the queued data farthest
// ahead goes, because a sender may send anything far beyond what its peer accepts, and must not be able to push the
// stream forward with that; only where the peer's ACKs were never captured is the hole in front given up instead. The
// cost of a segment is O(log max_blocks) comparisons and one move of at most max_blocks small records.
//
// Reads as Linux does (FACTS, "What Linux does with odd packets"; net/ipv4/tcp_input.c, tcp_data_queue_ofo): what is
// delivered stands; a straddling segment adds its new bytes; of queued segments the lower start wins, on equal start
// the longer one, on equal length the older; the segment that fills the hole beats what is queued under it. A FIN takes
// one number of sequence space and is lost when data covers it. It ends the stream when the peer acknowledged it, or with
// finish(): until then it may be a decoy that the peer never saw. Numbers are stream offsets of 64 bits: 0 is the byte
// after the SYN. With another OverlapPolicy queued segments that overlap are made to agree when the newer one comes, at
// the price of one comparison more for each queued segment that it overlaps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dissectors/dissector.h"
#include "sensor/net/overlap_policy.h"

namespace pickletap {

struct ReassemblyLimits {
  uint32_t max_blocks = 512;                     ///< queued segments of one stream
  uint64_t max_bytes = uint64_t{1} << 20;        ///< charged bytes of one stream
  int64_t acked_hole_ns = 50'000'000;            ///< a hole the peer acknowledged is given up after this
  int64_t unseen_peer_hole_ns = 10'000'000'000;  ///< any hole, where the peer's ACKs are not in the capture
};

/// Counts over all streams; bytes are of payload.
struct ReassemblyCounters {
  uint64_t gaps = 0;  ///< holes given up, and payloads cut by the snap length
  uint64_t gap_bytes = 0;
  uint64_t out_of_order_segments = 0;  ///< segments that were queued
  uint64_t outside_window_segments = 0;
  uint64_t limit_bytes = 0;  ///< dropped at a limit
  uint64_t limit_segments = 0;
  uint64_t after_end_bytes = 0;  ///< data behind a FIN that was consumed
};

/// What all streams of one worker share.
struct ReassemblyPool {
  ReassemblyLimits limits;
  uint64_t budget_bytes = uint64_t{64} << 20;  ///< charged bytes of all streams
  uint64_t used_bytes = 0;
  ReassemblyCounters counters;
};

/// One packet's part of a stream. `missing` bytes follow `data` in the stream and were cut off by the snap length.
struct Segment {
  uint32_t seq = 0;
  ByteSpan data;
  uint32_t missing = 0;
  bool fin = false;
};

/// What take() hands out.
struct StreamPiece {
  enum class Kind : uint8_t {
    kData,
    kHole,    ///< `bytes` that were never captured
    kCutOff,  ///< `bytes` that the snap length cut off
    kEnd,     ///< nothing follows
  };
  Kind kind = Kind::kData;
  ByteSpan data;
  uint64_t bytes = 0;
  EndReason reason = EndReason::kFin;
};

class StreamReassembler {
 public:
  /// Offsets accepted ahead of what is delivered or acknowledged: the largest window TCP can announce (RFC 7323, 2.3).
  static constexpr int64_t kWindow = int64_t{1} << 30;
  /// A RST is believed this far ahead where the peer's ACKs do not tell better.
  static constexpr int64_t kResetWindow = int64_t{1} << 20;
  /// What a queued segment costs beside its bytes.
  static constexpr uint64_t kBlockOverhead = 64;

  /// `pool` outlives the stream.
  explicit StreamReassembler(ReassemblyPool& pool) : pool_(pool) {}
  ~StreamReassembler();
  StreamReassembler(const StreamReassembler&) = delete;
  StreamReassembler& operator=(const StreamReassembler&) = delete;

  /// The first byte's sequence number (the SYN's + 1). Without it, the first segment is the beginning.
  void start(uint32_t first_seq);
  /// How the receiver settles overlaps; before the first push().
  void set_policy(OverlapPolicy policy) { policy_ = policy; }
  bool started() const { return started_; }

  /// Offers a segment of this direction.
  void push(const Segment& segment, int64_t now_ns);
  /// The peer acknowledged up to `ack`.
  void acknowledge(uint32_t ack, int64_t now_ns);
  /// Offset of a sequence number, the one nearest to what was delivered; the stream has started.
  int64_t offset_of(uint32_t seq) const;
  /// The sequence number of the next byte to be delivered.
  uint32_t next_seq() const { return first_seq_ + static_cast<uint32_t>(next_); }
  /// The highest offset the peer acknowledged, -1 when none of its ACKs was seen.
  int64_t acknowledged_to() const { return acked_; }
  /// Calls visit(start, bytes) with the captured part of each queued segment that overlaps [start, end).
  template <typename Visit>
  void visit_queued(int64_t start, int64_t end, Visit visit) const {
    const auto first = std::partition_point(blocks_.begin() + head_, blocks_.end(),
                                            [start](const Block& block) { return block.end <= start; });
    for (auto i = static_cast<size_t>(first - blocks_.begin()); i < blocks_.size() && blocks_[i].start < end; ++i) {
      const Block& block = blocks_[i];
      if (block.start + block.size > start && block.bytes) visit(block.start, ByteSpan(block.bytes.get(), block.size));
    }
  }
  /// Would a receiver believe a RST with this number?
  bool accepts_reset(uint32_t seq) const;
  /// No more will come: what is queued is given out with its gaps, then the end.
  void finish(EndReason reason);
  /// The next piece, or false when there is none now.
  bool take(StreamPiece& piece);

  bool ended() const { return ended_; }
  /// A FIN stands next, and ends the stream once the peer acknowledges it.
  bool awaits_ack_of_fin() const { return !ended_ && fin_at_ == next_; }
  /// The sender stands at `seq`, says a packet without payload: what lies before it was sent.
  void note_position(uint32_t seq);
  /// Sent or acknowledged, as far as the packets tell, and not handed out. One of them may be a FIN.
  uint64_t unseen_bytes() const;
  uint64_t delivered_bytes() const { return static_cast<uint64_t>(next_); }
  uint64_t queued_bytes() const { return charged_bytes_; }
  size_t queued_blocks() const { return blocks_.size() - head_; }
  /// Payload bytes of this stream dropped at a limit since the last call.
  uint64_t take_limit_bytes();

 private:
  /// A queued segment: [start, end) of which `size` bytes were captured; a FIN is the last number when `fin`.
  struct Block {
    int64_t start = 0;
    int64_t end = 0;
    std::unique_ptr<uint8_t[]> bytes;
    uint32_t size = 0;
    bool fin = false;
  };

  int64_t horizon() const { return (acked_ > next_ ? acked_ : next_) + kWindow; }
  bool has_blocks() const { return head_ < blocks_.size(); }
  size_t first_block_after(int64_t start) const;
  void accept_in_order(const Segment& segment, int64_t start);
  bool queue(const Segment& segment, int64_t start);
  bool overlaps_queue(int64_t start, int64_t end) const;
  bool queue_settled(const Segment& segment, int64_t start);
  bool make_room(int64_t start, uint64_t charge);
  void charge(uint64_t bytes);
  void release(uint64_t bytes);
  void erase_blocks(size_t first, size_t last);
  void clear_blocks();
  void consider_hole(int64_t now_ns);
  bool take_ready(StreamPiece& piece);
  bool take_block(StreamPiece& piece);
  void take_data(StreamPiece& piece, ByteSpan data);
  void take_gap(StreamPiece& piece, int64_t until, StreamPiece::Kind kind);
  void take_end(StreamPiece& piece, EndReason reason);
  bool has_certain_fin() const { return fin_at_ == next_ && (acked_ > next_ || finishing_); }

  ReassemblyPool& pool_;
  int64_t next_ = 0;        ///< offset of the next byte to hand out
  int64_t acked_ = -1;      ///< highest offset the peer acknowledged; -1: its ACKs were not seen
  int64_t spoken_ = 0;      ///< highest offset the sender stood at
  int64_t fin_at_ = -1;     ///< offset of a FIN that stands next, while nobody acknowledged it
  int64_t skip_until_ = 0;  ///< holes before this offset are given up
  int64_t mark_ = 0;        ///< offset that was confirmed at mark_ns_; holes before it will be given up
  int64_t mark_ns_ = 0;
  uint64_t charged_bytes_ = 0;
  uint64_t limit_bytes_ = 0;
  int64_t ready_end_ = 0;  ///< the in-order segment reaches this far, captured or not
  ByteSpan ready_;         ///< in-order data of the packet just pushed
  bool ready_fin_ = false;
  bool started_ = false;
  bool ended_ = false;
  bool finishing_ = false;
  bool marked_ = false;
  OverlapPolicy policy_ = OverlapPolicy::kLinux;
  EndReason finish_reason_ = EndReason::kCapture;
  uint32_t first_seq_ = 0;
  uint32_t head_ = 0;                   ///< blocks before this one are used up
  std::vector<Block> blocks_;           ///< by start and by end, both strictly rising
  std::unique_ptr<uint8_t[]> current_;  ///< the bytes of the last piece that came from a block
};

}  // namespace pickletap
