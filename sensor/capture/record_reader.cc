#include "sensor/capture/record_reader.h"

#include <pcap/pcap.h>

namespace pickletap {

const bpf_program* FileFilter::program_for(int dlt, bool swapped, const std::string& name) {
  if (expression_.empty()) return nullptr;
  // The address family stands in the byte order of the machine that captured. libpcap compiles for that of this one,
  // and has a link type of its own for the network's.
  if (dlt == DLT_NULL && swapped && std::endian::native == std::endian::little) dlt = DLT_LOOP;
  for (const auto& [known, program] : programs_) {
    if (known == dlt) return program.get();
  }
  constexpr int kSnaplenBytes = 262144;  // only what the program returns for "all of it"
  const PcapHandle handle(pcap_open_dead(dlt, kSnaplenBytes));
  programs_.emplace_back(dlt, compile_filter(handle.get(), expression_, name));
  return programs_.back().second.get();
}

std::string truncated_text(const char* what, uint64_t begin, uint64_t bytes, const ReadWindow& window) {
  if (!window.stream().error().empty()) return window.stream().error();
  return "truncated: the " + std::string(what) + " at byte " + std::to_string(begin) + " has " +
         std::to_string(window.offset() + window.available() - begin) + " of its " + std::to_string(bytes) + " bytes";
}

}  // namespace pickletap
