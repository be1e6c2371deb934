// The seam between a reassembled flow and the protocol that travels on it.
//
// A Dissector is owned by one flow, lives on one worker thread and is told three things: bytes in order, bytes that
// are lost, and the end of a direction. It answers with observations (facts, never opinions) into an ObservationSink.
// Spans are valid for the duration of the call only. Nothing here throws on what the wire carries, and the memory a
// Dissector may hold is bounded by Limits whatever it is fed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace pickletap {

struct Observation;
class PickleMachinePool;

/// Which way bytes travel. The server is who accepted the TCP connection; where the capture missed the SYN it is a
/// guess, which a Dissector may correct (`ProtocolFound::server_is_initiator`).
enum class Direction : uint8_t { kToServer = 0, kToClient = 1 };

constexpr Direction opposite(Direction d) {
  return d == Direction::kToServer ? Direction::kToClient : Direction::kToServer;
}
constexpr unsigned index_of(Direction d) { return static_cast<unsigned>(d); }

using ByteSpan = std::span<const uint8_t>;

/// What the first bytes of a direction say about a protocol.
enum class Probe : uint8_t { kNo, kNeedMore, kYes };

/// Why a direction will carry no more bytes.
enum class EndReason : uint8_t {
  kFin,      ///< closed in order by FIN
  kReset,    ///< closed by RST
  kTimeout,  ///< silent for longer than the flow's time-out
  kEvicted,  ///< the flow table needed the room
  kCapture,  ///< the capture ended while the flow was open
};

/// Bounds of what one Dissector keeps and reports. Bytes unless the name says otherwise.
struct DissectorLimits {
  uint64_t frame_bytes = uint64_t{1} << 30;  ///< a frame that announces more is `frame.oversized`
  uint32_t pickle_stack_values = 32768;      ///< values the machine keeps on its stack; older ones are counted only
  uint32_t pickle_memo_entries = 32768;      ///< memo slots kept directly
  uint32_t pickle_mark_depth = 16384;        ///< open MARKs; CPython's own pickler stays below its recursion limit
  uint32_t pickle_text_bytes = 262144;       ///< strings and container heads kept, the latest of them
  uint64_t pickle_machines_bytes = uint64_t{48} << 20;  ///< all pickles of one worker that wait for their frame's rest
};

/// Takes what a Dissector saw. Called on the worker's thread, in the order of the facts.
class ObservationSink {
 public:
  virtual ~ObservationSink() = default;
  virtual void emit(Observation&& observation) = 0;
};

/// What a worker's dissectors counted. Plain cells: one writer, the worker.
struct DissectorCounters {
  uint64_t frames[2] = {0, 0};      ///< by Direction, of flows known to be ours
  uint64_t pickles[3] = {0, 0, 0};  ///< by verdict: harmless, unknown (only unknown calls), harmful
  uint64_t held_facts_dropped = 0;  ///< facts of undecided flows beyond what is held back
  uint64_t pickles_limited = 0;     ///< of which less was kept than the limits allow, for want of memory
  uint64_t pickles_taken_away = 0;  ///< that were not followed to their end, for want of memory
  uint64_t machine_bytes = 0;       ///< gauge: of pickles that wait for the rest of their frame
};

/// What a Dissector may lean on; owned by the worker and outliving every flow.
struct DissectorContext {
  const DissectorLimits& limits;
  PickleMachinePool& machines;
  DissectorCounters& counters;
  bool every_frame = false;  ///< report each frame and harmless pickle too (`python_mp` events)
};

class Dissector {
 public:
  virtual ~Dissector() = default;
  /// The next bytes of one direction, in stream order.
  virtual void on_data(Direction from, ByteSpan bytes, ObservationSink& sink) = 0;
  /// `bytes` of the stream were never captured; what follows comes after them.
  virtual void on_gap(Direction from, uint64_t bytes, ObservationSink& sink) = 0;
  /// No more bytes in this direction. Called at most once a direction.
  virtual void on_end(Direction from, EndReason reason, ObservationSink& sink) = 0;
  /// kNo: not this protocol, the flow needs no further reassembly. kNeedMore: undecided. kYes: confirmed.
  virtual Probe state() const = 0;

  // Reading the stream of one direction in two ways (sensor/net/stream_readings.h). A Dissector that cannot is forked
  // nowhere. Positions count the bytes told, lost ones included.

  /// Bytes before `until` will not be read another way: moves the place where forks begin on to the latest message that
  /// begins at or before it. Returns that place.
  virtual uint64_t checkpoint(Direction /*from*/, uint64_t until) { return until; }
  virtual uint64_t fork_position(Direction /*from*/) const { return 0; }
  /// A Dissector that stands in direction `from` at fork_position(), else where this one does. It knows what this one
  /// knew there, and has told nothing.
  virtual std::unique_ptr<Dissector> fork(Direction /*from*/) const { return nullptr; }
  /// Do both stand between two messages of `from` at the same place, and know the same of what went before?
  virtual bool stands_with(const Dissector& /*other*/, Direction /*from*/) const { return false; }
};

}  // namespace pickletap
