// Evidence of `pickletap run`: attacks by a real Python over a wire leave files that raise the same alert again, within the
// quota, and a folder that is full or gone is counted and said. The receiving Python reads bytes and loads nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/live/http_get.h"
#include "tests/live/netns.h"
#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr uint16_t kHttpPort = 9502;

constexpr char kListener[] = R"(
from multiprocessing.connection import Listener
with Listener(("10.99.0.2", 50777), backlog=64, authkey=b"a key that nobody guesses") as listener:
    while True:
        with listener.accept() as peer:
            try:
                while True:
                    peer.recv_bytes()
                    peer.send_bytes(b"seen")
            except EOFError:
                pass
)";

// argv: source port, bytes of padding, seconds until the answer is read and the flow ends.
constexpr char kAttacker[] = R"(
import os, pickle, socket, sys, time
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
class Evil:
    def __reduce__(self):
        return os.system, ("touch pickletap-was-here",)
with socket.socket() as link:
    link.bind(("10.99.0.1", int(sys.argv[1])))
    link.connect(("10.99.0.2", 50777))
    peer = Connection(link.detach())
    answer_challenge(peer, b"a key that nobody guesses")
    deliver_challenge(peer, b"a key that nobody guesses")
    peer.send_bytes(pickle.dumps((os.urandom(int(sys.argv[2])), Evil())))
    peer.recv_bytes()
    peer.close()
)";

class EvidenceLive : public testing::Test {
 protected:
  void SetUp() override {
    PICKLETAP_NEEDS_NAMESPACES();
    if (run({"python3", "-c", "import multiprocessing"}).exit_code != 0) GTEST_SKIP() << "needs python3";
    chmod(folder_.path().c_str(), 0777);  // the sensor is somebody else by the time it writes
    wire_ = std::make_unique<VethPair>("evidence");
  }

  Arguments command(const Arguments& more = {}) const {
    Arguments words{PICKLETAP_BINARY, "run", "-i", wire_->b.interface, "-o", eve(), "--evidence", evidence()};
    for (const std::string& setting :
         {std::string("sandbox.user=nobody"), "http.listen=127.0.0.1:" + std::to_string(kHttpPort)}) {
      words.insert(words.end(), {"--set", setting});
    }
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Process start(const Arguments& more = {}) {
    Process sensor = wire_->spawn_in(wire_->b, command(more), log());
    EXPECT_TRUE(eventually([&] {
      return http_get(wire_->b, kHttpPort, "/readyz").status == 200 || !sensor.is_running();
    })) << logged();
    EXPECT_TRUE(sensor.is_running()) << logged();
    listener_ = std::make_unique<Process>(wire_->spawn_in(wire_->b, {"python3", "-c", kListener}, log()));
    return sensor;
  }
  void attack(int port, size_t padding = 0) const {
    Finished done;
    eventually([&] {  // the listener may still be starting
      done = wire_->run_in(wire_->a, {"python3", "-c", kAttacker, std::to_string(port), std::to_string(padding)});
      return done.exit_code == 0 || done.err.find("refused") == std::string::npos;
    });
    EXPECT_EQ(done.exit_code, 0) << done.err;
  }
  /// The alert about code that the attack from `port` raised.
  Event alert_from(uint64_t port) const {
    Event found;
    eventually([&] {
      std::ifstream lines(eve());
      for (std::string line; std::getline(lines, line) && !lines.eof();) {
        if (line.find("\"rule\":\"pickle.code-execution\"") == line.npos) continue;
        Event event = boost::json::parse(line).as_object();
        if (event.at("src_port").to_number<uint64_t>() == port) found = std::move(event);
      }
      return !found.empty();
    });
    EXPECT_FALSE(found.empty()) << port << "\n" << logged();
    return found;
  }
  std::string capture_of(uint64_t port) const {
    const Event alert = alert_from(port);
    return alert.contains("capture_file") ? text_at(alert, {"capture_file"}) : "";
  }
  double files(const std::string& result) const {
    const std::string series = "pickletap_evidence_files_total{result=\"" + result + "\"} ";
    std::istringstream lines(http_get(wire_->b, kHttpPort, "/metrics").body);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(series)) return std::stod(line.substr(series.size()));
    }
    return -1;
  }

  std::string eve() const { return folder_.path("eve.json"); }
  std::string evidence() const { return folder_.path("evidence"); }
  std::string log() const { return folder_.path("log"); }
  std::string logged() const { return read_bytes(log()); }

  TempFolder folder_;
  std::unique_ptr<VethPair> wire_;
  std::unique_ptr<Process> listener_;
};

std::string essence(const Event& alert) {
  return text_at(alert, {"alert", "rule"}) + " " + text_at(alert, {"src_port"}) + " " + text_at(alert, {"timestamp"}) +
         " " + text_at(alert, {"python_mp", "auth", "state"}) + " " +
         text_at(alert, {"python_mp", "pickle", "program"});
}

TEST_F(EvidenceLive, WhatAnAttackLeavesRaisesTheAlertAgain) {
  Process sensor = start({"--workers", "2"});
  for (int port = 48000; port < 48006; ++port) attack(port, 3000);
  for (uint64_t port = 48000; port < 48005; ++port) {
    const Event alert = alert_from(port);
    const std::string file = text_at(alert, {"capture_file"});
    ASSERT_TRUE(file.starts_with(evidence() + "/" + text_at(alert, {"flow_id"}) + "-5020001-")) << file;
    ASSERT_TRUE(eventually([&] { return fs::exists(file); })) << file << "\n" << logged();
    std::vector<std::string> again;
    for (const Event& event : events_of_type(events_of(pickletap({"replay", "--json", file}).out), "alert")) {
      again.push_back(essence(event));
    }
    EXPECT_THAT(again, Contains(essence(alert))) << file;
    EXPECT_THAT(essence(alert), HasSubstr("mutual"));
    const std::string pickle =
        file.substr(0, file.size() - 7) + "-to_server-" + text_at(alert, {"python_mp", "frame", "index"}) + ".pickle";
    ASSERT_TRUE(eventually([&] { return fs::exists(pickle); })) << pickle;
    EXPECT_THAT(pickletap({"explain", "--json", pickle}).out, HasSubstr("posix.system"));
    struct stat status {};
    ASSERT_EQ(stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 65534U);
    EXPECT_EQ(status.st_mode & 07U, 0U) << "others may not read what was sent";
    if (run({"tcpdump", "--version"}).exit_code != 0) continue;
    // The whole conversation: its opening, and its end, which came after the alert.
    EXPECT_THAT(run({"tcpdump", "-nr", file}).out, AllOf(HasSubstr("Flags [S],"), HasSubstr("Flags [F.],")));
  }
  EXPECT_GE(files("written"), 10);
  EXPECT_EQ(files("failed"), 0);
  EXPECT_EQ(files("missed"), 0);
  EXPECT_EQ(sensor.terminate(), 0) << logged();
}

TEST_F(EvidenceLive, TheEndWritesWhatWaits) {
  Process sensor = start();
  attack(48100);
  const std::string file = capture_of(48100);
  EXPECT_EQ(sensor.terminate(), 0) << logged();
  EXPECT_TRUE(fs::exists(file)) << file;
}

TEST_F(EvidenceLive, TheQuotaTakesTheOldest) {
  Process sensor = start({"--set", "outputs.evidence.quota=1MiB"});
  for (int port = 48200; port < 48204; ++port) {
    attack(port, 200'000);
    const std::string file = capture_of(static_cast<uint64_t>(port));
    EXPECT_TRUE(eventually([&] { return fs::exists(file); })) << file << "\n" << logged();
  }
  EXPECT_TRUE(eventually([&] { return files("deleted") >= 1; }));
  EXPECT_FALSE(fs::exists(capture_of(48200)));
  EXPECT_TRUE(fs::exists(capture_of(48203)));
  EXPECT_EQ(sensor.terminate(), 0) << logged();
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(evidence())) bytes += entry.file_size();
  EXPECT_LE(bytes, 1U << 20);
}

TEST_F(EvidenceLive, AFullDiskIsCountedAndTheSensorLivesOn) {
  fs::create_directory(evidence());
  // The test's own, in case it dies: its name is in the folder that is removed.
  if (mount("pickletap-test", evidence().c_str(), "tmpfs", 0, "size=128k,mode=0777") != 0) {
    GTEST_SKIP() << "cannot mount a small file system here";
  }
  {
    Process sensor = start();
    attack(48300, 400'000);
    const std::string large = capture_of(48300);
    EXPECT_NE(large, "") << "the event is out before the file";
    EXPECT_TRUE(eventually([&] { return files("failed") >= 2; })) << logged();
    EXPECT_FALSE(fs::exists(large));
    EXPECT_THAT(logged(), HasSubstr("No space left on device"));
    attack(48301);
    const std::string small = capture_of(48301);
    EXPECT_TRUE(eventually([&] { return fs::exists(small); })) << small << "\n" << logged();
    EXPECT_EQ(sensor.terminate(), 1) << "some evidence is missing";
    EXPECT_THAT(logged(), HasSubstr("evidence could not be written"));
  }
  EXPECT_EQ(umount2(evidence().c_str(), MNT_DETACH), 0);
}

TEST_F(EvidenceLive, AFolderThatCannotBeWrittenFromTheStartIsAMistake) {
  std::ofstream(folder_.path("file")).flush();
  fs::create_directory(folder_.path("private"));
  chmod(folder_.path("private").c_str(), 0755);  // root's
  const std::pair<const char*, const char*> cases[] = {
      {"file", "outputs.evidence.folder: cannot write in "},
      {"private", "outputs.evidence.folder: cannot write in "},
      {"private/below", "outputs.evidence.folder: cannot make "},
      {"none/below", "outputs.evidence.folder: cannot make "},
  };
  for (const auto& [place, says] : cases) {
    Arguments words = command();
    std::replace(words.begin(), words.end(), evidence(), folder_.path(place));
    const Finished done = wire_->run_in(wire_->b, words);
    EXPECT_EQ(done.exit_code, 1) << done.err;
    EXPECT_THAT(done.err, HasSubstr(says + folder_.path(place) + ": "));
  }
}

}  // namespace
}  // namespace pickletap::test
