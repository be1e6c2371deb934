// Symbolic values as Python source that a person reads: "{'a': [1, 2, …], 'b': v3}". Not meant to be run.
//
// Bounded in length and depth, without recursion: what is beyond is shown as "…".
#pragma once

#include <string>

#include "dissectors/pickle/call_log.h"
#include "dissectors/pickle/value.h"
#include "dissectors/pickle/value_store.h"

namespace pickletap {

/// A name as one line: control characters as Python's escapes.
std::string printable(std::string name);

class PseudoPython {
 public:
  PseudoPython(const ValueStore& store, CallLog& log) : store_(store), log_(log) {}

  /// The expression; at most `max_bytes` and an ellipsis. Marks the results it names as used variables.
  std::string expression(Value value, size_t max_bytes);

 private:
  static constexpr size_t kMaxDepth = 12;
  void leaf(Value value, std::string& out) const;

  const ValueStore& store_;
  CallLog& log_;
};

/// A Python literal of this text: 'it\'s' or b'\x00'. At most `max_bytes` of it, then "…".
std::string python_literal(std::string_view text, bool is_bytes, size_t max_bytes);

}  // namespace pickletap
