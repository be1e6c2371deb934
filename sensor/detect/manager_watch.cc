#include "sensor/detect/manager_watch.h"

#include <algorithm>
#include <array>

namespace pickletap {

void ManagerObjects::add(const std::string& ident, std::string_view type_id) {
  if (ident.empty() || type_id.empty() || type_id.size() > kMaxTypeText) return;
  if (type_by_ident_.size() >= kMaxObjects && !type_by_ident_.contains(ident)) return;
  type_by_ident_[ident] = type_id;
}

std::string ManagerObjects::type_of(const std::string& ident) const {
  const auto found = type_by_ident_.find(ident);
  return found == type_by_ident_.end() ? std::string() : found->second;
}

namespace manager_watch {

namespace {

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

bool is_server_function(std::string_view method) {
  return is_one_of(
      method, std::array<std::string_view, 9>{"shutdown", "create", "accept_connection", "get_methods", "debug_info",
                                              "number_of_objects", "dummy", "incref", "decref"});
}

bool is_reconnaissance(std::string_view method) {
  return is_one_of(method, std::array<std::string_view, 3>{"debug_info", "get_methods", "number_of_objects"});
}

bool says_forbidden(const ManagerReply& reply) {
  if (reply.kind != "#TRACEBACK") return false;
  const std::string_view text = reply.traceback;
  // Without exposed= where a later exception took its place (2.7 tells only that one).
  return contains(text, " object is not in exposed=") || contains(text, "self.fallback_mapping[methodname]") ||
         (contains(text, "AssertionError: ") && contains(text, " unrecognized"));
}

std::string telling_line(const ManagerReply& reply) {
  constexpr size_t kMostBytes = 200;
  std::string_view text = reply.traceback;
  while (text.ends_with('\n')) text.remove_suffix(1);
  const size_t refusal = text.find(" object is not in exposed=");
  const size_t at = refusal == std::string_view::npos ? text.size() : refusal;
  const size_t begin = text.rfind('\n', at) + 1;
  return std::string(text.substr(begin, std::min(text.find('\n', at) - begin, kMostBytes)));
}

// A pickle that cannot be loaded makes `request = recv()` raise, and that line, or the frame of recv below it, stands in
// the traceback. What was called before that shows where its own frame is in it.
Loaded shows_loaded(const ManagerReply& reply, const PickleReport& request) {
  if (reply.kind.empty()) return Loaded::kUnknown;
  const std::string_view text = reply.traceback;
  const bool raised_in_recv =
      contains(text, ", in recv\n") || contains(text, "request = c.recv()\n") || contains(text, "request = recv()\n");
  if (reply.kind != "#TRACEBACK" || !raised_in_recv) return Loaded::kYes;
  const bool has_frame =
      std::any_of(request.findings.begin(), request.findings.end(), [&](const PickleFinding& finding) {
        if (finding.rule != PickleRule::kCodeExecution) return false;
        const std::string name = finding.callable.substr(finding.callable.rfind('.') + 1);
        return name.size() > 2 && name != "recv" && contains(text, ", in " + name + "\n");
      });
  return has_frame || contains(text, "File \"<string>\", line ") ? Loaded::kYes : Loaded::kUnknown;
}

}  // namespace manager_watch
}  // namespace pickletap
