// Takes the packets of a capture apart and sends the same bytes otherwise: segments cut into smaller ones, datagrams into
// fragments, packets in another order and more than once. What a Linux receiver reads stays the same. Sums are right
// afterwards, so that no packet looks like a decoy. Ethernet with IPv4 or IPv6 and TCP; other frames stay as they are.
// Sources: RFC 791 (3.1, 3.2), RFC 8200 (4.5), RFC 9293 (3.1).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/replay/pcap_records.h"

namespace pickletap::test {

using Random = std::minstd_rand;

class TcpFrame {
 public:
  /// Nothing for what is not a whole Ethernet frame with IP and TCP, or is a fragment.
  static std::optional<TcpFrame> parse(const std::string& bytes) {
    TcpFrame frame;
    frame.bytes_ = bytes;
    if (bytes.size() < 54) return std::nullopt;
    const unsigned type = frame.be16(12);
    if (type == 0x0800 && frame.at(23) == 6 && (frame.be16(20) & 0x3fff) == 0) {
      frame.tcp_ = kIp + size_t{frame.at(kIp) & 15U} * 4;
      frame.end_ = kIp + frame.be16(kIp + 2);
    } else if (type == 0x86dd && bytes.size() >= 74 && frame.at(20) == 6) {
      frame.is_v6_ = true;
      frame.tcp_ = kIp + 40;
      frame.end_ = kIp + 40 + frame.be16(kIp + 4);
    } else {
      return std::nullopt;
    }
    if (frame.tcp_ + 20 > frame.end_ || frame.end_ > bytes.size()) return std::nullopt;
    frame.payload_ = frame.tcp_ + size_t{frame.at(frame.tcp_ + 12) >> 4U} * 4;
    if (frame.payload_ > frame.end_) return std::nullopt;
    frame.bytes_.resize(frame.end_);
    return frame;
  }

  size_t payload_bytes() const { return end_ - payload_; }
  bool is_syn() const { return (at(tcp_ + 13) & 2U) != 0; }

  /// The segment with `count` bytes of the payload from `from` on; FIN and PSH go with the last.
  std::string segment(size_t from, size_t count) const {
    TcpFrame part = *this;
    part.bytes_ = bytes_.substr(0, payload_) + bytes_.substr(payload_ + from, count);
    part.end_ = part.bytes_.size();
    part.put32(tcp_ + 4, be32(tcp_ + 4) + static_cast<uint32_t>(from));
    if (from + count < payload_bytes()) part.put8(tcp_ + 13, at(tcp_ + 13) & ~9U);
    part.seal();
    return part.bytes_;
  }
  std::string whole() const { return segment(0, payload_bytes()); }

  /// The datagram in pieces that begin at multiples of 8; `id` tells it from others.
  std::vector<std::string> fragments(uint32_t id, Random& random) const {
    const std::string whole_frame = whole();
    const std::string body = whole_frame.substr(tcp_);
    std::vector<std::string> parts;
    for (size_t at = 0; at < body.size();) {
      // The first one of IPv6 must hold the whole TCP header (RFC 7112).
      const size_t least = at == 0 && is_v6_ ? (payload_ - tcp_ + 7) / 8 : 1;
      const size_t count = std::min(body.size() - at, 8 * (least + random() % 12));
      const bool more = at + count < body.size();
      TcpFrame part;
      part.is_v6_ = is_v6_;
      part.bytes_ = whole_frame.substr(0, tcp_);
      if (is_v6_) {
        part.put8(20, 44);
        part.bytes_ += std::string("\x06\0\0\0", 4) + std::string(4, '\0');
        part.put16(tcp_ + 2, static_cast<unsigned>(at) | (more ? 1U : 0U));
        part.put32(tcp_ + 4, id);
      } else {
        part.put16(kIp + 4, id & 0xffffU);
        part.put16(kIp + 6, static_cast<unsigned>(at / 8) | (more ? 0x2000U : 0U));
      }
      part.tcp_ = part.bytes_.size();
      part.bytes_ += body.substr(at, count);
      part.end_ = part.bytes_.size();
      part.seal_ip();
      parts.push_back(part.bytes_);
      at += count;
    }
    return parts;
  }

 private:
  static constexpr size_t kIp = 14;

  unsigned at(size_t i) const { return static_cast<uint8_t>(bytes_[i]); }
  unsigned be16(size_t i) const { return at(i) << 8U | at(i + 1); }
  uint32_t be32(size_t i) const { return be16(i) << 16U | be16(i + 2); }
  void put8(size_t i, unsigned value) { bytes_[i] = static_cast<char>(value); }
  void put16(size_t i, unsigned value) {
    put8(i, value >> 8U & 0xffU);
    put8(i + 1, value & 0xffU);
  }
  void put32(size_t i, uint32_t value) {
    put16(i, value >> 16U);
    put16(i + 2, value & 0xffffU);
  }
  uint32_t sum(size_t from, size_t to) const {
    uint32_t total = 0;
    for (size_t i = from; i < to; i += 2) total += at(i) << 8U | (i + 1 < to ? at(i + 1) : 0U);
    return total;
  }
  static unsigned fold(uint32_t total) {
    while (total >> 16U != 0) total = (total & 0xffffU) + (total >> 16U);
    return ~total & 0xffffU;
  }
  void seal_ip() {
    if (is_v6_) return put16(kIp + 4, static_cast<unsigned>(end_ - kIp - 40));
    put16(kIp + 2, static_cast<unsigned>(end_ - kIp));
    put16(kIp + 10, 0);
    put16(kIp + 10, fold(sum(kIp, kIp + size_t{at(kIp) & 15U} * 4)));
  }
  void seal() {
    seal_ip();
    put16(tcp_ + 16, 0);
    const uint32_t addresses = is_v6_ ? sum(kIp + 8, kIp + 40) : sum(kIp + 12, kIp + 20);
    put16(tcp_ + 16, fold(addresses + 6 + static_cast<uint32_t>(end_ - tcp_) + sum(tcp_, end_)));
  }

  std::string bytes_;
  size_t tcp_ = 0, payload_ = 0, end_ = 0;
  bool is_v6_ = false;
};

inline PcapRecord with_bytes(const PcapRecord& like, std::string bytes) {
  PcapRecord record = like;
  record.original = static_cast<uint32_t>(bytes.size());
  record.bytes = std::move(bytes);
  return record;
}

/// Each record becomes what `split` makes of it.
template <typename Split>
void split_each(std::vector<PcapRecord>& records, Split split) {
  std::vector<PcapRecord> out;
  for (const PcapRecord& record : records) {
    const auto frame = record.bytes.size() == record.original ? TcpFrame::parse(record.bytes) : std::nullopt;
    if (!frame) {
      out.push_back(record);
      continue;
    }
    for (std::string& part : split(*frame)) out.push_back(with_bytes(record, std::move(part)));
  }
  records = std::move(out);
}

/// Segments of 1 to `most` bytes.
inline void cut_segments(std::vector<PcapRecord>& records, Random& random, size_t most) {
  split_each(records, [&](const TcpFrame& frame) {
    std::vector<std::string> parts;
    for (size_t at = 0; at < frame.payload_bytes() && !frame.is_syn();) {
      const size_t count = std::min(frame.payload_bytes() - at, 1 + random() % most);
      parts.push_back(frame.segment(at, count));
      at += count;
    }
    if (parts.empty()) parts.push_back(frame.whole());
    return parts;
  });
}

/// Every datagram in fragments, these in any order.
inline void fragment(std::vector<PcapRecord>& records, Random& random, bool reversed) {
  auto id = static_cast<uint32_t>(records.empty() ? 0 : records[0].fraction);  // others in the same run have others
  split_each(records, [&](const TcpFrame& frame) {
    std::vector<std::string> parts = frame.fragments(id++, random);
    if (reversed) {
      std::reverse(parts.begin(), parts.end());
    } else {
      std::shuffle(parts.begin(), parts.end(), random);
    }
    return parts;
  });
}

/// Any order within windows of up to `width` packets that came within 20 ms; the times stay in order. The first `keep`
/// packets stay, and so do SYN and SYN-ACK (and what is no plain TCP): whatever a tap does to packets, those are a round trip ahead.
inline void shuffle_within(std::vector<PcapRecord>& records, Random& random, size_t width, size_t keep) {
  const auto time_ms = [](const PcapRecord& r) { return uint64_t{r.seconds} * 1000 + r.fraction / 1000; };
  const auto stays = [](const PcapRecord& r) {
    const auto frame = TcpFrame::parse(r.bytes);
    return !frame || frame->is_syn();
  };
  for (size_t at = keep; at < records.size();) {
    size_t end = at + 1;
    while (end < records.size() && end < at + width && !stays(records[at]) && !stays(records[end]) &&
           time_ms(records[end]) <= time_ms(records[at]) + 20) {
      ++end;
    }
    std::vector<PcapRecord> window(records.begin() + static_cast<std::ptrdiff_t>(at),
                                   records.begin() + static_cast<std::ptrdiff_t>(end));
    std::shuffle(window.begin(), window.end(), random);
    for (size_t i = at; i < end; ++i) {
      window[i - at].seconds = records[i].seconds;
      window[i - at].fraction = records[i].fraction;
    }
    std::move(window.begin(), window.end(), records.begin() + static_cast<std::ptrdiff_t>(at));
    at = end;
  }
}

/// One in `in` packets comes again a little later.
inline void repeat_some(std::vector<PcapRecord>& records, Random& random, uint32_t in) {
  std::vector<PcapRecord> out;
  for (size_t i = 0; i < records.size(); ++i) {
    out.push_back(records[i]);
    if (random() % in != 0) continue;
    PcapRecord again = records[i - random() % std::min<size_t>(i + 1, 3)];
    again.seconds = records[i].seconds;
    again.fraction = records[i].fraction;
    out.push_back(std::move(again));
  }
  records = std::move(out);
}

}  // namespace pickletap::test
