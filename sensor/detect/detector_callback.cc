// The Detector's part about call-backs: which alerts arm a watch, and what a contact becomes.
#include <utility>

#include "sensor/detect/detector.h"

namespace pickletap {

/// Of what the operator wants to hear nothing, he wants to hear no consequences.
void Detector::arm_callback(const Alert& alert, size_t rule, bool park) {
  if (alert.outcome == Outcome::kNotUnpickled || !enabled_[rule]) return;
  const std::string_view name = rules_[rule].name;
  const bool runs_code =
      name == "pickle.code-execution" || name == "pickle.dangerous-reference" || name == "pickle.code-object";
  if (!runs_code || suppressor_.is_unwanted(alert, rule)) return;
  callbacks_.arm(alert, !park);
}

void Detector::on_contact(const Event& event, const ContactSeen& contact) {
  CallbackWatch::Result result = callbacks_.on_contact(event, contact);
  const size_t rule = rule_index("attack.callback");
  if (result.is_repeated) ++counters_.suppressed[rule];
  if (result.alert) raise(std::move(*result.alert), rule, !result.is_certain);
}

}  // namespace pickletap
