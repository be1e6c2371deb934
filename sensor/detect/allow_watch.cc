#include "sensor/detect/allow_watch.h"

#include <algorithm>

#include "sensor/net/address_text.h"

namespace pickletap {

namespace {

std::vector<uint16_t> vlan_of(const RecordHead& head) {
  const VlanTags& tags = head.flow.vlan;
  const size_t count = std::min<size_t>(tags.count, tags.ids.size());
  return {tags.ids.begin(), tags.ids.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// Takes more than what no list knows: it does harm, or hides it.
bool is_dangerous(const PickleFinding& finding) {
  return finding.rule != PickleRule::kUnknownCall && finding.rule != PickleRule::kMalformed;
}

bool is_any_type(std::string_view method) { return method.starts_with("*."); }

void add_shown(std::vector<std::string>& names, const std::string& name) {
  if (names.size() == AllowWatch::kMaxShown) names.emplace_back("…");
  if (names.size() <= AllowWatch::kMaxShown && std::find(names.begin(), names.end(), name) == names.end()) {
    names.push_back(name);
  }
}

}  // namespace

std::string allow_name_of(const ManagerRequest& request) {
  if (request.method.empty()) return {};
  // A type called "*" must not read as any type.
  if (request.type_id.find('*') != std::string::npos) return "?." + request.method;
  if (!request.type_id.empty()) return request.type_id + "." + request.method;
  return request.to_server ? request.method : "*." + request.method;
}

void AllowWatch::configure(const Config& config) {
  mode_ = config.policy.mode == "enforce" ? Mode::kEnforce
          : config.policy.mode == "learn" ? Mode::kLearn
                                          : Mode::kAlert;
}

void AllowWatch::set_list(std::shared_ptr<const AllowList> list) {
  covering_.clear();
  spare_.clear();
  list_ = std::move(list);
}

AllowWatch::Key AllowWatch::key_of(const RecordHead& head) {
  const Endpoint& server = head.server();
  return {server.address.is_v6, server.address.bytes, server.port, head.flow.vlan.ids};
}

const AllowWatch::Entries& AllowWatch::entries_of(const RecordHead& head) {
  const Key key = key_of(head);
  if (const auto at = covering_.find(key); at != covering_.end()) return at->second;
  const bool has_room = covering_.size() < kMaxListeners;
  Entries& entries = has_room ? covering_[key] : spare_;
  entries.clear();
  const Endpoint& server = head.server();
  const std::vector<uint16_t> vlan = vlan_of(head);
  for (const AllowEntry& entry : list_->entries) {
    if (entry.covers(server.address.bytes, server.address.is_v6, server.port, vlan)) entries.push_back(&entry);
  }
  return entries;
}

std::optional<LeftAllowList> AllowWatch::departure(const RecordHead& head, const PickleReport& report,
                                                   const std::string& method) {
  if (!is_watching()) return std::nullopt;
  const Entries& entries = entries_of(head);
  if (entries.empty()) return std::nullopt;
  LeftAllowList left{is_enforced(), entries.front()->file, entries.front()->line, {}, {}, {}};
  const auto names_of = [&](const AllowEntry& entry) -> const std::optional<AllowedNames>& {
    return head.from == Direction::kToServer ? entry.to_server : entry.to_client;
  };
  const auto is_allowed = [&](const std::string& name) {
    return std::any_of(entries.begin(), entries.end(), [&](const AllowEntry* entry) {
      const auto& names = names_of(*entry);
      return !names || names->allows(name);
    });
  };
  for (const std::string& name : report.reached) {
    if (!is_allowed(name)) add_shown(left.callables, name);
  }
  // Names that were not kept may be anything.
  const bool limits_names =
      std::all_of(entries.begin(), entries.end(), [&](const AllowEntry* e) { return names_of(*e).has_value(); });
  if (report.reached_more && limits_names && !is_allowed("*")) add_shown(left.callables, "(more names than are kept)");
  const bool method_allowed =
      method.empty() || std::any_of(entries.begin(), entries.end(), [&](const AllowEntry* entry) {
        if (!entry->methods) return true;
        return is_any_type(method) ? entry->methods->allows_of_any_type(method.substr(2))
                                   : entry->methods->allows(method);
      });
  if (!method_allowed) left.method = method;
  if (left.callables.empty() && left.method.empty()) return std::nullopt;
  return left;
}

std::optional<LeftAllowList> AllowWatch::peer_departure(const RecordHead& head) {
  if (!is_watching()) return std::nullopt;
  const Entries& entries = entries_of(head);
  const IpAddress& peer = head.client().address;
  const bool allowed = std::any_of(entries.begin(), entries.end(),
                                   [&](const AllowEntry* entry) { return entry->allows_peer(peer.bytes, peer.is_v6); });
  if (entries.empty() || allowed) return std::nullopt;
  return LeftAllowList{is_enforced(), entries.front()->file, entries.front()->line, {}, {}, to_text(peer)};
}

// ---- Learning

AllowEntry* AllowWatch::learned_entry(const RecordHead& head) {
  const Key key = key_of(head);
  auto at = learned_.find(key);
  if (at == learned_.end()) {
    if (learned_.size() >= kMaxListeners) {
      ++lost_;
      return nullptr;
    }
    AllowEntry entry;
    entry.address = single_address(head.server().address.bytes, head.server().address.is_v6);
    entry.port = head.server().port;
    const std::vector<uint16_t> vlan = vlan_of(head);
    if (!vlan.empty()) entry.vlan = vlan;
    entry.peers.emplace();
    entry.to_server.emplace();
    entry.to_client.emplace();
    at = learned_.emplace(key, std::move(entry)).first;
    ++changes_;
  }
  AllowEntry& entry = at->second;
  const std::string application(to_text(head.application));
  if (entry.application != application && entry.application != "manager") {
    entry.application = application;
    ++changes_;
  }
  if (entry.application == "manager" && !entry.methods) entry.methods.emplace();
  return &entry;
}

void AllowWatch::learn_name(std::optional<AllowedNames>& names, const std::string& name, const std::string& comment,
                            bool is_method) {
  if (!names) names.emplace();
  if (names->names().contains(name)) return;
  // A star from the wire would allow what was never seen.
  const bool is_name = name.find('*', is_method && is_any_type(name) ? 1 : 0) == std::string::npos && !name.empty();
  const bool is_text = std::all_of(name.begin(), name.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x20; });
  if (!is_name || !is_text || name.size() > AllowList::kMaxNameBytes || names->names().size() >= kMaxNames) {
    ++lost_;
    return;
  }
  names->add(name, comment);
  ++changes_;
}

void AllowWatch::learn_pickle(const RecordHead& head, const PickleReport& report, const std::string& method) {
  AllowEntry* const entry = learned_entry(head);
  if (entry == nullptr) return;
  learn_peer(head);
  std::map<std::string, std::string> dangers;
  for (const PickleFinding& finding : report.findings) {
    if (is_dangerous(finding))
      dangers.emplace(finding.callable.empty() ? "(a pickle)" : finding.callable, finding.reason);
  }
  if (!dangers.empty() && !include_dangerous_) {
    for (const auto& [name, reason] : dangers) {
      if (entry->left_out.size() >= kMaxNames) {
        ++lost_;
      } else if (entry->left_out.emplace(name, reason).second) {
        ++changes_;
      }
    }
    return;
  }
  auto& names = head.from == Direction::kToServer ? entry->to_server : entry->to_client;
  for (const std::string& name : report.reached) {
    const auto danger = dangers.find(name);
    learn_name(names, name, danger == dangers.end() ? "" : "dangerous: " + danger->second, false);
  }
  if (report.reached_more) ++lost_;
  if (!method.empty()) learn_name(entry->methods, method, "", true);
}

void AllowWatch::learn_peer(const RecordHead& head) {
  AllowEntry* const entry = learned_entry(head);
  if (entry == nullptr) return;
  const AddressRange peer = single_address(head.client().address.bytes, head.client().address.is_v6);
  if (entry->peers->contains(peer)) return;
  if (entry->peers->size() >= kMaxPeers) {
    ++lost_;
    return;
  }
  entry->peers->insert(peer);
  ++changes_;
}

namespace {

/// Adds what `more` allows to `entry`; what an entry does not limit stays without limits.
void merge(AllowEntry& entry, const AllowEntry& more) {
  const auto add = [](std::optional<AllowedNames>& to, const std::optional<AllowedNames>& from) {
    if (!to || !from) return;
    for (const auto& [name, comment] : from->names()) {
      if (!to->allows(name)) to->add(name, comment);
    }
  };
  add(entry.to_server, more.to_server);
  add(entry.to_client, more.to_client);
  if (!entry.methods && entry.application != "manager" && more.methods) entry.methods.emplace();
  add(entry.methods, more.methods);
  if (entry.peers && more.peers) {
    for (const AddressRange& peer : *more.peers) {
      if (!entry.allows_peer(peer.bytes, peer.is_v6)) entry.peers->insert(peer);
    }
  }
  if (more.application == "manager" || entry.application.empty()) entry.application = more.application;
  entry.left_out.insert(more.left_out.begin(), more.left_out.end());
}

}  // namespace

/// An entry for exactly this listener is added to, wherever it came from; one for many listeners is left as it is.
AllowList AllowWatch::learned() const {
  AllowList all;
  if (list_ != nullptr) all = *list_;
  std::map<std::tuple<std::optional<AddressRange>, std::optional<uint16_t>, std::optional<std::vector<uint16_t>>>,
           size_t>
      places;
  for (size_t i = 0; i < all.entries.size(); ++i) {
    const AllowEntry& entry = all.entries[i];
    places.emplace(std::make_tuple(entry.address, entry.port, entry.vlan), i);
  }
  for (const auto& [key, entry] : learned_) {
    const auto place = std::make_tuple(entry.address, entry.port, entry.vlan);
    if (const auto at = places.find(place); at != places.end()) {
      merge(all.entries[at->second], entry);
    } else if (all.entries.size() < AllowList::kMaxListeners) {
      all.entries.push_back(entry);
    }
  }
  return all;
}

}  // namespace pickletap
