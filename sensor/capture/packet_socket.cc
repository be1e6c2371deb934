#include "sensor/capture/packet_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace pickletap {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  return request;
}

}  // namespace

std::optional<Interface> find_interface(int fd, const std::string& name) {
  Interface found;
  ifreq request = request_for(name);
  if (ioctl(fd, SIOCGIFINDEX, &request) != 0) return std::nullopt;
  found.index = request.ifr_ifindex;
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) return std::nullopt;
  found.hardware_type = request.ifr_hwaddr.sa_family;
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) return std::nullopt;
  found.is_up = (request.ifr_flags & IFF_UP) != 0;
  return found;
}

std::optional<Interface> interface_at(int fd, int index) {
  ifreq request{};
  request.ifr_ifindex = index;
  if (ioctl(fd, SIOCGIFNAME, &request) != 0) return std::nullopt;
  return find_interface(fd, request.ifr_name);
}

std::optional<int> bound_interface(int fd) {
  sockaddr_ll address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  if (address.sll_ifindex < 0) {
    errno = ENODEV;
    return std::nullopt;
  }
  return address.sll_ifindex;
}

bool bind_to_interface(int fd, int index) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool make_promiscuous(int fd, int index) {
  packet_mreq request{};
  request.mr_ifindex = index;
  request.mr_type = PACKET_MR_PROMISC;
  return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) == 0;
}

bool join_fanout(int fd, uint16_t group) {
  const uint32_t argument = uint32_t{group} | (uint32_t{PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG} << 16);
  return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &argument, sizeof argument) == 0;
}

uint64_t take_kernel_drops(int fd) {
  // Not pcap_stats: that also opens two files of sysfs each time, which a sandboxed thread may not, counts in 32 bits,
  // and takes a file that cannot be read for a counter that went back to 0.
  tpacket_stats_v3 stats{};
  socklen_t length = sizeof stats;
  return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0 ? stats.tp_drops : 0;
}

InterfaceDrops::InterfaceDrops(const std::string& name, const std::string& folder) {
  constexpr std::array<const char*, 2> kFiles{"rx_missed_errors", "rx_fifo_errors"};
  for (size_t i = 0; i < kFiles.size(); ++i) {
    const std::string path = folder + "/" + name + "/statistics/" + kFiles[i];
    counters_[i].fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    counters_[i].last = read(counters_[i]).value_or(0);
  }
}

InterfaceDrops::~InterfaceDrops() {
  for (const Counter& counter : counters_) {
    if (counter.fd >= 0) close(counter.fd);
  }
}

/// Nothing when the interface is gone (ENODEV), or never was.
std::optional<uint64_t> InterfaceDrops::read(const Counter& counter) {
  std::array<char, 24> text{};
  const ssize_t count = counter.fd < 0 ? -1 : pread(counter.fd, text.data(), text.size(), 0);
  uint64_t value = 0;
  if (count <= 0 || std::from_chars(text.data(), text.data() + count, value).ec != std::errc()) return std::nullopt;
  return value;
}

uint64_t InterfaceDrops::total() {
  for (Counter& counter : counters_) {
    const uint64_t now = read(counter).value_or(counter.last);
    // Smaller: the driver began anew at 0.
    total_ += now >= counter.last ? now - counter.last : now;
    counter.last = now;
  }
  return total_;
}

}  // namespace pickletap
