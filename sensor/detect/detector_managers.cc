// The Detector's part about managers: what is asked of them, and what their answers prove.
#include <utility>

#include "sensor/detect/detector.h"
#include "sensor/net/address_text.h"

namespace pickletap {

namespace {

std::string name_of(const ManagerRequest& request) {
  return request.type_id.empty() ? request.method : request.type_id + "." + request.method;
}

}  // namespace

void Detector::raise_about_manager(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes,
                                   std::string_view rule, std::string signature) {
  Alert alert;
  alert.head = head;
  alert.head.from = Direction::kToServer;  // an answer is about what was asked
  alert.head.application = Application::kManager;
  alert.has_frame = true;
  alert.frame = seen.frame;
  alert.manager = notes.manager.request;
  alert.signature = std::move(signature);
  raise(std::move(alert), rule_index(rule), false);
}

void Detector::on_manager_request(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes) {
  if (head.from != Direction::kToServer || seen.not_unpickled) return;
  notes.manager = {seen.manager, true, false};
  notes.attempt.reset();
  ManagerRequest& request = notes.manager.request;
  Listener* const listener = listeners_.find_or_add(head);
  if (!request.to_server) {
    if (listener != nullptr) request.type_id = listener->objects.type_of(request.object);
    return;
  }
  if (request.method == "shutdown") {
    raise_about_manager(head, seen, notes, "manager.shutdown", "A peer asks the manager to shut down");
  } else if (manager_watch::is_reconnaissance(request.method)) {
    const std::string key = to_text(head.client().address) + " " + request.method;
    const bool is_new = listener == nullptr ||
                        (listener->recon_told.size() < Listeners::kMaxRecon && listener->recon_told.insert(key).second);
    if (is_new) {
      raise_about_manager(head, seen, notes, "manager.recon",
                          "A peer asks the manager what it holds: " + request.method);
    } else {
      ++counters_.suppressed[rule_index("manager.recon")];
    }
  } else if (!manager_watch::is_server_function(request.method)) {
    notes.manager.forbidden_told = true;
    raise_about_manager(head, seen, notes, "manager.forbidden-call",
                        "The manager's server has no function for others of this name: " + request.method);
  }
}

/// Kept until the next message of the server.
void Detector::await_proof(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes) {
  if (head.from != Direction::kToServer || seen.not_unpickled || notes.look_alike) return;
  notes.attempt = std::make_unique<Alert>();
  notes.attempt->head = head;
  notes.attempt->frame = seen.frame;
  notes.attempt->pickle = seen.report;
  notes.attempt->manager = notes.manager.request;
}

/// Requests with the type that is known of the object asked, answers with what they answer.
void Detector::tell_pickle(const RecordHead& head, const PickleSeen& seen, const FlowNotes& notes) {
  PickleSeen told = seen;
  const bool is_of_request = head.from == (told.reply.kind.empty() ? Direction::kToServer : Direction::kToClient);
  const bool is_manager = !told.manager.method.empty() || !told.reply.kind.empty();
  if (is_manager && is_of_request && !seen.not_unpickled) told.manager = notes.manager.request;
  sink_.write(ProtocolRecord{head, std::move(told)});
}

void Detector::on_manager_reply(const RecordHead& head, const PickleSeen& seen, FlowNotes& notes) {
  if (head.from != Direction::kToClient || seen.not_unpickled) return;
  const ManagerReply& reply = seen.reply;
  if (notes.attempt != nullptr) {
    const std::unique_ptr<Alert> attempt = std::move(notes.attempt);
    if (manager_watch::shows_loaded(reply, attempt->pickle) == manager_watch::Loaded::kYes) {
      Alert alert = std::move(*attempt);
      alert.head.time_ns = head.time_ns;
      alert.head.packet_number = head.packet_number;
      alert.head.application = Application::kManager;
      alert.has_frame = alert.has_pickle = alert.has_outcome = true;
      alert.outcome = Outcome::kExecuted;
      const std::string line = manager_watch::telling_line(reply);
      alert.signature =
          "The manager's answer shows that this pickle was loaded: " + reply.kind + (line.empty() ? "" : " " + line);
      raise(std::move(alert), rule_index("pickle.code-execution"), false);
    }
  }
  if (Listener* listener = listeners_.find_or_add(head); listener != nullptr) {
    const bool is_made = reply.kind == "#RETURN" && notes.manager.is_open && notes.manager.request.to_server &&
                         notes.manager.request.method == "create";
    if (is_made) listener->objects.add(reply.object, notes.manager.request.type_id);
    if (reply.kind == "#PROXY") listener->objects.add(reply.object, reply.type_id);
  }
  if (const auto address = parse_address(reply.host)) {
    const Endpoint endpoint{*address, reply.port};
    if (!(endpoint == head.server())) listeners_.expect_manager(head, endpoint);
  }
  if (!notes.manager.is_open) return;
  notes.manager.is_open = false;
  if (notes.manager.forbidden_told || !manager_watch::says_forbidden(reply)) return;
  notes.manager.forbidden_told = true;
  raise_about_manager(head, seen, notes, "manager.forbidden-call",
                      "A peer asks for a method that the manager does not offer: " + name_of(notes.manager.request) +
                          " (" + manager_watch::telling_line(reply) + ")");
}

}  // namespace pickletap
