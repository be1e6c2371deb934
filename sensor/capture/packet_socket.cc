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
#include <sstream>
#include <string_view>
#include <utility>

namespace pickletap {
namespace {

constexpr size_t kReadBytes = 16384;
/// A line has at most 16 + 16 * 21 bytes: room for some ten thousand interfaces.
constexpr size_t kMaxProcBytes = size_t{4} << 20;

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

std::optional<uint64_t> receive_drops(const std::string& proc_net_dev, const std::string& name) {
  std::istringstream lines(proc_net_dev);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');  // none in the two header lines; a name has none either
    const size_t begin = line.find_first_not_of(' ');
    if (colon == std::string::npos || line.substr(begin, colon - begin) != name) continue;
    std::istringstream fields(line.substr(colon + 1));
    std::array<uint64_t, 5> values{};  // bytes packets errs drop fifo
    for (uint64_t& value : values) fields >> value;
    if (!fields) return std::nullopt;
    return values[3] + values[4];
  }
  return std::nullopt;
}

InterfaceDrops::InterfaceDrops(std::string name)
    : name_(std::move(name)), fd_(open("/proc/net/dev", O_RDONLY | O_CLOEXEC)) {
  last_ = read().value_or(0);
}

InterfaceDrops::~InterfaceDrops() {
  if (fd_ >= 0) close(fd_);
}

std::optional<uint64_t> InterfaceDrops::read() const {
  std::string text;
  std::array<char, kReadBytes> piece;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by pread
  while (fd_ >= 0 && text.size() < kMaxProcBytes) {
    const ssize_t count = pread(fd_, piece.data(), piece.size(), static_cast<off_t>(text.size()));
    if (count <= 0) break;
    text.append(piece.data(), static_cast<size_t>(count));
  }
  return receive_drops(text, name_);
}

uint64_t InterfaceDrops::total() {
  const uint64_t now = read().value_or(0);
  // Smaller: the interface is gone, or another one that began at 0.
  total_ += now >= last_ ? now - last_ : now;
  last_ = now;
  return total_;
}

}  // namespace pickletap
