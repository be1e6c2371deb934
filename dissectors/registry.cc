#include "dissectors/registry.h"

#include <algorithm>
#include <array>

#include "dissectors/python_mp/python_mp.h"

namespace pickletap {

namespace {

struct Protocol {
  std::string_view name;
  Probe (*probe)(ByteSpan first_bytes);
  std::unique_ptr<Dissector> (*make)(const DissectorContext& context, bool from_start);
};

template <typename T>
constexpr Protocol protocol(std::string_view name) {
  return {name, &T::probe, [](const DissectorContext& context, bool from_start) -> std::unique_ptr<Dissector> {
            return std::make_unique<T>(context, from_start);
          }};
}

// In probe order. python-logging and carbon-pickle frame as python-mp does; it tells them apart by content.
constexpr std::array kProtocols = {protocol<PythonMp>("python-mp")};

}  // namespace

Probe probe_protocols(ByteSpan first_bytes) {
  const bool possible = std::any_of(kProtocols.begin(), kProtocols.end(),
                                    [&](const Protocol& p) { return p.probe(first_bytes) != Probe::kNo; });
  return possible ? Probe::kNeedMore : Probe::kNo;
}

std::unique_ptr<Dissector> make_dissector(const DissectorContext& context, bool from_start) {
  return kProtocols.front().make(context, from_start);
}

}  // namespace pickletap
