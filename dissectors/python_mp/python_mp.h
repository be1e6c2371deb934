// The dissector of multiprocessing.connection and its look-alikes: frames → handshake, pickles, bytes.
//
// It begins undecided. A first message that is a challenge, or a pickle that ends where its frame ends, makes the flow
// ours; until then facts are held back (kMaxHeldFacts at most) and the flow costs no more than the look at its
// messages. A flow that shows neither, but kMaxProbeFrames messages or kMaxProbeBytes bytes that no unpickler would load,
// is not ours.
//
// Where a direction may have been something else, it is read anew from the beginning of a message (python_mp_fork.cc):
// kMaxPlaces of them are remembered, each with what was known there.
//
// Memory: a header, 256 bytes and kMaxPlaces places a direction, and a PickleMachine while a frame is being read, from
// its second piece on.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/observation.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/python_mp/auth_handshake.h"
#include "dissectors/python_mp/frame_reader.h"

namespace pickletap {

class PythonMp final : public Dissector {
 public:
  /// `from_start`: the flow's SYN was captured, so its first bytes are the peers' first bytes.
  PythonMp(const DissectorContext& context, bool from_start);
  PythonMp(const PythonMp&) = delete;
  PythonMp& operator=(const PythonMp&) = delete;
  PythonMp(PythonMp&&) = delete;
  PythonMp& operator=(PythonMp&&) = delete;

  /// Decides by the first bytes of a direction alone, without state.
  static Probe probe(ByteSpan first_bytes);

  void on_data(Direction from, ByteSpan bytes, ObservationSink& sink) override;
  void on_gap(Direction from, uint64_t bytes, ObservationSink& sink) override;
  void on_end(Direction from, EndReason reason, ObservationSink& sink) override;
  Probe state() const override { return state_; }
  uint64_t checkpoint(Direction from, uint64_t until) override;
  uint64_t fork_position(Direction from) const override { return streams_[index_of(from)].places[0].position; }
  std::unique_ptr<Dissector> fork(Direction from) const override;
  bool stands_with(const Dissector& other, Direction from) const override;

 private:
  static constexpr unsigned kMaxProbeFrames = 16;
  static constexpr uint64_t kMaxProbeBytes = uint64_t{1} << 20;
  static constexpr size_t kMaxHeldFacts = 32;

  static constexpr unsigned kMaxPlaces = 8;
  static constexpr size_t kMaxParkedBytes = 256;

  /// The beginning of a message, and what was known there.
  struct Place {
    uint64_t position = 0;
    uint64_t frames = 0;
    AuthHandshake auth;
  };

  /// One direction.
  struct Stream {
    FrameReader reader;
    MachineLease machine;
    std::vector<uint8_t> parked;  // a message's first bytes, until its next ones come; the machine may be gone
    std::vector<uint8_t> head;    // of a message that may be a handshake step
    FrameSeen frame;
    uint64_t frames = 0;
    unsigned strange_frames = 0;  // while undecided: messages that no unpickler would load, and their bytes
    uint64_t probed_bytes = 0;
    uint64_t body_offset = 0;  // bytes of the frame seen so far
    bool xml_so_far = false;   // the body begins as the manager's XML does
    bool alternating = true;   // empty and full messages in turn, an empty one first
    bool gap_in_frame = false;
    bool began_with_pickle = false;  // the first message of this side is one
    bool lost = false;               // a header was not captured: the next piece is tried as one
    bool guessed = false;            // found by such a try, and nothing has proved it yet
    bool ended = false;
    std::vector<Place> places = std::vector<Place>(1);  // the first is where forks begin; kMaxPlaces at most
  };

  Stream& stream(Direction d) { return streams_[index_of(d)]; }
  void begin_frame(Direction from, ObservationSink& sink);
  void body(Direction from, ByteSpan bytes);
  void end_frame(Direction from, ObservationSink& sink);
  void take_message(Direction from, FrameKind kind, const AuthHandshake::Taken& taken, ObservationSink& sink);
  void emit_pickle(Direction from, bool never_loaded, ObservationSink& sink);
  void classify(Direction from, const PickleMachine& machine, ObservationSink& sink);
  bool is_pickle(const PickleMachine& machine) const;
  bool is_proof(const PickleMachine& machine) const;
  void confirm(ObservationSink& sink);
  void reject();
  void settle(Direction from, ObservationSink& sink);
  void emit(Direction from, Fact fact, ObservationSink& sink);
  void emit_unfollowed(Direction from, ObservationSink& sink);
  void park(Stream& stream);
  void unpark(Stream& stream);
  void note_place(Stream& stream);

  const DissectorContext& context_;
  Probe state_ = Probe::kNeedMore;
  std::array<Stream, 2> streams_;
  AuthHandshake auth_;
  ToldCallables told_;
  std::vector<Observation> held_;  // facts of a flow that is not yet known to be ours
  Application application_ = Application::kConnection;
  bool application_known_ = false;
  bool xml_params_seen_ = false;  // in the message at hand
  bool auth_settled_ = false;
  bool handshake_ended_ = false;
  bool bytes_told_ = false;
  bool server_is_initiator_ = false;
  bool midstream_ = false;
  PythonGuess server_python_ = PythonGuess::kUnknown;
};

}  // namespace pickletap
