#include "dissectors/observation.h"

namespace pickletap {

std::string_view to_text(Application application) {
  switch (application) {
    case Application::kConnection: return "connection";
    case Application::kManager: return "manager";
    case Application::kLogging: return "logging";
    case Application::kCarbon: return "carbon";
    case Application::kStream: return "stream";
  }
  return "connection";
}

std::string_view app_proto_text(Application application) {
  switch (application) {
    case Application::kLogging: return "python-logging";
    case Application::kCarbon: return "carbon-pickle";
    case Application::kStream: return "pickle-stream";
    default: return "python-mp";
  }
}

std::string_view to_text(Digest digest) {
  switch (digest) {
    case Digest::kNone: return "none";
    case Digest::kMd5: return "md5";
    case Digest::kSha256: return "sha256";
    case Digest::kSha384: return "sha384";
    case Digest::kSha3_256: return "sha3_256";
    case Digest::kSha3_384: return "sha3_384";
    case Digest::kUnknown: return "unknown";
  }
  return "unknown";
}

std::string_view to_text(AuthState state) {
  switch (state) {
    case AuthState::kUnknown: return "unknown";
    case AuthState::kNone: return "none";
    case AuthState::kPending: return "pending";
    case AuthState::kOneWay: return "one-way";
    case AuthState::kMutual: return "mutual";
    case AuthState::kFailed: return "failed";
  }
  return "unknown";
}

std::string_view to_text(PythonGuess guess) {
  switch (guess) {
    case PythonGuess::kUnknown: return "";
    case PythonGuess::k27: return "2.7";
    case PythonGuess::kUpTo311: return "<=3.11";
    case PythonGuess::kFrom312: return ">=3.12";
  }
  return "";
}

std::string_view to_text(FrameKind kind) {
  switch (kind) {
    case FrameKind::kHandshake: return "handshake";
    case FrameKind::kPickle: return "pickle";
    case FrameKind::kBytes: return "bytes";
    case FrameKind::kEmpty: return "empty";
  }
  return "bytes";
}

}  // namespace pickletap
