// The closed set of facts a dissector can state about a flow. Each owns its bytes, each is bounded. A fact has no
// opinion and no address: sensor/event.h adds the flow, detect/ decides what it means.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "dissectors/dissector.h"
#include "dissectors/pickle/pickle_report.h"

namespace pickletap {

/// Who speaks: the protocol proper, or one that frames pickles exactly alike (and is no Listener).
enum class Application : uint8_t {
  kConnection,  ///< Listener and Client
  kManager,     ///< BaseManager on top of them
  kLogging,     ///< logging.handlers.SocketHandler
  kCarbon,      ///< Graphite carbon's pickle receiver
  kStream,      ///< pickles behind eight-byte lengths, which read as an empty message before each
};

/// Frames pickles as Listeners do, but is none.
constexpr bool is_look_alike(Application a) {
  return a == Application::kLogging || a == Application::kCarbon || a == Application::kStream;
}

/// Digest of an HMAC answer. CPython 3.13 Lib/multiprocessing/connection.py `_ALLOWED_DIGESTS`.
enum class Digest : uint8_t { kNone, kMd5, kSha256, kSha384, kSha3_256, kSha3_384, kUnknown };

/// How far the peers of a flow proved their key.
enum class AuthState : uint8_t {
  kUnknown,  ///< the beginning was not seen
  kNone,     ///< no handshake
  kPending,  ///< a handshake has begun
  kOneWay,   ///< data flowed after only one side proved the key
  kMutual,   ///< both did
  kFailed,   ///< #FAILURE#
};

/// What the challenger's form and its pickles tell of its Python.
enum class PythonGuess : uint8_t { kUnknown, k27, kUpTo311, kFrom312 };

/// The flow is Python multiprocessing (or a look-alike). First fact of a flow, and again when it is known better.
struct ProtocolFound {
  Application application = Application::kConnection;
  bool server_is_initiator = false;  ///< the SYN was missed and the guess of who listens was wrong
  bool xml = false;                  ///< its messages are XML-RPC's, no pickles: xmlrpc as a manager's serializer
};

enum class HandshakeStepKind : uint8_t { kChallenge, kResponse, kWelcome, kFailure };

/// One step of one handshake. `by_server`: the step belongs to the half in which the server is the challenger.
struct HandshakeStep {
  static constexpr unsigned kMaxBytes = 256;  ///< CPython reads handshake messages with recv_bytes(256)
  HandshakeStepKind kind = HandshakeStepKind::kChallenge;
  bool server_challenges = true;
  Digest digest = Digest::kNone;  ///< of the response, from kResponse on; of the challenge's prefix before
  uint16_t length = 0;            ///< bytes used below: the challenge after `#CHALLENGE#`, or the response
  std::array<uint8_t, kMaxBytes> bytes{};
};

/// What stood where a handshake step was due. A CPython without a key sends its first pickle in place of an answer, so a
/// pickle there is none of these.
enum class HandshakeBreach : uint8_t {
  kOversized,  ///< longer than the 256 bytes that CPython reads there
  kNoAnswer,   ///< in place of an answer to a challenge
  kNoVerdict,  ///< in place of #WELCOME# or #FAILURE#, after an answer
};
struct HandshakeViolation {
  HandshakeBreach what = HandshakeBreach::kNoAnswer;
  bool server_challenges = true;        ///< in the half in which the server is the challenger
  Direction by = Direction::kToServer;  ///< which way the offending message went; it may have come before the challenge
  uint64_t length = 0;
};

/// The flow's AuthState changed, or became certain (a flow is provisionally kNone until the server has spoken).
struct AuthChanged {};

/// A handshake ended: both halves done, failed, or abandoned before its end.
struct HandshakeEnded {
  bool abandoned = false;
};

enum class FrameKind : uint8_t { kHandshake, kPickle, kBytes, kEmpty };

/// One message.
struct FrameSeen {
  uint64_t index = 0;   ///< of this direction, from 0
  uint64_t length = 0;  ///< as announced
  uint64_t offset = 0;  ///< of the body in the direction's stream
  FrameKind kind = FrameKind::kBytes;
  bool after_gap = false;  ///< found by its looks behind bytes that were never captured, or some of its own were not
};

/// A pickle was read to its end (or as far as it came).
struct PickleSeen {
  FrameSeen frame;
  bool not_unpickled = false;  ///< the receiver provably did not load it
  ManagerRequest manager;
  ManagerReply reply;
  PickleReport report;
};

/// A frame announced more than `limits.frame_bytes`.
struct FrameOversized {
  FrameSeen frame;
};

/// Trouble in the stream of one direction; text is static.
struct StreamAnomaly {
  std::string_view what;
  uint64_t bytes = 0;
};

using Fact = std::variant<ProtocolFound, HandshakeStep, AuthChanged, HandshakeEnded, FrameSeen, PickleSeen,
                          FrameOversized, StreamAnomaly, HandshakeViolation>;

/// A fact and the state of the flow right after it.
struct Observation {
  Direction from = Direction::kToServer;
  Application application = Application::kConnection;
  AuthState auth = AuthState::kUnknown;
  bool auth_settled = false;      ///< false: kNone so far, but the server has not spoken yet
  Digest digest = Digest::kNone;  ///< of the answer to the server's challenge
  PythonGuess server_python = PythonGuess::kUnknown;
  bool server_is_initiator = false;
  bool other_reading = false;  ///< not what the receiver is most likely to have read, but what it may have
  Fact fact;
};

std::string_view to_text(Application application);         ///< "connection", …
std::string_view app_proto_text(Application application);  ///< "python-mp", "python-logging", "carbon-pickle"
std::string_view to_text(Digest digest);
std::string_view to_text(AuthState state);
std::string_view to_text(PythonGuess guess);
std::string_view to_text(FrameKind kind);

}  // namespace pickletap
