// libpcap's handle and filter program as owned values, and the two questions that every source asks when it opens: what
// stands in front of the IP header, and what the filter means. Internal to sensor/capture. One thread a handle.
// Source: pcap(3PCAP).
#pragma once

#include <memory>
#include <string>

#include "sensor/net/decode.h"

struct pcap;
struct bpf_program;

namespace pickletap {

struct PcapClose {
  void operator()(pcap* handle) const;
};
struct FilterFree {
  void operator()(bpf_program* program) const;
};
using PcapHandle = std::unique_ptr<pcap, PcapClose>;
using FilterProgram = std::unique_ptr<bpf_program, FilterFree>;

/// "EN10MB"; the number where libpcap has no name for it.
std::string link_type_name(int dlt);
/// Throws CaptureError (kInput) for a link type that is not read. `name` is the input's, for the message.
LinkType require_link_type(int dlt, const std::string& name);
LinkType link_type_of(pcap* handle, const std::string& name);

/// An empty expression passes everything. Throws CaptureError (kFilter) with libpcap's words.
FilterProgram compile_filter(pcap* handle, const std::string& expression, const std::string& name);

}  // namespace pickletap
