// What the flow table asks about protocols: the first look at a flow's bytes, and a Dissector for it. The real answers
// are those of dissectors/registry.h; tests put their own in place.
#pragma once

#include <functional>
#include <memory>

#include "dissectors/dissector.h"
#include "dissectors/registry.h"

namespace pickletap {

struct Protocols {
  Probe (*probe)(ByteSpan first_bytes) = nullptr;
  /// Called once per flow that is worth it. `from_start`: its SYN was captured.
  std::function<std::unique_ptr<Dissector>(bool from_start)> make;
};

/// `context` outlives every flow.
inline Protocols registry_protocols(const DissectorContext& context) {
  return {&probe_protocols, [&context](bool from_start) { return make_dissector(context, from_start); }};
}

}  // namespace pickletap
