#include "sensor/detect/callback_watch.h"

#include <algorithm>

#include "sensor/detect/addresses.h"

namespace pickletap {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kMaxNameInSentence = 256;

/// A name as the workers compare it; is_name_under of net/dns_message.h, which stands on another floor.
bool is_under(const std::string& name, const std::string& parent) {
  if (parent.empty() || !name.ends_with(parent)) return false;
  return name.size() == parent.size() || name[name.size() - parent.size() - 1] == '.';
}

template <typename T>
bool cut(std::vector<T>& list, size_t max) {
  if (list.size() <= max) return false;
  list.resize(max);
  list.shrink_to_fit();
  return true;
}

bool cut(std::string& text, size_t max) {
  if (text.size() <= max) return false;
  text.resize(max);
  text.shrink_to_fit();
  return true;
}

/// So much of a report that many of them can be kept.
void shorten(PickleReport& report) {
  using Watch = CallbackWatch;
  report.reached.clear();
  bool is_cut = cut(report.program, Watch::kMaxKeptProgram);
  is_cut = cut(report.calls, Watch::kMaxKeptCalls) || is_cut;
  is_cut = cut(report.findings, Watch::kMaxKeptList) || is_cut;
  for (PickleCall& call : report.calls) is_cut = cut(call.args, Watch::kMaxKeptArgs) || is_cut;
  Indicators& found = report.indicators;
  for (auto* list : {&report.globals, &found.commands, &found.hosts, &found.urls, &found.paths}) {
    is_cut = cut(*list, Watch::kMaxKeptList) || is_cut;
  }
  report.truncated = report.truncated || is_cut;
}

/// What of it the rule is about.
std::string callable_of(const Alert& pickle) {
  for (const PickleFinding& finding : pickle.pickle.findings) {
    if (rule_name(finding.rule) == pickle.rule->name && !finding.callable.empty()) {
      return finding.callable.substr(0, kMaxNameInSentence);
    }
  }
  return {};
}

}  // namespace

void CallbackWatch::configure(const Config& config, bool rule_enabled) {
  window_ns_ = rule_enabled ? int64_t{config.alerts.callback_window_s} * kNsPerSecond : 0;
  board_.set_wanted(window_ns_ != 0);
  if (window_ns_ == 0 && !victims_.empty()) advance(INT64_MAX);
}

CallbackWatch::Victim* CallbackWatch::victim_of(const IpAddress& address) {
  const auto at = places_.find(BytesKey().add(address).take());
  return at != places_.end() ? &*at->second : nullptr;
}

bool CallbackWatch::is_over(const Watch& watch, int64_t time_ns) const {
  return time_ns > watch.armed_ns &&
         static_cast<uint64_t>(time_ns) - static_cast<uint64_t>(watch.armed_ns) > static_cast<uint64_t>(window_ns_);
}

/// A little longer than the watch's own, so that one armed again and again is not published each time.
ArmedSpan CallbackWatch::span_of(const Watch& watch, int64_t since_ns) const {
  return {since_ns, watch.armed_ns + window_ns_ + window_ns_ / 4, generation_ + 1};
}

void CallbackWatch::arm(const Alert& alert, bool certain) {
  if (window_ns_ == 0) return;
  NamedHosts found = named_hosts(alert.pickle);
  if (found.more) ++forgotten_;
  if (found.hosts.empty()) return;
  std::string identity = BytesKey().add(alert.head.server()).take();
  for (const NamedHost& host : found.hosts) identity += host.text() + "\n";
  const IpAddress& address = alert.head.receiver().address;
  Victim* victim = victim_of(address);
  if (victim != nullptr) {
    victims_.splice(victims_.end(), victims_, places_.at(BytesKey().add(address).take()));
    for (Watch& watch : victim->watches) {
      if (watch.identity != identity || is_over(watch, alert.head.time_ns)) continue;
      const bool same_pickle =
          watch.pickle.head.flow.flow_id == alert.head.flow.flow_id && watch.pickle.frame.index == alert.frame.index;
      // One that may not have been loaded adds nothing to one that was.
      if (same_pickle || (watch.is_certain && !certain)) return;
      watch.is_certain = certain;
      watch.armed_ns = std::max(watch.armed_ns, alert.head.time_ns);
      watch.pickle = alert;
      shorten(watch.pickle.pickle);
      if (watch.armed_ns + window_ns_ <= watch.named.front().span.until_ns) return;
      for (Named& named : watch.named) {
        named.span = span_of(watch, watch.since_ns);
        for (auto& [learned, span] : named.learned) span = span_of(watch, span.since_ns);
      }
      return publish(victim);
    }
  } else {
    if (victims_.size() >= kMaxVictims) {
      const Victim& oldest = victims_.front();
      forgotten_ += oldest.watches.size();
      std::erase_if(armed_, [&](const auto& one) { return one->address == oldest.address; });
      places_.erase(BytesKey().add(oldest.address).take());
      victims_.pop_front();
    }
    victims_.push_back({address, {}});
    places_.emplace(BytesKey().add(address).take(), std::prev(victims_.end()));
    victim = &victims_.back();
  }
  Watch watch;
  watch.since_ns = watch.armed_ns = alert.head.time_ns;
  watch.is_certain = certain;
  watch.identity = std::move(identity);
  watch.pickle = alert;
  shorten(watch.pickle.pickle);
  for (NamedHost& host : found.hosts) watch.named.push_back({std::move(host), {}, span_of(watch, watch.since_ns)});
  add_watch(*victim, std::move(watch));
  publish(victim);
}

void CallbackWatch::add_watch(Victim& victim, Watch&& watch) {
  if (!watch.is_certain) ++uncertain_;
  std::erase_if(victim.watches, [&](const Watch& one) { return is_over(one, watch.armed_ns); });
  if (victim.watches.size() >= kMaxWatches) {
    ++forgotten_;
    victim.watches.pop_front();
  }
  victim.watches.push_back(std::move(watch));
}

void CallbackWatch::settle(uint64_t flow_id, bool may_be_loaded) {
  if (uncertain_ == 0) return;
  uncertain_ = 0;
  for (Victim& victim : victims_) {
    const size_t before = victim.watches.size();
    for (auto watch = victim.watches.begin(); watch != victim.watches.end();) {
      const bool is_meant = !watch->is_certain && watch->pickle.head.flow.flow_id == flow_id;
      if (is_meant && !may_be_loaded) {
        watch = victim.watches.erase(watch);
        continue;
      }
      watch->is_certain = watch->is_certain || is_meant;
      if (!watch->is_certain) ++uncertain_;
      ++watch;
    }
    if (victim.watches.size() != before) publish(&victim);
  }
}

bool CallbackWatch::is_named_address(const Watch& watch, const Named& named, const Endpoint& to) const {
  if (named.host.port != 0 ? named.host.port != to.port : to == watch.pickle.head.server()) return false;
  if (named.host.address) return *named.host.address == to.address;
  return std::any_of(named.learned.begin(), named.learned.end(),
                     [&](const auto& learned) { return learned.first == to.address; });
}

/// Null: nothing of this watch has to do with the contact.
const CallbackWatch::Named* CallbackWatch::named_by(const Watch& watch, const Event& event,
                                                    const ContactSeen& contact) const {
  if (event.time_ns < watch.since_ns || is_over(watch, event.time_ns)) return nullptr;
  if (event.flow.flow_id == watch.pickle.head.flow.flow_id) return nullptr;
  for (const Named& named : watch.named) {
    if (contact.name.empty() ? is_named_address(watch, named, event.flow.responder)
                             : !named.host.address && is_under(contact.name, named.host.host)) {
      return &named;
    }
  }
  return nullptr;
}

/// Only of an answer to a question of the host's own: anybody can send it one.
void CallbackWatch::learn(Watch& watch, const Event& event, const ContactSeen& contact) {
  const std::pair question(event.flow.initiator, event.flow.responder);
  if (std::find(watch.queries.begin(), watch.queries.end(), question) == watch.queries.end()) return;
  for (Named& named : watch.named) {
    if (named.host.address || !is_under(contact.name, named.host.host)) continue;
    for (const IpAddress& address : contact.addresses) {
      const bool known = std::any_of(named.learned.begin(), named.learned.end(),
                                     [&](const auto& one) { return one.first == address; });
      if (known) continue;
      if (named.learned.size() >= kMaxLearned) {
        ++forgotten_;
        break;
      }
      named.learned.emplace_back(address, span_of(watch, event.time_ns));
    }
  }
}

bool CallbackWatch::is_news(Watch& watch, const std::string& what, int64_t time_ns) {
  const auto at =
      std::find_if(watch.told.begin(), watch.told.end(), [&](const Told& told) { return told.what == what; });
  if (at == watch.told.end()) {
    if (watch.told.size() < kMaxTold) {
      watch.told.push_back({what, time_ns});
      return true;
    }
    ++forgotten_;
    return false;
  }
  const bool again = at->time_ns < watch.armed_ns && time_ns >= watch.armed_ns;
  if (again) at->time_ns = time_ns;
  return again;
}

CallbackWatch::Result CallbackWatch::on_contact(const Event& event, const ContactSeen& contact) {
  Result result;
  Victim* const victim = victim_of(event.flow.initiator.address);
  if (victim == nullptr) return result;
  bool learned = false;
  // The latest pickle that names it is what is told; the ones before are not told of it again.
  for (auto at = victim->watches.rbegin(); at != victim->watches.rend(); ++at) {
    Watch& watch = *at;
    const Named* const named = named_by(watch, event, contact);
    if (named == nullptr) continue;
    if (contact.kind == ContactSeen::Kind::kAnswer) {
      learn(watch, event, contact);
      learned = true;
      continue;
    }
    if (contact.kind == ContactSeen::Kind::kQuery) {
      if (watch.queries.size() >= kMaxQueries) watch.queries.erase(watch.queries.begin());
      watch.queries.emplace_back(event.flow.initiator, event.flow.responder);
    }
    const bool asks = contact.kind == ContactSeen::Kind::kQuery;
    const bool news = is_news(watch, asks ? named->host.host : text_of(event.flow.responder), event.time_ns);
    if (!news || result.alert) {
      result.is_repeated = !result.alert;
      continue;
    }
    result.alert = alert_of(watch, *named, event, contact);
    result.is_certain = watch.is_certain;
    result.is_repeated = false;
  }
  if (learned) publish(victim);
  return result;
}

Alert CallbackWatch::alert_of(const Watch& watch, const Named& named, const Event& event,
                              const ContactSeen& contact) const {
  Alert alert = watch.pickle;
  Callback callback;
  callback.first = watch.pickle.head;
  callback.rule = watch.pickle.rule->name;
  callback.sid = watch.pickle.rule->sid;
  callback.callable = callable_of(watch.pickle);
  callback.named = named.host.text();
  callback.after_ns = std::max<int64_t>(event.time_ns - watch.pickle.head.time_ns, 0);
  RecordHead head;
  head.time_ns = event.time_ns;
  head.packet_number = event.packet_number;
  head.source_index = event.source_index;
  head.flow = event.flow;
  std::string does;
  switch (contact.kind) {
    case ContactSeen::Kind::kQuery:
      callback.kind = "query";
      callback.query = contact.name;
      does = "asks DNS for " + contact.name.substr(0, kMaxNameInSentence);
      break;
    case ContactSeen::Kind::kDatagram:
      callback.kind = "datagram";
      does = "sends UDP to " + text_of(event.flow.responder);
      break;
    default:
      callback.kind = "connection";
      does = "connects to " + text_of(event.flow.responder);
      break;
  }
  alert.signature = "The pickle ran: its receiver " + does + ", and the pickle names " + callback.named +
                    (callback.callable.empty() ? std::string() : " (" + callback.callable + ")");
  alert.head = head;
  alert.cwe.clear();
  alert.tactic.clear();
  alert.technique.clear();
  alert.has_outcome = true;
  alert.outcome = Outcome::kExecuted;
  alert.other_flow = OtherFlow{callback.first.flow.flow_id, callback.first.client(), callback.first.server()};
  alert.callback = std::move(callback);
  return alert;
}

void CallbackWatch::advance(int64_t time_ns) {
  const auto passed = static_cast<uint64_t>(time_ns) - static_cast<uint64_t>(advanced_ns_);
  if (victims_.empty() || (time_ns != INT64_MAX && time_ns >= advanced_ns_ && passed < uint64_t{kNsPerSecond})) return;
  advanced_ns_ = time_ns;
  bool any_gone = false;
  for (auto victim = victims_.begin(); victim != victims_.end();) {
    victim->watches.remove_if([&](const Watch& watch) { return time_ns == INT64_MAX || is_over(watch, time_ns); });
    if (!victim->watches.empty()) {
      ++victim;
      continue;
    }
    std::erase_if(armed_, [&](const auto& one) { return one->address == victim->address; });
    places_.erase(BytesKey().add(victim->address).take());
    victim = victims_.erase(victim);
    any_gone = true;
  }
  if (any_gone) publish(nullptr);
}

void CallbackWatch::publish(const Victim* changed) {
  ++generation_;
  if (changed != nullptr) {
    auto armed = std::make_shared<ArmedVictim>();
    armed->address = changed->address;
    armed->generation = generation_;
    for (const Watch& watch : changed->watches) {
      for (const Named& named : watch.named) {
        if (named.host.address) {
          armed->addresses.push_back({*named.host.address, named.host.port, named.span});
        } else {
          armed->names.push_back({named.host.host, named.span});
        }
        for (const auto& [address, span] : named.learned) {
          armed->addresses.push_back({address, named.host.port, span});
        }
      }
    }
    const auto at = std::lower_bound(armed_.begin(), armed_.end(), armed, [](const auto& a, const auto& b) {
      return ArmedList::is_before(a->address, b->address);
    });
    if (at != armed_.end() && (*at)->address == armed->address) {
      *at = std::move(armed);
    } else {
      armed_.insert(at, std::move(armed));
    }
  }
  auto list = std::make_shared<ArmedList>();
  list->generation = generation_;
  list->victims = armed_;
  board_.publish(std::move(list));
}

}  // namespace pickletap
