// What a message is by the shape of the object it leaves: a manager's request or reply. And, beside it in
// python_logging.cc and carbon_pickle.cc, the two protocols that frame pickles exactly alike.
//
// Pure functions over a machine that has reached STOP.
#pragma once

#include <optional>

#include "dissectors/pickle/pickle_machine.h"

namespace pickletap {

/// `(ident, method, args, kwds)`: CPython 3.13 Lib/multiprocessing/managers.py `dispatch`, `Server.handle_request`.
std::optional<ManagerRequest> manager_request(const PickleMachine& machine);
/// `('#RETURN', …)`, `('#ERROR', …)`, `('#TRACEBACK', …)`, `('#PROXY', …)`, `('#UNSERIALIZABLE', …)`.
bool is_manager_reply(const PickleMachine& machine);
/// What it says; `machine` may have to follow a pickle that it had only known again.
std::optional<ManagerReply> manager_reply(PickleMachine& machine);

/// A record of logging.handlers.SocketHandler: LogRecord.__dict__ (Lib/logging/handlers.py `makePickle`).
bool is_log_record(const PickleMachine& machine);
/// Graphite's `[(path, (timestamp, value)), …]` (carbon's pickle receiver).
bool is_carbon_batch(const PickleMachine& machine);

}  // namespace pickletap
