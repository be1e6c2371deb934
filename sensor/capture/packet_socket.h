// What a live source asks the kernel beside libpcap: which interface bears a name, which one a packet socket is bound
// to, and the calls that move the socket to another one. None needs a capability once the socket exists. Also the
// counters of what was lost. Internal to sensor/capture; one thread a socket.
// Errors: nothing or false, with errno set.
// Sources: packet(7), netdevice(7), Linux net/packet/af_packet.c (6.18), proc(5) for /proc/net/dev.
#pragma once

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

/// What an interface lost before any packet socket saw it. Keeps /proc/net/dev open, so that it goes on after the
/// sandbox closed, and for an interface that was created anew.
class InterfaceDrops {
 public:
  explicit InterfaceDrops(std::string name);
  InterfaceDrops(const InterfaceDrops&) = delete;
  InterfaceDrops& operator=(const InterfaceDrops&) = delete;
  ~InterfaceDrops();

  /// Since this object was made; only grows.
  uint64_t total();

 private:
  std::optional<uint64_t> read() const;

  std::string name_;
  int fd_ = -1;
  uint64_t last_ = 0;
  uint64_t total_ = 0;
};

/// "dropped" and "fifo" of the interface's receive columns, from the text of /proc/net/dev.
std::optional<uint64_t> receive_drops(const std::string& proc_net_dev, const std::string& name);

}  // namespace pickletap
