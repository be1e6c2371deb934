#include "config/weak_key_files.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "config/load.h"

namespace pickletap {
namespace {

std::vector<std::string> keys_of(const std::string& text) {
  WeakKeyList list;
  list.add_text("keys", text);
  std::vector<std::string> keys;
  for (size_t i = 0; i < list.size(); ++i) keys.emplace_back(list.key(i));
  return keys;
}

TEST(WeakKeyFiles, ReadsLinesAsTheHeadOfTheListSays) {
  struct Row {
    std::string text;
    std::vector<std::string> keys;
  };
  const Row rows[] = {
      {"one\ntwo\n", {"one", "two"}},
      {"one\r\ntwo", {"one", "two"}},
      {"# a comment\n\n  blanks count \n", {"  blanks count "}},
      {"\\#key\n\\\\\n", {"#key", "\\"}},
      {"line\\n\nline\\r\\n\ntab\\t\n", {"line\n", "line\r\n", "tab\t"}},
      {"\\e\n", {""}},
      {"\\x00\\xff\\xDf\n", {std::string("\x00\xff\xdf", 3)}},
      {"p\xe4ss\n", {"p\xe4ss"}},  // Latin-1
      {"", {}},
  };
  for (const Row& row : rows) EXPECT_EQ(keys_of(row.text), row.keys) << row.text;
}

TEST(WeakKeyFiles, SaysWhereAMistakeIsAndNeverTheKey) {
  for (const char* line : {"hidden\\", "hidden\\q", "hidden\\x4", "hidden\\xg0"}) {
    WeakKeyList list;
    try {
      list.add_text("/etc/keys", std::string("one\n") + line + "\n");
      FAIL() << line;
    } catch (const ConfigError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("/etc/keys:2: ")) << error.what();
      EXPECT_EQ(std::string(error.what()).find("hidden"), std::string::npos);
    }
  }
  WeakKeyList list;
  EXPECT_THROW(list.add_text("keys", std::string(WeakKeyList::kMaxKeyBytes + 1, 'k')), ConfigError);
  EXPECT_THROW(list.add_file("/nowhere/keys"), ConfigError);
}

TEST(WeakKeyFiles, NamesTheLineAndTellsVersionsApart) {
  WeakKeyList a, b;
  a.add_text("keys", "# head\none\n\ntwo\n");
  b.add_text("keys", "# head\none\n\ntwp\n");
  EXPECT_EQ(a.place(1), "keys:4");
  EXPECT_NE(a.version(), b.version());
}

TEST(WeakKeyFiles, ShipsAListWithoutRepetition) {
  const WeakKeyList list = configured_weak_keys(Config());
  EXPECT_GT(list.size(), 3000U);
  std::set<std::string_view> keys;
  for (size_t i = 0; i < list.size(); ++i) EXPECT_TRUE(keys.insert(list.key(i)).second) << list.place(i);
  for (const char* key : {"", "secret password", "abracadabra", "abc", "password", "changeme", "secret\n"}) {
    EXPECT_TRUE(keys.contains(key)) << key;
  }
}

}  // namespace
}  // namespace pickletap
