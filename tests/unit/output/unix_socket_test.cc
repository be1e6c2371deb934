#include "sensor/output/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/output/listener.h"
#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

using testing::HasSubstr;
using waiting::eventually;
using waiting::lines_of;
using waiting::Listener;
using waiting::number_of;
using waiting::numbered_line;

class UnixSocketTest : public waiting::OutputTest {
 protected:
  static std::vector<std::string> some_lines(size_t first, size_t count, size_t padding = 0) {
    std::vector<std::string> lines;
    for (size_t i = 0; i < count; ++i) lines.push_back(numbered_line(first + i, padding));
    return lines;
  }
  static SendResult send(UnixSocket& output, const std::vector<std::string>& lines, int patience_ms = 2000) {
    return output.send(lines, Transport::Clock::now() + std::chrono::milliseconds(patience_ms));
  }
  static std::vector<std::string> rest_of(const std::vector<std::string>& lines, size_t taken) {
    return {lines.begin() + static_cast<std::ptrdiff_t>(taken), lines.end()};
  }
};

TEST_F(UnixSocketTest, WaitsForAListenerAndSendsLines) {
  UnixSocket output(path("eve.sock"));
  const auto lines = some_lines(0, 3);
  EXPECT_EQ(send(output, lines).taken, 0U);
  EXPECT_EQ(output.error(), "cannot connect: No such file or directory");
  Listener listener(SOCK_STREAM, path("eve.sock"));
  EXPECT_EQ(send(output, lines).taken, 3U);
  listener.take();
  ASSERT_EQ(listener.streams.size(), 1U);
  EXPECT_EQ(listener.streams[0], lines[0] + lines[1] + lines[2]);
  EXPECT_EQ(output.take_notice(), "");
}

TEST_F(UnixSocketTest, SaysSoWhenTheSocketIsDeadOrOfAnotherKind) {
  { Listener gone(SOCK_STREAM, path("dead.sock")); }
  std::ofstream(path("file"));
  Listener datagrams(SOCK_DGRAM, path("datagrams.sock"));
  UnixSocket file(path("file")), other(path("datagrams.sock"));
  EXPECT_EQ(send(file, some_lines(0, 1)).taken, 0U);
  EXPECT_EQ(file.error(), "cannot connect: Connection refused");
  EXPECT_EQ(send(other, some_lines(0, 1)).taken, 0U);
  EXPECT_EQ(other.error(), "cannot connect: Protocol wrong type for socket");
}

TEST_F(UnixSocketTest, ACutLineGoesOnOnTheSameConnection) {
  Listener listener(SOCK_STREAM, path("eve.sock"));
  UnixSocket output(path("eve.sock"));
  const auto lines = some_lines(0, 30, 50'000);  // more than the socket holds
  size_t taken = send(output, lines, 50).taken;
  ASSERT_LT(taken, lines.size());
  EXPECT_EQ(output.error(), "it does not read: Connection timed out");
  ASSERT_TRUE(eventually([&] {
    listener.take();
    if (taken < lines.size()) taken += send(output, rest_of(lines, taken), 5).taken;
    return taken == lines.size();
  }));
  listener.take();
  std::string want;
  for (const std::string& line : lines) want += line;
  ASSERT_EQ(listener.streams.size(), 1U);
  EXPECT_EQ(listener.streams[0], want);
}

TEST_F(UnixSocketTest, ACutLineIsSentWholeOnANewConnection) {
  Listener listener(SOCK_STREAM, path("eve.sock"));
  UnixSocket output(path("eve.sock"));
  const auto lines = some_lines(0, 30, 50'000);
  const size_t taken = send(output, lines, 50).taken;
  ASSERT_LT(taken, lines.size());
  listener.take();
  const std::string first = listener.streams.at(0);
  ASSERT_NE(first.back(), '\n') << "the first connection ends inside a line, or this shows nothing";
  listener.close_connections();
  // The listener reads in between: the rest does not fit in one go.
  size_t again = 0;
  ASSERT_TRUE(eventually([&] {
    again += send(output, rest_of(lines, taken + again), 5).taken;
    listener.take();
    return taken + again == lines.size();
  }));
  listener.take();
  ASSERT_EQ(listener.streams.size(), 2U);
  const auto got = lines_of(listener.streams[1]);
  ASSERT_EQ(got.size(), lines.size() - taken);
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i] + "\n", lines[taken + i]);
  EXPECT_THAT(output.take_notice(), HasSubstr("the connection broke"));
}

TEST_F(UnixSocketTest, NoticesAListenerThatWasStartedAnewBeforeItSends) {
  UnixSocket output(path("eve.sock"));
  auto listener = std::make_unique<Listener>(SOCK_STREAM, path("eve.sock"));
  ASSERT_EQ(send(output, some_lines(0, 2)).taken, 2U);
  listener->take();
  EXPECT_EQ(lines_of(listener->streams.at(0)).size(), 2U);
  listener.reset();
  listener = std::make_unique<Listener>(SOCK_STREAM, path("eve.sock"));
  EXPECT_EQ(send(output, some_lines(2, 2)).taken, 2U);
  listener->take();
  ASSERT_EQ(listener->streams.size(), 1U);
  EXPECT_EQ(listener->streams[0], numbered_line(2) + numbered_line(3)) << "nothing lost, nothing twice";
}

TEST_F(UnixSocketTest, BehindAQueueAHangingListenerHoldsUpNobody) {
  Listener listener(SOCK_STREAM, path("eve.sock"));  // never read from
  QueuedOutput output(std::make_unique<UnixSocket>(path("eve.sock")), {1 << 20, 1000, std::chrono::milliseconds(1)});
  output.start({});
  uint64_t written = 0;
  // Until the socket is full and the queue behind it, too.
  ASSERT_TRUE(eventually([&] {
    for (int i = 0; i < 100; ++i) output.write(numbered_line(written++, 1000));
    return output.counters().dropped > 0 && !output.state().up;
  }));
  EXPECT_EQ(output.state().trouble, "it does not read: Connection timed out");
  output.finish();
  EXPECT_EQ(output.counters().events + output.counters().dropped, written);
  listener.take();
  // What it has had by then is whole lines, in order, and perhaps the beginning of one.
  std::string got = listener.streams.at(0);
  got.resize(got.rfind('\n') + 1);
  const auto lines = lines_of(got);
  EXPECT_EQ(lines.size(), output.counters().events);
  for (size_t i = 0; i < lines.size(); ++i) ASSERT_EQ(number_of(lines[i]), i);
}

}  // namespace
}  // namespace pickletap
