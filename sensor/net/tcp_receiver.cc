#include "sensor/net/tcp_receiver.h"

namespace pickletap {
namespace {

constexpr bool is_after(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) > 0; }

/// A stream this far from the number of the last ACK seen: the tap missed too much to judge by distance.
constexpr uint32_t kMaxWindow = uint32_t{1} << 30;

}  // namespace

std::string_view to_text(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone: return "";
    case Refusal::kNoAckFlag: return "no_ack_flag";
    case Refusal::kAckBeyondSent: return "ack_beyond_sent";
    case Refusal::kAckTooOld: return "ack_too_old";
    case Refusal::kOldTimestamp: return "old_timestamp";
    case Refusal::kBadChecksum: return "bad_checksum";
    case Refusal::kSignature: return "unexpected_signature";
    case Refusal::kAfterReset: return "after_reset";
  }
  return "";
}

void TcpReceiver::spoke(const Packet& packet, const TcpOptions& options) {
  if ((packet.flags & TcpFlag::kRst) != 0) return;  // its number may be the peer's
  const uint32_t fin = (packet.flags & TcpFlag::kFin) != 0 ? 1 : 0;
  const uint32_t length = static_cast<uint32_t>(packet.payload.size()) + packet.payload_missing + fin;
  const uint32_t end = packet.seq + length;
  if (!sent_known_ || is_after(end, sent_end_)) sent_end_ = end;
  sent_known_ = true;
  if (options.has_signature) signatures_agreed_ = true;
  if (options.has_timestamp) timestamps_agreed_ = true;
}

bool TcpReceiver::checksum_speaks_against(const Packet& packet, ChecksumMode mode) {
  if (mode == ChecksumMode::kNever) return false;
  const ChecksumState state = check_tcp_checksum(packet);
  if (state == ChecksumState::kRight) right_checksums_ = true;
  return state == ChecksumState::kWrong && (mode == ChecksumMode::kAlways || right_checksums_);
}

Refusal TcpReceiver::judge(const Packet& packet, const TcpOptions& options, ChecksumMode mode) {
  if (checksum_speaks_against(packet, mode)) return Refusal::kBadChecksum;
  if (options.has_signature && !signatures_agreed_ && sent_known_) return Refusal::kSignature;
  if (timestamps_agreed_ && timestamp_known_ && options.has_timestamp &&
      static_cast<int32_t>(timestamp_ - options.timestamp) > 1) {
    return Refusal::kOldTimestamp;
  }
  if ((packet.flags & TcpFlag::kAck) == 0) return Refusal::kNoAckFlag;
  if (sent_known_ && is_after(packet.ack, sent_end_)) return Refusal::kAckBeyondSent;
  // Linux counts what was acknowledged since the handshake: nothing before the first byte can be acknowledged anew.
  if (start_known_ && sent_end_ - own_first_seq_ < kMaxWindow && is_after(own_first_seq_, packet.ack)) {
    return Refusal::kAckTooOld;
  }
  return Refusal::kNone;
}

void TcpReceiver::took_timestamp(uint32_t timestamp) {
  if (timestamp_known_ && is_after(timestamp_, timestamp)) return;
  timestamp_ = timestamp;
  timestamp_known_ = true;
}

bool TcpReceiver::heeds_reset(const Packet& packet, const TcpOptions& options, ChecksumMode mode) {
  if (checksum_speaks_against(packet, mode)) return false;
  return !options.has_signature || signatures_agreed_ || !sent_known_;
}

}  // namespace pickletap
