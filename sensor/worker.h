// One worker: everything between a packet and an event, on one thread. Owns the flow table and what the dissectors
// lean on; puts its events into an EventSink.
#pragma once

#include <cstdint>

#include "config/config.h"
#include "dissectors/dissector.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/policy.h"
#include "sensor/armed_list.h"
#include "sensor/capture/packet_source.h"
#include "sensor/event.h"
#include "sensor/net/contact_watch.h"
#include "sensor/net/flow_table.h"
#include "sensor/net/unwrapper.h"

namespace pickletap {

/// The bounds of dissectors as the configuration has them.
DissectorLimits dissector_limits(const Config& config, unsigned workers = 1);

/// Sees the packets of dissected flows, each after it was processed.
class FlowPackets {
 public:
  virtual ~FlowPackets() = default;
  virtual void on_flow_packet(const Flow& flow, const Packet& packet) = 0;
};

class Worker final : public PacketHandler {
 public:
  /// From now on; it outlives the worker. Null: nobody.
  void set_flow_packets(FlowPackets* watcher) { watcher_ = watcher; }
  /// `policy` and `sink` outlive the worker. `every_frame`: report each frame (`python_mp` events). `workers`: among how
  /// many like this one the limits on flows and memory are divided. `board`: who is armed; outlives the worker. Null:
  /// nobody ever.
  Worker(const Config& config, const Policy& policy, EventSink& sink, bool every_frame, unsigned workers = 1,
         ArmedBoard* board = nullptr);

  void on_packet(const Packet& packet, DecodeResult result) override;
  /// Has somebody been armed? Before a batch of packets, and while there is none.
  void look() { contacts_.look(); }
  /// No packet, but time went by.
  void advance(int64_t time_ns) { flows_.advance(time_ns, 0); }
  /// For pickles that begin from now on; the policy before it must live on.
  void set_policy(const Policy& policy) { machines_.set_policy(policy); }
  void set_source_index(uint16_t index) {
    source_index_ = index;
    contacts_.set_source_index(index);
    flows_.set_source_index(index);
  }
  /// The end of the input.
  void finish();

  /// Of the latest packet; 0 before the first.
  int64_t last_packet_time_ns() const { return last_packet_time_ns_; }
  FlowTableCounters flow_counters() const { return flows_.counters(); }
  UnwrapCounters unwrap_counters() const { return unwrapper_.counters(); }
  DissectorCounters dissector_counters() const;

 private:
  void process(const Packet& packet) {
    const Flow* const flow = flows_.process(packet);
    if (flow == nullptr) return;
    contacts_.look();
    if (watcher_ != nullptr) [[unlikely]]
      watcher_->on_flow_packet(*flow, packet);
  }
  void on_enclosed(const Packet& packet, DecodeResult result);
  void tell_trouble();

  EventSink& sink_;
  FlowPackets* watcher_ = nullptr;
  DissectorLimits limits_;
  PickleMachinePool machines_;
  DissectorCounters dissector_counters_;
  DissectorContext context_;
  Unwrapper unwrapper_;
  ContactWatch contacts_;
  FlowTable flows_;
  int64_t last_packet_time_ns_ = 0;
  uint64_t last_packet_number_ = 0;
  uint16_t source_index_ = 0;
};

}  // namespace pickletap
