// An interface, read by libpcap (TPACKET_V3 ring, non-blocking). The caller polls fd() and then dispatches until
// nothing comes; libpcap's own time-out is not relied on, for it does not fire on an idle ring. Packet times are sensor
// time (live_clock.h). "any" is all interfaces of the network namespace.
// Opening needs CAP_NET_RAW, going on does not: an interface that goes down is read again when it is up; one that
// vanishes, or is not there or down at the start, is looked for by maintain(), and the socket and ring that exist are
// bound to it (bind(2) of a packet socket needs no capability), so privileges can be dropped for good once all sources
// are constructed. Looking costs a system call of a microsecond and is done each time; what then fails is tried again
// with back-off. libpcap opens no interface that is down: if it is, or is not there, the socket is made on the loopback
// interface, which must be up, for a protocol that nobody sends, and bound to its real place before the first packet.
// Two things end such a wait, and trouble() then says that a restart is needed: an interface whose frames begin in
// another way than what the socket was opened for, and, with fan-out, one that was deleted and created anew, for the
// kernel binds a member of a fan-out group to nothing else (EINVAL, packet_do_bind() in Linux 6.18). An interface that
// is renamed is followed; going down and up is no obstacle to anybody.
// One thread. With `fanout_size` above 1 the sources of one group share the interface's packets by flow
// (PACKET_FANOUT_HASH, symmetric: both directions reach the same source) and the kernel puts IPv4 fragments together
// first (PACKET_FANOUT_FLAG_DEFRAG). A source passes packets on only once it is in its group, so that no two of them
// see the same one.
// System calls after construction, for the sandbox: poll, getsockname, getsockopt, setsockopt, bind, recvfrom, fcntl,
// pread64, clock_gettime, and ioctl with SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFFLAGS, SIOCGIFHWADDR.
// Sources: packet(7), Linux Documentation/networking/packet_mmap, pcap(3PCAP) 1.10.3, net/packet/af_packet.c.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sensor/capture/live_clock.h"
#include "sensor/capture/packet_socket.h"
#include "sensor/capture/packet_source.h"
#include "sensor/capture/pcap_handle.h"

namespace pickletap {

struct LiveSourceOptions {
  std::string filter;  ///< BPF; empty: everything
  uint32_t snaplen_bytes = 262144;
  uint32_t buffer_bytes = 64U << 20;
  bool promiscuous = true;
  uint16_t fanout_group = 0;  ///< one number per interface and process
  uint32_t fanout_size = 1;
  uint64_t first_number = 0;  ///< packet n, from 1, is number first_number + n * number_step: workers never share one
  uint64_t number_step = 1;
};

/// What a source lost, since it was opened.
struct LiveDrops {
  uint64_t kernel = 0;     ///< this source's ring was full
  uint64_t interface = 0;  ///< the interface or its driver; all sources of one interface see the same: not to be summed
};

class LiveSource final : public PacketSource {
 public:
  /// Throws CaptureError: kFilter for a filter that does not compile, kPermission without CAP_NET_RAW, kInput for what
  /// no retry can help. An interface that is missing or down is no error: the source waits for it.
  LiveSource(const std::string& interface, const LiveSourceOptions& options, LiveClock& clock);
  ~LiveSource() override;
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;

  /// Never waits. kMore: max_packets were there, perhaps more; kIdle: nothing more now, poll fd(). Trouble makes the
  /// source !up(), never an error.
  ReadState dispatch(PacketHandler& handler, unsigned max_packets) override;
  const std::string& error() const override { return error_; }
  const std::string& name() const override { return name_; }
  uint64_t last_number() const override { return number_; }

  /// -1 while there is nothing to wait for: reading failed and rests for a while.
  int fd() const { return resting_ ? -1 : fd_; }
  bool up() const { return trouble_.empty(); }
  /// Why it is not up, "NAME: reason"; empty when it is.
  const std::string& trouble() const { return trouble_; }
  /// Nothing but a new process gets this interface back.
  bool needs_restart() const { return needs_restart_; }
  /// Looks after an interface that is not there (or is gone without a word); call it about ten times a second.
  void maintain();
  /// Attempts to get the interface, or reading from it, back.
  uint64_t retries() const { return retries_; }
  LiveDrops drops();

 private:
  using Clock = std::chrono::steady_clock;
  struct Callback;

  bool activate(const std::string& device);
  void open();
  void look();
  bool attach(const Interface& found);
  bool begin_capture();
  bool is_readable_type(uint16_t hardware_type) const;
  void fail(const std::string& reason);
  void back_off();
  void set_trouble(const std::string& reason);

  const std::string name_;
  const LiveSourceOptions options_;
  std::string error_;  // stays empty
  std::string trouble_;
  PacketTimes times_;
  InterfaceDrops interface_drops_;
  PcapHandle handle_;
  FilterProgram filter_;
  LinkType link_ = LinkType::kEthernet;
  int fd_ = -1;
  uint16_t hardware_type_ = 0;  // of the interface that link_ was told from
  bool attached_ = false;       // bound to the interface, which may have been deleted since
  bool capturing_ = false;      // in the fan-out group, if there is one, and the filter is in force
  bool in_group_ = false;
  bool resting_ = false;  // reading failed; until retry_at_
  bool needs_restart_ = false;
  Clock::time_point retry_at_{};
  Clock::duration next_pause_{};
  uint64_t number_;
  uint64_t retries_ = 0;
  uint64_t kernel_drops_ = 0;
};

/// Sentences to warn with: a filter that loses IP fragments, VLAN-tagged or tunnelled packets. Empty: none.
std::vector<std::string> filter_warnings(const std::string& filter);

}  // namespace pickletap
