// The bytes behind an argument of a loader: a pickle within a pickle, as text or bytes of the pickle itself or out of
// calls whose result is known (io.BytesIO, base64, hexadecimal, zlib, codecs). Pure, on a machine's store and log;
// kMaxSteps calls deep, at most kMaxBytes.
#pragma once

#include <optional>
#include <string>

#include "dissectors/pickle/call_log.h"
#include "dissectors/pickle/value.h"
#include "dissectors/pickle/value_store.h"

namespace pickletap {

class NestedPickle {
 public:
  static constexpr size_t kMaxBytes = 65536;
  static constexpr int kMaxSteps = 8;
  static constexpr unsigned kMaxDepth = 3;  ///< pickles within pickles that are followed

  NestedPickle(const ValueStore& store, const CallLog& log) : store_(store), log_(log) {}

  /// Nothing when they cannot be known. Of a long text the beginning: what the store keeps.
  std::optional<std::string> bytes_of(Value value) const;

 private:
  const ValueStore& store_;
  const CallLog& log_;
};

}  // namespace pickletap
