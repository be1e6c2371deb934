#include "sensor/net/contact_watch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "sensor/net/decode.h"

namespace pickletap {
namespace {

constexpr uint64_t kFlowIdMask = (uint64_t{1} << 51) - 1;

/// One place that calls it, so that the flow table keeps its own copy inline.
[[gnu::noinline]] OrientedKey key_of(const Packet& packet) { return make_flow_key(packet); }

/// Of both endpoints, the same for either direction; where they are is not asked.
uint64_t hash_of_pair(const FlowHash& hash, const Packet& packet) {
  if (packet.source.is_v6) return hash(key_of(packet).key);
  const auto word_of = [](const IpAddress& address, uint16_t port) {
    uint32_t ip = 0;
    std::memcpy(&ip, address.bytes.data(), sizeof ip);
    return uint64_t{ip} << 16 | port;
  };
  const uint64_t a = word_of(packet.source, packet.source_port);
  const uint64_t b = word_of(packet.destination, packet.destination_port);
  const std::array<uint64_t, 2> words{std::min(a, b), std::max(a, b)};
  return hash(reinterpret_cast<const uint8_t*>(words.data()), sizeof words);
}

}  // namespace

void ContactWatch::set_board(ArmedBoard* board) {
  board_ = board;
  recent_.assign(board != nullptr ? kMaxRecent : 0, {});
  dns_.assign(board != nullptr ? kDnsBytes : 0, 0);
  udp_.assign(board != nullptr ? kUdpSets : 0, {});
  recent_count_ = generation_ = 0;
  dns_count_ = 0;
  list_.reset();
}

void ContactWatch::take_datagram(const Packet& packet) {
  const uint16_t port = packet.destination_port;
  const bool is_new = is_new_datagram(packet);
  if (port == kDnsPort || port == kMdnsPort || port == kLlmnrPort) {
    add(packet, key_of(packet), is_new ? Form::kQuery : Form::kNextQuery, packet.payload);
  } else if (packet.source_port == kDnsPort) {
    OrientedKey oriented = key_of(packet);
    oriented.side ^= 1;
    add(packet, oriented, Form::kAnswer, packet.payload);
  } else if (is_new) {
    add(packet, key_of(packet), Form::kDatagram);
  }
}

/// RFC 1035, 4.2.2: two bytes of length before each message.
void ContactWatch::take_dns_stream(const Packet& packet) {
  constexpr size_t kPrefix = 2;
  if (packet.payload.size() <= kPrefix) return;
  const size_t length = load_be16(packet.payload.data());
  if (length > packet.payload.size() - kPrefix) return;
  add(packet, key_of(packet), Form::kStreamQuery, packet.payload.subspan(kPrefix, length));
}

/// Notes that its endpoints spoke.
bool ContactWatch::is_new_datagram(const Packet& packet) {
  const uint64_t hash = hash_of_pair(hash_, packet);
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

void ContactWatch::add(const Packet& packet, const OrientedKey& oriented, Form form, std::span<const uint8_t> dns) {
  look();  // what the list says of this packet is said below
  Recent& recent = recent_[recent_count_++ % kMaxRecent];
  recent.key = oriented.key;
  recent.time_ns = packet.time_ns;
  recent.number = packet.number;
  recent.set(form, oriented.side);
  recent.wire_bytes = static_cast<uint16_t>(std::min<uint32_t>(packet.wire_bytes, UINT16_MAX));
  recent.source_index = source_index_;
  if (is_dns(form)) recent.dns_at = keep_dns(dns);
  if (list_ != nullptr) compare(recent, 0);
}

/// Two bytes of length, then the message. Returns where.
uint32_t ContactWatch::keep_dns(std::span<const uint8_t> bytes) {
  const uint32_t at = dns_count_;
  const size_t size = std::min(bytes.size(), kMaxDnsBytes);
  const auto put = [this](uint8_t byte) { dns_[dns_count_++ % kDnsBytes] = byte; };
  put(static_cast<uint8_t>(size >> 8));
  put(static_cast<uint8_t>(size & 0xff));
  const size_t begin = dns_count_ % kDnsBytes;
  const size_t first = std::min(size, kDnsBytes - begin);
  std::copy_n(bytes.begin(), first, dns_.begin() + static_cast<std::ptrdiff_t>(begin));
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(first), size - first, dns_.begin());
  dns_count_ += static_cast<uint32_t>(size);
  return at;
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
  std::array<uint8_t, kMaxDnsBytes> bytes{};
  const auto byte_at = [&](size_t i) { return dns_[(recent.dns_at + i) % kDnsBytes]; };
  const size_t size = std::min(size_t{byte_at(0)} << 8 | byte_at(1), kMaxDnsBytes);
  for (size_t i = 0; i < size; ++i) bytes[i] = byte_at(2 + i);
  return read_dns({bytes.data(), size}, ContactSeen::kMaxAddresses, message);
}

/// Tells of it where something of `from_generation` or later names it.
void ContactWatch::compare(const Recent& recent, uint64_t from_generation) {
  const Endpoint client = endpoint_of(recent.key, recent.initiator());
  const ArmedVictim* const victim = list_->find(client.address);
  if (victim == nullptr || victim->generation < from_generation) return;
  const auto form = recent.form();
  if (is_dns(form) && (compare_dns(recent, *victim, from_generation) || form != Form::kQuery)) return;
  const Endpoint server = endpoint_of(recent.key, recent.initiator() ^ 1U);
  const bool is_watched = std::any_of(victim->addresses.begin(), victim->addresses.end(), [&](const ArmedAddress& one) {
    return one.span.generation >= from_generation && one.address == server.address && one.span.holds(recent.time_ns) &&
           (one.port == 0 || one.port == server.port);
  });
  if (!is_watched) return;
  ContactSeen contact;
  contact.kind = is_udp(form) ? ContactSeen::Kind::kDatagram : ContactSeen::Kind::kConnection;
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
  if (!read_dns_of(recent, message) || message.is_answer != (recent.form() == Form::kAnswer)) return false;
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
  flow.initiator = endpoint_of(recent.key, recent.initiator());
  flow.responder = endpoint_of(recent.key, recent.initiator() ^ 1U);
  flow.vlan = vlan_of(recent.key);
  if (recent.key.is_tunnelled()) {
    if (const TunnelTable::Entry* entry = tunnels_.find(recent.key.tunnel())) {
      flow.tunnel = entry->info;
      flow.vlan = entry->vlan;
    }
  }
  flow.start_ns = recent.time_ns;
  flow.is_udp = is_udp(recent.form());
  const unsigned direction = contact.kind == ContactSeen::Kind::kAnswer ? 1 : 0;
  flow.counts.packets[direction] = 1;
  flow.counts.bytes[direction] = recent.wire_bytes;
  event.what = std::move(contact);
  sink_.put(std::move(event));
}

}  // namespace pickletap
