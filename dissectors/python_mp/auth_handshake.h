// The HMAC handshake of multiprocessing.connection as seen from outside: CPython 3.13 Lib/multiprocessing/connection.py
// `deliver_challenge`, `answer_challenge`, `_ALLOWED_DIGESTS`; before 3.12 MD5 only, without a digest's name.
//
// A keyed server and client each send three messages: the server challenge, verdict, answer; the client answer,
// challenge, verdict. A message's meaning follows from its place among the messages of its side, so the order in which
// the tap saw the two directions does not matter.
//
// What a receiver never loads is told by the receiver's own messages alone (it challenged, it answered, it refused):
// what its peer says can be a lie, told to make an attack look harmless.
//
// Pure state, no bytes kept beyond the step at hand. Fed every frame of both directions.
#pragma once

#include <cstdint>
#include <optional>

#include "dissectors/dissector.h"
#include "dissectors/observation.h"

namespace pickletap {

/// CPython reads handshake messages with recv_bytes(256) and refuses longer ones.
inline constexpr uint64_t kMaxHandshakeMessage = 256;

bool is_challenge(ByteSpan message);
bool is_welcome(ByteSpan message);
bool is_failure(ByteSpan message);
/// The digest an answer was made with; kUnknown when it has the form of no answer.
Digest digest_of_response(ByteSpan message);
/// The digest a challenge asks for; kMd5 for the form before 3.12.
Digest digest_of_challenge(ByteSpan message);

class AuthHandshake {
 public:
  struct Taken {
    bool is_step = false;       ///< the frame was a handshake message
    bool never_loaded = false;  ///< it stood where a step was due, or behind a failure: the receiver loads it never
    bool state_changed = false;
    bool ended = false;  ///< mutual, or failed
    std::optional<HandshakeStep> step;
    std::optional<HandshakeViolation> violation;
  };

  /// The beginning of the flow was not captured: no handshake seen means nothing.
  void set_midstream() {
    if (state_ == AuthState::kNone) state_ = AuthState::kUnknown;
  }

  /// Messages were lost: from here on nobody can say whether a handshake was among them. What is settled stays.
  void lose_track();

  /// A complete frame. `head`: its first bytes, all of them where length ≤ kMaxHandshakeMessage.
  Taken take(Direction from, uint64_t length, ByteSpan head);

  AuthState state() const { return state_; }
  bool begun() const { return state_ != AuthState::kNone && state_ != AuthState::kUnknown && challenger_.has_value(); }
  bool done() const {
    return state_ == AuthState::kMutual || state_ == AuthState::kFailed || state_ == AuthState::kOneWay;
  }
  /// Who challenged first: the server, unless the peers are none of CPython's. A client's challenge is only taken for
  /// one when the server answers it.
  std::optional<Direction> challenger() const { return challenger_; }
  /// Of the answer to the first challenge.
  Digest digest() const { return digest_; }
  /// The form of the first challenge tells the challenger's Python.
  PythonGuess challenger_python() const { return python_; }
  /// Would a frame that begins now in this direction be read as a handshake message?
  bool expects_step(Direction from) const;

  friend bool operator==(const AuthHandshake&, const AuthHandshake&) = default;

 private:
  enum class Verdict : uint8_t { kNone, kWelcome, kFailure };

  bool begin(Direction from, ByteSpan message);
  Taken take_from_challenger(ByteSpan head, unsigned place);
  Taken take_from_answerer(ByteSpan head, unsigned place);
  Taken step(HandshakeStepKind kind, bool first_half, ByteSpan bytes, Digest digest) const;
  Taken verdict(ByteSpan head, bool first_half);
  Taken data(bool never_loaded);
  HandshakeViolation breach(HandshakeBreach what, bool first_half, Direction by, uint64_t length) const;
  Taken one_way();
  unsigned& count(Direction d) { return frames_[index_of(d)]; }

  AuthState state_ = AuthState::kNone;
  bool lost_ = false;
  std::optional<Direction> challenger_;
  unsigned frames_[2] = {0, 0};  // messages of each side, up to 3
  uint64_t length_ = 0;          // of the message at hand
  // Each side's first message, for one that came before the challenge it was read as an answer to.
  uint64_t first_length_[2] = {0, 0};
  bool first_answers_[2] = {false, false};  // it has the form of an answer
  bool answered_ = false;                   // the first challenge, in the form of an answer
  Verdict verdict_ = Verdict::kNone;
  bool second_begun_ = false;  // the answerer challenged in turn
  bool second_answered_ = false;
  Digest digest_ = Digest::kNone;
  PythonGuess python_ = PythonGuess::kUnknown;
};

}  // namespace pickletap
