#include "dissectors/python_mp/message_shape.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <tuple>

namespace pickletap {

namespace {

constexpr size_t kMaxNameText = 128;

std::optional<std::string_view> text_of(const PickleMachine& machine, Value value) {
  if (!value.is(ValueKind::kStr)) return std::nullopt;
  const auto text = machine.store().text(value);
  if (!text || !text->whole() || text->text.size() > kMaxNameText) return std::nullopt;
  return text->text;
}

bool is_tuple(Value value) { return value.is(ValueKind::kTuple) || value.is(ValueKind::kEmptyTuple); }

bool is_identifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

}  // namespace

std::optional<ManagerRequest> manager_request(const PickleMachine& machine) {
  const auto root = machine.root();
  if (!root || !root->is(ValueKind::kTuple)) return std::nullopt;
  const auto items = machine.store().items(*root);
  if (!items || items->total != 4) return std::nullopt;
  const auto& [ident, method, args, keywords] =
      std::tie(items->kept[0], items->kept[1], items->kept[2], items->kept[3]);
  const auto name = text_of(machine, method);
  const bool is_request = (ident.is(ValueKind::kNone) || ident.is(ValueKind::kStr)) && name && is_identifier(*name) &&
                          is_tuple(args) && keywords.is(ValueKind::kDict);
  if (!is_request) return std::nullopt;
  ManagerRequest request{std::string(*name), {}, {}, ident.is(ValueKind::kNone)};
  if (const auto object = text_of(machine, ident)) request.object = *object;
  if (*name == "create") {
    const auto arguments = machine.store().items(args);
    const auto type_id = arguments && !arguments->kept.empty() ? text_of(machine, arguments->kept[0]) : std::nullopt;
    if (type_id) request.type_id = *type_id;
  }
  return request;
}

namespace {

/// The kind of `(kind, result)`, empty when it is no reply.
std::string_view reply_kind(const PickleMachine& machine) {
  static constexpr std::array<std::string_view, 5> kKinds = {"#RETURN", "#ERROR", "#TRACEBACK", "#PROXY",
                                                             "#UNSERIALIZABLE"};
  const auto root = machine.root();
  if (!root || !root->is(ValueKind::kTuple)) return {};
  const auto items = machine.store().items(*root);
  if (!items || items->total != 2) return {};
  const auto kind = text_of(machine, items->kept[0]);
  const auto* known = kind ? std::find(kKinds.begin(), kKinds.end(), *kind) : kKinds.end();
  return known != kKinds.end() ? *known : std::string_view();
}

std::span<const Value> items_of(const PickleMachine& machine, Value value) {
  const bool has_items = value.is(ValueKind::kTuple) || value.is(ValueKind::kList);
  const auto items = has_items ? machine.store().items(value) : std::nullopt;
  return items ? items->kept : std::span<const Value>();
}

/// `Token(typeid, address, id)`: BUILD sets the three (managers.py `Token.__getstate__`).
void take_token(const PickleMachine& machine, Value value, ManagerReply& reply) {
  const auto token = machine.instance(value);
  if (!token || token->cls != "multiprocessing.managers.Token") return;
  const auto state = items_of(machine, token->state);
  if (state.size() != 3) return;
  if (const auto type_id = text_of(machine, state[0])) reply.type_id = *type_id;
  if (const auto ident = text_of(machine, state[2])) reply.object = *ident;
  const auto address = items_of(machine, state[1]);
  const auto host = address.size() == 2 ? text_of(machine, address[0]) : std::nullopt;
  if (!host || !address[1].is(ValueKind::kInt)) return;
  const int64_t port = address[1].as_integer();
  if (port <= 0 || port > 0xffff) return;
  reply.host = *host;
  reply.port = static_cast<uint16_t>(port);
}

}  // namespace

bool is_manager_reply(const PickleMachine& machine) { return !reply_kind(machine).empty(); }

std::optional<ManagerReply> manager_reply(PickleMachine& machine) {
  const std::string_view kind = reply_kind(machine);
  if (kind.empty()) return std::nullopt;
  ManagerReply reply;
  reply.kind = kind;
  if (kind == "#PROXY" || kind == "#ERROR") machine.follow();
  const Value result = items_of(machine, *machine.root())[1];
  if (kind == "#RETURN") {
    const auto made = items_of(machine, result);
    const auto ident = made.size() == 2 && is_tuple(made[1]) ? text_of(machine, made[0]) : std::nullopt;
    if (ident) reply.object = *ident;
  } else if (kind == "#PROXY") {
    const auto exposed_and_token = items_of(machine, result);
    if (exposed_and_token.size() == 2) take_token(machine, exposed_and_token[1], reply);
  } else if (kind == "#ERROR") {
    if (const auto raised = machine.instance(result)) reply.traceback = raised->cls;
  } else if (result.is(ValueKind::kStr)) {
    if (const auto text = machine.store().text(result))
      reply.traceback = text->text.substr(0, ManagerReply::kMaxTraceback);
  }
  return reply;
}

}  // namespace pickletap
