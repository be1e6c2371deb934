// The Detector's alerts that wait until it is known whether the receiver loaded what they are about.
#include <utility>

#include "sensor/detect/detector.h"

namespace pickletap {

/// The flow's server has spoken. Where it asked for a key, the client's early pickles were read as an answer; where its
/// words were lost, nobody knows.
void Detector::settle_parked(uint64_t flow_id, AuthState auth) {
  const bool challenged = auth != AuthState::kNone && auth != AuthState::kUnknown;
  const size_t exposure = rule_index("exposure.unauthenticated");
  for (auto at = parked_.begin(); at != parked_.end();) {
    if (at->flow_id != flow_id) {
      ++at;
      continue;
    }
    Parked parked = std::move(*at);
    at = parked_.erase(at);
    callbacks_.settle(flow_id, !challenged);
    if (auth != AuthState::kNone && parked.rule == exposure) continue;
    if (challenged && parked.alert.callback) continue;  // whatever it was, the pickle did not do it
    if (challenged) {
      parked.alert.outcome = Outcome::kNotUnpickled;
      parked.alert.head.auth = AuthState::kPending;
    }
    raise(std::move(parked.alert), parked.rule, false);
  }
}

void Detector::release_until(int64_t time_ns) {
  while (!parked_.empty() && parked_.front().release_ns <= time_ns) {
    Parked parked = std::move(parked_.front());
    parked_.pop_front();
    callbacks_.settle(parked.flow_id, true);
    const auto flow = flows_.find(parked.flow_id);
    const bool server_unseen = flow != flows_.end() && flow->second.server_unseen;
    if (parked.rule == rule_index("exposure.unauthenticated")) {
      if (server_unseen) continue;
      // It had its time to ask for a key. What is told of it from now on waits no more.
      if (flow != flows_.end() && time_ns != INT64_MAX) note_listener(parked.alert.head, flow->second);
    }
    raise(std::move(parked.alert), parked.rule, false);
  }
}

}  // namespace pickletap
