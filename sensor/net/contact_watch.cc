#include "sensor/net/contact_watch.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "sensor/net/decode.h"

namespace pickletap {
namespace {

constexpr uint64_t kFlowIdMask = (uint64_t{1} << 51) - 1;

}  // namespace

void ContactWatch::set_board(ArmedBoard* board) {
  board_ = board;
  recent_.assign(board != nullptr ? kMaxRecent : 0, {});
  dns_.assign(board != nullptr ? kDnsBytes : 0, 0);
  udp_.assign(board != nullptr ? kUdpSets : 0, {});
  recent_count_ = dns_count_ = generation_ = 0;
  list_.reset();
}

void ContactWatch::take_datagram(const Packet& packet) {
  const uint16_t port = packet.destination_port;
  const bool is_new = is_new_datagram(packet);
  if (port == kDnsPort || port == kMdnsPort || port == kLlmnrPort) {
    add(packet, Form::kDns, packet.payload, is_new);
  } else if (packet.source_port == kDnsPort) {
    add(packet, Form::kDns, packet.payload, false, true);
  } else if (is_new) {
    add(packet, Form::kDatagram);
  }
}

/// RFC 1035, 4.2.2: two bytes of length before each message.
void ContactWatch::take_dns_stream(const Packet& packet) {
  constexpr size_t kPrefix = 2;
  if (packet.payload.size() <= kPrefix) return;
  const size_t length = load_be16(packet.payload.data());
  if (length > packet.payload.size() - kPrefix) return;
  add(packet, Form::kDns, packet.payload.subspan(kPrefix, length), false);
}

/// Notes that its endpoints spoke.
bool ContactWatch::is_new_datagram(const Packet& packet) {
  const uint64_t hash = hash_(make_flow_key(packet).key);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  const auto now = static_cast<uint32_t>(static_cast<uint64_t>(packet.time_ns) >> kUdpTimeShift);
  UdpSet& set = udp_[hash % kUdpSets];
  unsigned known = 0;
  for (unsigned i = 0; i < kUdpWays; ++i) known |= static_cast<unsigned>(set.tags[i] == tag) << i;
  if (known != 0) [[likely]] {
    uint32_t& last = set.times[static_cast<size_t>(std::countr_zero(known))];
    const bool was_silent = now - last > kUdpIdle && now > last;
    last = now;
    return was_silent;
  }
  const auto oldest = std::min_element(set.times.begin(), set.times.end()) - set.times.begin();
  set.tags[static_cast<size_t>(oldest)] = tag;
  set.times[static_cast<size_t>(oldest)] = now;
  return true;
}

void ContactWatch::add(const Packet& packet, Form form, std::span<const uint8_t> dns, bool is_new, bool is_answer) {
  look();  // what the list says of this packet is said below
  Recent& recent = recent_[recent_count_++ % kMaxRecent];
  const OrientedKey oriented = make_flow_key(packet);
  recent.key = oriented.key;
  recent.time_ns = packet.time_ns;
  recent.number = packet.number;
  recent.wire_bytes = packet.wire_bytes;
  recent.source_index = source_index_;
  recent.initiator = static_cast<uint8_t>(is_answer ? oriented.side ^ 1 : oriented.side);
  recent.form = form;
  recent.is_udp = packet.tcp_header.empty();
  recent.is_new = is_new;
  recent.is_answer = is_answer;
  recent.dns_at = dns_count_;
  recent.dns_bytes = static_cast<uint16_t>(std::min(dns.size(), kMaxDnsBytes));
  for (size_t done = 0; done < recent.dns_bytes;) {
    const size_t at = dns_count_ % kDnsBytes;
    const size_t count = std::min(recent.dns_bytes - done, kDnsBytes - at);
    std::copy_n(dns.begin() + static_cast<std::ptrdiff_t>(done), count, dns_.begin() + static_cast<std::ptrdiff_t>(at));
    dns_count_ += count;
    done += count;
  }
  if (list_ != nullptr) compare(recent, 0);
}

/// What is new in it may be about what was seen before it came.
void ContactWatch::take_list() {
  list_ = board_->take();
  const uint64_t before = std::exchange(generation_, list_ != nullptr ? list_->generation : board_->generation());
  if (list_ == nullptr || list_->victims.empty()) {
    list_.reset();
    return;
  }
  int64_t since_ns = INT64_MAX;
  for (const auto& victim : list_->victims) {
    if (victim->generation <= before) continue;
    for (const ArmedAddress& one : victim->addresses) {
      if (one.span.generation > before) since_ns = std::min(since_ns, one.span.since_ns);
    }
    for (const ArmedName& one : victim->names) {
      if (one.span.generation > before) since_ns = std::min(since_ns, one.span.since_ns);
    }
  }
  if (since_ns == INT64_MAX) return;
  const uint64_t kept = std::min<uint64_t>(recent_count_, kMaxRecent);
  uint64_t count = 0;
  while (count < kept && recent_[(recent_count_ - 1 - count) % kMaxRecent].time_ns >= since_ns) ++count;
  if (count == kMaxRecent) board_->add_forgotten();
  for (uint64_t i = recent_count_ - count; i < recent_count_; ++i) compare(recent_[i % kMaxRecent], before + 1);
}

bool ContactWatch::read_dns_of(const Recent& recent, DnsMessage& message) const {
  std::array<uint8_t, kMaxDnsBytes> bytes;
  for (size_t i = 0; i < recent.dns_bytes; ++i) bytes[i] = dns_[(recent.dns_at + i) % kDnsBytes];
  return read_dns({bytes.data(), recent.dns_bytes}, ContactSeen::kMaxAddresses, message);
}

/// Tells of it where something of `from_generation` or later names it.
void ContactWatch::compare(const Recent& recent, uint64_t from_generation) {
  const Endpoint client = endpoint_of(recent.key, recent.initiator);
  const ArmedVictim* const victim = list_->find(client.address);
  if (victim == nullptr || victim->generation < from_generation) return;
  if (recent.form == Form::kDns && (compare_dns(recent, *victim, from_generation) || !recent.is_new)) return;
  const Endpoint server = endpoint_of(recent.key, recent.initiator ^ 1U);
  const bool is_watched = std::any_of(victim->addresses.begin(), victim->addresses.end(), [&](const ArmedAddress& one) {
    return one.span.generation >= from_generation && one.address == server.address && one.span.holds(recent.time_ns) &&
           (one.port == 0 || one.port == server.port);
  });
  if (!is_watched) return;
  ContactSeen contact;
  contact.kind = recent.is_udp ? ContactSeen::Kind::kDatagram : ContactSeen::Kind::kConnection;
  tell(recent, std::move(contact));
}

/// True: told.
bool ContactWatch::compare_dns(const Recent& recent, const ArmedVictim& victim, uint64_t from_generation) {
  const auto is_due = [&](const ArmedName& one) {
    return one.span.generation >= from_generation && one.span.holds(recent.time_ns);
  };
  if (std::none_of(victim.names.begin(), victim.names.end(), is_due)) return false;
  if (dns_count_ - recent.dns_at > kDnsBytes) {
    board_->add_forgotten();
    return false;
  }
  DnsMessage message;
  if (!read_dns_of(recent, message) || message.is_answer != recent.is_answer) return false;
  const bool is_watched = std::any_of(victim.names.begin(), victim.names.end(), [&](const ArmedName& one) {
    return is_due(one) && is_name_under(message.name, one.name);
  });
  if (!is_watched) return false;
  ContactSeen contact;
  contact.kind = message.is_answer ? ContactSeen::Kind::kAnswer : ContactSeen::Kind::kQuery;
  contact.name = std::move(message.name);
  contact.addresses = std::move(message.addresses);
  tell(recent, std::move(contact));
  return true;
}

void ContactWatch::tell(const Recent& recent, ContactSeen&& contact) {
  Event event;
  event.time_ns = recent.time_ns;
  event.packet_number = recent.number;
  event.source_index = recent.source_index;
  FlowContext& flow = event.flow;
  flow.flow_id = recent.number & kFlowIdMask;
  flow.initiator = endpoint_of(recent.key, recent.initiator);
  flow.responder = endpoint_of(recent.key, recent.initiator ^ 1U);
  flow.vlan = vlan_of(recent.key);
  if (recent.key.is_tunnelled()) {
    if (const TunnelTable::Entry* entry = tunnels_.find(recent.key.tunnel())) {
      flow.tunnel = entry->info;
      flow.vlan = entry->vlan;
    }
  }
  flow.start_ns = recent.time_ns;
  flow.is_udp = recent.is_udp;
  const unsigned direction = contact.kind == ContactSeen::Kind::kAnswer ? 1 : 0;
  flow.counts.packets[direction] = 1;
  flow.counts.bytes[direction] = recent.wire_bytes;
  event.what = std::move(contact);
  sink_.put(std::move(event));
}

}  // namespace pickletap
