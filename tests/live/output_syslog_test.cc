// The syslog output against a real rsyslogd, which parses what it gets and writes down the fields it found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sensor/output/syslog.h"
#include "tests/live/child.h"
#include "tests/unit/output/listener.h"
#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

using waiting::Child;
using waiting::contents;
using waiting::eventually;
using waiting::lines_of;
using waiting::Listener;
using waiting::number_of;
using waiting::numbered_line;

class SyslogOutput : public waiting::OutputTest {
 protected:
  void SetUp() override {
    OutputTest::SetUp();
    if (waiting::program("rsyslogd").empty()) GTEST_SKIP() << "needs rsyslogd (Debian: rsyslog)";
  }
  void TearDown() override {
    daemon_.reset();
    OutputTest::TearDown();
  }

  /// One line a message into `name`: the fields as rsyslogd read them, "|" between, and last the message.
  void start_daemon(const std::string& name, const std::string& inputs) {
    std::ofstream(path("rsyslog.conf"))
        << "global(workDirectory=\"" << folder_ << "\" maxMessageSize=\"128k\")\n"
        << "template(name=\"fields\" type=\"string\" string=\""
        << "%syslogfacility-text%|%syslogseverity-text%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%procid%|"
        << "%msgid%|%structured-data%|%msg%\\n\")\n"
        << inputs << "\naction(type=\"omfile\" file=\"" << path(name) << "\" template=\"fields\")\n";
    daemon_ = std::make_unique<Child>(
        std::vector<std::string>{waiting::program("rsyslogd"), "-n", "-f", path("rsyslog.conf"), "-i", path("pid")},
        path("rsyslog.log"));
  }
  std::unique_ptr<QueuedOutput> start_output(const std::string& address) {
    auto output = std::make_unique<QueuedOutput>(
        std::make_unique<Syslog>(parse_syslog_address(address).value(), address, SyslogOrigin{16, "tap-1", 4711}),
        QueueLimits{});
    output->start({});
    return output;
  }
  /// All lines there, each read as what it is, whatever the daemon was doing when they were written.
  void expect_all(const std::string& name, size_t count) {
    ASSERT_TRUE(eventually([&] { return lines_of(contents(path(name))).size() >= count; }))
        << contents(path("rsyslog.log")) << log_.str();
    const auto got = lines_of(contents(path(name)));
    ASSERT_EQ(got.size(), count);
    for (size_t i = 0; i < count; ++i) {
      std::string message = numbered_line(i, padding(i));
      message.pop_back();
      ASSERT_EQ(got[i], "local0|crit|2026-11-21T10:00:00.123456+00:00|tap-1|pickletap|4711|alert|-|" + message);
    }
  }
  static size_t padding(size_t i) { return i % 10 == 9 ? 30'000 : i % 7 * 100; }

  std::unique_ptr<Child> daemon_;
};

TEST_F(SyslogOutput, RsyslogReadsEveryFieldOverTcpAndNothingIsLostWhileItIsNotThereYet) {
  const uint16_t port = Listener(SOCK_STREAM).port();
  const auto output = start_output("tcp://127.0.0.1:" + std::to_string(port));
  for (size_t i = 0; i < 300; ++i) EXPECT_TRUE(output->write(numbered_line(i, padding(i))));
  ASSERT_TRUE(eventually([&] { return !output->state().up; }));
  start_daemon("tcp", "module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"" +
                          std::to_string(port) + "\")");
  expect_all("tcp", 300);
  EXPECT_EQ(output->counters().events, 300U);
}

TEST_F(SyslogOutput, RsyslogReadsEveryFieldOverUdp) {
  const uint16_t port = Listener(SOCK_DGRAM).port();
  const auto output = start_output("udp://127.0.0.1:" + std::to_string(port));
  for (size_t i = 0; i < 50; ++i) EXPECT_TRUE(output->write(numbered_line(i, padding(i))));
  ASSERT_TRUE(eventually([&] { return !output->state().up; }));
  start_daemon("udp", "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" rcvbufSize=\"4m\" port=\"" +
                          std::to_string(port) + "\")");
  expect_all("udp", 50);
}

TEST_F(SyslogOutput, RsyslogReadsEveryFieldFromItsLocalSocket) {
  const auto output = start_output("unix://" + path("log"));
  for (size_t i = 0; i < 300; ++i) EXPECT_TRUE(output->write(numbered_line(i, padding(i))));
  ASSERT_TRUE(eventually([&] { return !output->state().up; }));
  start_daemon(
      "local",
      "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" socket=\"" + path("log") +
          "\" useSpecialParser=\"off\" useSysTimeStamp=\"off\" ignoreTimestamp=\"off\" ratelimit.interval=\"0\")");
  expect_all("local", 300);
}

}  // namespace
}  // namespace pickletap
