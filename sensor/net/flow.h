// What the flow table keeps of one flow: a record of two cache lines, and for the few flows that may speak a protocol
// of ours a FlowBody with both reassemblers and the Dissector. Records live in a FlowSlab, are named by a 32-bit index
// that stays the same for the flow's life, and belong to the FlowTable; one worker thread. A "side" is 0 for the lower
// and 1 for the upper endpoint of the key (flow_key.h), a Direction is who the sender is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dissectors/dissector.h"
#include "sensor/net/flow_key.h"
#include "sensor/net/stream_readings.h"
#include "sensor/net/stream_reassembler.h"
#include "sensor/net/tcp_receiver.h"

namespace pickletap {

enum class FlowState : uint8_t {
  kOpening,     ///< no payload yet, and more than a SYN
  kDissected,   ///< has a body; the dissector is undecided or sure
  kIgnored,     ///< something else: packets are only counted
  kClosed,      ///< over; kept for a while, so that late packets are not taken for a new flow
  kUnanswered,  ///< SYNs of one side: of those only so many are kept
};
inline constexpr unsigned kFlowStateCount = 5;

struct FlowFlag {
  static constexpr uint16_t kSyn = 0x01;  ///< a SYN or SYN-ACK was captured: not midstream
  static constexpr uint16_t kSynAck = 0x02;
  static constexpr uint16_t kStartKnown = 0x04;       ///< << side: `start_seq[side]` is right
  static constexpr uint16_t kFin = 0x10;              ///< << side
  static constexpr uint16_t kUpperInitiates = 0x40;   ///< the initiator is side 1
  static constexpr uint16_t kPendingSyn = 0x80;       ///< << side: `pending_syn` came from there
  static constexpr uint16_t kReset = 0x200;           ///< a RST was seen that a receiver would believe
  static constexpr uint16_t kFirstLook = 0x400;       ///< << side: ignored for its first payload
  static constexpr uint16_t kTimestamps = 0x1000;     ///< the SYN-ACK agrees on them
  static constexpr uint16_t kRightSum = 0x2000;       ///< << side: its handshake has a right checksum
  static constexpr uint16_t kTimestampHeld = 0x8000;  ///< `pending_syn` is the initiator's latest timestamp instead
};

inline constexpr uint32_t kNoFlow = UINT32_MAX;
inline constexpr uint32_t kNoBody = UINT32_MAX;

struct alignas(64) Flow {
  FlowKey key;
  int64_t last_ns = 0;
  uint32_t body = kNoBody;
  FlowState state = FlowState::kOpening;
  uint8_t wheel = 0;         ///< which wheel it hangs in (may lag behind `state`)
  uint16_t flags = 0;        ///< FlowFlag
  uint16_t slot = 0;         ///< of that wheel
  uint16_t probes = 0;       ///< midstream: payloads looked at in vain; else 1 << side: its early FIN is acknowledged
  uint32_t pending_syn = 0;  ///< number of a later SYN or SYN-ACK, until the peer shows whether it took it

  std::array<uint64_t, 2> packets{};  ///< by side
  std::array<uint64_t, 2> bytes{};
  int64_t start_ns = 0;
  uint64_t flow_id = 0;
  std::array<uint32_t, 2> start_seq{};  ///< by side: of the first byte after the SYN
  uint32_t previous = kNoFlow;
  uint32_t next = kNoFlow;

  bool has(uint16_t flag) const { return (flags & flag) != 0; }
  bool has_of(uint16_t flag, unsigned side) const { return (flags & (flag << side)) != 0; }
  void set(uint16_t flag) { flags = static_cast<uint16_t>(flags | flag); }
  void set_of(uint16_t flag, unsigned side) { flags = static_cast<uint16_t>(flags | (flag << side)); }
  unsigned initiator() const { return has(FlowFlag::kUpperInitiates) ? 1 : 0; }
  Direction direction_from(unsigned side) const {
    return side == initiator() ? Direction::kToServer : Direction::kToClient;
  }
};
static_assert(sizeof(Flow) == 128);

/// A segment that answers what its flow's other side has not said yet, as far as the tap saw: it waits.
struct HeldSegment {
  Packet packet;  ///< its spans point into `bytes`
  std::unique_ptr<uint8_t[]> bytes;
  uint32_t size = 0;
  unsigned side = 0;
  uint16_t source = 0;
};

struct FlowBody {
  FlowBody(ReassemblyPool& pool, HistoryPool& histories, StreamReadingCounters& counters,
           std::unique_ptr<Dissector> the_dissector)
      : streams{StreamReassembler(pool), StreamReassembler(pool)},
        dissector(std::move(the_dissector)),
        readings(histories, counters) {}

  std::array<StreamReassembler, 2> streams;  ///< by side
  std::array<TcpReceiver, 2> receivers;      ///< by side of the sender: who receives from there
  std::array<int64_t, 2> urgent{-1, -1};     ///< by side: offset of the byte that leaves the stream; -1: none
  std::unique_ptr<Dissector> dissector;
  StreamReadings readings;
  std::vector<HeldSegment> held;  ///< in the order they came
  bool is_second_copy = false;    ///< made for a later copy of a first payload that was something else
  unsigned packets_rejected = 0;  ///< since the dissector said no
  unsigned refusals_told = 0;     ///< bits by Refusal
  unsigned troubles_told = 0;
  /// Of the flow's latest packet: what ends the flow may be another flow's packet, much later and in another file.
  int64_t last_ns = 0;
  uint64_t last_number = 0;
  uint16_t last_source = 0;
  bool unseen_told = false;
  std::array<bool, 2> cut_off_told{};
};

/// What a dissected flow takes beside its record: the body, a Dissector of that order, and what malloc(3) adds. Queued
/// segments, histories and pickles have budgets of their own.
inline constexpr uint64_t kBodyBytes = sizeof(FlowBody) + 768;

/// Flow records in chunks that never move. Indices of released records are used again, the latest first.
class FlowSlab {
 public:
  Flow& operator[](uint32_t index) { return chunks_[index >> kChunkBits][index & (kChunkFlows - 1)]; }
  const Flow& operator[](uint32_t index) const { return chunks_[index >> kChunkBits][index & (kChunkFlows - 1)]; }

  /// The record's contents are whatever its last user left.
  uint32_t allocate() {
    if (free_ != kNoFlow) {
      const uint32_t index = free_;
      free_ = (*this)[index].next;
      return index;
    }
    if ((used_ & (kChunkFlows - 1)) == 0) chunks_.push_back(std::make_unique_for_overwrite<Flow[]>(kChunkFlows));
    return used_++;
  }
  void release(uint32_t index) {
    (*this)[index].next = free_;
    free_ = index;
  }
  /// Indices handed out so far are below this.
  uint32_t used() const { return used_; }
  uint64_t memory_bytes() const { return chunks_.size() * kChunkFlows * sizeof(Flow); }

 private:
  static constexpr unsigned kChunkBits = 12;
  static constexpr uint32_t kChunkFlows = uint32_t{1} << kChunkBits;

  std::vector<std::unique_ptr<Flow[]>> chunks_;
  uint32_t used_ = 0;
  uint32_t free_ = kNoFlow;
};

}  // namespace pickletap
