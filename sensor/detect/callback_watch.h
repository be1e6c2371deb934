// Call-backs: after a pickle that runs code, does the host that was sent it turn to a host which the pickle names? Then
// it was loaded and ran. A watch is armed by the alert about the pickle, for `alerts.callback_window` of packet time; the
// workers see first packets (net/contact_watch) and tell of those that the ArmedList names, which this class makes.
//   connection  a new TCP flow or the first UDP packet from the victim to an address in the payload, at the port that
//               stands with it there; where none does, at any but the listener's that sent the pickle
//   query       DNS, mDNS or LLMNR for a name in the payload or below it; the addresses of DNS's answer count as named
// Each watch and destination makes one alert; the next ones are counted as suppressed.
// A watch may wait for its flow's server to speak (detector.h, "parked"): is_certain() says so of its call-backs.
// Bounded: kMaxVictims, kMaxWatches of each; the oldest gives way. Of a pickle NamedHosts' limits; kMaxLearned addresses
// of answers, kMaxTold destinations and kMaxQueries open queries a watch. What is left out is counted. Of the pickle so
// much is kept as fits kMaxKept….
// Not seen: what a payload hides (an encoded host), reaches by an address that DNS told before, or over another host;
// ICMP; a port that the payload listens on. Detection thread only, but for the board.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/config.h"
#include "sensor/armed_list.h"
#include "sensor/detect/named_hosts.h"
#include "sensor/record.h"

namespace pickletap {

class CallbackWatch {
 public:
  static constexpr size_t kMaxVictims = 128, kMaxWatches = 8;
  static constexpr size_t kMaxLearned = 32, kMaxTold = 64, kMaxQueries = 16;
  static constexpr size_t kMaxKeptProgram = 2048, kMaxKeptCalls = 4, kMaxKeptArgs = 512, kMaxKeptList = 8;

  /// What became of a contact.
  struct Result {
    std::optional<Alert> alert;
    bool is_repeated = false;  ///< told before
    bool is_certain = true;    ///< of the alert
  };

  void configure(const Config& config, bool rule_enabled);
  ArmedBoard& board() { return board_; }

  /// About a pickle that its receiver may load. `certain`: nothing is left to come that could say it did not.
  void arm(const Alert& alert, bool certain);
  /// The server of this flow has spoken, or had its time.
  void settle(uint64_t flow_id, bool may_be_loaded);
  Result on_contact(const Event& event, const ContactSeen& contact);
  /// Lets go of watches whose time is over.
  void advance(int64_t time_ns);

  /// Watches, hosts and addresses that there was no room for, or that made room.
  uint64_t forgotten() const { return forgotten_; }
  /// First packets that the workers could not look through any more.
  uint64_t contacts_forgotten() const { return board_.forgotten(); }

 private:
  struct Named {
    NamedHost host;
    std::vector<std::pair<IpAddress, ArmedSpan>> learned;  // of a name
    ArmedSpan span;
  };
  struct Told {
    std::string what;
    int64_t time_ns = 0;
  };
  struct Watch {
    Alert pickle;  // the alert that armed it, cut to what a call-back's alert shows
    std::string identity;
    std::vector<Named> named;
    std::vector<Told> told;
    std::vector<std::pair<Endpoint, Endpoint>> queries;
    int64_t since_ns = 0, armed_ns = 0;  // the first pickle alike, and the latest
    bool is_certain = true;
  };
  struct Victim {
    IpAddress address;
    std::list<Watch> watches;  // the latest stands last
  };
  using Victims = std::list<Victim>;  // the one armed latest stands last

  Victim* victim_of(const IpAddress& address);
  void add_watch(Victim& victim, Watch&& watch);
  bool is_over(const Watch& watch, int64_t time_ns) const;
  const Named* named_by(const Watch& watch, const Event& event, const ContactSeen& contact) const;
  bool is_named_address(const Watch& watch, const Named& named, const Endpoint& to) const;
  void learn(Watch& watch, const Event& event, const ContactSeen& contact);
  bool is_news(Watch& watch, const std::string& what, int64_t time_ns);
  Alert alert_of(const Watch& watch, const Named& named, const Event& event, const ContactSeen& contact) const;
  ArmedSpan span_of(const Watch& watch, int64_t since_ns) const;
  /// `changed` null: somebody is no longer watched.
  void publish(const Victim* changed);

  ArmedBoard board_;
  int64_t window_ns_ = 0;
  uint64_t generation_ = 0;
  Victims victims_;
  std::unordered_map<std::string, Victims::iterator> places_;
  std::vector<std::shared_ptr<const ArmedVictim>> armed_;  // as published
  size_t uncertain_ = 0;                                   // at least so many watches wait
  int64_t advanced_ns_ = INT64_MIN;
  uint64_t forgotten_ = 0;
};

}  // namespace pickletap
