#include "sensor/capture/pcap_handle.h"

#include <pcap/pcap.h>

#include <optional>

#include "sensor/capture/packet_source.h"

namespace pickletap {

std::string link_type_name(int dlt) {
  const char* name = pcap_datalink_val_to_name(dlt);
  return name != nullptr ? name : std::to_string(dlt);
}

void PcapClose::operator()(pcap* handle) const { pcap_close(handle); }

void FilterFree::operator()(bpf_program* program) const {
  pcap_freecode(program);
  delete program;
}

LinkType link_type_of(pcap* handle, const std::string& name) { return require_link_type(pcap_datalink(handle), name); }

LinkType require_link_type(int dlt, const std::string& name) {
  if (const std::optional<LinkType> link = link_type_of(dlt)) return *link;
  throw CaptureError(CaptureError::Kind::kInput, name, "link type " + link_type_name(dlt) + " is not supported");
}

FilterProgram compile_filter(pcap* handle, const std::string& expression, const std::string& name) {
  FilterProgram program(new bpf_program{});
  if (pcap_compile(handle, program.get(), expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    throw CaptureError(CaptureError::Kind::kFilter, name, "filter \"" + expression + "\": " + pcap_geterr(handle));
  }
  return program;
}

}  // namespace pickletap
