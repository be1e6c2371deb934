#include "sensor/detect/exposure.h"

#include <algorithm>
#include <optional>

#include "sensor/detect/addresses.h"
#include "sensor/detect/auth_watch.h"

namespace pickletap {

namespace {

constexpr unsigned kNetworkBits4 = 24, kNetworkBits6 = 64;

Digest digest_named(const std::string& name) {
  for (const Digest digest : {Digest::kMd5, Digest::kSha256, Digest::kSha384, Digest::kSha3_256, Digest::kSha3_384}) {
    if (name == to_text(digest)) return digest;
  }
  return Digest::kNone;
}

std::string network_of(const IpAddress& address) {
  const unsigned bits = address.is_v6 ? kNetworkBits6 : kNetworkBits4;
  return to_text(masked(address, bits)) + "/" + std::to_string(bits);
}

bool any_contains(const std::vector<Network>& networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(address.bytes, address.is_v6); });
}

std::string asks_for(const RecordHead& head) {
  switch (head.auth) {
    case AuthState::kNone: return "; no key is asked for";
    case AuthState::kMutual: return "; the peer proved the key";
    case AuthState::kOneWay: return "; the peer alone proved the key";
    case AuthState::kFailed: return "; its key was refused";
    case AuthState::kPending: return "; its handshake was not finished";
    case AuthState::kUnknown: break;
  }
  return "";
}

}  // namespace

void Exposure::configure(const Config& config) {
  // The texts were checked when the configuration was read; what is none of them would be our own mistake.
  trusted_.clear();
  for (const std::string& text : config.networks.trusted) {
    if (const auto network = parse_network(text)) trusted_.push_back(*network);
  }
  expectations_.clear();
  for (const std::string& text : config.networks.listeners) {
    if (auto expected = parse_expectation(text)) expectations_.push_back(std::move(*expected));
  }
}

bool Exposure::is_trusted(const IpAddress& address) const { return any_contains(trusted_, address); }

const Expectation* Exposure::expectation_of(const Endpoint& server) const {
  const auto at = std::find_if(expectations_.begin(), expectations_.end(), [&](const Expectation& expected) {
    return expected.at.matches(server.address.bytes, server.address.is_v6, server.port);
  });
  return at == expectations_.end() ? nullptr : &*at;
}

void Exposure::on_flow(const RecordHead& head, Listeners& listeners, Findings& findings) const {
  const IpAddress& client = head.client().address;
  if (is_trusted(client)) return;
  const std::string network = network_of(client);
  if (!listeners.is_new(head, &Listener::untrusted_networks, network)) return;
  add_finding(findings, "exposure.untrusted-peer", head, Direction::kToServer,
              "The listener " + text_of(head.server()) + " talks with " + to_text(client) + " (" + network +
                  "), outside networks.trusted" + asks_for(head));
}

void Exposure::depart(const RecordHead& head, Listener& listener, const Expectation& expected, unsigned what,
                      Direction by, const std::string& fact, Findings& findings) const {
  if ((listener.departures_told & what) != 0) return;
  listener.departures_told |= what;
  add_finding(
      findings, "exposure.unexpected", head, by,
      "The listener " + text_of(head.server()) + " " + fact + "; networks.listeners expects '" + expected.text + "'");
}

void Exposure::on_state(const RecordHead& head, Listeners& listeners, Findings& findings) const {
  if (expectations_.empty()) return;
  const Expectation* expected = expectation_of(head.server());
  Listener* listener = expected != nullptr ? listeners.find_or_add(head) : nullptr;
  if (listener == nullptr) return;
  const auto depart_if = [&](bool departs, unsigned what, const std::string& fact) {
    if (departs) depart(head, *listener, *expected, what, Direction::kToClient, fact, findings);
  };
  depart_if(expected->key && head.auth == AuthState::kNone, Departure::kNoKey, "asks for no key");
  const bool proved = head.auth == AuthState::kMutual || head.auth == AuthState::kOneWay;
  const int least = strength_of(digest_named(expected->least_digest));
  depart_if(proved && strength_of(head.digest) < least, Departure::kWeakDigest,
            "takes HMAC with " + std::string(to_text(head.digest)));
  depart_if(expected->no_manager && head.application == Application::kManager, Departure::kManager, "is a manager");
  const IpAddress& client = head.client().address;
  if (expected->peers.empty() || any_contains(expected->peers, client)) return;
  if (!listeners.is_new(head, &Listener::unexpected_peers, to_text(client))) return;
  add_finding(findings, "exposure.unexpected", head, Direction::kToServer,
              "The listener " + text_of(head.server()) + " talks with " + to_text(client) +
                  "; networks.listeners expects '" + expected->text + "'");
}

}  // namespace pickletap
