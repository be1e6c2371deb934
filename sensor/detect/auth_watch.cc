#include "sensor/detect/auth_watch.h"

#include <span>
#include <string_view>
#include <utility>

#include "sensor/detect/addresses.h"

namespace pickletap {

namespace {

constexpr std::string_view kDowngrade = "auth.downgrade";
constexpr std::string_view kViolation = "auth.protocol-violation";

// MESSAGE_LENGTH of CPython: 20 before 3.12, 40 behind a digest's name since.
constexpr size_t kBareChallengeBytes = 20, kNamedChallengeBytes = 40;
/// Below this a challenge is no memory worth: constant or short ones come twice by themselves.
constexpr size_t kMinRememberedBytes = 8;

Direction direction_by(bool server) { return server ? Direction::kToClient : Direction::kToServer; }
std::string_view side(bool server) { return server ? "listener" : "client"; }
std::string_view side(Direction from) { return side(from == Direction::kToClient); }

/// The bytes behind "{name}", or all where there is no name.
std::span<const uint8_t> random_part(std::span<const uint8_t> message, bool& named) {
  named = false;
  if (message.empty() || message.front() != '{') return message;
  constexpr size_t kLongestName = 18;
  for (size_t i = 1; i < message.size() && i <= kLongestName; ++i) {
    if (message[i] != '}') continue;
    named = true;
    return message.subspan(i + 1);
  }
  return message;
}

/// All that both sides said is here. Where a message is missing, the next one stands in its place and looks wrong. (One
/// byte is a FIN's.)
bool is_whole(const RecordHead& head) {
  return !head.flow.midstream && head.flow.unseen_bytes[0] <= 1 && head.flow.unseen_bytes[1] <= 1;
}

std::string name_of(Digest digest) { return "HMAC with " + std::string(to_text(digest)); }

}  // namespace

int strength_of(Digest digest) {
  switch (digest) {
    case Digest::kMd5: return 1;
    case Digest::kSha256:
    case Digest::kSha3_256: return 2;
    case Digest::kSha384:
    case Digest::kSha3_384: return 3;
    case Digest::kNone:
    case Digest::kUnknown: return 0;
  }
  return 0;
}

AuthWatch::Handshake* AuthWatch::handshake_of(uint64_t flow_id) {
  if (const auto at = handshakes_.find(flow_id); at != handshakes_.end()) return &at->second;
  if (handshakes_.size() >= kMaxHandshakes) {
    ++handshakes_untracked_;
    return nullptr;
  }
  return &handshakes_[flow_id];
}

bool AuthWatch::on_step(const RecordHead& head, const HandshakeStep& step, Listener* listener, Findings& findings) {
  Handshake* handshake = handshake_of(head.flow.flow_id);
  switch (step.kind) {
    case HandshakeStepKind::kChallenge: on_challenge(head, step, handshake, listener, findings); return false;
    case HandshakeStepKind::kResponse:
      if (handshake != nullptr) on_response(head, step, *handshake, findings);
      return false;
    case HandshakeStepKind::kFailure:
      if (step.server_challenges) count_failure(head, handshake, findings);
      return false;
    case HandshakeStepKind::kWelcome: break;
  }
  if (!step.server_challenges) return false;
  on_welcome(head, step.digest, findings);
  if (handshake == nullptr) return false;
  exchange_ = handshake->halves[0].exchange;
  return exchange_.complete();
}

void AuthWatch::on_challenge(const RecordHead& head, const HandshakeStep& step, Handshake* handshake,
                             Listener* listener, Findings& findings) {
  const bool by_server = step.server_challenges;
  const Direction from = direction_by(by_server);
  const std::string who = "The " + std::string(side(by_server));
  const std::span<const uint8_t> message(step.bytes.data(), step.length);
  bool named = false;
  const auto random = random_part(message, named);
  const size_t usual = named ? kNamedChallengeBytes : kBareChallengeBytes;
  if (named && step.digest == Digest::kUnknown) {
    add_finding(findings, kViolation, head, from, who + " asks for a digest that CPython does not know");
  } else if (random.size() != usual) {
    const std::string size = std::to_string(random.size()) + " bytes, CPython's have " + std::to_string(usual);
    add_finding(findings, kViolation, head, from,
                who + "'s challenge is too " + (random.size() < usual ? "short: " : "long: ") + size);
  }
  if (random.size() >= kMinRememberedBytes) challenges_.on_challenge(head, by_server, random, findings);

  if (handshake != nullptr) {
    Half& half = handshake->halves[by_server ? 0 : 1];
    half.begun = true;
    half.named = named;
    half.asked = step.digest;
    half.exchange.message.assign(message.begin(), message.end());
    // Old Pythons answer a named challenge with a bare MD5, and know no better. One that asks for a name does.
    const Half& first = handshake->halves[0];
    const bool knew_better = !by_server && named && first.named && first.exchange.digest == Digest::kMd5 &&
                             strength_of(first.asked) > strength_of(Digest::kMd5);
    if (knew_better && !std::exchange(handshake->downgrade_told, true)) {
      add_finding(findings, kDowngrade, head, from,
                  "The client answered a challenge for " + std::string(to_text(first.asked)) +
                      " with HMAC-MD5, and asks for " + std::string(to_text(step.digest)) +
                      " itself: no Python does both");
    }
  }
  if (!by_server || listener == nullptr || step.digest == Digest::kUnknown) return;
  const int strength = strength_of(step.digest);
  if (strength < strength_of(listener->best_challenge)) {
    if (std::exchange(listener->downgrade_told, true)) return;
    add_finding(findings, kDowngrade, head, from,
                "The listener asked for " + name_of(step.digest) + "; it asked for " +
                    name_of(listener->best_challenge) + " before")
        .rests_on = {listener->best_challenge_flow};
  } else {
    if (strength > strength_of(listener->best_challenge)) listener->best_challenge = step.digest;
    listener->best_challenge_flow = head.flow.flow_id;
  }
}

void AuthWatch::on_response(const RecordHead& head, const HandshakeStep& step, Handshake& handshake,
                            Findings& findings) {
  Half& half = handshake.halves[step.server_challenges ? 0 : 1];
  const Direction from = direction_by(!step.server_challenges);
  const std::string who = "The " + std::string(side(!step.server_challenges));
  const std::span<const uint8_t> message(step.bytes.data(), step.length);
  bool named = false;
  // 16 bytes are a bare MD5 whatever they begin with.
  const auto mac = message.size() == 16 ? message : random_part(message, named);
  half.exchange.digest = step.digest;
  half.exchange.mac.assign(mac.begin(), mac.end());
  if (!half.begun) return;
  if (named && step.digest != half.asked) {
    add_finding(findings, kViolation, head, from,
                who + " answered a challenge for " + std::string(to_text(half.asked)) + " with " +
                    std::string(to_text(step.digest)));
  } else if (named && !half.named) {
    add_finding(findings, kViolation, head, from, who + " names a digest in its answer to a challenge without one");
  }
  // The listener's turn: it asked for a name itself.
  const Half& first = handshake.halves[0];
  const bool knew_better = !step.server_challenges && half.named && !named && first.named &&
                           strength_of(half.asked) > strength_of(Digest::kMd5);
  if (knew_better && !std::exchange(handshake.downgrade_told, true)) {
    add_finding(findings, kDowngrade, head, from,
                "The listener answered a challenge for " + std::string(to_text(half.asked)) +
                    " with HMAC-MD5, and asked for " + std::string(to_text(first.asked)) +
                    " itself: no Python does both");
  }
}

void AuthWatch::on_welcome(const RecordHead& head, Digest digest, Findings& findings) {
  brute_force_.on_success(head, findings);
  std::string key = BytesKey().add(head.server()).add(head.flow.vlan).add(head.client().address).take();
  auto at = peers_.find(key);
  if (at == peers_.end()) {
    if (peers_.size() >= kMaxPeers) {
      ++peers_untracked_;
      return;
    }
    at = peers_.emplace(std::move(key), Peer{}).first;
  }
  Peer& peer = at->second;
  const int strength = strength_of(digest);
  if (strength >= peer.best) {
    peer.best = strength;
    peer.flow_id = head.flow.flow_id;
    return;
  }
  const auto handshake = handshakes_.find(head.flow.flow_id);
  // It answered what it was asked for, or was told of already.
  const bool excused = handshake != handshakes_.end() &&
                       (handshake->second.downgrade_told || strength_of(handshake->second.halves[0].asked) <= strength);
  if (strength == 0 || excused || std::exchange(peer.told, true)) return;
  add_finding(findings, kDowngrade, head, Direction::kToServer,
              to_text(head.client().address) + " proved its key by " + name_of(digest) +
                  "; it used a stronger digest on this listener before")
      .rests_on = {peer.flow_id};
}

void AuthWatch::count_failure(const RecordHead& head, Handshake* handshake, Findings& findings) {
  if (handshake != nullptr && std::exchange(handshake->failure_counted, true)) return;
  brute_force_.on_failure(head, findings);
}

void AuthWatch::on_violation(const RecordHead& head, const HandshakeViolation& violation, Findings& findings) {
  if (!is_whole(head)) return;
  const Direction by = head.server_is_initiator ? opposite(violation.by) : violation.by;
  const std::string who = "The " + std::string(side(by));
  const std::string bytes = std::to_string(violation.length) + (violation.length == 1 ? " byte" : " bytes");
  std::string text;
  switch (violation.what) {
    case HandshakeBreach::kOversized:
      text = who + " sent " + bytes + " where a handshake message was due, which has 256 at most";
      break;
    case HandshakeBreach::kNoAnswer:
      text = who + " sent data that is no pickle (" + bytes + ") in place of an answer to the challenge";
      break;
    case HandshakeBreach::kNoVerdict:
      text = who + " sent data (" + bytes + ") in place of its verdict on the answer";
      break;
  }
  add_finding(findings, kViolation, head, by, std::move(text));
  // A listener refuses what is no answer, be it without a word.
  if (violation.server_challenges && violation.what != HandshakeBreach::kNoVerdict) {
    count_failure(head, handshake_of(head.flow.flow_id), findings);
  }
}

void AuthWatch::on_one_way(const RecordHead& head, Findings& findings) {
  if (!is_whole(head)) return;
  const bool by_server = head.from == Direction::kToClient;
  add_finding(findings, "auth.one-way", head, head.from,
              "The " + std::string(side(by_server)) + " sent data after the client alone had proved its key");
}

}  // namespace pickletap
