// logging.handlers.SocketHandler: `>L` length, then a pickle (protocol 1) of LogRecord.__dict__. The receiver of the
// Python cookbook unpickles it; it is no multiprocessing Listener. CPython 3.13 Lib/logging/__init__.py LogRecord.
#include <algorithm>
#include <array>
#include <string_view>

#include "dissectors/python_mp/message_shape.h"

namespace pickletap {

bool is_log_record(const PickleMachine& machine) {
  // The first attributes that LogRecord.__init__ sets, under every Python; a dictionary keeps that order since 3.6.
  static constexpr std::array<std::string_view, 12> kAttributes = {"name",     "msg",      "args",     "levelname",
                                                                   "levelno",  "pathname", "filename", "module",
                                                                   "exc_info", "lineno",   "funcName", "created"};
  constexpr unsigned kEnough = 4;
  const auto root = machine.root();
  if (!root || !root->is(ValueKind::kDict)) return false;
  const auto items = machine.store().items(*root);
  if (!items || items->total < 2 * kAttributes.size()) return false;
  unsigned found = 0;
  for (size_t i = 0; i + 1 < items->kept.size(); i += 2) {
    const Value key = items->kept[i];
    const auto text = key.is(ValueKind::kStr) ? machine.store().text(key) : std::nullopt;
    if (!text) return false;
    if (std::find(kAttributes.begin(), kAttributes.end(), text->text) != kAttributes.end()) ++found;
  }
  return found >= kEnough;
}

}  // namespace pickletap
