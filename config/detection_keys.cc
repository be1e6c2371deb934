#include "config/detection_keys.h"

#include "config/networks.h"

namespace pickletap {
namespace {

using Field = ConfigKey::Field;

constexpr uint64_t kDay_s = 86400;
constexpr uint64_t kMaxTrusted = 1024, kMaxExpectations = 4096, kMaxKeyFiles = 16, kMaxSuppressed = 256;

}  // namespace

std::vector<ConfigKey> network_keys() {
  return {
      {.name = "networks.trusted",
       .kind = KeyKind::kTexts,
       .high = kMaxTrusted,
       .complaint = network_complaint,
       .field = [](Config& c) -> Field { return &c.networks.trusted; },
       .says = "Networks whose peers a listener may have; others raise exposure.untrusted-peer."},
      {.name = "networks.listeners",
       .kind = KeyKind::kTexts,
       .high = kMaxExpectations,
       .complaint = expectation_complaint,
       .field = [](Config& c) -> Field { return &c.networks.listeners; },
       .says =
           "What is expected of listeners, 'ADDRESS:PORT key digest=sha256 no-manager peers=NETWORK,…'; what departs "
           "from it raises exposure.unexpected."},
      {.name = "auth.weak_keys",
       .kind = KeyKind::kPaths,
       .high = kMaxKeyFiles,
       .field = [](Config& c) -> Field { return &c.auth.weak_keys; },
       .says = "Files of weak or leaked keys beside the built-in list."},
      {.name = "auth.weak_key_cpu",
       .kind = KeyKind::kCount,
       .low = 1,
       .high = 100,
       .or_zero = true,
       .field = [](Config& c) -> Field { return &c.auth.weak_key_cpu_percent; },
       .says = "Per cent of one core that `pickletap run` may spend on trying keys; 0: none are tried."},
      {.name = "auth.show_keys",
       .kind = KeyKind::kBoolean,
       .field = [](Config& c) -> Field { return &c.auth.show_keys; },
       .says = "Show a weak key in full instead of masked."},
      {.name = "auth.bruteforce.failures",
       .kind = KeyKind::kCount,
       .low = 2,
       .high = 1000,
       .field = [](Config& c) -> Field { return &c.auth.bruteforce_failures; },
       .says = "Refused keys of one source on one listener that raise auth.bruteforce."},
      {.name = "auth.bruteforce.window",
       .kind = KeyKind::kSeconds,
       .low = 1,
       .high = kDay_s,
       .field = [](Config& c) -> Field { return &c.auth.bruteforce_window_s; },
       .says = "The time within which they are counted."},
  };
}

std::vector<ConfigKey> alert_keys() {
  return {
      {.name = "alerts.collapse_after",
       .kind = KeyKind::kCount,
       .low = 1,
       .high = 1'000'000,
       .field = [](Config& c) -> Field { return &c.alerts.collapse_after; },
       .says = "Alerts alike written one by one; more are counted and told by one record."},
      {.name = "alerts.collapse_window",
       .kind = KeyKind::kSeconds,
       .low = 1,
       .high = kDay_s,
       .or_zero = true,
       .field = [](Config& c) -> Field { return &c.alerts.collapse_window_s; },
       .says = "The time for which they are counted; 0: each alert is written."},
      {.name = "alerts.callback_window",
       .kind = KeyKind::kSeconds,
       .low = 1,
       .high = kDay_s,
       .or_zero = true,
       .field = [](Config& c) -> Field { return &c.alerts.callback_window_s; },
       .says = "How long after a pickle that runs code a connection of its receiver to a host named in it raises "
               "attack.callback; 0: never."},
  };
}

void add_rule_keys(std::vector<ConfigKey>& keys, const std::string& rule) {
  keys.push_back({.name = "rules." + rule + ".enabled",
                  .kind = KeyKind::kBoolean,
                  .field = [rule](Config& c) -> Field { return &c.rules[rule].enabled; },
                  .says = "Whether the rule raises alerts.",
                  .path = {"rules", rule, "enabled"}});
  keys.push_back({.name = "rules." + rule + ".severity",
                  .kind = KeyKind::kSeverity,
                  .field = [rule](Config& c) -> Field { return &c.rules[rule].severity; },
                  .says = "high, medium or low; default: as `pickletap rules` lists it.",
                  .path = {"rules", rule, "severity"}});
  keys.push_back({.name = "rules." + rule + ".threshold.count",
                  .kind = KeyKind::kCount,
                  .low = 1,
                  .high = 1000,
                  .field = [rule](Config& c) -> Field { return &c.rules[rule].threshold_count; },
                  .says = "Raised when it happened so often within the window, for one listener and source.",
                  .path = {"rules", rule, "threshold", "count"}});
  keys.push_back({.name = "rules." + rule + ".threshold.window",
                  .kind = KeyKind::kSeconds,
                  .low = 1,
                  .high = kDay_s,
                  .field = [rule](Config& c) -> Field { return &c.rules[rule].threshold_window_s; },
                  .says = "The time within which the threshold counts.",
                  .path = {"rules", rule, "threshold", "window"}});
  keys.push_back({.name = "rules." + rule + ".suppress",
                  .kind = KeyKind::kTexts,
                  .high = kMaxSuppressed,
                  .complaint = suppress_complaint,
                  .field = [rule](Config& c) -> Field { return &c.rules[rule].suppress; },
                  .says = "Cases that raise nothing: NETWORK, source=NETWORK, listener=ADDRESS:PORT, callable=NAME.",
                  .path = {"rules", rule, "suppress"}});
}

}  // namespace pickletap
