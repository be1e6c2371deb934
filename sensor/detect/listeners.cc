#include "sensor/detect/listeners.h"

#include <algorithm>

namespace pickletap {

namespace {

/// How much a state tells of a listener: a failed login or an open handshake says less than a finished one.
int weight(AuthState state) {
  switch (state) {
    case AuthState::kUnknown: return 0;
    case AuthState::kPending: return 1;
    case AuthState::kFailed: return 2;
    case AuthState::kNone:
    case AuthState::kOneWay:
    case AuthState::kMutual: return 3;
  }
  return 0;
}

}  // namespace

size_t Listeners::KeyHash::operator()(const Key& key) const {
  const auto& bytes = key.endpoint.address.bytes;
  const std::string_view address(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t rest = size_t{key.endpoint.port} << 24 | size_t{key.vlan.ids[0]} << 12 | key.vlan.ids[1];
  return std::hash<std::string_view>{}(address) ^ std::hash<size_t>{}(rest * 0x9e3779b97f4a7c15U);
}

Listener* Listeners::find_or_add(const RecordHead& head) {
  const Key key = key_of(head);
  if (const auto at = listeners_.find(key); at != listeners_.end()) return &at->second;
  if (listeners_.size() >= kMaxListeners) {
    ++dropped_;
    return nullptr;
  }
  Listener& added = listeners_[key];
  added.first_seen_ns = head.time_ns;
  return &added;
}

const Listener* Listeners::find(const RecordHead& head) const {
  const auto at = listeners_.find(key_of(head));
  return at == listeners_.end() ? nullptr : &at->second;
}

void Listeners::expect_manager(const RecordHead& head, const Endpoint& endpoint) {
  const Key key{endpoint, head.flow.vlan};
  if (!listeners_.contains(key) && listeners_.size() >= kMaxListeners) {
    ++dropped_;
    return;
  }
  Listener& listener = listeners_[key];
  if (listener.first_seen_ns == 0) listener.first_seen_ns = head.time_ns;
  if (!listener.announced) listener.application = Application::kManager;
}

std::optional<ListenerRecord> Listeners::update(const RecordHead& head, bool first_of_flow, bool untrusted) {
  Listener* listener = find_or_add(head);
  if (listener == nullptr) return std::nullopt;
  std::string_view change;
  if (first_of_flow) {
    ++listener->flows;
    const bool has_room = listener->peers.size() < kMaxPeers;
    const bool is_new = has_room && listener->peers.insert(head.client().address.bytes).second;
    if (is_new && untrusted && ++listener->untrusted_peers == 1) {
      ++gauges_.untrusted;
      change = "peers";
    }
  }
  listener->last_seen_ns = std::max(listener->last_seen_ns, head.time_ns);
  if (!listener->announced) change = "new";
  const auto take = [&](auto& known, const auto& now, bool better, std::string_view what) {
    if (known == now || !better) return;
    known = now;
    if (change.empty()) change = what;
  };
  if (listener->announced) --by_auth_[static_cast<size_t>(listener->auth)];
  const bool more_certain = weight(head.auth) >= weight(listener->auth);
  take(listener->digest, head.digest, more_certain && head.digest != Digest::kNone, "digest");
  take(listener->auth, head.auth, more_certain, "auth");
  take(listener->application, head.application, head.application == Application::kManager, "application");
  const bool knows_more = head.server_python != PythonGuess::kUnknown &&
                          !(listener->python == PythonGuess::k27 && head.server_python == PythonGuess::kUpTo311);
  take(listener->python, head.server_python, knows_more, "python");
  listener->announced = true;
  ++by_auth_[static_cast<size_t>(listener->auth)];
  if (change.empty()) return std::nullopt;
  return record_of(head, *listener, change);
}

ListenerRecord Listeners::record_of(const RecordHead& head, const Listener& listener, std::string_view change) const {
  ListenerRecord record{head,
                        change,
                        listener.first_seen_ns,
                        listener.last_seen_ns,
                        listener.flows,
                        listener.peers.size(),
                        listener.untrusted_peers,
                        listener.messages};
  record.head.auth = listener.auth;
  record.head.digest = listener.digest;
  record.head.application = listener.application;
  record.head.server_python = listener.python;
  record.head.weak_key = listener.weak_key;
  return record;
}

std::optional<ListenerRecord> Listeners::note_messages(const RecordHead& head, Messages messages) {
  Listener* listener = find_or_add(head);
  if (listener == nullptr || messages == Messages::kUnknown) return std::nullopt;
  // One pickle is enough to make it a listener of pickles; XML-RPC's messages are bytes as well.
  const auto rank = [](Messages m) { return m == Messages::kPickles ? 3 : m == Messages::kXmlRpc ? 2 : 1; };
  if (listener->messages != Messages::kUnknown && rank(messages) <= rank(listener->messages)) return std::nullopt;
  // Pickles are what everybody expects of it: news only where something else was said before.
  const bool news = messages != Messages::kPickles || listener->messages != Messages::kUnknown;
  if (listener->messages == Messages::kBytes) --gauges_.bytes_only;
  if (messages == Messages::kBytes) ++gauges_.bytes_only;
  listener->messages = messages;
  if (!news || !listener->announced) return std::nullopt;
  return record_of(head, *listener, "messages");
}

bool Listeners::is_new(const RecordHead& head, std::set<std::string> Listener::*set, const std::string& text) {
  Listener* listener = find_or_add(head);
  if (listener == nullptr) return true;  // rather once too often than never
  auto& told = listener->*set;
  if (told.size() < kMaxTold) return told.insert(text).second;
  if (!told.contains(text)) ++dropped_;
  return false;
}

std::optional<ListenerRecord> Listeners::note_weak_key(const RecordHead& head, bool weak) {
  Listener* listener = find_or_add(head);
  if (listener == nullptr || listener->weak_key == weak) return std::nullopt;
  listener->weak_key = weak;
  gauges_.weak_key = weak ? gauges_.weak_key + 1 : gauges_.weak_key - 1;
  if (!listener->announced) return std::nullopt;
  return record_of(head, *listener, "key");
}

bool Listeners::is_new_callable(const RecordHead& head, const std::string& callable) {
  Listener* listener = find_or_add(head);
  if (listener == nullptr) return true;  // rather once too often than never
  if (listener->unknown_callables.size() >= kMaxCallables) {
    if (listener->unknown_callables.contains(callable)) return false;
    ++dropped_;
    return false;
  }
  return listener->unknown_callables.insert(callable).second;
}

std::vector<ListenerSummary> Listeners::summaries() const {
  std::vector<ListenerSummary> all;
  for (const auto& [key, one] : listeners_) {
    if (!one.announced) continue;
    all.push_back({key.endpoint, key.vlan, one.first_seen_ns, one.last_seen_ns, one.flows, one.peers.size(), one.auth,
                   one.digest, one.python, one.application, one.untrusted_peers, one.messages, one.weak_key,
                   one.departures_told | (one.unexpected_peers.empty() ? 0 : Departure::kPeer)});
  }
  const auto newer = [](const ListenerSummary& a, const ListenerSummary& b) { return a.last_seen_ns > b.last_seen_ns; };
  const size_t kept = std::min(all.size(), kMaxSummaries);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(), newer);
  all.resize(kept);
  return all;
}

}  // namespace pickletap
