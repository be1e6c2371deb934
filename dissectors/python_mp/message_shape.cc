#include "dissectors/python_mp/message_shape.h"

#include <algorithm>
#include <array>
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
  ManagerRequest request{std::string(*name), {}};
  if (*name == "create") {
    const auto arguments = machine.store().items(args);
    const auto type_id = arguments && !arguments->kept.empty() ? text_of(machine, arguments->kept[0]) : std::nullopt;
    if (type_id) request.type_id = *type_id;
  }
  return request;
}

bool is_manager_reply(const PickleMachine& machine) {
  static constexpr std::array<std::string_view, 5> kKinds = {"#RETURN", "#ERROR", "#TRACEBACK", "#PROXY",
                                                             "#UNSERIALIZABLE"};
  const auto root = machine.root();
  if (!root || !root->is(ValueKind::kTuple)) return false;
  const auto items = machine.store().items(*root);
  if (!items || items->total != 2) return false;
  const auto kind = text_of(machine, items->kept[0]);
  return kind && std::find(kKinds.begin(), kKinds.end(), *kind) != kKinds.end();
}

}  // namespace pickletap
