// Sees where hosts turn to, and tells of those whom the ArmedList names (ContactSeen): the first packets of TCP flows, the
// first UDP packet between two endpoints (again after kUdpIdle of silence), DNS, mDNS and LLMNR queries (over UDP, and
// over TCP where a flow's first segment holds the whole query) and the answers of DNS.
// A call-back may be on the wire before the pickle that caused it has been judged, so the latest of all of them are kept,
// and looked through when a list names somebody new: kMaxRecent, and of DNS messages kDnsBytes in all, of each kMaxDnsBytes. What was no longer
// there then is counted by the board.
// Known pairs of UDP endpoints: kUdpSets times kUdpWays, the one of a set that was silent for longest makes room; when it
// speaks again it is taken for new. Told apart by 42 bits of a keyed hash.
// Owned by a worker, used on its thread; the board outlives it. Nothing is allocated for a packet while nobody is armed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sensor/armed_list.h"
#include "sensor/event.h"
#include "sensor/net/dns_message.h"
#include "sensor/net/flow_key.h"
#include "sensor/net/packet.h"
#include "sensor/net/tunnel_table.h"

namespace pickletap {

class ContactWatch {
 public:
  static constexpr size_t kMaxRecent = 8192;              // a power of two
  static constexpr size_t kDnsBytes = size_t{1} << 18;    // a power of two
  static constexpr size_t kMaxDnsBytes = 1024;            ///< kept of one message
  static constexpr size_t kUdpSets = 1024, kUdpWays = 8;  // powers of two
  static constexpr unsigned kUdpTimeShift = 30;           ///< times of these are kept in 2^30 ns
  static constexpr uint32_t kUdpIdle = 120;               ///< of these: silence after which a pair counts as new

  ContactWatch(const TunnelTable& tunnels, EventSink& sink, uint64_t hash_seed)
      : tunnels_(tunnels), sink_(sink), hash_(hash_seed) {}

  /// Without a board nothing is kept and nothing told.
  void set_board(ArmedBoard* board);
  void set_source_index(uint16_t index) { source_index_ = index; }

  /// The SYN that begins a TCP flow. What the other side sent (a SYN-ACK without it) anybody can send to a host.
  void on_connection(const Packet& packet, const OrientedKey& oriented) {
    if (is_wanted()) add(packet, oriented, Form::kConnection);
  }
  void on_datagram(const Packet& packet) {
    if (is_wanted()) take_datagram(packet);
  }
  /// The first payload of a TCP flow.
  void on_first_payload(const Packet& packet) {
    if (packet.destination_port == kDnsPort && is_wanted()) [[unlikely]]
      take_dns_stream(packet);
  }
  /// Has somebody been armed? Once a batch of packets, and after each that may have done it.
  void look() {
    if (board_ != nullptr && board_->generation() != generation_) [[unlikely]]
      take_list();
  }

 private:
  static constexpr uint16_t kDnsPort = 53, kMdnsPort = 5353, kLlmnrPort = 5355;

  enum class Form : uint8_t {
    kConnection,
    kDatagram,
    kQuery,      ///< over UDP, to endpoints that were silent before
    kNextQuery,  ///< over UDP, to others
    kAnswer,
    kStreamQuery  ///< over TCP
  };
  /// One first packet. One cache line, for a flood of SYNs is a flood of these.
  struct alignas(64) Recent {
    FlowKey key;
    int64_t time_ns = 0;
    uint64_t number = 0;
    uint16_t wire_bytes = 0;  // at most
    uint16_t source_index = 0;
    uint32_t dns_at = 0;  // of what dns_ ever held

    // What a key leaves free at the end of its last word holds the rest.
    Form form() const { return static_cast<Form>(key.words[4] >> 58 & 7); }
    unsigned initiator() const { return static_cast<unsigned>(key.words[4] >> 61 & 1); }
    void set(Form form, unsigned initiator) {
      key.words[4] |= uint64_t{static_cast<uint8_t>(form)} << 58 | uint64_t{initiator & 1} << 61;
    }
  };
  static_assert(sizeof(Recent) == 64);
  static bool is_dns(Form form) { return form >= Form::kQuery; }
  static bool is_udp(Form form) { return form != Form::kConnection && form != Form::kStreamQuery; }

  /// One cache line.
  struct alignas(64) UdpSet {
    std::array<uint32_t, kUdpWays> tags{}, times{};
  };

  bool is_wanted() const { return board_ != nullptr && board_->wanted(); }
  void take_datagram(const Packet& packet);
  void take_dns_stream(const Packet& packet);
  void add(const Packet& packet, const OrientedKey& oriented, Form form, std::span<const uint8_t> dns = {});
  uint32_t keep_dns(std::span<const uint8_t> bytes);
  bool is_new_datagram(const Packet& packet);
  void take_list();
  void compare(const Recent& recent, uint64_t from_generation);
  bool compare_dns(const Recent& recent, const ArmedVictim& victim, uint64_t from_generation);
  void tell(const Recent& recent, ContactSeen&& contact);
  bool read_dns_of(const Recent& recent, DnsMessage& message) const;

  const TunnelTable& tunnels_;
  EventSink& sink_;
  FlowHash hash_;
  ArmedBoard* board_ = nullptr;
  uint64_t generation_ = 0;
  std::shared_ptr<const ArmedList> list_;  // null: nobody is armed
  uint16_t source_index_ = 0;
  std::vector<Recent> recent_;  // a ring
  uint64_t recent_count_ = 0;   // ever put there
  std::vector<uint8_t> dns_;    // a ring
  uint32_t dns_count_ = 0;      // ever put there, modulo 2^32
  std::vector<UdpSet> udp_;
};

}  // namespace pickletap
