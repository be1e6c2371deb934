// The table of protocols a flow is tried against. A new protocol is one file and one word in registry.cc.
#pragma once

#include <memory>
#include <string_view>

#include "dissectors/dissector.h"

namespace pickletap {

/// Looks at the first bytes of one direction, copies nothing. kNo here means that the flow needs no Dissector at all.
Probe probe_protocols(ByteSpan first_bytes);

/// The Dissector for a flow whose first bytes are not provably something else. `from_start`: the SYN was captured.
std::unique_ptr<Dissector> make_dissector(const DissectorContext& context, bool from_start);

}  // namespace pickletap
