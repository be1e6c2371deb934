// Graphite carbon's pickle receiver: `!L` length, then a pickle of [(path, (timestamp, value)), …]. Frames as
// multiprocessing does, and is no Listener. Source of the form: Graphite's documentation, "Feeding In Your Data".
#include <algorithm>
#include <string_view>

#include "dissectors/python_mp/message_shape.h"

namespace pickletap {

namespace {

/// "servers.www01.cpu;dc=1": printable, without spaces, at least one dot or tag.
bool is_metric_path(std::string_view path) {
  const bool printable = std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return printable && path.size() >= 3 && path.find_first_of(".;") != std::string_view::npos;
}

}  // namespace

bool is_carbon_batch(const PickleMachine& machine) {
  const auto& store = machine.store();
  const auto root = machine.root();
  if (!root || !(root->is(ValueKind::kList) || root->is(ValueKind::kTuple))) return false;
  const auto metrics = store.items(*root);
  if (!metrics || metrics->kept.empty()) return false;
  return std::all_of(metrics->kept.begin(), metrics->kept.end(), [&](Value metric) {
    const auto pair = metric.is(ValueKind::kTuple) ? store.items(metric) : std::nullopt;
    if (!pair || pair->total != 2 || !pair->kept[0].is(ValueKind::kStr) || !pair->kept[1].is(ValueKind::kTuple)) {
      return false;
    }
    const auto path = store.text(pair->kept[0]);
    const auto point = store.items(pair->kept[1]);
    if (!path || !is_metric_path(path->text) || !point || point->total != 2 || !is_number(point->kept[0])) return false;
    // A value may be anything an attacker puts there; a callable's result does not make it another protocol.
    return is_number(point->kept[1]) || may_be_callable(point->kept[1]);
  });
}

}  // namespace pickletap
