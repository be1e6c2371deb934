// What a live source asks the kernel beside libpcap: which interface bears a name, which one a packet socket is bound
// to, and the calls that move the socket to another one. None needs a capability once the socket exists. Also the
// counters of what was lost. Internal to sensor/capture; one thread a socket.
// Errors: nothing or false, with errno set.
// Sources: packet(7), netdevice(7), Linux net/packet/af_packet.c (6.18), Documentation/ABI/testing/sysfs-class-net-statistics.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace pickletap {

struct Interface {
  int index = 0;
  uint16_t hardware_type = 0;  ///< ARPHRD_…
  bool is_up = false;
};

/// `fd` is any socket; it says which network namespace is meant.
std::optional<Interface> find_interface(int fd, const std::string& name);
std::optional<Interface> interface_at(int fd, int index);

/// The index of the interface that a packet socket is bound to; 0: all, nothing: the interface was deleted.
std::optional<int> bound_interface(int fd);

/// All protocols of interface `index`. Also works for one that is down: its packets come once it is up. A member of a
/// fan-out group cannot be bound anew (EINVAL).
bool bind_to_interface(int fd, int index);
bool make_promiscuous(int fd, int index);
/// The socket must be bound and its interface up. Nobody can leave a group again but by closing the socket.
bool join_fanout(int fd, uint16_t group);

/// What the kernel dropped because the ring was full, since the last call.
uint64_t take_kernel_drops(int fd);

/// What an interface lost before any packet socket saw it: rx_missed_errors and rx_fifo_errors, as libpcap has them. Not
/// rx_dropped, which also counts what the kernel throws away after the sensor has seen it (unknown protocols, VLANs of
/// nobody). The two files stay open, for a sandboxed thread opens none; so an interface that was not there at the start,
/// or was made anew since, adds nothing.
class InterfaceDrops {
 public:
  /// `folder`: another one in tests.
  explicit InterfaceDrops(const std::string& name, const std::string& folder = "/sys/class/net");
  InterfaceDrops(const InterfaceDrops&) = delete;
  InterfaceDrops& operator=(const InterfaceDrops&) = delete;
  ~InterfaceDrops();

  /// Since this object was made; only grows.
  uint64_t total();

 private:
  struct Counter {
    int fd = -1;
    uint64_t last = 0;
  };
  static std::optional<uint64_t> read(const Counter& counter);

  std::array<Counter, 2> counters_;
  uint64_t total_ = 0;
};

}  // namespace pickletap
