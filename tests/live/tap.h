// A tap for tests of LiveSource: a wire whose one end is captured from, and frames that are put on its other end.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sensor/capture/live_source.h"
#include "sensor/net/decode.h"
#include "tests/live/netns.h"
#include "tests/unit/net/frames.h"

namespace pickletap::test {

inline constexpr unsigned kPort = 5000;

inline std::string frame(const std::string& payload, unsigned source_port = 40000, unsigned destination_port = kPort,
                         const std::string& tags = {}) {
  return frames::ethernet(frames::ipv4(frames::tcp(payload, source_port, destination_port)), 0x0800, tags);
}

/// Puts frames on the wire as they are.
class Sender {
 public:
  explicit Sender(const VethPair::End& end) {
    const InNamespace inside(end);
    fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    rebind(end);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { close(fd_); }
  void rebind(const VethPair::End& end) const {
    const InNamespace inside(end);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(if_nametoindex(end.interface.c_str()));
    ASSERT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << strerror(errno);
  }
  void send(const std::string& bytes) const {
    ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size())) << strerror(errno);
  }

 private:
  int fd_ = -1;
};

struct Seen {
  std::string payload;
  unsigned source_port, destination_port;
  uint64_t number;
  int64_t time_ns;
  VlanTags vlan;
};

class Collector final : public PacketHandler {
 public:
  void on_packet(const Packet& packet, DecodeResult result) override {
    ++results[result];
    if (result != DecodeResult::kTcp) return;
    seen.push_back({std::string(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size()),
                    packet.source_port, packet.destination_port, packet.number, packet.time_ns, packet.vlan});
  }
  bool has(const std::string& payload) const {
    return std::any_of(seen.begin(), seen.end(), [&](const Seen& s) { return s.payload == payload; });
  }
  std::vector<Seen> seen;
  std::map<DecodeResult, uint64_t> results;
};

class LiveSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PICKLETAP_NEEDS_NAMESPACES();
    wire_ = std::make_unique<VethPair>("source");
    options_.filter = "tcp port " + std::to_string(kPort) + " or vlan";  // and none of the kernel's own chatter
    options_.buffer_bytes = 4U << 20;
  }
  std::unique_ptr<LiveSource> open_tap() { return open_tap(wire_->b.interface); }
  std::unique_ptr<LiveSource> open_tap(const std::string& interface) {
    const InNamespace inside(wire_->b);
    return std::make_unique<LiveSource>(interface, options_, clock_);
  }
  /// As the daemon does: read, and look after the interface, until `done`.
  static bool read_until(LiveSource& source, Collector& collector, const std::function<bool()>& done) {
    return eventually([&] {
      while (source.dispatch(collector, 64) == ReadState::kMore) continue;
      source.maintain();
      return done();
    });
  }
  /// Sends until something arrives: from then on the tap works.
  void expect_capture(LiveSource& source, const std::string& payload) const {
    const Sender sender(wire_->a);
    Collector collector;
    EXPECT_TRUE(read_until(source, collector,
                           [&] {
                             sender.send(frame(payload));
                             return collector.has(payload);
                           }))
        << payload << ": " << source.trouble();
    EXPECT_TRUE(source.up()) << source.trouble();
    EXPECT_EQ(source.trouble(), "");
  }
  void expect_trouble(LiveSource& source, const std::string& text) const {
    Collector collector;
    EXPECT_TRUE(read_until(source, collector, [&] { return source.trouble().find(text) != std::string::npos; }))
        << "trouble is \"" << source.trouble() << "\"";
    EXPECT_FALSE(source.up());
    EXPECT_THAT(source.trouble(), ::testing::StartsWith(source.name() + ": "));
  }
  bool is_promiscuous() const {
    return wire_->ip(wire_->b, {"-d", "link", "show", "dev", wire_->b.interface}).find("promiscuity 1") !=
           std::string::npos;
  }

  LiveClock clock_;
  std::unique_ptr<VethPair> wire_;
  LiveSourceOptions options_;
};

}  // namespace pickletap::test
