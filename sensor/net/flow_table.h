// All flows of one worker. process() finds a packet's flow by its full tuple, counts, and for flows that may speak a
// protocol of ours puts both streams in order and hands them to the flow's Dissector, whose observations leave as
// Events with the flow's context through the EventSink, in the order of the packets.
//
// A flow whose first payload shows it to be something else costs one record (flow.h) and no reassembly from then on.
// Owned by a worker and used on its thread only. Time is the packets' own: advance() moves the clock, whole seconds;
// everything due by a second has ended when the first packet of that second is processed, so the same input gives the
// same events. A clock that goes back (files out of order) is followed, and ticks go on from there.
// Limits: FlowTableConfig. At `max_flows` the flow idle for longest goes: closed ones first, then those without
// payload, ignored, dissected. At `max_dissected` the dissected flow idle for longest goes.
// What a receiver would not take (tcp_receiver.h) is not read, but kept for a while: its later ACK may show that it did.
// Where two copies of the same bytes differ both are read (stream_readings.h).
//
// A flow ends when both streams were acknowledged up to their FINs, `closed_timeout_s` after a believable RST (which may
// be a decoy: what follows it is read when it is acknowledged), by time-out, by eviction or with the input. It is kept
// `closed_timeout_s` more, so that late packets do not make a new one; a SYN (or SYN-ACK) with
// another number does. A SYN inside an open flow is remembered only: the flow gives way when the peer answers it with a
// SYN-ACK, for one that ignores it has not lost the old connection.
// Sources: RFC 9293 for the states; FACTS, "What Linux does with odd packets", for what a victim believes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "dissectors/dissector.h"
#include "sensor/event.h"
#include "sensor/net/flow.h"
#include "sensor/net/overlap_policy.h"
#include "sensor/net/packet.h"
#include "sensor/net/protocols.h"
#include "sensor/net/stream_reassembler.h"
#include "sensor/net/timer_wheel.h"
#include "sensor/net/tunnel_table.h"

namespace pickletap {

class ContactWatch;

struct FlowTableConfig {
  uint32_t max_flows = 1'000'000;
  uint32_t max_unanswered = 62'500;   ///< flows of which only a SYN was seen: a flood of them costs no more than that
  uint32_t max_dissected = 250'000;   ///< flows with reassemblers and a Dissector
  uint32_t handshake_timeout_s = 60;  ///< no payload, not established
  uint32_t ignored_timeout_s = 120;
  uint32_t idle_timeout_s = 3600;  ///< dissected, or established and silent
  uint32_t closed_timeout_s = 10;
  uint64_t out_of_order_bytes = uint64_t{64} << 20;  ///< all streams together
  ReassemblyLimits stream;
  uint64_t history_bytes = uint64_t{32} << 20;  ///< delivered bytes and other copies that are kept, all flows together
  ChecksumMode checksums = ChecksumMode::kAuto;
  OverlapPolicies overlap_policies;
  uint64_t hash_seed = 0;                ///< secret and new in every process; fixed in tests
  const TunnelTable* tunnels = nullptr;  ///< that named the packets' tunnels; outlives the table
  ContactWatch* contacts = nullptr;      ///< is told of beginnings; outlives the table
  bool flow_events_for_all = false;      ///< FlowEnded for flows that were not dissected, too
};

/// Plain counts, and gauges where it says so.
struct FlowTableCounters {
  uint64_t packets = 0;  ///< TCP packets processed
  uint64_t bytes = 0;    ///< of them, on the wire
  uint64_t flows = 0;    ///< ever begun
  uint64_t midstream_flows = 0;
  uint64_t ignored_flows = 0;  ///< found to be something else
  uint64_t dissectors_made = 0;
  uint64_t timed_out_flows = 0;                     ///< not counting those already closed
  std::array<uint64_t, kFlowStateCount> evicted{};  ///< by the state they were in: index_of(FlowState)
  uint64_t held_segments = 0;                       ///< that waited for what they answer
  uint64_t held_limit_segments = 0;                 ///< that could not wait, for want of room
  uint64_t active_flows = 0;                        ///< gauge; closed ones that are still kept included
  uint64_t active_dissectors = 0;                   ///< gauge
  uint64_t flow_memory_bytes = 0;                   ///< gauge: records and index
  uint64_t out_of_order_bytes = 0;                  ///< gauge: queued now, charged as in stream_reassembler.h
  uint64_t body_bytes = 0;                          ///< gauge: of dissected flows, about
  uint64_t history_bytes = 0;                       ///< gauge: kept for other readings
  uint64_t history_dropped_bytes = 0;               ///< not kept, for want of room
  std::array<uint64_t, kRefusalCount> refused{};    ///< segments, by index_of(Refusal)
  ReassemblyCounters streams;
  StreamReadingCounters readings;
};

constexpr unsigned index_of(FlowState state) { return static_cast<unsigned>(state); }
/// Label of `pickletap_flows_evicted_total{reason}`: "opening", "dissected", "ignored", "closed", "unanswered".
std::string_view to_text(FlowState state);

class FlowTable {
 public:
  /// `sink` outlives the table.
  FlowTable(const FlowTableConfig& config, Protocols protocols, EventSink& sink);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  /// One TCP packet. Its payload need only live as long as the call. Returns its flow if that is, or was until now,
  /// dissected, else null; right until the next call.
  const Flow* process(const Packet& packet);
  /// The clock, for packets that are not TCP and for a quiet wire. Cheap within a second.
  void advance(int64_t time_ns, uint64_t packet_number) {
    if (static_cast<uint64_t>(time_ns) - static_cast<uint64_t>(second_start_ns_) >= kNsPerSecond) {
      move_clock(time_ns, packet_number);
    }
  }
  /// The end of the input: ends every flow, in the order of their beginnings. The table is empty then and can go on.
  void finish();

  /// Which FILE or interface the next packets come from.
  void set_source_index(uint16_t index) { source_index_ = index; }
  FlowTableCounters counters() const;

 private:
  static constexpr uint64_t kNsPerSecond = 1'000'000'000;
  /// StreamTrouble events of one flow; a flow can be all trouble.
  static constexpr unsigned kMaxTroubles = 16;
  /// Payloads of a flow without a SYN that may be looked at before it counts as something else.
  static constexpr uint16_t kMaxMidstreamProbes = 8;
  /// Packets of a flow that its Dissector does not want any more which are awaited, so that another copy of what made it
  /// say so may come.
  static constexpr unsigned kMaxPacketsRejected = 16;
  /// Flows that one eviction may move to where they belong before it takes the next at hand.
  static constexpr unsigned kMaxMovesPerEviction = 64;

  /// Turns a Dissector's observations into Events of its flow.
  class Observer final : public ObservationSink {
   public:
    explicit Observer(FlowTable& table) : table_(table) {}
    void emit(Observation&& observation) override;
    const Flow* flow = nullptr;

   private:
    FlowTable& table_;
  };

  struct IndexHash {
    using is_transparent = void;
    using is_avalanching = void;
    const FlowSlab* slab;
    FlowHash hash;
    size_t operator()(const FlowKey& key) const { return hash(key); }
    size_t operator()(uint32_t index) const { return hash((*slab)[index].key); }
  };
  struct IndexEqual {
    using is_transparent = void;
    const FlowSlab* slab;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(const FlowKey& key, uint32_t index) const { return key == (*slab)[index].key; }
    bool operator()(uint32_t index, const FlowKey& key) const { return key == (*slab)[index].key; }
  };
  using Index = boost::unordered_flat_set<uint32_t, IndexHash, IndexEqual>;

  // The life of a record.
  uint32_t create(const OrientedKey& oriented, const Packet& packet);
  static void begin(Flow& flow, const Packet& packet, unsigned side);
  void restart(uint32_t index, const Packet& packet, unsigned side);
  void ignore(uint32_t index);
  void close(uint32_t index, EndReason reason);
  void end(Flow& flow, EndReason reason);
  void remove(uint32_t index);
  void answer(uint32_t index);

  // Packets, by the state of their flow.
  void process_by_state(uint32_t index, const Packet& packet, unsigned side);
  static void note_opening(Flow& flow, const Packet& packet, unsigned side);
  static void remember_syn(Flow& flow, const Packet& packet, unsigned side);
  void on_syn(uint32_t index, const Packet& packet, unsigned side);
  void on_syn_ack(uint32_t index, const Packet& packet, unsigned side);
  void on_opening(uint32_t index, const Packet& packet, unsigned side);
  void on_first_payload(uint32_t index, const Packet& packet, unsigned side);
  void on_ignored(uint32_t index, const Packet& packet, unsigned side);
  void on_dissected(uint32_t index, const Packet& packet, unsigned side);
  void take_packet(uint32_t index, const Packet& packet, unsigned side);
  void tell_unseen(const Flow& flow, FlowBody& body, unsigned side);

  // The order between the directions: flow_table_order.cc
  static constexpr size_t kMaxHeld = 32;  ///< segments of a flow that wait for what they answer
  FlowBody* body_of(uint32_t index) const;
  bool hold(FlowBody& body, const Packet& packet, unsigned side);
  void release_held(uint32_t index, int64_t now_ns);
  void take_held(Flow& flow, FlowBody& body);
  void forget_held(FlowBody& body);
  void on_reset(uint32_t index);
  bool covers_first_byte(const Flow& flow, const Packet& packet, unsigned side) const;
  void look_again(uint32_t index, const Packet& packet, unsigned side);

  // Bodies.
  bool make_body(uint32_t index);
  void free_body(Flow& flow);
  static TcpReceiver receiver_from(const Flow& flow, unsigned side);
  void drain(Flow& flow, unsigned side);
  void deliver(FlowBody& body, Direction from, unsigned side, ByteSpan bytes, uint64_t offset);
  void take_segment(Flow& flow, FlowBody& body, const Packet& packet, unsigned side, Refusal refusal);
  void note_urgent(Flow& flow, FlowBody& body, const Packet& packet, unsigned side);
  void believe_acks(Flow& flow, FlowBody& body, unsigned side);
  void follow_unconfirmed(Flow& flow, FlowBody& body, unsigned side);
  void read_otherwise(Flow& flow, FlowBody& body);
  bool is_wanted(FlowBody& body) const;
  void tell_gap(const Flow& flow, FlowBody& body, unsigned side, const StreamPiece& piece);
  void tell_trouble(const Flow& flow, FlowBody& body, std::string_view what, uint64_t bytes);

  // Time and room.
  void move_clock(int64_t time_ns, uint64_t packet_number);
  void sweep(int64_t from_s, int64_t to_s);
  int64_t due_s(const Flow& flow) const;
  void hang(uint32_t index);
  void rehang(uint32_t index);
  void make_room();
  bool evict_from(FlowState state, unsigned& moves);

  FlowContext context_of(const Flow& flow) const;
  using FlowEvent = decltype(Event::what);
  void emit(const Flow& flow, FlowEvent&& what);

  FlowTableConfig config_;
  Protocols protocols_;
  EventSink& sink_;
  ReassemblyPool pool_;
  HistoryPool histories_;
  FlowSlab slab_;
  Index index_;
  std::array<std::unique_ptr<TimerWheel>, kFlowStateCount> wheels_;
  std::vector<std::unique_ptr<FlowBody>> bodies_;
  std::vector<uint32_t> free_bodies_;
  Observer observer_;
  FlowTableCounters counters_;
  uint32_t unanswered_ = 0;
  int64_t second_start_ns_ = INT64_MIN;
  int64_t clock_s_ = 0;
  bool clock_runs_ = false;
  int64_t now_ns_ = 0;  ///< of the packet being processed, for the events it brings
  uint64_t now_number_ = 0;
  uint16_t source_index_ = 0;
};

}  // namespace pickletap
