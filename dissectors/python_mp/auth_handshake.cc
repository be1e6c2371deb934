#include "dissectors/python_mp/auth_handshake.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace pickletap {

namespace {

constexpr std::string_view kChallenge = "#CHALLENGE#";
constexpr std::string_view kWelcome = "#WELCOME#";
constexpr std::string_view kFailure = "#FAILURE#";

struct DigestRow {
  std::string_view name;
  Digest digest;
  size_t bytes;
};
constexpr std::array kDigests = {
    DigestRow{"md5", Digest::kMd5, 16},           DigestRow{"sha256", Digest::kSha256, 32},
    DigestRow{"sha384", Digest::kSha384, 48},     DigestRow{"sha3_256", Digest::kSha3_256, 32},
    DigestRow{"sha3_384", Digest::kSha3_384, 48},
};

std::string_view as_text(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct Prefixed {
  const DigestRow* row = nullptr;  // null: a name that is not allowed
  size_t prefix_bytes = 0;         // 0: no prefix
};

/// `{sha256}…`: Lib/multiprocessing/connection.py `_get_digest_name_and_payload`.
Prefixed digest_prefix(std::string_view text) {
  if (!text.starts_with('{')) return {};
  const size_t end = text.substr(0, 20).find('}');
  if (end == std::string_view::npos || end < 2) return {};
  const std::string_view name = text.substr(1, end - 1);
  const auto* row = std::find_if(kDigests.begin(), kDigests.end(), [&](const DigestRow& r) { return r.name == name; });
  return {row == kDigests.end() ? nullptr : row, end + 1};
}

}  // namespace

bool is_challenge(ByteSpan message) {
  return message.size() <= kMaxHandshakeMessage && as_text(message).starts_with(kChallenge);
}
bool is_welcome(ByteSpan message) { return as_text(message) == kWelcome; }
bool is_failure(ByteSpan message) { return as_text(message) == kFailure; }

Digest digest_of_response(ByteSpan message) {
  const auto [row, prefix] = digest_prefix(as_text(message));
  if (prefix == 0) return message.size() == 16 ? Digest::kMd5 : Digest::kUnknown;
  return row != nullptr && message.size() == prefix + row->bytes ? row->digest : Digest::kUnknown;
}

Digest digest_of_challenge(ByteSpan message) {
  const auto [row, prefix] = digest_prefix(as_text(message).substr(kChallenge.size()));
  if (prefix == 0) return Digest::kMd5;
  return row != nullptr ? row->digest : Digest::kUnknown;
}

HandshakeStep AuthHandshake::make_step(HandshakeStepKind kind, bool first_half, ByteSpan bytes) const {
  HandshakeStep step;
  step.kind = kind;
  step.server_challenges = first_half;
  const size_t length = std::min(bytes.size(), size_t{HandshakeStep::kMaxBytes});
  std::copy_n(bytes.begin(), length, step.bytes.begin());
  step.length = static_cast<uint16_t>(length);
  return step;
}

bool AuthHandshake::expects_step(Direction from) const {
  if (!begun()) return true;
  return !done() && frames_[index_of(from)] < 3;
}

AuthHandshake::Taken AuthHandshake::data_instead(bool never_loaded) {
  Taken taken;
  taken.never_loaded = never_loaded;
  return taken;
}

AuthHandshake::Taken AuthHandshake::take(Direction from, uint64_t length, ByteSpan head) {
  const ByteSpan message = length <= kMaxHandshakeMessage ? head : ByteSpan{};
  if (!begun()) {
    // A challenge is only one where it is the first thing its side says.
    if (!is_challenge(message) || count(from) > 0) {
      if (count(from) < 3) ++count(from);
      return {};
    }
    challenger_ = from;
    state_ = AuthState::kPending;
    early_frames_ = count(opposite(from)) > 0;
  }
  if (state_ == AuthState::kFailed) return data_instead(true);
  const unsigned place = count(from);
  if (place < 3) ++count(from);
  return from == *challenger_ ? take_from_challenger(message, place) : take_from_answerer(message, place);
}

AuthHandshake::Taken AuthHandshake::verdict(ByteSpan head, bool first_half) {
  Taken taken;
  taken.is_step = true;
  const bool welcome = is_welcome(head);
  taken.step = make_step(welcome ? HandshakeStepKind::kWelcome : HandshakeStepKind::kFailure, first_half, {});
  taken.step->digest = first_half ? digest_ : Digest::kNone;
  if (!welcome) {
    state_ = AuthState::kFailed;
  } else if (first_half) {
    welcomed_ = true;
    return taken;
  } else {
    state_ = AuthState::kMutual;
  }
  taken.state_changed = taken.ended = true;
  return taken;
}

AuthHandshake::Taken AuthHandshake::take_from_challenger(ByteSpan head, unsigned place) {
  if (place == 0) {
    Taken taken;
    taken.is_step = taken.state_changed = true;
    taken.step = make_step(HandshakeStepKind::kChallenge, true, head.subspan(kChallenge.size()));
    taken.step->digest = digest_of_challenge(head);
    // 2.7 to 3.11 send 20 random bytes; since 3.12 the digest's name stands before them.
    python_ = digest_prefix(as_text(head).substr(kChallenge.size())).prefix_bytes > 0 ? PythonGuess::kFrom312
                                                                                      : PythonGuess::kUpTo311;
    return taken;
  }
  if (place == 1 && (is_welcome(head) || is_failure(head))) return verdict(head, true);
  if (place == 2 && second_begun_ && digest_of_response(head) != Digest::kUnknown) {
    Taken taken;
    taken.is_step = true;
    taken.step = make_step(HandshakeStepKind::kResponse, false, head);
    taken.step->digest = digest_of_response(head);
    return taken;
  }
  // Data of a server that never answers a challenge: it asked for the key and proved none.
  if (place == 2 && welcomed_ && !second_begun_ && state_ == AuthState::kPending) {
    state_ = AuthState::kOneWay;
    Taken taken;
    taken.state_changed = true;
    return taken;
  }
  return data_instead(state_ == AuthState::kPending && second_begun_);
}

AuthHandshake::Taken AuthHandshake::take_from_answerer(ByteSpan head, unsigned place) {
  if (place == 0) {
    const Digest digest = digest_of_response(head);
    if (digest == Digest::kUnknown) return data_instead(true);
    answer_is_valid_ = true;
    digest_ = digest;
    Taken taken;
    taken.is_step = true;
    taken.step = make_step(HandshakeStepKind::kResponse, true, head);
    taken.step->digest = digest;
    return taken;
  }
  if (state_ == AuthState::kMutual || state_ == AuthState::kOneWay) return {};
  // An answer that is none fails, and nothing behind it is read.
  if (!answer_is_valid_) return data_instead(true);
  if (place == 1 && is_challenge(head)) {
    second_begun_ = true;
    Taken taken;
    taken.is_step = true;
    taken.step = make_step(HandshakeStepKind::kChallenge, false, head.subspan(kChallenge.size()));
    taken.step->digest = digest_of_challenge(head);
    return taken;
  }
  if (place == 2 && second_begun_ && (is_welcome(head) || is_failure(head))) return verdict(head, false);
  if (second_begun_) return data_instead(true);
  // A client that proves its key and asks for no proof: data follows where its challenge was due.
  Taken taken;
  if (welcomed_) {
    state_ = AuthState::kOneWay;
    taken.state_changed = true;
  }
  return taken;
}

}  // namespace pickletap
