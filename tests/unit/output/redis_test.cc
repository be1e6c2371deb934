// What no real Redis does on demand; the rest is in tests/live/output_redis_test.cc.
#include "sensor/output/redis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <tuple>

#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

/// Takes one connection after another; reads until it has seen `commands` of them, says `answer`, closes.
class ScriptedServer {
 public:
  struct Scene {
    size_t commands;
    std::string answer;
  };
  ScriptedServer(const std::string& path, std::vector<Scene> scenes) : scenes_(std::move(scenes)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    thread_ = std::thread([this] { play(); });
  }
  ~ScriptedServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  /// What came in each scene.
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void play() {
    for (const Scene& scene : scenes_) {
      const int one = accept(fd_, nullptr, nullptr);
      if (one < 0) return;
      std::string text;
      size_t commands = 0;
      while (commands < scene.commands) {
        char buffer[4096];
        const ssize_t n = read(one, buffer, sizeof buffer);
        if (n <= 0) break;
        text.append(buffer, static_cast<size_t>(n));
        commands = 0;
        for (size_t at = text.find('*'); at != std::string::npos; at = text.find('*', at + 1)) ++commands;
      }
      {
        const std::lock_guard lock(mutex_);
        heard_.push_back(text);
      }
      // The other side may hang up before it has heard all.
      std::ignore = send(one, scene.answer.data(), scene.answer.size(), MSG_NOSIGNAL);
      shutdown(one, SHUT_WR);
      for (char ignored[4096]; read(one, ignored, sizeof ignored) > 0;) {
      }
      close(one);
    }
  }

  std::vector<Scene> scenes_;
  int fd_ = -1;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> heard_;
};

class RedisTest : public waiting::OutputTest {
 protected:
  Redis make() const {
    RedisOptions options;
    options.address = parse_redis_address("unix://" + path("s")).value();
    options.key = "k";
    return Redis(options);
  }
  static SendResult send(Redis& redis, const std::vector<std::string>& lines) {
    return redis.send(lines, Transport::Clock::now() + Transport::kPatience);
  }
  static std::string push(const std::string& text) {
    return "*3\r\n$5\r\nRPUSH\r\n$1\r\nk\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }
};

TEST_F(RedisTest, ALineThatWasTakenBehindARefusedOneIsNotSentAgain) {
  ScriptedServer server(path("s"),
                        {{4, ":1\r\n-OOM command not allowed\r\n:2\r\n-OOM again\r\n"}, {3, ":3\r\n:4\r\n:5\r\n"}});
  Redis redis = make();
  EXPECT_EQ(send(redis, {"a\n", "b\n", "c\n", "d\n"}).taken, 1U);
  EXPECT_EQ(redis.error(), "OOM command not allowed");
  EXPECT_EQ(send(redis, {"b\n", "c\n", "d\n", "e\n"}).taken, 4U);
  EXPECT_THAT(server.heard(),
              ElementsAre(push("a") + push("b") + push("c") + push("d"), push("b") + push("d") + push("e")));
}

TEST_F(RedisTest, WhatABrokenConnectionLeftUnansweredIsSentAgain) {
  ScriptedServer server(path("s"), {{3, ":1\r\n"}, {2, ":2\r\n:3\r\n"}});
  Redis redis = make();
  EXPECT_EQ(send(redis, {"a\n", "b\n", "c\n"}).taken, 1U);
  EXPECT_THAT(redis.error(), StartsWith("connection lost: "));
  EXPECT_EQ(send(redis, {"b\n", "c\n"}).taken, 2U);
  EXPECT_THAT(server.heard(), ElementsAre(push("a") + push("b") + push("c"), push("b") + push("c")));
}

TEST_F(RedisTest, WhoAnswersNonsenseOrTooMuchIsNoRedis) {
  ScriptedServer server(path("s"),
                        {{1, "HTTP/1.1 400 Bad Request\r\n\r\n"}, {1, "$90000000\r\n" + std::string(3U << 20, 'x')}});
  Redis redis = make();
  EXPECT_EQ(send(redis, {"a\n"}).taken, 0U);
  EXPECT_THAT(redis.error(), StartsWith("connection lost: Protocol error"));
  EXPECT_EQ(send(redis, {"a\n"}).taken, 0U);
  EXPECT_EQ(redis.error(), "its answer is too long");
}

}  // namespace
}  // namespace pickletap
