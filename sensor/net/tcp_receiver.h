// What the receiver of one direction of a flow would make of a segment, as far as the packets seen tell: would Linux
// take it into its stream? Emulated first, reassembled after (stream_reassembler.h). Two members of a FlowBody, one a
// direction; worker thread; no memory but its own fields.
//
// Everything here is a guess of what a host did that the tap cannot see into. A refusal is therefore never the end of
// a segment: FlowTable keeps its bytes for a while, believes the receiver's ACK where that covers them, and compares
// them with what comes in their place (stream_readings.h). Where the sensor does not know (it has not seen a packet of
// the receiver, the handshake is missing) it does not refuse.
//
// Sources: Linux 6.18 net/ipv4/tcp_input.c tcp_validate_incoming, tcp_paws_check (TCP_PAWS_WINDOW is 1), tcp_ack (RFC
// 5961, 5.2), tcp_ipv4.c tcp_inbound_hash; FACTS "What Linux does with odd packets", confirmed by pcaps/evasion.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sensor/net/packet.h"
#include "sensor/net/tcp_checksum.h"
#include "sensor/net/tcp_options.h"

namespace pickletap {

/// Why a receiver does not take a segment.
enum class Refusal : uint8_t {
  kNone,
  kNoAckFlag,
  kAckBeyondSent,  ///< acknowledges what the receiver never sent
  kAckTooOld,      ///< acknowledges the receiver's initial number, or something before it
  kOldTimestamp,   ///< PAWS
  kBadChecksum,
  kSignature,   ///< an MD5 or AO option that nobody agreed on
  kAfterReset,  ///< behind a RST that the receiver believes, if it came there
};
inline constexpr unsigned kRefusalCount = static_cast<unsigned>(Refusal::kAfterReset) + 1;
constexpr unsigned index_of(Refusal refusal) { return static_cast<unsigned>(refusal); }
/// Label of `pickletap_stream_refused_segments_total{reason}`; "" for kNone.
std::string_view to_text(Refusal refusal);

/// Whether wrong checksums speak against a segment. kAuto: where others of the same sender are right; a host whose
/// sums are all wrong leaves them to its network card, and the capture was made on it.
enum class ChecksumMode : uint8_t { kAuto, kAlways, kNever };

class TcpReceiver {
 public:
  /// Its first byte has this number (its SYN's + 1).
  void start(uint32_t own_first_seq, bool sent_fin = false) {
    own_first_seq_ = own_first_seq;
    sent_end_ = own_first_seq + (sent_fin ? 1 : 0);
    start_known_ = sent_known_ = true;
  }
  /// SYN-ACK and SYN had timestamps; without that they are not looked at.
  void agree_on_timestamps() { timestamps_agreed_ = true; }
  /// A segment of the other side had a right checksum.
  void note_right_checksum() { right_checksums_ = true; }

  /// The receiver itself sent `packet`.
  void spoke(const Packet& packet, const TcpOptions& options);

  /// The other side sent `packet` to it. `reset`: a RST was seen that it would believe.
  Refusal judge(const Packet& packet, const TcpOptions& options, ChecksumMode mode);
  /// It took a segment that begins at or before the number it acknowledged last, with this timestamp.
  void took_timestamp(uint32_t timestamp);
  /// Would it look at a RST at all? (Its number is a question of the stream.)
  bool heeds_reset(const Packet& packet, const TcpOptions& options, ChecksumMode mode);

 private:
  bool checksum_speaks_against(const Packet& packet, ChecksumMode mode);

  uint32_t own_first_seq_ = 0;
  uint32_t sent_end_ = 0;   ///< one behind the last number the receiver sent
  uint32_t timestamp_ = 0;  ///< ts_recent
  bool start_known_ = false;
  bool sent_known_ = false;  ///< a packet of the receiver was seen
  bool timestamps_agreed_ = false;
  bool timestamp_known_ = false;
  bool signatures_agreed_ = false;  ///< the receiver sends them itself
  bool right_checksums_ = false;    ///< the sender's, not the receiver's
};

}  // namespace pickletap
