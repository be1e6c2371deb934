// The whole answer about one pickle: what it resolves, what it calls, what that means. Owns its text; every list and
// string has a maximum (`truncated` says when one was reached), so that a report can cross threads and be printed
// whatever the pickle was.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pickletap {

/// The rules that the pickle itself can break, in order of sid (see detect/rule_catalog).
enum class PickleRule : uint8_t {
  kCodeExecution,
  kDangerousReference,
  kCodeObject,
  kUnknownCall,
  kResourceBomb,
  kMalformed,
  kEvasion,
};
inline constexpr unsigned kPickleRuleCount = 7;

/// How reading the pickle ended.
enum class PickleEnd : uint8_t {
  kStop,       ///< STOP was reached
  kTruncated,  ///< the frame ended before STOP
  kRefused,    ///< the unpickler would raise: unknown opcode, empty stack, missing memo entry, …
  kLimit,      ///< a bound of ours was reached; what follows was not read
  kGap,        ///< bytes of it were not captured
};

/// One call that loading makes, in the order of loading.
struct PickleCall {
  std::string callable;     ///< "posix.system"; an expression where the callable has no name
  std::string args;         ///< "('id',)", at most kMaxArgsText bytes
  std::string_view opcode;  ///< REDUCE, NEWOBJ, NEWOBJ_EX, INST, OBJ or BUILD
  uint64_t offset = 0;      ///< of the opcode, from the pickle's first byte
};

/// One reason to raise one rule.
struct PickleFinding {
  PickleRule rule = PickleRule::kUnknownCall;
  std::string callable;                     ///< what it is about, empty for kMalformed
  std::string_view category;                ///< policy category name; lives as long as the Policy
  std::string reason;                       ///< a human half-sentence: "runs a command"
  uint64_t offset = 0;                      ///< of the opcode that shows it
  std::string_view cwe, tactic, technique;  ///< of the category; live as long as the Policy
  std::string how = {};                     ///< how the call is reached: "called by REDUCE"; may be empty
  std::string host = {};  ///< what it connects to, where that is what is unknown about it; may be empty

  /// Two of one name are the same news: the callable, and where it would connect to.
  std::string news() const { return news_of(callable, host); }
  static std::string news_of(const std::string& callable, const std::string& host) {
    return host.empty() ? callable : callable + " → " + host;
  }
};

/// Strings out of the arguments of what is called, for search and blocking. Each at most kMaxIndicators long.
struct Indicators {
  std::vector<std::string> commands, hosts, urls, paths;
};

/// A manager's request: `(ident, method, args, kwds)`, Lib/multiprocessing/managers.py `dispatch()`.
struct ManagerRequest {
  std::string method;      ///< empty: not a request
  std::string type_id;     ///< of `create`, else empty until the detector knows the object's
  std::string object;      ///< ident of the object that is asked, at most 128 bytes; empty: the server itself
  bool to_server = false;  ///< the ident was None
};

/// A manager's answer: `(kind, result)`, Lib/multiprocessing/managers.py `Server.handle_request`, `Server.serve_client`.
struct ManagerReply {
  static constexpr unsigned kMaxTraceback = 4096;
  std::string kind;       ///< "#RETURN", "#ERROR", "#TRACEBACK", "#PROXY" or "#UNSERIALIZABLE"; empty: not a reply
  std::string traceback;  ///< of #TRACEBACK and #UNSERIALIZABLE; the exception's class for #ERROR
  std::string object;     ///< ident: of `create`'s `(ident, exposed)`, or of the token in #PROXY
  std::string type_id;    ///< of the token
  std::string host;       ///< of the token's address; empty where it is no pair
  uint16_t port = 0;
};

struct PickleReport {
  static constexpr unsigned kMaxGlobals = 256;
  static constexpr unsigned kMaxCalls = 64;
  static constexpr unsigned kMaxFindings = 32;
  static constexpr unsigned kMaxIndicators = 16;
  static constexpr unsigned kMaxArgsText = 2048;
  static constexpr unsigned kMaxProgramText = 8192;

  int protocol = 0;             ///< the highest PROTO seen, 0 without one
  uint64_t length = 0;          ///< bytes up to and with STOP, or what was read
  uint64_t trailing_bytes = 0;  ///< bytes of the frame after STOP
  PickleEnd end = PickleEnd::kTruncated;
  std::string_view end_reason;  ///< static text for kRefused and kLimit
  std::string_view receivers;   ///< who loads it so far, where that is not every Python; static text, else empty
  unsigned nested = 0;          ///< how deep pickles stood within pickles that a call in it loads; 0: none
  std::vector<std::string> globals;
  /// All that it reaches by name: `globals`, and what it takes as an attribute of those. Also of a harmless pickle, where
  /// Policy::names_wanted(); else empty. `reached_more`: there was no room for all.
  std::vector<std::string> reached;
  bool reached_more = false;
  std::vector<PickleCall> calls;
  uint64_t calls_total = 0;
  std::string program;
  Indicators indicators;
  std::vector<PickleFinding> findings;
  unsigned told_before = 0;  ///< unknown callables left out of `findings`, because the flow was told of them
  bool truncated = false;    ///< a list or text above reached its maximum

  bool complete() const { return end == PickleEnd::kStop; }
};

/// What a flow was told of already: callables that no policy list knows. Owned by the flow; at most kMaxNames names.
class ToldCallables {
 public:
  void add(const std::vector<PickleFinding>& findings);
  bool contains(std::string_view module, std::string_view name) const;
  bool contains(std::string_view callable) const {
    return std::find(names_.begin(), names_.end(), callable) != names_.end();
  }

 private:
  static constexpr size_t kMaxNames = 32;
  static constexpr size_t kMaxNameBytes = 256;
  std::vector<std::string> names_;
};

/// Name of a rule as in CONTRACT ("pickle.code-execution").
std::string_view rule_name(PickleRule rule);

}  // namespace pickletap
