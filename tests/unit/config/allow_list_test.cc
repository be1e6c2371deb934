// Allow lists: what an entry covers and allows, and what is said of a list that is written wrong.
#include "config/allow_list.h"

#include <gtest/gtest.h>

#include "config/policy_files.h"

namespace pickletap {
namespace {

std::array<uint8_t, 16> bytes_of(const std::string& address) { return parse_address_range(address)->bytes; }

AllowList list_of(const std::string& text) {
  AllowList list;
  add_allow_text(list, "allow.yaml", text);
  return list;
}

TEST(AddressRange, ContainsWhatItsPrefixSays) {
  struct Case {
    const char *range, *address;
    bool inside;
  };
  const Case cases[] = {
      {"10.0.0.1", "10.0.0.1", true},     {"10.0.0.1", "10.0.0.2", false},      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.1", false},  {"10.1.2.3/20", "10.1.15.255", true}, {"10.1.2.3/20", "10.1.16.0", false},
      {"0.0.0.0/0", "203.0.113.9", true}, {"0.0.0.0/0", "fd00::1", false},      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fe00::1", false},     {"fd00::1", "fd00::1", true},         {"::/0", "10.0.0.1", false},
      {"10.0.0.0/31", "10.0.0.1", true},  {"10.0.0.0/31", "10.0.0.2", false},   {"fd00::/127", "fd00::2", false},
  };
  for (const Case& c : cases) {
    const bool is_v6 = std::string(c.address).find(':') != std::string::npos;
    EXPECT_EQ(parse_address_range(c.range)->contains(bytes_of(c.address), is_v6), c.inside)
        << c.range << " " << c.address;
  }
}

TEST(AddressRange, IsWrittenAsItIsRead) {
  for (const char* text : {"10.0.0.1", "10.0.0.0/8", "fd00::1", "fd00::/8", "0.0.0.0/0"}) {
    EXPECT_EQ(parse_address_range(text)->text(), text);
  }
  EXPECT_EQ(parse_address_range("10.1.2.3/8")->text(), "10.0.0.0/8");
  for (const char* text :
       {"", "host", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "fd00::/129"}) {
    EXPECT_FALSE(parse_address_range(text)) << text;
  }
}

TEST(AllowedNames, AllowsNamesFamiliesAndMethodsOfAnyType) {
  AllowedNames names;
  for (const char* name : {"shapes.Circle", "collections.*", "*.append", "shutdown"}) names.add(name);
  struct Case {
    const char* name;
    bool allowed;
  };
  const Case cases[] = {
      {"shapes.Circle", true},
      {"shapes.Circle.area", false},
      {"shapes.Circl", false},
      {"collections.deque", true},
      {"collections.abc.Set", true},
      {"collections", false},
      {"collectionsx.a", false},
      {"list.append", true},
      {"append", true},
      {"list.appendx", false},
      {"shutdown", true},
      {"", false},
      {"*", false},
      {"a.*", false},
  };
  for (const Case& c : cases) EXPECT_EQ(names.allows(c.name), c.allowed) << c.name;
  EXPECT_TRUE(names.allows_of_any_type("append"));
  EXPECT_TRUE(names.allows_of_any_type("Circle"));
  names.add("*");
  EXPECT_TRUE(names.allows("anything.at.all"));
}

TEST(AllowList, ReadsEntriesWithTheirLines) {
  const AllowList list = list_of(
      "version: 1\nlisteners:\n  - {address: 10.0.0.5, port: 5000, vlan: [100], application: manager}\n"
      "  - address: any\n    peers: [10.0.0.0/8, \"fd00::1\"]\n    callables: {to_server: [a.b], to_client: []}\n"
      "    methods:\n");
  ASSERT_EQ(list.entries.size(), 2U);
  const AllowEntry& first = list.entries[0];
  EXPECT_EQ(first.line, 3U);
  EXPECT_TRUE(first.covers(bytes_of("10.0.0.5"), false, 5000, {100}));
  EXPECT_FALSE(first.covers(bytes_of("10.0.0.6"), false, 5000, {100}));
  EXPECT_FALSE(first.covers(bytes_of("10.0.0.5"), false, 5001, {100}));
  EXPECT_FALSE(first.covers(bytes_of("10.0.0.5"), false, 5000, {}));
  EXPECT_FALSE(first.covers(bytes_of("10.0.0.5"), false, 5000, {100, 7}));
  EXPECT_FALSE(first.to_server || first.to_client || first.methods || first.peers) << "left out limits nothing";
  const AllowEntry& second = list.entries[1];
  EXPECT_EQ(second.line, 4U);
  EXPECT_TRUE(second.covers(bytes_of("192.0.2.1"), false, 1, {3}));
  EXPECT_TRUE(second.allows_peer(bytes_of("10.9.9.9"), false));
  EXPECT_TRUE(second.allows_peer(bytes_of("fd00::1"), true));
  EXPECT_FALSE(second.allows_peer(bytes_of("fd00::2"), true));
  EXPECT_TRUE(second.to_server->allows("a.b"));
  EXPECT_FALSE(second.to_client->allows("a.b"));
  ASSERT_TRUE(second.methods) << "an empty list allows nothing";
  EXPECT_FALSE(second.methods->allows("shutdown"));
}

TEST(AllowList, MayBeEmpty) {
  for (const char* text : {"", "# only a comment\n", "version: 1\nlisteners: []\n", "listeners:\n"}) {
    EXPECT_TRUE(list_of(text).entries.empty()) << text;
  }
}

TEST(AllowList, SaysWhereAMistakeIs) {
  struct Case {
    const char *text, *want;
  };
  const Case cases[] = {
      {"- a\n", "allow.yaml:1: must be a map"},
      {"version: 2\n", "allow.yaml:1: version: this version"},
      {"listener: []\n", "allow.yaml:1: listener: no such key"},
      {"listeners: {}\n", "allow.yaml:1: listeners: must be a list"},
      {"listeners:\n  - 10.0.0.1\n", "allow.yaml:2: listeners: each must be a map"},
      {"listeners:\n  - port: 65536\n", "allow.yaml:2: listeners.port: must be 0 to 65535 or any"},
      {"listeners:\n  - port: 1\n    address: nowhere\n", "allow.yaml:3: listeners.address: "},
      {"listeners:\n  - vlan: [1, 2, 3]\n", "allow.yaml:2: listeners.vlan: has more than 2 items"},
      {"listeners:\n  - application: http\n", "allow.yaml:2: listeners.application: no application"},
      {"listeners:\n  - peers: 10.0.0.1\n", "allow.yaml:2: listeners.peers: must be a list"},
      {"listeners:\n  - callables: [a.b]\n", "allow.yaml:2: listeners.callables: must be a map"},
      {"listeners:\n  - callables:\n      both: []\n", "allow.yaml:3: listeners.callables.both: no such key"},
      {"listeners:\n  - methods: [\"a*b\"]\n", "allow.yaml:2: listeners.methods: "},
      {"listeners:\n  - methods: [{}]\n", "allow.yaml:2: listeners.methods: must be a single value"},
      {"listeners:\n  - methods: [\"\"]\n", "allow.yaml:2: listeners.methods: must have 1 to 1024 bytes"},
      {"listeners:\n  - port: [\n", "allow.yaml:"},
  };
  for (const Case& c : cases) {
    try {
      list_of(c.text);
      ADD_FAILURE() << "taken: " << c.text;
    } catch (const PolicyError& error) {
      EXPECT_EQ(std::string(error.what()).rfind(c.want, 0), 0U) << error.what() << "\nwant: " << c.want;
    }
  }
}

TEST(AllowList, FileThatIsNotThereIsAMistake) {
  AllowList list;
  EXPECT_THROW(add_allow_file(list, "/nonexistent/allow.yaml"), PolicyError);
}

}  // namespace
}  // namespace pickletap
