// The words and numbers of decode.h: link types of libpcap, results, layers.
#include "sensor/net/decode.h"

namespace pickletap {

std::optional<LinkType> link_type_of(int dlt) {
  switch (dlt) {
    case 0:    // DLT_NULL
    case 108:  // DLT_LOOP
      return LinkType::kNullLoopback;
    case 1: return LinkType::kEthernet;
    case 12:   // DLT_RAW
    case 14:   // DLT_RAW of OpenBSD
    case 101:  // LINKTYPE_RAW
    case 228:  // LINKTYPE_IPV4
    case 229:  // LINKTYPE_IPV6
      return LinkType::kRawIp;
    case 113: return LinkType::kLinuxSll;
    case 276: return LinkType::kLinuxSll2;
    default: return std::nullopt;
  }
}

std::string_view to_text(DecodeResult result) {
  switch (result) {
    case DecodeResult::kTcp: return "tcp";
    case DecodeResult::kOther: return "other";
    case DecodeResult::kFragment: return "fragment";
    case DecodeResult::kUdp: return "udp";
    case DecodeResult::kTruncatedLink: return "truncated_link";
    case DecodeResult::kUnknownLinkType: return "unknown_link_type";
    case DecodeResult::kTooManyVlanTags: return "too_many_vlan_tags";
    case DecodeResult::kTruncatedTunnel: return "truncated_tunnel";
    case DecodeResult::kTooManyEncapsulations: return "too_many_encapsulations";
    case DecodeResult::kTruncatedIp: return "truncated_ip";
    case DecodeResult::kBadIpVersion: return "bad_ip_version";
    case DecodeResult::kBadIpHeaderLength: return "bad_ip_header_length";
    case DecodeResult::kBadIpLength: return "bad_ip_length";
    case DecodeResult::kTooManyExtensionHeaders: return "too_many_extension_headers";
    case DecodeResult::kBadExtensionHeader: return "bad_extension_header";
    case DecodeResult::kTruncatedTcp: return "truncated_tcp";
    case DecodeResult::kBadTcpHeaderLength: return "bad_tcp_header_length";
  }
  return "unknown";
}

std::string_view layer_of(DecodeResult result) {
  switch (result) {
    case DecodeResult::kTcp:
    case DecodeResult::kOther:
    case DecodeResult::kFragment:
    case DecodeResult::kUdp: return "";
    case DecodeResult::kTruncatedLink:
    case DecodeResult::kUnknownLinkType:
    case DecodeResult::kTooManyVlanTags: return "link";
    case DecodeResult::kTruncatedTunnel:
    case DecodeResult::kTooManyEncapsulations: return "tunnel";
    case DecodeResult::kTruncatedIp:
    case DecodeResult::kBadIpVersion:
    case DecodeResult::kBadIpHeaderLength:
    case DecodeResult::kBadIpLength:
    case DecodeResult::kTooManyExtensionHeaders:
    case DecodeResult::kBadExtensionHeader: return "ip";
    case DecodeResult::kTruncatedTcp:
    case DecodeResult::kBadTcpHeaderLength: return "tcp";
  }
  return "";
}

}  // namespace pickletap
