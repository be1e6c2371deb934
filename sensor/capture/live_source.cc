#include "sensor/capture/live_source.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "sensor/capture/pcap_record.h"

namespace pickletap {
namespace {

/// After this time the kernel hands over a block of the ring that is not full yet: the greatest delay that capture adds.
/// Less would give more blocks that are all but empty, and a ring has only some hundred of them.
constexpr int kBlockTimeoutMs = 10;
/// IEEE 802 Local Experimental Ethertype 1: what the socket listens to until it is bound to its interface.
constexpr int kNobodysProtocol = 0x88b5;
constexpr char kAny[] = "any";
constexpr char kLoopback[] = "lo";
constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kLastPause = std::chrono::seconds(10);

bool is_ethernet(uint16_t hardware_type) { return hardware_type == ARPHRD_ETHER || hardware_type == ARPHRD_LOOPBACK; }

std::string reason_of(int error) { return error == ENODEV ? "no such interface" : std::strerror(error); }

}  // namespace

LiveSource::LiveSource(const std::string& interface, const LiveSourceOptions& options, LiveClock& clock)
    : name_(interface),
      options_(options),
      times_(clock),
      interface_drops_(interface),
      next_pause_(kFirstPause),
      number_(options.first_number) {
  if (name_.empty() || name_.size() >= IFNAMSIZ || name_.find_first_of("/: \t\n") != std::string::npos) {
    throw CaptureError(CaptureError::Kind::kInput, name_, "cannot be the name of an interface");
  }
  open();
  look();
  // What is missing may come; what is there and refuses goes on refusing.
  if (retry_at_ != Clock::time_point{}) {
    throw CaptureError(CaptureError::Kind::kInput, name_, trouble_.substr(name_.size() + 2));
  }
  retries_ = 0;
}

LiveSource::~LiveSource() = default;

void LiveSource::open() {
  if (!activate(name_) && !activate(kLoopback)) {
    throw CaptureError(CaptureError::Kind::kInput, name_,
                       "is not up, and neither is the loopback interface, which has to stand in for it: bring one up");
  }
  link_ = link_type_of(handle_.get(), name_);
  filter_ = compile_filter(handle_.get(), options_.filter, name_);
  fd_ = pcap_fileno(handle_.get());
  // Nothing passes before the socket is where it belongs.
  bpf_insn reject{BPF_RET | BPF_K, 0, 0, 0};
  bpf_program nothing{1, &reject};
  std::array<char, PCAP_ERRBUF_SIZE> message{};
  if (pcap_setfilter(handle_.get(), &nothing) != 0) {
    throw CaptureError(CaptureError::Kind::kInput, name_, pcap_geterr(handle_.get()));
  }
  if (pcap_setnonblock(handle_.get(), 1, message.data()) != 0) {
    throw CaptureError(CaptureError::Kind::kInput, name_, message.data());
  }
}

/// Makes the socket and its ring. False: the interface is not there, or down.
bool LiveSource::activate(const std::string& device) {
  std::array<char, PCAP_ERRBUF_SIZE> message{};
  handle_.reset(pcap_create(device.c_str(), message.data()));
  if (handle_ == nullptr) throw CaptureError(CaptureError::Kind::kInput, name_, message.data());
  pcap_t* handle = handle_.get();
  pcap_set_snaplen(handle, static_cast<int>(std::min<uint32_t>(options_.snaplen_bytes, INT_MAX)));
  pcap_set_buffer_size(handle, static_cast<int>(std::min<uint32_t>(options_.buffer_bytes, INT_MAX)));
  // A handle in immediate mode would get TPACKET_V2, with a slot of the full snap length for each packet.
  pcap_set_timeout(handle, kBlockTimeoutMs);
  pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
  pcap_set_promisc(handle, 0);  // attach() does it, for every interface in the same way
  pcap_set_protocol_linux(handle, kNobodysProtocol);
  const int status = pcap_activate(handle);
  if (status >= 0) {
    const auto found = find_interface(pcap_fileno(handle), device);
    hardware_type_ = found ? found->hardware_type : uint16_t{ARPHRD_ETHER};
    return true;
  }
  if (status == PCAP_ERROR_NO_SUCH_DEVICE || status == PCAP_ERROR_IFACE_NOT_UP) return false;
  if (status == PCAP_ERROR_PERM_DENIED || status == PCAP_ERROR_PROMISC_PERM_DENIED) {
    throw CaptureError(CaptureError::Kind::kPermission, name_, "no permission to capture (CAP_NET_RAW)");
  }
  const std::string detail = pcap_geterr(handle);
  throw CaptureError(CaptureError::Kind::kInput, name_, detail.empty() ? pcap_statustostr(status) : detail);
}

void LiveSource::maintain() {
  if (resting_ && Clock::now() >= retry_at_) {
    // The next dispatch shows whether it can read again; until then it counts as up.
    ++retries_;
    resting_ = false;
    trouble_.clear();
  }
  if (!resting_) look();
}

/// Where the socket stands, and what can be done about it. Sets trouble_.
void LiveSource::look() {
  if (name_ == kAny) {
    if (capturing_ || ((attached_ || attach({})) && begin_capture())) set_trouble({});
    return;
  }
  const std::optional<int> bound = attached_ ? bound_interface(fd_) : std::nullopt;
  const std::optional<Interface> found = bound ? interface_at(fd_, *bound) : find_interface(fd_, name_);
  if (!found) {
    set_trouble(reason_of(errno));
    // What comes next is another interface, to which old failures mean nothing.
    retry_at_ = {};
    next_pause_ = kFirstPause;
    return;
  }
  if (!bound && !attach(*found)) return;
  if (!found->is_up) return set_trouble("is down");
  if (capturing_ || begin_capture()) set_trouble({});
}

/// Binds the socket to an interface that is there, up or not.
bool LiveSource::attach(const Interface& found) {
  if (Clock::now() < retry_at_) return false;
  if (in_group_ || !is_readable_type(found.hardware_type)) {
    needs_restart_ = true;
    set_trouble(in_group_ ? "came back as another interface; restart to capture from it again"
                          : "has another link type than what was opened; restart to capture from it");
    return false;
  }
  needs_restart_ = false;
  ++retries_;
  if (!bind_to_interface(fd_, found.index) ||
      (options_.promiscuous && found.index != 0 && !make_promiscuous(fd_, found.index))) {
    fail(std::string("cannot bind to it: ") + std::strerror(errno));
    return false;
  }
  attached_ = true;
  retry_at_ = {};
  return true;
}

/// The interface is up for the first time since the socket was made.
bool LiveSource::begin_capture() {
  if (Clock::now() < retry_at_) return false;
  if (next_pause_ != kFirstPause) ++retries_;
  if (options_.fanout_size > 1 && !in_group_) {
    if (!join_fanout(fd_, options_.fanout_group)) {
      fail("cannot join fan-out group " + std::to_string(options_.fanout_group) + ": " + std::strerror(errno));
      return false;
    }
    in_group_ = true;
  }
  if (pcap_setfilter(handle_.get(), filter_.get()) != 0) {
    fail(std::string("cannot set the filter: ") + pcap_geterr(handle_.get()));
    return false;
  }
  capturing_ = true;
  retry_at_ = {};
  next_pause_ = kFirstPause;
  return true;
}

/// What link_ says holds for these frames, too. libpcap reads loopback frames as Ethernet.
bool LiveSource::is_readable_type(uint16_t hardware_type) const {
  if (name_ == kAny) return true;
  return hardware_type == hardware_type_ || (is_ethernet(hardware_type) && is_ethernet(hardware_type_));
}

void LiveSource::fail(const std::string& reason) {
  set_trouble(reason);
  back_off();
}

void LiveSource::back_off() {
  retry_at_ = Clock::now() + next_pause_;
  next_pause_ = std::min<Clock::duration>(next_pause_ * 2, kLastPause);
}

void LiveSource::set_trouble(const std::string& reason) {
  if (reason.empty()) {
    trouble_.clear();
  } else {
    trouble_ = name_ + ": " + reason;
  }
}

/// What libpcap calls for each packet, without a heap, a lock or a system call on the way.
struct LiveSource::Callback {
  LiveSource& source;
  PacketHandler& handler;

  static void on_record(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
    const Callback& self = *reinterpret_cast<const Callback*>(user);
    LiveSource& source = self.source;
    source.number_ += source.options_.number_step;
    Packet packet;
    // tv_usec holds nanoseconds: the handle asks for that precision.
    const auto nanoseconds = static_cast<uint64_t>(std::max<int64_t>(header->ts.tv_usec, 0));
    packet.time_ns = source.times_.sensor_ns(unix_time_ns(header->ts.tv_sec, nanoseconds));
    packet.number = source.number_;
    deliver_record(source.link_, {bytes, header->caplen}, std::max(header->len, header->caplen), packet, source.outer_,
                   source.counters_, self.handler);
  }
};

ReadState LiveSource::dispatch(PacketHandler& handler, unsigned max_packets) {
  if (resting_) return ReadState::kIdle;
  times_.begin_batch();
  Callback callback{*this, handler};
  const int most = static_cast<int>(std::clamp(max_packets, 1U, 1U << 30));
  const int count = pcap_dispatch(handle_.get(), most, &Callback::on_record, reinterpret_cast<u_char*>(&callback));
  if (count >= 0) {
    if (count > 0) next_pause_ = kFirstPause;
    return count == most ? ReadState::kMore : ReadState::kIdle;
  }
  const std::string reason = pcap_geterr(handle_.get());
  const uint64_t attempts = retries_;
  look();
  if (up() && retries_ == attempts) {
    // The interface was there and up all the time, so it is reading itself that failed.
    set_trouble(reason.empty() ? "cannot read packets" : reason);
    back_off();
    resting_ = true;
  }
  return ReadState::kIdle;
}

LiveDrops LiveSource::drops() {
  kernel_drops_ += take_kernel_drops(fd_);
  return {kernel_drops_, name_ == kAny ? 0 : interface_drops_.total()};
}

}  // namespace pickletap
