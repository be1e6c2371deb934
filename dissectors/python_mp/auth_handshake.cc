#include "dissectors/python_mp/auth_handshake.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "dissectors/byte_reader.h"

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

AuthHandshake::Taken AuthHandshake::step(HandshakeStepKind kind, bool first_half, ByteSpan bytes, Digest digest) const {
  HandshakeStep step;
  step.kind = kind;
  step.server_challenges = first_half;
  step.digest = digest;
  const size_t length = std::min(bytes.size(), size_t{HandshakeStep::kMaxBytes});
  std::copy_n(bytes.begin(), length, step.bytes.begin());
  step.length = static_cast<uint16_t>(length);
  Taken taken;
  taken.is_step = true;
  taken.step = step;
  return taken;
}

AuthHandshake::Taken AuthHandshake::data(bool never_loaded) {
  Taken taken;
  taken.never_loaded = never_loaded;
  return taken;
}

HandshakeViolation AuthHandshake::breach(HandshakeBreach what, bool first_half, Direction by, uint64_t length) const {
  const bool oversized = length > kMaxHandshakeMessage;
  return {oversized ? HandshakeBreach::kOversized : what, first_half, by, length};
}

/// Data flows after one side alone proved its key.
AuthHandshake::Taken AuthHandshake::one_way() {
  Taken taken;
  if (state_ == AuthState::kPending && verdict_ == Verdict::kWelcome) {
    state_ = AuthState::kOneWay;
    taken.state_changed = true;
  }
  return taken;
}

bool AuthHandshake::expects_step(Direction from) const { return !done() && !lost_ && frames_[index_of(from)] < 3; }

void AuthHandshake::lose_track() {
  if (done()) return;
  state_ = AuthState::kUnknown;
  lost_ = true;
}

/// A challenge is only one where it is the first thing its side says.
bool AuthHandshake::begin(Direction from, ByteSpan message) {
  if (!is_challenge(message) || count(from) > 0) return false;
  challenger_ = from;
  const bool by_server = from == Direction::kToClient || state_ == AuthState::kUnknown;
  if (by_server) state_ = AuthState::kPending;
  return true;
}

AuthHandshake::Taken AuthHandshake::take(Direction from, uint64_t length, ByteSpan head) {
  if (lost_) return {};
  const ByteSpan message = length <= kMaxHandshakeMessage ? head : ByteSpan{};
  const bool server_takes_over = challenger_ && !begun() && from == Direction::kToClient;
  const bool begins = (!challenger_ || server_takes_over) && begin(from, message);
  const unsigned place = count(from);
  if (place < 3) ++count(from);
  length_ = length;
  if (place == 0) {
    first_length_[index_of(from)] = length;
    first_answers_[index_of(from)] = digest_of_response(message) != Digest::kUnknown;
  }
  if (!challenger_) return {};
  if (from == *challenger_) return begins || begun() ? take_from_challenger(message, place) : Taken{};
  return take_from_answerer(message, place);
}

AuthHandshake::Taken AuthHandshake::verdict(ByteSpan head, bool first_half) {
  const bool welcome = is_welcome(head);
  Taken taken = step(welcome ? HandshakeStepKind::kWelcome : HandshakeStepKind::kFailure, first_half, {},
                     first_half ? digest_ : Digest::kNone);
  if (first_half) verdict_ = welcome ? Verdict::kWelcome : Verdict::kFailure;
  if (welcome && first_half) return taken;
  state_ = welcome ? AuthState::kMutual : AuthState::kFailed;
  taken.state_changed = taken.ended = true;
  return taken;
}

AuthHandshake::Taken AuthHandshake::take_from_challenger(ByteSpan head, unsigned place) {
  if (place == 0) {
    const ByteSpan message = head.subspan(kChallenge.size());
    Taken taken = step(HandshakeStepKind::kChallenge, true, message, digest_of_challenge(head));
    taken.state_changed = begun();
    // 2.7 to 3.11 send 20 random bytes; since 3.12 the digest's name stands before them.
    python_ = digest_prefix(as_text(message)).prefix_bytes > 0 ? PythonGuess::kFrom312 : PythonGuess::kUpTo311;
    // What the client said before it was challenged is read as its answer.
    const Direction answerer = opposite(*challenger_);
    if (begun() && count(answerer) > 0 && !first_answers_[index_of(answerer)]) {
      taken.violation = breach(HandshakeBreach::kNoAnswer, true, answerer, first_length_[index_of(answerer)]);
    }
    return taken;
  }
  if (state_ == AuthState::kMutual || state_ == AuthState::kOneWay) return {};
  // The answerer reads on as a verdict, and leaves at anything else; but only one that answered is known to.
  if (state_ == AuthState::kFailed) return data(answered_);
  const bool was_spoken_to = count(opposite(*challenger_)) > 0;
  if (verdict_ == Verdict::kNone && was_spoken_to && (is_welcome(head) || is_failure(head))) return verdict(head, true);
  if (verdict_ == Verdict::kNone) {
    Taken taken = data(answered_);
    // To what is no answer a manager says what went wrong, in a pickle.
    const bool verdict_form = is_welcome(head) || is_failure(head);
    if (place == 1 && answered_ && !verdict_form) {
      taken.violation = breach(HandshakeBreach::kNoVerdict, true, *challenger_, length_);
    }
    return taken;
  }
  if (!second_begun_) return one_way();
  const Digest digest = digest_of_response(head);
  if (second_answered_ || digest == Digest::kUnknown) {
    Taken taken = data(true);
    if (!second_answered_) taken.violation = breach(HandshakeBreach::kNoAnswer, false, *challenger_, length_);
    return taken;
  }
  second_answered_ = true;
  return step(HandshakeStepKind::kResponse, false, head, digest);
}

AuthHandshake::Taken AuthHandshake::take_from_answerer(ByteSpan head, unsigned place) {
  if (place == 0) {
    const Digest digest = digest_of_response(head);
    // A client's challenge that the server does not answer is none.
    if (!begun() && digest == Digest::kUnknown) return {};
    if (digest == Digest::kUnknown) {
      Taken taken = data(true);
      taken.violation = breach(HandshakeBreach::kNoAnswer, true, opposite(*challenger_), length_);
      return taken;
    }
    answered_ = true;
    digest_ = digest;
    Taken taken = step(HandshakeStepKind::kResponse, true, head, digest);
    taken.state_changed = !begun();
    if (!begun()) state_ = AuthState::kPending;
    return taken;
  }
  if (!begun() || state_ == AuthState::kMutual || state_ == AuthState::kOneWay) return {};
  // The challenger refused, or will: an answer that is none fails, and nothing behind it is read.
  if (verdict_ == Verdict::kFailure || !answered_) return data(true);
  if (state_ == AuthState::kFailed) return data(second_answered_);
  if (place == 1 && is_challenge(head)) {
    second_begun_ = true;
    return step(HandshakeStepKind::kChallenge, false, head.subspan(kChallenge.size()), digest_of_challenge(head));
  }
  if (second_begun_ && (is_welcome(head) || is_failure(head))) return verdict(head, false);
  if (second_begun_) {
    Taken taken = data(second_answered_);
    if (place == 2 && second_answered_) {
      taken.violation = breach(HandshakeBreach::kNoVerdict, false, opposite(*challenger_), length_);
    }
    return taken;
  }
  // A client that proves its key and asks for no proof: data follows where its challenge was due.
  return one_way();
}

}  // namespace pickletap
