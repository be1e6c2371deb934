#include "sensor/net/tunnel_table.h"

#include <algorithm>

namespace pickletap {
namespace {

void append(std::string& key, const void* bytes, size_t size) { key.append(static_cast<const char*>(bytes), size); }

void append(std::string& key, const TunnelLayer& layer) {
  const bool in_order = layer.source.bytes <= layer.destination.bytes;
  const IpAddress& lower = in_order ? layer.source : layer.destination;
  const IpAddress& upper = in_order ? layer.destination : layer.source;
  const size_t address_bytes = lower.is_v6 ? 16 : 4;
  key.push_back(static_cast<char>(static_cast<uint8_t>(layer.kind) | (lower.is_v6 ? 0x80 : 0)));
  append(key, lower.bytes.data(), address_bytes);
  append(key, upper.bytes.data(), address_bytes);
  const uint32_t id = layer.kind == TunnelKind::kGtpU ? 0 : layer.id;
  append(key, &id, sizeof id);
  append(key, layer.vlan.ids.data(), sizeof layer.vlan.ids);
}

VlanTags all_tags(const Packet& packet) {
  VlanTags all;
  const auto add = [&all](const VlanTags& some) {
    for (unsigned i = 0; i < some.count && all.count < all.ids.size(); ++i) all.ids[all.count++] = some.ids[i];
  };
  for (unsigned i = 0; i < packet.outer->depth; ++i) add(packet.outer->layers[i].vlan);
  add(packet.vlan);
  return all;
}

}  // namespace

TunnelTable::TunnelTable(uint32_t max_tunnels, int64_t idle_s, uint64_t hash_seed)
    : max_tunnels_(std::clamp(max_tunnels, uint32_t{1}, kUntracked)),
      idle_s_(idle_s),
      index_(0, Hash{FlowHash(hash_seed)}) {}

uint32_t TunnelTable::name_of(const Packet& packet) {
  const Encapsulation& outer = *packet.outer;
  key_.clear();
  for (unsigned i = 0; i < outer.depth; ++i) append(key_, outer.layers[i]);
  append(key_, packet.vlan.ids.data(), sizeof packet.vlan.ids);

  constexpr int64_t kNsPerSecond = 1'000'000'000;
  const int64_t now_s = packet.time_ns / kNsPerSecond;
  const auto found = index_.find(key_);
  const uint32_t index = found != index_.end() ? found->second : add(now_s);
  if (index == kUntracked) {
    ++counters_.untracked_packets;
    return index;
  }
  Slot& slot = slots_[index];
  by_use_.splice(by_use_.end(), by_use_, slot.place);
  slot.entry = {{outer.layers[0], outer.depth}, all_tags(packet), now_s};
  return index;
}

uint32_t TunnelTable::add(int64_t now_s) {
  auto index = static_cast<uint32_t>(slots_.size());
  if (slots_.size() < max_tunnels_) {
    slots_.emplace_back();
    slots_.back().place = by_use_.insert(by_use_.end(), index);
  } else {
    index = by_use_.front();
    if (now_s - slots_[index].entry.last_s <= idle_s_) return kUntracked;
    index_.erase(slots_[index].key);
  }
  slots_[index].key = key_;
  index_.emplace(key_, index);
  ++counters_.tunnels;
  return index;
}

}  // namespace pickletap
