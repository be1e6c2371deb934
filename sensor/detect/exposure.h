// Who may talk with a listener, and what is expected of it: `networks.trusted` and `networks.listeners` held against
// each flow, once it is certain what it is. A peer from outside is told once a listener and network (IPv4 /24, IPv6 /64),
// as an operator would write it into a firewall; a departure from an expectation once a listener, with the words of the
// configuration, and an unexpected peer once each. What was told stands in the Listener (listeners.h), which bounds it.
// Detection thread only.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/networks.h"
#include "sensor/detect/finding.h"
#include "sensor/detect/listeners.h"

namespace pickletap {

class Exposure {
 public:
  void configure(const Config& config);

  bool is_trusted(const IpAddress& address) const;
  /// The flow's first certain state.
  void on_flow(const RecordHead& head, Listeners& listeners, Findings& findings) const;
  /// What the flow is known to be now, however often.
  void on_state(const RecordHead& head, Listeners& listeners, Findings& findings) const;

 private:
  const Expectation* expectation_of(const Endpoint& server) const;
  void depart(const RecordHead& head, Listener& listener, const Expectation& expected, unsigned what, Direction by,
              const std::string& fact, Findings& findings) const;

  std::vector<Network> trusted_;
  std::vector<Expectation> expectations_;  // the first that matches is the listener's
};

}  // namespace pickletap
