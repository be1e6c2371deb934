// What clients ask of managers and what managers answer, one request at a time: which method of which registered type,
// whether it was there to be called, and whether an answer proves that a pickle was loaded. Detection thread only.
//
// A manager's server answers each request before it reads the next, so an answer belongs to the flow's latest request.
// Where the answer is anything but a failure to unpickle, the request's pickle was loaded to its end.
// Sources: CPython 3.13 Lib/multiprocessing/managers.py `Server.public`, `handle_request`, `serve_client`.
//
// Bounded: kMaxObjects idents a listener are remembered with their type; later ones have none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dissectors/pickle/pickle_report.h"

namespace pickletap {

/// What is remembered of a flow: its latest request.
struct ManagerFlow {
  ManagerRequest request;
  bool is_open = false;         ///< no answer so far
  bool forbidden_told = false;  ///< of this request
};

/// What is remembered of a manager: its objects' types by their ident.
class ManagerObjects {
 public:
  static constexpr size_t kMaxObjects = 1024;
  static constexpr size_t kMaxTypeText = 128;
  void add(const std::string& ident, std::string_view type_id);
  /// Empty where it is not known.
  std::string type_of(const std::string& ident) const;

 private:
  std::unordered_map<std::string, std::string> type_by_ident_;
};

namespace manager_watch {

/// A function that the server offers to everybody who has the key.
bool is_server_function(std::string_view method);
/// Asks what there is: `debug_info`, `get_methods`, `number_of_objects`.
bool is_reconnaissance(std::string_view method);
/// Does this answer say that the method asked for is none of those that may be called?
bool says_forbidden(const ManagerReply& reply);
/// The traceback's line that says what is the matter (the last one, mostly), at most 200 bytes.
std::string telling_line(const ManagerReply& reply);

/// Was the request's pickle loaded? No: what it did before that is not known either way.
enum class Loaded : uint8_t { kUnknown, kYes };
/// `callables`: what loading it would call, "posix.system".
Loaded shows_loaded(const ManagerReply& reply, const PickleReport& request);

}  // namespace manager_watch
}  // namespace pickletap
