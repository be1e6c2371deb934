// What else the streams of a flow may have been. A tap cannot know which of two copies of the same stream bytes a
// receiver took where it has not acknowledged them yet: the first may have had too small a TTL, a link address of nobody,
// a checksum that only the receiver looked at. So where two copies differ, both are read: a Reading is a fork of the
// flow's Dissector (Dissector::fork) that stands at the beginning of the message in which the copies differ and is fed
// the stream with the other copy's bytes in their place, and from then on everything that follows. What it finds leaves
// as observations marked `other_reading`. Where a Reading stands between two messages where the first reading does, and
// knows the same, it ends.
//
// Three kinds of bytes are kept: of each direction the delivered bytes that are not yet acknowledged, or belong to a
// message that is not complete (ByteHistory); copies that lost against others, or that the receiver would not take
// (`keep`), until their place in the stream was delivered; and the bytes of each Reading.
//
// Owned by a FlowBody, used on one worker thread. Limits: kMaxReadings readings and kReadBytes + 8 × delivered bytes fed
// to them a flow (a storm of one-byte copies would make each of them read a message anew), kMaxKept copies of
// kMaxKeptBytes a direction, HistoryPool's budget for all. Whatever could not be followed is counted
// (StreamReadingCounters) and said once a flow (take_trouble).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/observation.h"
#include "sensor/net/byte_history.h"
#include "sensor/net/tcp_receiver.h"

namespace pickletap {

struct StreamReadingCounters {
  uint64_t conflicts = 0;     ///< places where two copies differ
  uint64_t readings = 0;      ///< forks made
  uint64_t not_followed = 0;  ///< conflicts whose other copy was not read, for want of room or a beginning
  uint64_t kept_limit_segments = 0;
  uint64_t confirmed_segments = 0;  ///< refused, and acknowledged after all
};

/// Two copies of the same stream bytes differed. The first of a flow.
struct OverlapConflict {
  Direction from = Direction::kToServer;
  uint64_t offset = 0;  ///< of the first byte that differs
  uint64_t bytes = 0;   ///< from there to the last one
};

class StreamReadings {
 public:
  static constexpr size_t kMaxReadings = 7;
  static constexpr size_t kMaxKept = 64;
  static constexpr uint64_t kMaxKeptBytes = 65536;
  static constexpr uint64_t kReadBytes = uint64_t{4} << 20;

  /// A copy of bytes that were not delivered when it came.
  struct Kept {
    uint64_t start = 0;
    uint64_t compared = 0;  ///< up to here it was held against what was delivered
    std::vector<uint8_t> bytes;
    Refusal refusal = Refusal::kNone;
    bool fin = false;
    uint64_t end() const { return start + bytes.size(); }
  };

  StreamReadings(HistoryPool& pool, StreamReadingCounters& counters)
      : pool_(pool), counters_(counters), sides_{Side(pool), Side(pool)} {}
  ~StreamReadings();
  StreamReadings(const StreamReadings&) = delete;
  StreamReadings& operator=(const StreamReadings&) = delete;

  // What the first reading gets.
  void delivered(Direction from, ByteSpan bytes);
  void lost(Direction from, uint64_t bytes);
  void ended(Direction from, EndReason reason);
  /// The byte at `offset`, not yet delivered, leaves the stream (urgent data).
  void leave_out(Direction from, uint64_t offset);
  /// A newer urgent mark puts the byte left out at `offset` back, if the receiver's program had not read so far.
  void put_back(Direction from, uint64_t offset, const Dissector& first);

  /// A further copy of bytes from `offset` on. `acked`: what the receiver is known to have.
  void compare(Direction from, uint64_t offset, ByteSpan bytes, uint64_t acked, const Dissector& first);
  /// A copy of bytes that are not delivered.
  void keep(Direction from, uint64_t offset, ByteSpan bytes, Refusal refusal, bool fin);
  bool has_kept(Direction from) const { return !side(from).kept.empty(); }
  /// Holds what is kept against what was delivered since.
  void compare_kept(Direction from, uint64_t acked, const Dissector& first);
  /// A refused copy that goes on at `next` and that the receiver acknowledged.
  std::optional<Kept> take_confirmed(Direction from, uint64_t next, uint64_t acked);
  /// Nobody will say any more what the receiver took: reads what was refused as if it had been.
  void read_kept(Direction from, const Dissector& first);

  /// The receiver has everything before `offset`.
  void acknowledged(Direction from, uint64_t offset, Dissector& first);
  /// Readings read what they have not read yet.
  void flush(ObservationSink& sink);
  bool has_readings() const { return !readings_.empty(); }
  /// Bytes delivered that may yet turn out to be others.
  bool is_open(Direction from, uint64_t acked) const { return side(from).history.end() > acked; }
  /// A finding of the first reading: another reading that finds the same says nothing new.
  bool is_news(const PickleSeen& seen);

  /// Two copies differed that were compared by somebody else.
  void note_conflict(const OverlapConflict& conflict) {
    ++counters_.conflicts;
    if (!std::exchange(conflict_told_, true)) conflict_ = conflict;
  }
  std::optional<OverlapConflict> take_conflict() { return std::exchange(conflict_, std::nullopt); }
  bool has_conflict() const { return conflict_.has_value(); }
  /// Is the flow ours in one of the other readings?
  bool is_ours() const;
  bool take_not_followed() { return std::exchange(not_followed_, false); }
  bool take_kept_limit() { return std::exchange(kept_limit_, false); }

 private:
  /// Offsets of the stream that a reading leaves out, and how many it left out before those.
  struct LeftOut {
    static constexpr size_t kMax = 16;
    std::vector<uint64_t> offsets;
    uint64_t before = 0;
    /// Where a Dissector's position lies in the stream.
    uint64_t to_stream(uint64_t position) const;
  };
  struct Side {
    explicit Side(HistoryPool& pool) : history(pool) {}
    ByteHistory history;
    LeftOut left_out;
    std::vector<Kept> kept;
    uint64_t kept_bytes = 0;
  };
  struct Reading {
    Reading(HistoryPool& shared, uint64_t offset) : pool(shared), bytes(shared, offset) { ++pool.readings; }
    ~Reading() { --pool.readings; }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    HistoryPool& pool;
    Direction from = Direction::kToServer;
    std::unique_ptr<Dissector> origin;     ///< stands at bytes.begin(), or before it when there is no way back
    std::unique_ptr<Dissector> dissector;  ///< has read up to `read`; null: begins again at the origin
    ByteHistory bytes;
    LeftOut left_out;
    uint64_t read = 0;
    uint64_t first_other = 0;  ///< its first byte that differs from the first reading's
    uint64_t other_end = 0;    ///< behind its last
  };
  class Filter;

  Side& side(Direction d) { return sides_[d == Direction::kToServer ? 0 : 1]; }
  const Side& side(Direction d) const { return sides_[d == Direction::kToServer ? 0 : 1]; }
  void conflict(Direction from, uint64_t offset, ByteSpan other, const Dissector& first);
  std::unique_ptr<Reading> fork(Direction from, const Dissector& first);
  std::unique_ptr<Reading> copy(const Reading& reading);
  static bool patch(Reading& reading, uint64_t offset, ByteSpan other);
  void note_not_followed();
  bool may_fork() const;
  void read(Reading& reading, ObservationSink& sink);
  void feed(Reading& reading, ObservationSink& sink);
  static void settle(Reading& reading, uint64_t acked);
  void drop_kept(Side& s, size_t index);

  HistoryPool& pool_;
  StreamReadingCounters& counters_;
  std::array<Side, 2> sides_;
  std::vector<std::unique_ptr<Reading>> readings_;
  std::vector<uint64_t> told_;
  uint64_t delivered_bytes_ = 0;
  uint64_t read_bytes_ = 0;
  std::optional<OverlapConflict> conflict_;
  bool conflict_told_ = false;
  bool not_followed_ = false;
  bool not_followed_told_ = false;
  bool kept_limit_ = false;
  bool kept_limit_told_ = false;
};

}  // namespace pickletap
