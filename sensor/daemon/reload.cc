#include "sensor/daemon/reload.h"

#include <type_traits>
#include <variant>

#include "config/config_keys.h"
#include "sensor/detect/rule_catalog.h"

namespace pickletap {

namespace {

bool is_same(const ConfigKey::Field& a, const ConfigKey::Field& b) {
  return std::visit(
      [&b](auto* value) {
        using T = std::remove_pointer_t<decltype(value)>;
        return *value == **std::get_if<T*>(&b);
      },
      a);
}

}  // namespace

void take_reloadable(const Config& next, Config& current) {
  current.sensor = next.sensor;
  // Learning has a thread and a file of its own, which the sandbox must let it write.
  const std::string mode = current.policy.mode, learn_file = current.policy.learn_file;
  current.policy = next.policy;
  current.policy.learn_file = learn_file;
  if ((mode == "learn") != (next.policy.mode == "learn")) current.policy.mode = mode;
  current.networks = next.networks;
  current.auth = next.auth;
  current.rules = next.rules;
  current.alerts = next.alerts;
  current.logging = next.logging;
}

std::vector<std::string> restart_needed(const Config& in_force, const Config& next) {
  // A key's field may be added where a rule has no entry yet, so the table works on copies.
  Config a = in_force;
  Config b = next;
  std::vector<std::string> keys;
  for (const ConfigKey& key : config_keys(rule_names())) {
    if (!is_same(key.field(a), key.field(b))) keys.push_back(key.name);
  }
  return keys;
}

}  // namespace pickletap
