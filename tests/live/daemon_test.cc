// `pickletap run` as an operator meets it: on an interface, with real Pythons talking past it, through signals,
// reloads, interfaces that go, and kill -9. The receiving Python reads bytes and loads nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/live/netns.h"

namespace pickletap::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kListener[] = R"(
from multiprocessing.connection import Listener
with Listener(("10.99.0.2", 50777), backlog=64) as listener:
    while True:
        with listener.accept() as peer:
            try:
                while True:
                    peer.recv_bytes()
                    peer.send_bytes(b"seen")
            except EOFError:
                pass
)";

// argv: first source port, number of attacks.
constexpr char kAttacker[] = R"(
import os, pickle, socket, sys
from multiprocessing.connection import Connection
class Evil:
    def __reduce__(self):
        return os.system, ("touch pickletap-was-here",)
for i in range(int(sys.argv[2])):
    with socket.socket() as link:
        link.bind(("10.99.0.1", int(sys.argv[1]) + i))
        link.connect(("10.99.0.2", 50777))
        peer = Connection(link.detach())
        peer.send_bytes(pickle.dumps(Evil()))
        peer.recv_bytes()
        peer.close()
)";

// argv: source port, an expression whose value is sent.
constexpr char kSender[] = R"(
import collections, datetime, pickle, socket, sys
from multiprocessing.connection import Connection
with socket.socket() as link:
    link.bind(("10.99.0.1", int(sys.argv[1])))
    link.connect(("10.99.0.2", 50777))
    peer = Connection(link.detach())
    peer.send_bytes(pickle.dumps(eval(sys.argv[2])))
    peer.recv_bytes()
    peer.close()
)";

class DaemonTest : public testing::Test {
 protected:
  void SetUp() override {
    PICKLETAP_NEEDS_NAMESPACES();
    if (run({"python3", "-c", "import multiprocessing"}).exit_code != 0) GTEST_SKIP() << "needs python3";
    chmod(folder_.path().c_str(), 0777);  // the sensor is somebody else by the time it writes
    wire_ = std::make_unique<VethPair>();
  }

  /// Options of every run; `more` come after.
  Arguments command(const Arguments& more = {}) const {
    Arguments words{PICKLETAP_BINARY,
                    "run",
                    "-i",
                    wire_->b.interface,
                    "-o",
                    eve(),
                    "--set",
                    "sandbox.user=nobody",
                    "--set",
                    "http.listen=127.0.0.1:9502"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Process start(const Arguments& more = {}) const {
    Process sensor = wire_->spawn_in(wire_->b, command(more), log());
    EXPECT_TRUE(eventually([&] { return get("/readyz") == "ready\n" || !sensor.is_running(); })) << logged();
    EXPECT_TRUE(sensor.is_running()) << logged();
    return sensor;
  }
  void listen() {
    listener_ = std::make_unique<Process>(wire_->spawn_in(wire_->b, {"python3", "-c", kListener}, log()));
  }
  Finished attack(int first_port, int count = 1) const {
    Finished done;
    // The listener may still be starting.
    eventually([&] {
      done = wire_->run_in(wire_->a, {"python3", "-c", kAttacker, std::to_string(first_port), std::to_string(count)});
      return done.exit_code == 0 || done.err.find("refused") == std::string::npos;
    });
    EXPECT_EQ(done.exit_code, 0) << done.err;
    return done;
  }

  void send(int port, const std::string& expression) const {
    Finished done;
    eventually([&] {
      done = wire_->run_in(wire_->a, {"python3", "-c", kSender, std::to_string(port), expression});
      return done.exit_code == 0 || done.err.find("refused") == std::string::npos;
    });
    EXPECT_EQ(done.exit_code, 0) << done.err;
  }
  /// The source port of each pickle.not-allowed. The last line may still be being written.
  std::string left_the_list() const {
    std::string ports;
    std::ifstream lines(eve());
    for (std::string line; std::getline(lines, line) && !lines.eof();) {
      if (line.find("\"rule\":\"pickle.not-allowed\"") == std::string::npos) continue;
      ports += std::to_string(boost::json::parse(line).as_object().at("src_port").to_number<uint64_t>()) + " ";
    }
    return ports;
  }

  std::string get(const std::string& path) const {
    const std::string script =
        "import urllib.request as r, urllib.error as e\ntry:\n  print(r.urlopen('http://127.0.0.1:9502" + path +
        "', timeout=5).read().decode(), end='')\nexcept e.HTTPError as x:\n  print(x.code)";
    return wire_->run_in(wire_->b, {"python3", "-c", script}).out;
  }
  /// The value of a series, "name{labels}", or -1.
  double metric(const std::string& series) const {
    std::istringstream lines(get("/metrics"));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
    }
    return -1;
  }

  std::string eve() const { return folder_.path("eve.json"); }
  std::string log() const { return folder_.path("log"); }
  std::string logged() const { return read_bytes(log()); }
  /// Source ports of the attacks alerted on in a file; a last line without its end is still being written.
  std::vector<uint64_t> alerted(const std::string& file) const {
    std::vector<uint64_t> ports;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line) && !lines.eof();) {
      const auto event = boost::json::parse(line).as_object();
      if (event.at("event_type").as_string() != "alert") continue;
      if (event.at("alert").at("rule").as_string() != "pickle.code-execution") continue;
      ports.push_back(event.at("src_port").to_number<uint64_t>());
    }
    std::sort(ports.begin(), ports.end());
    return ports;
  }
  std::vector<uint64_t> alerted() const { return alerted(eve()); }
  bool is_alerted(uint64_t port) const {
    const auto ports = std::filesystem::exists(eve()) ? alerted() : std::vector<uint64_t>{};
    return std::find(ports.begin(), ports.end(), port) != ports.end();
  }

  TempFolder folder_;
  std::unique_ptr<VethPair> wire_;
  std::unique_ptr<Process> listener_;
};

TEST_F(DaemonTest, SeesAnAttackSaysItEverywhereAndEndsInOrder) {
  Process sensor = start();
  listen();
  attack(40000);
  EXPECT_TRUE(eventually([&] { return is_alerted(40000); })) << logged();
  EXPECT_TRUE(
      eventually([&] { return metric("pickletap_alerts_total{rule=\"pickle.code-execution\",severity=\"1\"}") == 1; }));
  EXPECT_THAT(get("/api/v1/alerts"), AllOf(HasSubstr("posix.system('touch pickletap-was-here')"), HasSubstr("veth-b")));
  EXPECT_TRUE(eventually([&] { return get("/api/v1/listeners").find("50777") != std::string::npos; }));
  EXPECT_EQ(sensor.terminate(), 0) << logged();
  std::string last;
  std::ifstream lines(eve());
  for (std::string line; std::getline(lines, line);) last = line;
  EXPECT_THAT(last, HasSubstr("\"event_type\":\"stats\""));
}

TEST_F(DaemonTest, WritesEventsOfEveryTypeByTheSchema) {
  if (run({"python3", "-c", "import jsonschema"}).exit_code != 0) GTEST_SKIP() << "needs python3-jsonschema";
  Process sensor = start({"--set", "outputs.eve.types=[alert, listener, stats, python_mp, flow, anomaly]"});
  listen();
  attack(46000, 3);
  EXPECT_TRUE(eventually([&] { return is_alerted(46002); })) << logged();
  EXPECT_EQ(sensor.terminate(), 0) << logged();
  const std::string source = PICKLETAP_SOURCE_DIR;
  const Finished checked =
      run({"python3", source + "/tests/replay/validate_events.py", source + "/deploy/schema/eve.schema.json", eve()});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  for (const char* type : {"alert", "listener", "stats", "python_mp", "flow"}) {
    EXPECT_THAT(read_bytes(eve()), HasSubstr("\"event_type\":\"" + std::string(type) + "\""));
  }
}

// As nobody, with its system calls and files restricted.
TEST_F(DaemonTest, LearnsAnAllowListThenEnforcesItAndTakesItsChanges) {
  const std::string list = folder_.path("allow.yaml");
  {
    Process sensor = start({"--set", "policy.mode=learn", "--set", "policy.learn_file=" + list});
    listen();
    send(47000, "collections.OrderedDict(a=1)");
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(list); })) << logged();  // before its end
    send(47001, "collections.deque([1])");
    // What is still in the kernel's ring (10 ms) when the sensor ends is lost with it, as with tcpdump.
    EXPECT_TRUE(eventually([&] { return read_bytes(list).find("collections.deque") != std::string::npos; }))
        << logged();
    EXPECT_EQ(sensor.terminate(), 0) << logged();
  }
  const std::string learned = read_bytes(list);
  EXPECT_THAT(learned, AllOf(HasSubstr("port: 50777"), HasSubstr("- 10.99.0.1\n"),
                             HasSubstr("- collections.OrderedDict\n"), HasSubstr("- collections.deque\n")));
  EXPECT_EQ(left_the_list(), "");

  const std::string file = folder_.write("pickletap.yaml", "policy: {allow_lists: allow.yaml, mode: enforce}\n");
  chmod(file.c_str(), 0644);
  chmod(list.c_str(), 0644);
  Process sensor = start({"-c", file});
  send(47002, "collections.deque([2])");
  send(47003, "datetime.date(2026, 11, 21)");
  EXPECT_TRUE(eventually([&] { return left_the_list() == "47003 "; })) << left_the_list() << logged();
  EXPECT_TRUE(
      eventually([&] { return metric("pickletap_alerts_total{rule=\"pickle.not-allowed\",severity=\"1\"}") == 1; }));

  folder_.write("allow.yaml", learned + "      - 5\n");
  sensor.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return metric("pickletap_config_last_reload_successful") == 0; }));
  EXPECT_THAT(logged(), HasSubstr(list + ":"));
  std::string wider = learned;
  wider.replace(wider.find("- collections.deque"), 19, "- datetime.date");
  folder_.write("allow.yaml", wider);
  sensor.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return metric("pickletap_config_last_reload_successful") == 1; })) << logged();
  send(47004, "datetime.date(2026, 11, 22)");
  send(47005, "collections.deque([3])");
  EXPECT_TRUE(eventually([&] { return left_the_list() == "47003 47005 "; })) << left_the_list() << logged();
  EXPECT_EQ(sensor.terminate(), 0) << logged();
}

TEST_F(DaemonTest, TwoWorkersSeeEachAttackOnce) {
  Process sensor = start({"--workers", "2", "--set", "alerts.collapse_window=0"});
  listen();
  attack(41000, 40);
  EXPECT_TRUE(eventually([&] { return alerted().size() >= 40; })) << alerted().size() << "\n" << logged();
  EXPECT_EQ(sensor.terminate(), 0) << logged();
  std::vector<uint64_t> wanted;
  for (uint64_t port = 41000; port < 41040; ++port) wanted.push_back(port);
  EXPECT_EQ(alerted(), wanted);
}

TEST_F(DaemonTest, HasNothingLeftToAbuse) {
  Process sensor = start();
  size_t threads = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(sensor.pid()) + "/task")) {
    const std::string status = read_bytes(task.path() / "status");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
      EXPECT_THAT(status, HasSubstr(std::string(set) + ":\t0000000000000000")) << task.path();
    }
    EXPECT_THAT(status, AllOf(HasSubstr("NoNewPrivs:\t1"), HasSubstr("Seccomp:\t2"), HasSubstr("Uid:\t65534")))
        << status;
    ++threads;
  }
  EXPECT_GE(threads, 4U) << "main, capture, detection, output";
  EXPECT_EQ(sensor.terminate(), 0);
}

TEST_F(DaemonTest, ReloadTakesRulesAndABadConfigurationChangesNothing) {
  const std::string file = folder_.write("pickletap.yaml", "rules: {}\n");
  chmod(file.c_str(), 0644);
  Process sensor = start({"-c", file});
  listen();
  attack(42000);
  ASSERT_TRUE(eventually([&] { return is_alerted(42000); })) << logged();

  folder_.write("pickletap.yaml", "rules:\n  pickle.code-execution:\n    enabeld: false\n");
  sensor.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return metric("pickletap_config_last_reload_successful") == 0; }));
  EXPECT_THAT(logged(),
              AllOf(HasSubstr("pickletap.yaml:3: rules.pickle.code-execution.enabeld"), HasSubstr("did you mean")));
  attack(42001);
  EXPECT_TRUE(eventually([&] { return is_alerted(42001); }));

  folder_.write("pickletap.yaml", "rules:\n  pickle.code-execution:\n    enabled: false\nlimits:\n  flows: 5000\n");
  sensor.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return metric("pickletap_config_last_reload_successful") == 1; }));
  EXPECT_TRUE(eventually([&] {
    return logged().find("needs a restart to take effect: limits.flows") != std::string::npos;
  })) << logged();
  attack(42002);
  EXPECT_TRUE(
      eventually([&] { return metric("pickletap_alerts_suppressed_total{rule=\"pickle.code-execution\"}") == 1; }));
  EXPECT_EQ(sensor.terminate(), 0);
  EXPECT_EQ(alerted(), (std::vector<uint64_t>{42000, 42001}));
}

TEST_F(DaemonTest, GoesOnInANewFileWhenTheOldOneWasMovedAway) {
  Process sensor = start();
  listen();
  attack(43000);
  ASSERT_TRUE(eventually([&] { return is_alerted(43000); }));
  std::filesystem::rename(eve(), folder_.path("moved.json"));
  sensor.signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(eve()); })) << logged();
  attack(43001);
  EXPECT_TRUE(eventually([&] { return is_alerted(43001); }));
  EXPECT_EQ(sensor.terminate(), 0);
  EXPECT_EQ(alerted(folder_.path("moved.json")), std::vector<uint64_t>{43000});
}

TEST_F(DaemonTest, WaitsForItsInterfaceAndComesBackToIt) {
  listen();
  Process sensor = start();
  attack(44000);
  EXPECT_TRUE(eventually([&] { return is_alerted(44000); })) << logged();
  wire_->set_up(wire_->b, false);
  EXPECT_TRUE(eventually([&] { return metric("pickletap_capture_interface_up{interface=\"veth-b\"}") == 0; }));
  EXPECT_EQ(get("/readyz"), "503\n");
  EXPECT_TRUE(eventually([&] { return logged().find("veth-b: is down") != std::string::npos; })) << logged();
  wire_->destroy();
  EXPECT_TRUE(eventually([&] { return logged().find("veth-b: no such interface") != std::string::npos; })) << logged();
  wire_->create();
  EXPECT_TRUE(eventually([&] { return metric("pickletap_capture_interface_up{interface=\"veth-b\"}") == 1; }))
      << logged();
  attack(44001);
  EXPECT_TRUE(eventually([&] { return is_alerted(44001); })) << logged();
  EXPECT_EQ(sensor.terminate(), 0);
}

TEST_F(DaemonTest, LosesNothingWrittenToKill9AndStartsCleanAfterIt) {
  listen();
  {
    Process sensor = start();
    attack(45000);
    ASSERT_TRUE(eventually([&] { return is_alerted(45000); }));
    sensor.signal(SIGKILL);
    EXPECT_EQ(sensor.wait(), 128 + SIGKILL);
  }
  std::ofstream(eve(), std::ios::app) << "{\"torn";  // as a crash of the machine may leave it
  Process sensor = start();
  attack(45001);
  EXPECT_TRUE(eventually([&] { return read_bytes(eve()).find("\"src_port\":45001") != std::string::npos; }));
  EXPECT_EQ(sensor.terminate(), 0);
  const std::string all = read_bytes(eve());
  EXPECT_THAT(all, AllOf(HasSubstr("\"src_port\":45000"), HasSubstr("\"src_port\":45001"), HasSubstr("{\"torn\n{")));
}

TEST_F(DaemonTest, WithoutPermissionItNamesTheCommandThatGrantsIt) {
  Arguments words{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  const Arguments sensor = command();
  words.insert(words.end(), sensor.begin(), sensor.end());
  const Finished done = wire_->run_in(wire_->b, words);
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.err, AllOf(HasSubstr("no permission to capture (CAP_NET_RAW)"), HasSubstr("setcap cap_net_raw+ep")));
}

TEST_F(DaemonTest, MistakesEndItBeforeItBegins) {
  struct {
    Arguments more;
    int exit_code;
    const char* says;
  } const cases[] = {
      {{"-f", "not a filter"}, 2, "syntax error"},
      {{"--set", "sandbox.user=nobody-of-this-name"}, 1, "nobody-of-this-name"},
      {{"--set", "http.listen=127.0.0.1"}, 2, "http.listen"},
      {{"--workers", "0"}, 2, "--workers"},
      {{"--set", "capture.workesr=2"}, 2, "did you mean capture.workers?"},
  };
  for (const auto& one : cases) {
    const Finished done = wire_->run_in(wire_->b, command(one.more));
    EXPECT_EQ(done.exit_code, one.exit_code) << done.err;
    EXPECT_THAT(done.err, HasSubstr(one.says));
    EXPECT_FALSE(std::filesystem::exists(eve()));
  }
}

TEST_F(DaemonTest, AFileThatCannotBeWrittenFromTheStartIsAMistake) {
  Arguments words = command();
  std::replace(words.begin(), words.end(), eve(), std::string("/nowhere/eve.json"));
  const Finished done = wire_->run_in(wire_->b, words);
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.err, HasSubstr("outputs.eve.file: cannot write in /nowhere: No such file or directory"));
}

}  // namespace
}  // namespace pickletap::test
