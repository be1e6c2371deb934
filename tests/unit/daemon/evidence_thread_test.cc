// Evidence of the daemon: packets asked of workers that are on threads of their own, files that name what came before and
// after the alert, and bounds.
#include "sensor/daemon/evidence_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/kept_client.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;
using test::Client;

constexpr RuleInfo kRule{5020001, "pickle.code-execution", Severity::kHigh, {}, {}, {}, {}, {}, {}};

bool eventually(const std::function<bool()>& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// Answers as a capture thread does, and does between two answers what it is told.
class FakeWorker {
 public:
  explicit FakeWorker(uint64_t max_bytes = 8U << 20) : kept(max_bytes) {
    thread_ = std::thread([this] {
      while (!stop_) {
        if (std::lock_guard lock(mutex_); task_) {
          task_();
          task_ = nullptr;
        }
        if (!deaf) kept.answer();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      kept.close();
    });
  }
  ~FakeWorker() { end(); }
  void end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void run(const std::function<void()>& task) {
    {
      const std::lock_guard lock(mutex_);
      task_ = task;
    }
    eventually([this] {
      const std::lock_guard lock(mutex_);
      return !task_;
    });
  }
  void send(Client& client, uint32_t offset, const std::string& bytes) {
    run([&] {
      client.make(offset, bytes);
      kept.on_flow_packet(client.flow, client.packet);
    });
  }

  KeptPackets kept;
  std::atomic<bool> deaf{false};

 private:
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::function<void()> task_;
  std::thread thread_;
};

class EvidenceThreadTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "pickletap-evidence-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
    config_.outputs.evidence.folder = path_.string();
  }
  void TearDown() override { fs::remove_all(path_); }

  static Alert alert_on(uint64_t flow_id, uint64_t length = 0) {
    Alert alert;
    alert.rule = &kRule;
    alert.signature = "a test";
    alert.head.flow.flow_id = flow_id;
    alert.has_pickle = length != 0;
    alert.frame.length = length;
    return alert;
  }
  std::string text_of(const std::string& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
  }

  Config config_;
  fs::path path_;
};

TEST_F(EvidenceThreadTest, WritesWhatCameBeforeAndSoonAfterTheAlert) {
  FakeWorker other, worker;  // the flow is the second one's
  EvidenceThread evidence(config_);
  evidence.add(other.kept);
  evidence.add(worker.kept);
  evidence.start([] {});
  Client client(1);
  worker.send(client, 0, "before the alert");
  const std::string file = evidence.ask(alert_on(1, 16), 0);
  EXPECT_EQ(file, path_.string() + "/1-5020001-pickle.code-execution.pcapng");
  worker.send(client, 16, "and after it");
  ASSERT_TRUE(eventually([&] { return evidence.counts().written == 2; }));
  const std::string text = text_of(file);
  EXPECT_NE(text.find("before the alert"), text.npos);
  EXPECT_NE(text.find("and after it"), text.npos);
  EXPECT_EQ(text_of(file.substr(0, file.size() - 7) + "-to_server-0.pickle"), "before the alert");
  worker.end();
  other.end();
  EXPECT_TRUE(evidence.stop());
}

TEST_F(EvidenceThreadTest, EndWritesWhatWaitsAtOnce) {
  FakeWorker worker;
  EvidenceThread evidence(config_);
  evidence.add(worker.kept);
  evidence.start([] {});
  for (uint64_t id = 1; id <= 20; ++id) {
    Client client(id);
    worker.send(client, 0, "payload");
  }
  worker.end();  // as the sensor does: capture ends first
  for (uint64_t id = 1; id <= 20; ++id) EXPECT_NE(evidence.ask(alert_on(id), 0), "");
  EXPECT_TRUE(evidence.stop());
  EXPECT_EQ(files(), 20U);
}

TEST_F(EvidenceThreadTest, WhatIsNotKeptOrNotAnsweredIsCounted) {
  FakeWorker worker;
  EvidenceThread evidence(config_);
  evidence.add(worker.kept);
  evidence.start([] {});
  evidence.ask(alert_on(7), 0);
  EXPECT_TRUE(eventually([&] { return evidence.counts().missed == 1; }));
  Client client(8);
  worker.send(client, 0, "payload");
  worker.deaf = true;
  evidence.ask(alert_on(8), 0);
  EXPECT_TRUE(eventually([&] { return evidence.counts().missed == 2; }));
  worker.deaf = false;
  evidence.ask(alert_on(8), 0);
  EXPECT_TRUE(eventually([&] { return evidence.counts().written == 1; }));
  worker.end();
}

TEST_F(EvidenceThreadTest, MoreThanCanWaitIsDroppedAndNamesNoFile) {
  EvidenceThread evidence(config_);
  for (uint64_t id = 1; id <= EvidenceThread::kMaxAsked; ++id) ASSERT_NE(evidence.ask(alert_on(id), 0), "");
  EXPECT_EQ(evidence.ask(alert_on(99999), 0), "");
  EXPECT_EQ(evidence.counts().dropped, 1U);
  EXPECT_FALSE(evidence.stop());
}

TEST_F(EvidenceThreadTest, AlertsWithoutAFlowHaveNone) {
  EvidenceThread evidence(config_);
  EXPECT_EQ(evidence.ask(alert_on(0), 0), "");
  EXPECT_EQ(evidence.counts().dropped, 0U);
}

TEST_F(EvidenceThreadTest, PacketsThatWaitStayWithinTheirShare) {
  config_.outputs.evidence.memory_bytes = 8U << 20;  // an eighth of it: 1 MiB
  FakeWorker worker(EvidenceThread::keeper_bytes(config_, 1));
  EvidenceThread evidence(config_);
  evidence.add(worker.kept);
  evidence.start([] {});
  const std::string piece(60000, 'x');
  for (uint64_t id = 1; id <= 8; ++id) {
    Client client(id);
    worker.run([&] {
      for (uint32_t i = 0; i < 10; ++i) {
        client.make(i * 60000, piece);
        worker.kept.on_flow_packet(client.flow, client.packet);
      }
    });
    evidence.ask(alert_on(id), 0);
    EXPECT_TRUE(eventually([&] { return evidence.counts().written >= id / 2; }));
    EXPECT_LE(evidence.counts().kept_bytes, (1U << 20) + EvidenceThread::kMaxFlowBytes);
  }
  EXPECT_TRUE(eventually([&] { return evidence.counts().written == 8; }));
  EXPECT_EQ(evidence.counts().kept_bytes, 0U);
  worker.end();
}

TEST_F(EvidenceThreadTest, AlertsThatGoOnAboutAFlowAllHaveTheirPackets) {
  FakeWorker worker(32U << 20);
  EvidenceThread evidence(config_);
  evidence.add(worker.kept);
  evidence.start([] {});
  Client client(1);
  const std::string piece(60000, 'x');
  uint32_t at = 0;
  for (unsigned alert = 0; alert < 6; ++alert) {
    worker.run([&] {
      for (uint32_t i = 0; i < 12; ++i, at += 60000) {
        client.make(at, piece);
        worker.kept.on_flow_packet(client.flow, client.packet);
      }
    });
    Alert one = alert_on(1, 60000);
    one.frame.index = alert;
    one.frame.offset = at - 60000;
    // The worker keeps the last MiB: the next message must not come before this one was taken.
    const EvidenceCounts before = evidence.counts();
    evidence.ask(one, 0);
    EXPECT_TRUE(eventually([&] {
      const EvidenceCounts now = evidence.counts();
      return now.kept_bytes != before.kept_bytes || now.written != before.written;
    }));
  }
  ASSERT_TRUE(eventually([&] { return evidence.counts().written == 12; })) << evidence.counts().written;
  for (unsigned alert = 0; alert < 6; ++alert) {
    EXPECT_TRUE(fs::exists(path_ / ("1-5020001-pickle.code-execution-to_server-" + std::to_string(alert) + ".pickle")));
  }
  worker.end();
}

}  // namespace
}  // namespace pickletap
