// The Detector's part about allow lists: what leaves them, and what a list would have to allow.
#include <utility>

#include "sensor/detect/detector.h"

namespace pickletap {

namespace {

std::string sentence(const LeftAllowList& left) {
  std::string what;
  for (const std::string& name : left.callables) what += (what.empty() ? "callable " : ", ") + name;
  if (!left.method.empty()) what += (what.empty() ? "method " : "; method ") + left.method;
  if (!left.peer.empty()) what += (what.empty() ? "peer " : "; peer ") + left.peer;
  return std::string(left.enforced ? "Not on the allow list" : "Would not be on the allow list, if it were enforced") +
         " (" + left.file + ":" + std::to_string(left.line) + "): " + what;
}

}  // namespace

/// Once a flow and name.
void Detector::raise_left(const RecordHead& head, FlowNotes& notes, LeftAllowList&& left, Alert&& alert, bool park) {
  const size_t rule = rule_index("pickle.not-allowed");
  bool is_news = false;
  const auto tell = [&](const std::string& name) {
    if (name.empty() || notes.left_told.contains(name)) return;
    if (notes.left_told.size() < kMaxLeftTold) notes.left_told.insert(name);
    is_news = true;
  };
  for (const std::string& name : left.callables) tell(name);
  tell(left.method);
  tell(left.peer);
  if (!is_news) {
    ++counters_.suppressed[rule];
    return;
  }
  alert.head = head;
  alert.signature = sentence(left);
  alert.left = std::move(left);
  raise(std::move(alert), rule, park);
}

void Detector::compare_with_list(const RecordHead& head, const Observation& observation, const PickleSeen& seen,
                                 FlowNotes& notes) {
  const bool is_request = head.from == Direction::kToServer && !seen.manager.method.empty();
  std::string method;
  if (is_request) method = allow_name_of(seen.not_unpickled ? seen.manager : notes.manager.request);
  const bool park = must_park(head, observation);
  if (!allow_.is_learning()) {
    auto left = allow_.departure(head, seen.report, method);
    if (!left) return;
    Alert alert;
    alert.has_frame = true;
    alert.frame = seen.frame;
    alert.has_pickle = true;
    alert.pickle = seen.report;
    if (alert.pickle.globals.empty()) alert.pickle.globals = seen.report.reached;
    if (is_request) alert.manager = seen.not_unpickled ? seen.manager : notes.manager.request;
    alert.has_outcome = true;
    alert.outcome = seen.not_unpickled ? Outcome::kNotUnpickled : Outcome::kAttempted;
    raise_left(head, notes, std::move(*left), std::move(alert), park);
    return;
  }
  if (seen.not_unpickled || head.auth == AuthState::kFailed || head.auth == AuthState::kPending) return;
  if (!park) return allow_.learn_pickle(head, seen.report, method);
  if (notes.lessons.size() >= kMaxLessons || lessons_held_ >= kMaxLessonsHeld) return allow_.note_lost();
  Lesson lesson{head, {}, std::move(method)};
  lesson.report.reached = seen.report.reached;
  lesson.report.reached_more = seen.report.reached_more;
  lesson.report.findings = seen.report.findings;
  notes.lessons.push_back(std::move(lesson));
  ++lessons_held_;
}

/// Where a key was asked for after all, the early pickles were read as an answer to that.
void Detector::settle_lessons(AuthState auth, FlowNotes& notes) {
  lessons_held_ -= notes.lessons.size();
  const std::vector<Lesson> lessons = std::exchange(notes.lessons, {});
  if (auth != AuthState::kNone && auth != AuthState::kUnknown) return;
  for (const Lesson& lesson : lessons) allow_.learn_pickle(lesson.head, lesson.report, lesson.method);
}

void Detector::compare_peer(const RecordHead& head, FlowNotes& notes) {
  if (allow_.is_learning()) {
    // Who was refused is no peer, and who has sent nothing so far may be.
    if (head.auth == AuthState::kFailed || head.auth == AuthState::kUnknown) return;
    notes.peer_compared = true;
    return allow_.learn_peer(head);
  }
  notes.peer_compared = true;
  auto left = allow_.peer_departure(head);
  if (!left) return;
  RecordHead peer = head;
  peer.from = Direction::kToServer;
  raise_left(peer, notes, std::move(*left), {}, false);
}

}  // namespace pickletap
