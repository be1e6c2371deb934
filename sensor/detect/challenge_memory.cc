#include "sensor/detect/challenge_memory.h"

#include <utility>

#include "sensor/detect/addresses.h"

namespace pickletap {

/// What the second flow did with the first one's challenge.
std::string ChallengeMemory::sentence(const Seen& first, const Seen& again) {
  const std::string was = "The challenge that " + text_of(first.challenger()) + " sent to " +
                          text_of(first.answerer()) + " (flow " + std::to_string(first.flow_id) + ") ";
  const std::string to = text_of(again.answerer());
  const bool passed_on = again.challenger().address == first.answerer().address;
  const bool back = again.answerer().address == first.challenger().address;
  if (passed_on && back) return was + "was reflected: it came back to its maker at " + to + " as the other's own";
  if (passed_on) return was + "was relayed: its receiver sent it on to " + to + ", as a man in the middle does";
  if (again.challenger().address == first.challenger().address) {
    return was + "was sent again, to " + to + ": a recorded handshake can be replayed";
  }
  return was + "came again from " + text_of(again.challenger()) + ", to " + to + ": replayed, or relayed out of sight";
}

void ChallengeMemory::on_challenge(const RecordHead& head, bool by_server, std::span<const uint8_t> random,
                                   Findings& findings) {
  const Seen now{head.flow.flow_id, head.client(), head.server(), head.time_ns, by_server};
  const HmacHash::Value hash = hash_(random);
  const auto [at, is_new] = seen_.emplace(hash, now);
  if (!is_new) {
    const Seen& first = at->second;
    const bool same_tuple = first.client == now.client && first.server == now.server;
    const bool twin = same_tuple && first.by_server == by_server && now.time_ns - first.time_ns < kTwinNs &&
                      first.time_ns - now.time_ns < kTwinNs;
    if (twin) return;
    Alert& alert =
        add_finding(findings, "auth.challenge-reuse", head, by_server ? Direction::kToClient : Direction::kToServer,
                    now.time_ns < first.time_ns ? sentence(now, first) : sentence(first, now));
    alert.other_flow = OtherFlow{first.flow_id, first.client, first.server};
    alert.rests_on = {first.flow_id};
    return;
  }
  order_.push_back(hash);
  if (order_.size() <= kMaxChallenges) return;
  seen_.erase(order_.front());
  order_.pop_front();
  ++forgotten_;
}

}  // namespace pickletap
