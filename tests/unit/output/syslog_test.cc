#include "sensor/output/syslog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "sensor/output/eve_record.h"
#include "tests/unit/output/listener.h"
#include "tests/unit/output/sample_records.h"
#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using waiting::eventually;
using waiting::lines_of;
using waiting::Listener;
using waiting::numbered_line;

const SyslogOrigin kOrigin{16, "tap-1", 4711};  // local0

std::string message(std::string_view line, const SyslogOrigin& origin = kOrigin) {
  std::string out;
  append_syslog_message(out, origin, line);
  return out;
}

std::string line_of(const Record& record) {
  EveRenderer renderer(EveContext{"tap-1", {"eth0"}, true});
  return std::string(renderer.line(record));
}

TEST(SyslogMessage, HasTheHeaderOfRfc5424AndTheLine) {
  const std::string line = line_of(sample::alert());
  const std::string text = message(line);
  // The ABNF of RFC 5424, section 6, for the fields we write.
  static const std::regex form(
      R"(<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}(?:Z|[+-]\d\d:\d\d)) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - )");
  std::smatch parts;
  ASSERT_TRUE(std::regex_search(text, parts, form, std::regex_constants::match_continuous)) << text;
  EXPECT_EQ(parts[1], "130");  // local0 (16) * 8 + critical (2)
  EXPECT_EQ(parts[2], "2026-11-21T10:00:00.123456+00:00");
  EXPECT_EQ(parts[3], "tap-1");
  EXPECT_EQ(parts[4], "pickletap");
  EXPECT_EQ(parts[5], "4711");
  EXPECT_EQ(parts[6], "alert");
  EXPECT_EQ(parts.suffix().str() + "\n", line);
}

TEST(SyslogMessage, SeverityFollowsTheAlertAndNothingElse) {
  RuleInfo rule = sample::kExecution;
  Alert alert = sample::alert();
  alert.rule = &rule;
  // What the wire carried may look like members of ours; it comes escaped, and so is none.
  alert.signature = R"("alert":{"severity":3 "event_type":"stats","severity":3)";
  const std::pair<Severity, std::string> cases[] = {
      {Severity::kHigh, "<130>1 "}, {Severity::kMedium, "<132>1 "}, {Severity::kLow, "<133>1 "}};
  for (const auto& [severity, priority] : cases) {
    rule.severity = severity;
    EXPECT_THAT(message(line_of(alert)), StartsWith(priority));
  }
  EXPECT_THAT(message(line_of(StatsRecord{})), StartsWith("<134>1 "));
  EXPECT_THAT(message(line_of(StatsRecord{})), HasSubstr(" pickletap 4711 stats - {"));
  EXPECT_THAT(message("{\"event_type\":\"alert\"}"), StartsWith("<134>1 - tap-1 "));
}

TEST(SyslogMessage, HeaderFieldsArePrintableAndBounded) {
  const std::string text = message(numbered_line(1), {3, "my t\xC3\xA4p\n", 1});
  EXPECT_THAT(text, HasSubstr(" my_t__p_ pickletap 1 alert - "));
  EXPECT_THAT(message(numbered_line(1), {3, std::string(400, 'h'), 1}), HasSubstr(" " + std::string(255, 'h') + " p"));
  EXPECT_EQ(message("x\n", {3, "", 1}), "<30>1 - - pickletap 1 - - x");
}

TEST(SyslogFacility, NamesAndNumbersAreThoseOfTheRfc) {
  const std::pair<std::string_view, int> cases[] = {{"kern", 0},      {"user", 1},    {"daemon", 3}, {"auth", 4},
                                                    {"authpriv", 10}, {"local0", 16}, {"local7", 23}};
  for (const auto& [name, number] : cases) EXPECT_EQ(syslog_facility(name), number) << name;
  for (const std::string_view name : {"", "Daemon", "local8"}) EXPECT_EQ(syslog_facility(name), std::nullopt) << name;
}

class SyslogTest : public waiting::OutputTest {
 protected:
  static std::unique_ptr<Syslog> make(const std::string& address) {
    return std::make_unique<Syslog>(parse_syslog_address(address).value(), address, kOrigin);
  }
  static SendResult send(Syslog& output, const std::vector<std::string>& lines, int patience_ms = 2000) {
    return output.send(lines, Transport::Clock::now() + std::chrono::milliseconds(patience_ms));
  }
  static std::vector<std::string> some_lines(size_t first, size_t count, size_t padding = 0) {
    std::vector<std::string> lines;
    for (size_t i = 0; i < count; ++i) lines.push_back(numbered_line(first + i, padding));
    return lines;
  }
  static std::vector<std::string> messages(const std::vector<std::string>& lines) {
    std::vector<std::string> out;
    for (const std::string& line : lines) out.push_back(message(line));
    return out;
  }
};

TEST_F(SyslogTest, OneDatagramALineOverUdp) {
  Listener listener(SOCK_DGRAM);
  const auto output = make("udp://127.0.0.1:" + std::to_string(listener.port()));
  const auto lines = some_lines(0, 20);
  EXPECT_EQ(send(*output, lines).taken, 20U);
  listener.take();
  EXPECT_EQ(listener.datagrams, messages(lines));
}

TEST_F(SyslogTest, LosesNothingWhileNobodyListensOnTheUdpPort) {
  uint16_t port = 0;
  { port = Listener(SOCK_DGRAM).port(); }
  const auto output = make("udp://127.0.0.1:" + std::to_string(port));
  const auto lines = some_lines(0, 20);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(send(*output, lines).taken, 0U);
    EXPECT_EQ(output->error(), "cannot send: Connection refused");
  }
  Listener listener(SOCK_DGRAM, port);
  EXPECT_EQ(send(*output, lines).taken, 20U);
  listener.take();
  EXPECT_EQ(listener.datagrams, messages(lines));
}

TEST_F(SyslogTest, DropsWhatNoDatagramHoldsAndSendsTheRest) {
  Listener listener(SOCK_DGRAM);
  const auto output = make("udp://127.0.0.1:" + std::to_string(listener.port()));
  const std::vector<std::string> lines{numbered_line(0), numbered_line(1, 65'400), numbered_line(2, 60'000)};
  const SendResult result = send(*output, lines);
  EXPECT_EQ(result.taken, 3U);
  EXPECT_EQ(result.dropped, 1U);
  listener.take();
  EXPECT_EQ(listener.datagrams, messages({lines[0], lines[2]}));
  EXPECT_THAT(output->take_notice(), HasSubstr("too long for a datagram"));
  EXPECT_EQ(output->take_notice(), "");
}

/// "LEN SP MSG" … as RFC 6587, section 3.4.1, has it.
std::vector<std::string> octet_counted(std::string_view stream) {
  std::vector<std::string> out;
  while (!stream.empty()) {
    const size_t space = stream.find(' ');
    if (space == std::string_view::npos) return {"no length"};
    const size_t length = std::stoul(std::string(stream.substr(0, space)));
    if (stream.size() < space + 1 + length) return {"cut short"};
    out.emplace_back(stream.substr(space + 1, length));
    stream.remove_prefix(space + 1 + length);
  }
  return out;
}

TEST_F(SyslogTest, CountsOctetsOverTcpAndComesBack) {
  auto listener = std::make_unique<Listener>(SOCK_STREAM);
  const uint16_t port = listener->port();
  const auto output = make("tcp://127.0.0.1:" + std::to_string(port));
  const auto lines = some_lines(0, 50, 1000);
  EXPECT_EQ(send(*output, lines).taken, 50U);
  listener->take();
  ASSERT_EQ(listener->streams.size(), 1U);
  EXPECT_EQ(octet_counted(listener->streams[0]), messages(lines));
  listener.reset();
  const auto more = some_lines(50, 5);
  EXPECT_EQ(send(*output, more).taken, 0U);
  EXPECT_EQ(output->error(), "cannot connect: Connection refused");
  listener = std::make_unique<Listener>(SOCK_STREAM, port);
  EXPECT_EQ(send(*output, more).taken, 5U);
  listener->take();
  EXPECT_EQ(octet_counted(listener->streams.at(0)), messages(more));
}

TEST_F(SyslogTest, SpeaksToALocalDaemonWhateverItsSocketIs) {
  const auto output = make("unix://" + path("log"));
  const auto lines = some_lines(0, 3);
  EXPECT_EQ(send(*output, lines).taken, 0U);
  EXPECT_EQ(output->error(), "cannot connect: No such file or directory");
  {
    Listener datagrams(SOCK_DGRAM, path("log"));
    EXPECT_EQ(send(*output, lines).taken, 3U);
    datagrams.take();
    EXPECT_EQ(datagrams.datagrams, messages(lines));
  }
  EXPECT_EQ(send(*output, lines).taken, 0U);
  {
    Listener stream(SOCK_STREAM, path("log"));
    EXPECT_EQ(send(*output, lines).taken, 3U);
    stream.take();
    EXPECT_EQ(lines_of(stream.streams.at(0)), messages(lines));
  }
  Listener datagrams(SOCK_DGRAM, path("log"));
  EXPECT_EQ(send(*output, lines).taken, 3U);
  datagrams.take();
  EXPECT_EQ(datagrams.datagrams, messages(lines));
}

TEST_F(SyslogTest, ALocalDaemonThatIsStartedAnewLosesNothing) {
  const auto output = make("unix://" + path("log"));
  auto daemon = std::make_unique<Listener>(SOCK_DGRAM, path("log"));
  EXPECT_EQ(send(*output, some_lines(0, 1)).taken, 1U);
  daemon.reset();
  daemon = std::make_unique<Listener>(SOCK_DGRAM, path("log"));
  EXPECT_EQ(send(*output, some_lines(1, 3)).taken, 3U);
  daemon->take();
  EXPECT_EQ(daemon->datagrams, messages(some_lines(1, 3)));
}

TEST_F(SyslogTest, WaitsForALocalDaemonThatDoesNotReadAndGoesOn) {
  Listener daemon(SOCK_DGRAM, path("log"));
  const auto output = make("unix://" + path("log"));
  const auto lines = some_lines(0, 1000, 2000);  // more than net.unix.max_dgram_qlen
  size_t taken = send(*output, lines, 50).taken;
  ASSERT_LT(taken, lines.size());
  EXPECT_EQ(output->error(), "it does not read: Connection timed out");
  ASSERT_TRUE(eventually([&] {
    daemon.take();
    taken += send(*output, {lines.begin() + static_cast<std::ptrdiff_t>(taken), lines.end()}, 5).taken;
    return taken == lines.size();
  }));
  daemon.take();
  EXPECT_EQ(daemon.datagrams, messages(lines));
}

TEST_F(SyslogTest, SaysWhichNameCannotBeResolved) {
  const auto output = make("tcp://no-such-host.invalid:514");
  EXPECT_EQ(send(*output, some_lines(0, 1)).taken, 0U);
  EXPECT_THAT(output->error(), StartsWith("cannot resolve no-such-host.invalid: "));
}

}  // namespace
}  // namespace pickletap
