// The daemon in its sandbox, as a whole: strace(1) watches a life with all that a sensor does, and no call of it may be
// refused; what the configuration does not name is out of its reach.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/live/child.h"
#include "tests/live/http_get.h"
#include "tests/live/netns.h"

namespace pickletap::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint16_t kHttpPort = 9502, kRedisPort = 6390;

/// Packets on the wire; nobody answers.
constexpr const char* kTalk =
    "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b\x27x\x27, (sys.argv[1], 9))";

class SandboxedDaemon : public testing::Test {
 protected:
  void SetUp() override {
    PICKLETAP_NEEDS_NAMESPACES();
    for (const char* folder : {"", "log", "etc", "elsewhere"}) {
      const std::string path = folder_.path(folder);
      std::filesystem::create_directories(path);
      ::chmod(path.c_str(), 0777);  // the sensor is somebody else by the time it writes
    }
    std::ofstream(config()) << "sensor:\n  name: sandboxed\n";
    wire_ = std::make_unique<VethPair>("sandbox");
  }

  Arguments command(const Arguments& more) const {
    Arguments words{PICKLETAP_BINARY,
                    "run",
                    "-c",
                    config(),
                    "-i",
                    wire_->b.interface,
                    "--set",
                    "sandbox.user=nobody",
                    "--set",
                    "outputs.eve.file=" + folder_.path("log/eve.json"),
                    "--set",
                    "outputs.stats_interval=1s",
                    "--set",
                    "http.listen=127.0.0.1:" + std::to_string(kHttpPort)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  int get(const std::string& target) const { return http_get(wire_->b, kHttpPort, target).status; }
  bool is_logged(const std::string& text) const { return logged().find(text) != std::string::npos; }
  std::string config() const { return folder_.path("etc/pickletap.yaml"); }
  std::string log() const { return folder_.path("daemon.log"); }
  std::string logged() const { return read_bytes(log()); }

  TempFolder folder_;
  std::unique_ptr<VethPair> wire_;
};

/// Of a log that strace has written: the calls that were refused, but for the tries to become root again.
std::vector<std::string> refused_calls(const std::string& trace) {
  std::vector<std::string> refused;
  std::istringstream lines(trace);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("= -1 EPERM") == std::string::npos && line.find("= -1 EACCES") == std::string::npos) continue;
    const std::string call = line.substr(line.find_first_not_of("0123456789 "));
    if (call.starts_with("setuid(0)") || call.starts_with("setresuid(-1, 0, -1)") || call.starts_with("setgid(0)")) {
      continue;
    }
    refused.push_back(call);
  }
  return refused;
}

TEST_F(SandboxedDaemon, NoCallOfAWholeLifeIsRefused) {
  for (const char* program : {"strace", "redis-server", "redis-cli"}) {
    if (waiting::program(program).empty()) GTEST_SKIP() << "needs " << program;
  }
  const std::string trace = folder_.path("trace"), port = std::to_string(kRedisPort);
  Process redis = wire_->spawn_in(wire_->b, {"redis-server", "--port", port, "--save", ""}, folder_.path("redis.log"));
  // -D: strace is the child and the daemon the process that is started, so that its pid is known.
  Arguments words{"strace", "-D", "-f", "-o", trace, "-e", "status=failed"};
  const Arguments daemon =
      command({"--workers", "2", "--set", "outputs.redis.address=localhost:" + port, "--set",
               "outputs.syslog.address=udp://localhost:5514", "--set",
               "outputs.socket.path=" + folder_.path("nobody-listens"), "--set", "outputs.eve.rotate_interval=1s"});
  words.insert(words.end(), daemon.begin(), daemon.end());
  Process sensor = wire_->spawn_in(wire_->b, words, log());
  ASSERT_TRUE(eventually([&] { return get("/readyz") == 200 || !sensor.is_running(); })) << logged();
  for (const char* page : {"/", "/metrics", "/healthz", "/api/v1/status", "/api/v1/listeners", "/api/v1/alerts"}) {
    EXPECT_EQ(get(page), 200) << page;
  }
  wire_->run_in(wire_->a, {"python3", "-c", kTalk, wire_->b.ipv4});
  std::ofstream(config()) << "sensor:\n  name: renamed\n";
  sensor.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return is_logged("configuration reloaded"); })) << logged();
  wire_->set_up(wire_->b, false);
  EXPECT_TRUE(eventually([&] { return get("/readyz") == 503; }));
  wire_->set_up(wire_->b, true);
  EXPECT_TRUE(eventually([&] { return get("/readyz") == 200; }));
  EXPECT_TRUE(eventually([&] {
    return waiting::output_of("ip netns exec " + wire_->b.ns + " redis-cli -p " + port + " LLEN pickletap") > "0\n";
  })) << logged();
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(folder_.path("log/eve.json.1")); })) << logged();
  sensor.terminate();  // with the lines for a socket that nobody listens on it may say 1
  EXPECT_TRUE(eventually([&] { return read_bytes(trace).find("+++ exited with") != std::string::npos; }));
  EXPECT_THAT(refused_calls(read_bytes(trace)), IsEmpty()) << logged();
  // strace saw the daemon indeed: this call is made to be refused.
  EXPECT_THAT(read_bytes(trace), HasSubstr("setuid(0)"));
}

TEST_F(SandboxedDaemon, AReloadReachesNothingTheStartDidNotName) {
  const std::string file = folder_.path("elsewhere/dangerous.yaml");
  std::filesystem::copy_file(PICKLETAP_SOURCE_DIR "/config/policy/dangerous.yaml", file);
  ::chmod(file.c_str(), 0666);
  Process sensor = wire_->spawn_in(wire_->b, command({}), log());
  ASSERT_TRUE(eventually([&] { return get("/readyz") == 200 || !sensor.is_running(); })) << logged();
  if (is_logged("files are not restricted")) GTEST_SKIP() << "this kernel has no Landlock";
  std::ofstream(config()) << "policy:\n  dangerous: [" << file << "]\n";
  const Finished outside = run({PICKLETAP_BINARY, "check-config", config()});
  EXPECT_EQ(outside.exit_code, 0) << outside.err;  // nothing else is wrong with it
  sensor.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return is_logged("configuration not reloaded"); })) << logged();
  EXPECT_THAT(logged(), HasSubstr(file));
  EXPECT_EQ(get("/healthz"), 200);
  EXPECT_EQ(sensor.terminate(), 0) << logged();
}

}  // namespace
}  // namespace pickletap::test
