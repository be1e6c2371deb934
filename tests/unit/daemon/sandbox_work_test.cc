// The work of each kind of thread under its list of system calls, with the real libraries: Asio and sd_notify() on the main
// thread, libpcap's ring, files, getaddrinfo() and sockets. In forked children.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sensor/capture/live_clock.h"
#include "sensor/capture/live_source.h"
#include "sensor/daemon/privileges.h"
#include "sensor/daemon/sandbox.h"
#include "sensor/daemon/service_notify.h"
#include "tests/unit/daemon/in_child.h"
#include "tests/unit/daemon/restricted_thread.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;
using boost::asio::ip::tcp;

TEST(SandboxedWork, MainServesReloadsAndIsSupervised) {
  const Folder folder;
  fs::create_directory(folder.in("conf.d"));
  std::ofstream(folder.in("conf.d/one.yaml")) << "sensor:\n  name: x\n";
  const std::string address = folder.in("notify");
  const ChildResult child = run_in_child([&](Notes& notes) {
    const int manager = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    address.copy(name.sun_path, sizeof name.sun_path - 1);
    if (::bind(manager, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) throw std::runtime_error("bind");
    ::setenv("NOTIFY_SOCKET", address.c_str(), 1);

    boost::asio::io_context io;
    boost::asio::signal_set signals(io, SIGHUP);
    tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    const tcp::endpoint endpoint = acceptor.local_endpoint();
    // The client is a thread without a sandbox; it is there before, as main must not start one.
    std::thread client([&] {
      boost::asio::io_context own;
      tcp::socket socket(own);
      socket.connect(endpoint);
      boost::asio::write(socket, boost::asio::buffer("ping", 4));
      std::string answer(4, ' ');
      boost::asio::read(socket, boost::asio::buffer(answer));
      notes.put("answer", answer);
    });
    on_restricted_thread(ThreadKind::kMain, [&] {
      tcp::socket peer(io);
      std::string request(4, ' ');
      boost::asio::steady_timer timer(io, std::chrono::milliseconds(5));
      timer.async_wait([&](boost::system::error_code error) {
        notes.put("timer", error ? error.message() : "ok");
        ::raise(SIGHUP);
      });
      signals.async_wait([&](boost::system::error_code error, int) {
        notes.put("signal", error ? error.message() : "ok");
        size_t bytes = 0;
        for (const auto& entry : fs::directory_iterator(folder.in("conf.d"))) {
          std::ifstream file(fs::canonical(entry.path()));
          bytes += std::string(std::istreambuf_iterator<char>(file), {}).size();
        }
        notes.put("reload", std::to_string(bytes));
        acceptor.async_accept(peer, [&](boost::system::error_code accepted) {
          notes.put("accept", accepted ? accepted.message() : peer.remote_endpoint().address().to_string());
          peer.set_option(tcp::no_delay(true));
          boost::asio::async_read(peer, boost::asio::buffer(request), [&](boost::system::error_code, size_t) {
            boost::asio::async_write(peer, boost::asio::buffer(request), [&](boost::system::error_code, size_t) {
              peer.shutdown(tcp::socket::shutdown_both);
              peer.close();
            });
          });
        });
      });
      io.run();
      ServiceNotify notify;
      notify.watchdog();
      notes.put("notify failures", std::to_string(notify.failures()));
      rlimit limit{};
      notes.attempt("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
      notes.attempt("proc", ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
      notes.put("descriptors", fs::is_empty("/proc/self/fd") ? "none" : "some");
    });
    client.join();
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"] << " " << child.status;
  EXPECT_EQ(child["timer"], "ok");
  EXPECT_EQ(child["signal"], "ok");
  EXPECT_EQ(child["reload"], "18");
  EXPECT_EQ(child["accept"], "127.0.0.1");
  EXPECT_EQ(child["answer"], "ping");
  EXPECT_EQ(child["notify failures"], "0");
  EXPECT_EQ(child["getrlimit"], "ok");
  EXPECT_EQ(child["proc"], "ok");
  EXPECT_EQ(child["descriptors"], "some");
}

class PacketCount : public PacketHandler {
 public:
  void on_packet(const Packet&, DecodeResult) override { ++packets; }
  int packets = 0;
};

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error(command);
}

/// Reads until `done` or 30 seconds are over. `sender` is a connected datagram socket: what it is given makes an ARP
/// request on the link at least.
bool read_until(LiveSource& source, PacketCount& count, int sender, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done() && std::chrono::steady_clock::now() < deadline) {
    [[maybe_unused]] const ssize_t sent = ::write(sender, "x", 1);
    pollfd waiting{source.fd(), POLLIN, 0};
    ::poll(&waiting, 1, 20);
    source.dispatch(count, 100);
    source.maintain();
  }
  return done();
}

/// A link with nobody at its other end, and a datagram socket that talks to that nobody.
int make_link() {
  run("ip link add tap0 type veth peer name tap1 && ip addr add 10.98.7.1/24 dev tap0");
  run("ip link set tap1 up && ip link set tap0 up");
  const int sender = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in neighbour{};
  neighbour.sin_family = AF_INET;
  neighbour.sin_port = htons(9);
  ::inet_pton(AF_INET, "10.98.7.2", &neighbour.sin_addr);
  if (::connect(sender, reinterpret_cast<const sockaddr*>(&neighbour), sizeof neighbour) != 0) {
    throw std::runtime_error("connect");
  }
  return sender;
}

// The real source, of an interface that is not there at first, comes, and is made anew.
TEST(SandboxedWork, CaptureReadsCountsAndBindsAnew) {
  if (::geteuid() != 0 || ::access("/sbin/ip", X_OK) != 0) GTEST_SKIP() << "needs root and iproute2";
  const ChildResult child = run_in_child([](Notes& notes) {
    if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare");
    run("ip link set lo up");
    LiveClock clock;
    LiveSourceOptions options;
    options.filter = "arp or udp";
    options.buffer_bytes = 1 << 20;
    LiveSource source("tap0", options, clock);
    notes.put("at first", source.up() ? "up" : "missing");
    // Two threads in turn: this one, without a sandbox, changes the link, the restricted one reads.
    std::promise<int> came, came_again;
    std::promise<void> has_read, missed;
    std::thread links([&] {
      try {
        came.set_value(make_link());
        has_read.get_future().wait();
        run("ip link del tap0");
        missed.get_future().wait();
        came_again.set_value(make_link());
      } catch (const std::exception& error) {
        notes.put("links", error.what());
        ::_exit(1);
      }
    });
    on_restricted_thread(ThreadKind::kCapture, [&] {
      PacketCount count;
      const int sender = came.get_future().get();
      notes.put("packets", read_until(source, count, sender, [&] { return count.packets > 0; }) ? "ok" : "none");
      notes.put("then", source.up() ? "up" : source.trouble());
      notes.put("drops", std::to_string(source.drops().kernel + source.drops().interface));
      has_read.set_value();
      notes.put("gone", read_until(source, count, sender, [&] { return !source.up(); }) ? "noticed" : "not noticed");
      missed.set_value();
      count.packets = 0;
      const int again = came_again.get_future().get();
      notes.put("again", read_until(source, count, again, [&] { return count.packets > 0; }) ? "ok" : source.trouble());
    });
    links.join();
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"] << child["links"] << " " << child.status;
  EXPECT_EQ(child["at first"], "missing");
  EXPECT_EQ(child["packets"], "ok");
  EXPECT_EQ(child["then"], "up");
  EXPECT_EQ(child["drops"], "0");
  EXPECT_EQ(child["gone"], "noticed");
  EXPECT_EQ(child["again"], "ok");
}

TEST(SandboxedWork, FileOutputsWriteRotateAndSync) {
  const Folder folder;
  const ChildResult child = run_in_child([&](Notes& notes) {
    on_restricted_thread(ThreadKind::kFileOutput, [&] {
      const std::string eve = folder.in("eve.json");
      const int fd = ::open(eve.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
      notes.attempt("create", fd);
      notes.attempt("write", ::write(fd, "{}\n", 3));
      char last = 0;
      notes.attempt("last byte", ::pread(fd, &last, 1, 2));
      notes.attempt("end", ::lseek(fd, 0, SEEK_END));
      notes.attempt("sync", ::fdatasync(fd));
      struct stat status {};
      notes.attempt("stat", ::stat(eve.c_str(), &status));
      notes.put("size", std::to_string(fs::file_size(eve)));
      notes.attempt("rotate", ::rename(eve.c_str(), folder.in("eve.json.1").c_str()));
      std::error_code error;
      fs::remove(folder.in("eve.json.1"), error);
      notes.put("remove", error ? error.message() : "ok");
      std::ofstream(eve) << "{}\n";
      notes.put("again", fs::exists(eve) ? "ok" : "no");
    });
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"] << " " << child.status;
  for (const char* what : {"create", "write", "last byte", "end", "sync", "stat", "rotate", "remove", "again"}) {
    EXPECT_EQ(child[what], "ok") << what;
  }
  EXPECT_EQ(child["size"], "3");
}

std::string resolve(const char* name, const char* port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int result = ::getaddrinfo(name, port, &hints, &found);
  if (result != 0) return ::gai_strerror(result);
  std::string addresses;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    char text[NI_MAXHOST] = {};
    ::getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    addresses += std::string(text) + " ";
  }
  ::freeaddrinfo(found);
  return addresses;
}

TEST(SandboxedWork, NetworkOutputsResolveConnectAndSend) {
  const Folder folder;
  const std::string path = folder.in("socket");
  const ChildResult child = run_in_child([&](Notes& notes) {
    ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);  // where no name server answers
    const std::string host = resolve("localhost", "http"), unknown = resolve("name.pickletap.invalid", "80");
    boost::asio::io_context io;
    const tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    const uint16_t port = acceptor.local_endpoint().port();
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 || ::listen(listener, 1) != 0) {
      throw std::runtime_error("listen");
    }
    on_restricted_thread(ThreadKind::kNetworkOutput, [&] {
      notes.put("localhost", resolve("localhost", "http") == host ? "ok" : "differs");
      notes.put("unknown", resolve("name.pickletap.invalid", "80") == unknown ? "ok" : "differs");
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const int stream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      const long result = ::connect(stream, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      notes.put("tcp", result == 0 || errno == EINPROGRESS ? "ok" : outcome(-1));
      pollfd waiting{stream, POLLOUT, 0};
      notes.attempt("wait", ::poll(&waiting, 1, 10000));
      int error = 0;
      socklen_t length = sizeof error;
      notes.attempt("error", ::getsockopt(stream, SOL_SOCKET, SO_ERROR, &error, &length));
      const int on = 1;
      notes.attempt("option", ::setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
      notes.attempt("blocking", ::fcntl(stream, F_SETFL, ::fcntl(stream, F_GETFL) & ~O_NONBLOCK));
      notes.attempt("send", ::send(stream, "x", 1, MSG_NOSIGNAL));
      const int datagram = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      notes.attempt("udp", ::sendto(datagram, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address));
      const int local = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      notes.attempt("unix", ::connect(local, reinterpret_cast<const sockaddr*>(&name), sizeof name));
      iovec piece{const_cast<char*>("x"), 1};
      notes.attempt("writev", ::writev(local, &piece, 1));
      notes.attempt("close", ::close(local));
    });
  });
  ASSERT_TRUE(child.ended_well()) << child["exception"] << " " << child.status;
  for (const char* what : {"localhost", "unknown", "tcp", "wait", "error", "option", "blocking", "send", "udp", "unix",
                           "writev", "close"}) {
    EXPECT_EQ(child[what], "ok") << what;
  }
}

#if defined(__SANITIZE_ADDRESS__)
// What ends a soak under AddressSanitizer: all threads are stopped by a process that traces them.
TEST(SandboxedWork, LeaksAreStillLookedFor) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const ChildResult child = run_in_child([](Notes& notes) {
    drop_privileges("nobody");
    SandboxPaths paths;
    add_system_paths(paths, false);
    std::string why;
    restrict_files(paths, why);
    std::promise<void> ready, over;
    std::thread worker([&] {
      restrict_thread(ThreadKind::kDetection);
      ready.set_value();
      over.get_future().wait();
    });
    ready.get_future().wait();
    restrict_thread(ThreadKind::kMain);
    notes.put("leaks", std::to_string(__lsan_do_recoverable_leak_check()));
    over.set_value();
    worker.join();
  });
  EXPECT_TRUE(child.ended_well()) << child["exception"] << " " << child.status;
  EXPECT_EQ(child["leaks"], "0");
}
#endif

}  // namespace
}  // namespace pickletap
