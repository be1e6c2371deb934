// The Redis output against a real redis-server, asked by redis-cli.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "sensor/output/redis.h"
#include "tests/live/child.h"
#include "tests/unit/output/listener.h"
#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using waiting::Child;
using waiting::contents;
using waiting::eventually;
using waiting::lines_of;
using waiting::number_of;
using waiting::numbered_line;

class RedisOutput : public waiting::OutputTest {
 protected:
  void SetUp() override {
    OutputTest::SetUp();
    if (waiting::program("redis-server").empty() || waiting::program("redis-cli").empty()) {
      GTEST_SKIP() << "needs redis-server and redis-cli (Debian: redis-server)";
    }
  }
  void TearDown() override {
    server_.reset();
    OutputTest::TearDown();
  }

  /// On a Unix socket in the test's folder, and what `more` says; returns when it answers. What it has answered for is
  /// on disk, so that the next server has it.
  void start_server(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{waiting::program("redis-server"),
                                     "--port",
                                     "0",
                                     "--unixsocket",
                                     path("redis.sock"),
                                     "--dir",
                                     folder_,
                                     "--save",
                                     "",
                                     "--appendonly",
                                     "yes",
                                     "--appendfsync",
                                     "always",
                                     "--daemonize",
                                     "no"};
    if (!more.empty()) command.insert(command.end(), more.begin(), more.end());
    server_ = std::make_unique<Child>(command, path("redis.log"));
    ASSERT_TRUE(eventually([&] {
      const std::string answer = cli("PING");
      return answer == "PONG\n" || answer.starts_with("NOAUTH");
    })) << contents(path("redis.log"));
  }
  void kill_server() { server_->end(SIGKILL); }
  std::string cli(const std::string& command) const {
    return waiting::output_of(waiting::program("redis-cli") + " -s " + path("redis.sock") + " --raw " + command +
                              " 2>&1");
  }
  RedisOptions options(RedisMode mode = RedisMode::kList) const {
    RedisOptions wanted;
    wanted.address = parse_redis_address("unix://" + path("redis.sock")).value();
    wanted.place = "unix://" + path("redis.sock");
    wanted.mode = mode;
    wanted.key = "events";
    return wanted;
  }
  static SendResult send(Redis& redis, const std::vector<std::string>& lines) {
    return redis.send(lines, Transport::Clock::now() + Transport::kPatience);
  }
  static std::vector<std::string> some_lines(size_t first, size_t count) {
    std::vector<std::string> lines;
    for (size_t i = 0; i < count; ++i) lines.push_back(numbered_line(first + i));
    return lines;
  }
  static std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines) all += line;
    return all;
  }

  std::unique_ptr<Child> server_;
};

TEST_F(RedisOutput, PutsLinesOntoAList) {
  start_server();
  Redis redis(options());
  EXPECT_EQ(send(redis, some_lines(0, 1000)).taken, 1000U);
  EXPECT_EQ(cli("LRANGE events 0 -1"), joined(some_lines(0, 1000)));
}

TEST_F(RedisOutput, AddsToAStreamAsSuricataDoesAndKeepsItShort) {
  start_server();
  RedisOptions wanted = options(RedisMode::kStream);
  wanted.stream_max_entries = 100;
  Redis redis(wanted);
  const std::string hostile = "{\"x\":\"\\u0000 * \xC3\xA4 MAXLEN\"}\n";
  EXPECT_EQ(send(redis, {hostile}).taken, 1U);
  const auto entry = lines_of(cli("XRANGE events - +"));
  ASSERT_EQ(entry.size(), 3U);  // id, field, value
  EXPECT_EQ(entry[1], "eve");
  EXPECT_EQ(entry[2] + "\n", hostile);
  EXPECT_EQ(send(redis, some_lines(0, 1000)).taken, 1000U);
  const size_t length = std::stoul(cli("XLEN events"));
  EXPECT_GE(length, 100U);
  EXPECT_LT(length, 1001U) << "trimmed, if not to the entry";
  EXPECT_THAT(cli("XREVRANGE events + - COUNT 1"), HasSubstr("\"n\":999,"));
}

TEST_F(RedisOutput, PublishesToAChannel) {
  start_server();
  const Child subscriber({waiting::program("redis-cli"), "-s", path("redis.sock"), "--raw", "SUBSCRIBE", "events"},
                         path("heard"));
  ASSERT_TRUE(eventually([&] { return cli("PUBSUB NUMSUB events") == "events\n1\n"; }));
  Redis redis(options(RedisMode::kPublish));
  EXPECT_EQ(send(redis, some_lines(0, 20)).taken, 20U);
  ASSERT_TRUE(eventually([&] {
    const auto heard = lines_of(contents(path("heard")));
    return std::count_if(heard.begin(), heard.end(), [](const std::string& l) { return number_of(l) < 20; }) == 20;
  }));
}

TEST_F(RedisOutput, LogsInAndSelectsTheDatabase) {
  start_server({"--requirepass", "open sesame"});
  cli("-a 'open sesame' --no-auth-warning ACL SETUSER tap on '>other secret' '~events' +rpush +select");
  Redis stranger(options());
  EXPECT_EQ(send(stranger, some_lines(0, 1)).taken, 0U);
  EXPECT_THAT(stranger.error(), StartsWith("NOAUTH "));

  RedisOptions wanted = options();
  wanted.password_file = path("password");
  wanted.database = 3;
  std::ofstream(path("password")) << "open sesame\n";
  Redis redis(wanted);
  EXPECT_EQ(send(redis, some_lines(0, 2)).taken, 2U);
  const std::string ask = "-a 'open sesame' --no-auth-warning -n 3 LRANGE events 0 -1";
  EXPECT_EQ(cli(ask), joined(some_lines(0, 2)));

  wanted.username = "tap";
  Redis wrong(wanted);
  EXPECT_EQ(send(wrong, some_lines(0, 1)).taken, 0U);
  EXPECT_THAT(wrong.error(), StartsWith("WRONGPASS "));
  std::ofstream(path("password")) << "other secret\n";
  EXPECT_EQ(send(wrong, some_lines(2, 1)).taken, 0U) << "read again only when told to";
  wrong.reopen();
  EXPECT_EQ(send(wrong, some_lines(2, 1)).taken, 1U);
  EXPECT_EQ(cli(ask), joined(some_lines(0, 3)));
  std::filesystem::remove(path("password"));
  wrong.reopen();
  EXPECT_THAT(wrong.take_notice(), HasSubstr("No such file or directory; the password read before stays in use"));
  EXPECT_EQ(send(wrong, some_lines(3, 1)).taken, 1U);
}

TEST_F(RedisOutput, AnErrorReplyIsARefusalInRedisOwnWords) {
  start_server();
  Redis redis(options());
  cli("SET events text");
  EXPECT_EQ(send(redis, some_lines(0, 10)).taken, 0U);
  EXPECT_THAT(redis.error(), StartsWith("WRONGTYPE "));
  cli("DEL events");
  EXPECT_EQ(send(redis, some_lines(0, 10)).taken, 10U);
  cli("CONFIG SET maxmemory 1");
  EXPECT_EQ(send(redis, some_lines(10, 10)).taken, 0U);
  EXPECT_THAT(redis.error(), StartsWith("OOM "));
  cli("CONFIG SET maxmemory 0");
  cli("REPLICAOF 127.0.0.1 1");
  EXPECT_EQ(send(redis, some_lines(10, 10)).taken, 0U);
  EXPECT_THAT(redis.error(), StartsWith("READONLY "));
  cli("REPLICAOF NO ONE");
  EXPECT_EQ(send(redis, some_lines(10, 10)).taken, 10U);
  EXPECT_EQ(cli("LRANGE events 0 -1"), joined(some_lines(0, 20))) << "none lost, none twice";
}

TEST_F(RedisOutput, OverTcpToo) {
  const uint16_t port = waiting::Listener(SOCK_STREAM).port();
  start_server({"--port", std::to_string(port), "--bind", "127.0.0.1"});
  RedisOptions wanted = options();
  wanted.address = parse_redis_address("localhost:" + std::to_string(port)).value();
  Redis redis(wanted);
  EXPECT_EQ(send(redis, some_lines(0, 100)).taken, 100U);
  EXPECT_EQ(cli("LLEN events"), "100\n");
}

/// Dead at first, there later, killed under load, back again, closed when idle.
TEST_F(RedisOutput, LosesNothingWhateverTheServerDoesWhileTheQueueHasRoom) {
  QueuedOutput output(std::make_unique<Redis>(options()), {64U << 20, 4096, std::chrono::milliseconds(5)});
  output.start({});
  size_t written = 0;
  const auto write = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) ASSERT_TRUE(output.write(numbered_line(written++)));
  };
  write(5000);
  ASSERT_TRUE(eventually([&] { return !output.state().up; }));
  start_server();
  ASSERT_TRUE(eventually([&] { return output.counters().events == written; }));
  for (int round = 0; round < 3; ++round) {
    const uint64_t before = output.counters().events;
    write(5000);
    ASSERT_TRUE(eventually([&] { return output.counters().events > before; }));
    kill_server();
    write(5000);
    start_server();
    ASSERT_TRUE(eventually([&] { return output.counters().events == written; }));
  }
  cli("CLIENT KILL TYPE normal");
  write(10);
  output.finish();
  EXPECT_EQ(output.counters().events, written);
  EXPECT_EQ(output.counters().dropped, 0U);
  std::set<size_t> seen;
  size_t again = 0, last_new = 0;
  for (const std::string& line : lines_of(cli("LRANGE events 0 -1"))) {
    const size_t n = number_of(line);
    if (!seen.insert(n).second) {
      ++again;
    } else {
      EXPECT_GE(n, last_new) << "in order";
      last_new = n;
    }
  }
  EXPECT_EQ(seen.size(), written);
  EXPECT_LE(again, 4 * QueuedOutput::kMaxBatchLines) << "at most the batch in flight at each break comes twice";
}

TEST_F(RedisOutput, DropsExactlyWhatTheQueueCannotHoldWhileItIsDead) {
  const uint64_t charge = numbered_line(100).size() + QueuedOutput::kLineOverheadBytes;
  QueuedOutput output(std::make_unique<Redis>(options()), {50 * charge, 1, std::chrono::milliseconds(1)});
  output.start({});
  for (size_t i = 100; i < 180; ++i) EXPECT_EQ(output.write(numbered_line(i)), i < 150);
  EXPECT_EQ(output.counters().dropped, 30U);
  start_server();
  ASSERT_TRUE(eventually([&] { return output.counters().events == 50; }));
  EXPECT_TRUE(output.write(numbered_line(180)));
  output.finish();
  EXPECT_EQ(cli("LRANGE events 0 -1"), joined(some_lines(100, 50)) + numbered_line(180));
  EXPECT_EQ(output.counters().events, 51U);
  EXPECT_EQ(output.counters().dropped, 30U);
}

TEST_F(RedisOutput, AServerThatHangsHoldsUpNobody) {
  start_server();
  QueuedOutput output(std::make_unique<Redis>(options()), {16U << 20, 4096, std::chrono::milliseconds(5)});
  output.start({});
  output.write(numbered_line(0));
  ASSERT_TRUE(eventually([&] { return output.counters().events == 1; }));
  server_->signal(SIGSTOP);
  for (size_t i = 1; i < 20'000; ++i) ASSERT_TRUE(output.write(numbered_line(i)));
  EXPECT_EQ(output.counters().events, 1U) << "all were written while it stood still";
  ASSERT_TRUE(eventually([&] { return !output.state().up; }));
  EXPECT_EQ(output.state().trouble, "it does not answer");
  server_->signal(SIGCONT);
  ASSERT_TRUE(eventually([&] { return output.counters().events == 20'000; }));
  output.finish();
  std::set<size_t> seen;
  for (const std::string& line : lines_of(cli("LRANGE events 0 -1"))) seen.insert(number_of(line));
  EXPECT_EQ(seen.size(), 20'000U);
}

}  // namespace
}  // namespace pickletap
