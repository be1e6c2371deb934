// Allow lists from end to end: learned from real traffic, then held against traffic on the same ports that leaves them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kOfficeGood = capture_path("allow-office-good.pcap");
const std::string kListenerGood = capture_path("allow-listener-good.pcap");

/// Learned from the good days, in a folder of the test's own.
class AllowList : public testing::Test {
 protected:
  void SetUp() override {
    const Finished done = pickletap({"learn", kOfficeGood, kListenerGood, "-o", list_});
    ASSERT_EQ(done.exit_code, 0) << done.err;
    ASSERT_EQ(done.out + done.err, "");
  }

  std::vector<Event> replay(const std::string& capture, const std::string& mode = "enforce") const {
    const Finished done = pickletap({"replay", "--json", "--set", "policy.allow_lists=" + list_, "--set",
                                     "policy.mode=" + mode, "--set", "alerts.collapse_window=0", capture});
    EXPECT_EQ(done.exit_code, 0) << done.err;
    return events_of(done.out);
  }

  /// "callable NAME", "method NAME" and "peer ADDRESS" of each pickle.not-allowed, in order.
  static std::vector<std::string> left_in(const std::vector<Event>& events) {
    std::vector<std::string> left;
    for (const Event& event : events) {
      if (text_at(event, {"alert", "rule"}) != "pickle.not-allowed") continue;
      const Event& what = event.at("python_mp").at("allow_list").as_object();
      for (const auto& name : what.at("callables").as_array())
        left.push_back("callable " + std::string(name.as_string()));
      for (const char* key : {"method", "peer"}) {
        if (what.contains(key)) left.push_back(std::string(key) + " " + text_at(what, {key}));
      }
    }
    return left;
  }
  std::vector<std::string> left(const std::string& capture) const { return left_in(replay(capture_path(capture))); }

  /// Replaces one text of the list by another.
  void edit(const std::string& from, const std::string& to) const {
    std::string text = read_bytes(list_);
    ASSERT_NE(text.find(from), std::string::npos) << text;
    folder_.write("allow.yaml", text.replace(text.find(from), from.size(), to));
  }

  TempFolder folder_;
  const std::string list_ = folder_.path("allow.yaml");
};

TEST_F(AllowList, AllowsWhatItWasLearnedFrom) {
  EXPECT_THAT(left("allow-office-good.pcap"), IsEmpty());
  EXPECT_THAT(left("allow-listener-good.pcap"), IsEmpty());
}

TEST_F(AllowList, IsLeftByEachStep) {
  EXPECT_THAT(left("allow-office-asked.pcap"),
              ElementsAre("method debug_info", "method debug_info", "callable multiprocessing.managers.Token",
                          "method get_methods", "method number_of_objects", "method Calculator.__init__"));
  EXPECT_THAT(left("allow-office-attacked.pcap"), ElementsAre("callable posix.system"));
  EXPECT_THAT(left("allow-listener-attacked.pcap"), ElementsAre("callable posix.system"));
  EXPECT_THAT(left("allow-listener-other-class.pcap"), ElementsAre("callable shapes.square"));
}

// What no rule has anything against is news for this listener.
TEST_F(AllowList, IsLeftByHarmlessTypesThatItNeverGot) {
  const std::vector<std::string> names = left("allow-listener-other-types.pcap");
  EXPECT_THAT(names, testing::Contains("callable re._compile"));
  EXPECT_THAT(names, testing::Contains("callable builtins.ValueError"));
}

TEST_F(AllowList, TellsTheDirectionsApart) {
  EXPECT_THAT(left("allow-listener-answers.pcap"), ElementsAre("callable shapes.Circle"));
}

TEST_F(AllowList, NamesFileAndLineOfTheEntry) {
  const std::vector<Event> events = replay(capture_path("allow-listener-attacked.pcap"));
  const std::string text = read_bytes(list_);
  const size_t entry = text.find("port: 50601");
  // The entry begins one line above its port.
  const auto line = std::to_string(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(entry), '\n'));
  for (const Event& event : events_of_type(events, "alert")) {
    if (text_at(event, {"alert", "rule"}) != "pickle.not-allowed") continue;
    EXPECT_EQ(text_at(event, {"alert", "severity"}), "1");
    EXPECT_EQ(text_at(event, {"alert", "signature_id"}), "5020005");
    EXPECT_EQ(text_at(event, {"python_mp", "allow_list", "file"}), list_);
    EXPECT_EQ(text_at(event, {"python_mp", "allow_list", "line"}), line);
    EXPECT_THAT(text_at(event, {"alert", "signature"}), HasSubstr(list_ + ":" + line));
    return;
  }
  ADD_FAILURE() << "no pickle.not-allowed";
}

TEST_F(AllowList, NamesThePeer) {
  edit("- 10.99.0.2", "- 10.99.0.3");
  EXPECT_THAT(left("allow-office-good.pcap"), testing::Each("peer 10.99.0.2"));
  EXPECT_THAT(left("allow-office-good.pcap"), Not(IsEmpty()));
  edit("- 10.99.0.3", "- 10.99.0.0/24");
  EXPECT_THAT(left("allow-office-good.pcap"), IsEmpty());
}

TEST_F(AllowList, IsForItsListenerOnly) {
  edit("port: 50601", "port: 50699");
  EXPECT_THAT(left("allow-listener-attacked.pcap"), IsEmpty());
  edit("port: 50699", "port: any");
  EXPECT_THAT(left("allow-listener-attacked.pcap"), ElementsAre("callable posix.system"));
}

TEST_F(AllowList, TakesFamiliesAndWhatIsLeftOut) {
  edit("- decimal.Decimal", "- \"shapes.*\"");
  EXPECT_THAT(left("allow-listener-other-class.pcap"), IsEmpty());
}

// Low severity, so that nobody is woken; the same otherwise.
TEST_F(AllowList, InModeAlertSaysWhatEnforcingWouldRaise) {
  const std::vector<Event> enforced = replay(capture_path("allow-office-asked.pcap"));
  const std::vector<Event> told = replay(capture_path("allow-office-asked.pcap"), "alert");
  EXPECT_EQ(left_in(told), left_in(enforced));
  for (const Event& event : events_of_type(told, "alert")) {
    if (text_at(event, {"alert", "rule"}) != "pickle.not-allowed") continue;
    EXPECT_EQ(text_at(event, {"alert", "severity"}), "3");
    EXPECT_EQ(text_at(event, {"python_mp", "allow_list", "enforced"}), "false");
    EXPECT_THAT(text_at(event, {"alert", "signature"}), HasSubstr("Would not be on the allow list"));
  }
}

TEST_F(AllowList, InModeLearnComparesNothing) {
  EXPECT_THAT(left_in(replay(capture_path("allow-office-asked.pcap"), "learn")), IsEmpty());
}

TEST_F(AllowList, AMistakeInItIsSaidWithItsPlace) {
  edit("port: 50600", "prot: 50600");
  const Finished done = pickletap({"replay", "--set", "policy.allow_lists=" + list_, kOfficeGood});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.err, HasSubstr(list_ + ":12: listeners.prot: no such key"));
  EXPECT_EQ(pickletap({"check-config", "--set", "policy.allow_lists=" + list_}).exit_code, 2);
}

TEST_F(AllowList, EveryEventIsRightByTheSchema) {
  const char* const python = "/usr/bin/python3";
  if (run({python, "-c", "import jsonschema"}).exit_code != 0) GTEST_SKIP() << python << " has no jsonschema";
  for (const char* capture : {"allow-office-asked.pcap", "allow-listener-other-types.pcap"}) {
    const Finished lines = pickletap({"replay", "--json", "--set", "policy.allow_lists=" + list_, "--set",
                                      "policy.mode=enforce", capture_path(capture)});
    RunOptions options;
    options.input = lines.out;
    const Finished checked =
        run({python, source_path("tests/replay/validate_events.py"), source_path("deploy/schema/eve.schema.json")},
            options);
    EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  }
}

// ---- Learning

TEST(Learn, WritesTheSameBytesInAnyOrderAndToStandardOutput) {
  TempFolder folder;
  const Finished first = pickletap({"learn", kOfficeGood, kListenerGood});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(pickletap({"learn", kListenerGood, kOfficeGood}).out, first.out);
  pickletap({"learn", kOfficeGood, kListenerGood, "-o", folder.path("a.yaml")});
  EXPECT_EQ(read_bytes(folder.path("a.yaml")), first.out);
}

TEST(Learn, AddsRunsTogether) {
  TempFolder folder;
  const std::string list = folder.path("a.yaml");
  ASSERT_EQ(pickletap({"learn", kOfficeGood, "-o", list}).exit_code, 0);
  const Finished refused = pickletap({"learn", kListenerGood, "-o", list});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--merge"));
  ASSERT_EQ(pickletap({"learn", kListenerGood, "-o", list, "--merge"}).exit_code, 0);
  EXPECT_EQ(read_bytes(list), pickletap({"learn", kOfficeGood, kListenerGood}).out);
  // What is there already changes nothing; what the operator made wider stays so.
  std::string text = read_bytes(list);
  const std::string narrow =
      "        - collections.Counter\n        - collections.OrderedDict\n"
      "        - collections.defaultdict\n        - collections.deque\n";
  ASSERT_NE(text.find(narrow), std::string::npos) << text;
  text.replace(text.find(narrow), narrow.size(), "        - \"collections.*\"\n");
  folder.write("a.yaml", text);
  ASSERT_EQ(pickletap({"learn", kListenerGood, kOfficeGood, "-o", list, "--merge"}).exit_code, 0);
  EXPECT_THAT(read_bytes(list), HasSubstr("- \"collections.*\"\n"));
  EXPECT_THAT(read_bytes(list), Not(HasSubstr("collections.Counter")));
}

TEST(Learn, RefusesWhatIsDangerousAndSaysSo) {
  TempFolder folder;
  const std::string attacked = capture_path("allow-listener-attacked.pcap");
  const Finished done = pickletap({"learn", attacked, "-o", folder.path("a.yaml")});
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_THAT(done.err, HasSubstr("NOT GOOD: " + attacked + ", packet "));
  EXPECT_THAT(done.err, HasSubstr("posix.system"));
  const std::string list = read_bytes(folder.path("a.yaml"));
  EXPECT_THAT(list, HasSubstr("#   posix.system  # runs a command"));
  EXPECT_THAT(list, Not(HasSubstr("- posix.system")));

  const Finished insisted = pickletap({"learn", "--include-dangerous", attacked});
  EXPECT_EQ(insisted.exit_code, 0);
  EXPECT_THAT(insisted.out, HasSubstr("- posix.system  # dangerous: runs a command"));
  EXPECT_THAT(insisted.err, HasSubstr("NOT GOOD"));
}

TEST(Learn, TakesNothingFromThoseWhoWereRefused) {
  for (const char* capture : {"wrong-key-s312-c312.pcap", "manager-wrong-key-312.pcap", "keyless-attack-small.pcap"}) {
    const Finished done = pickletap({"learn", capture_path(capture)});
    EXPECT_EQ(done.exit_code, 0) << capture << done.err;
    EXPECT_THAT(done.out, HasSubstr("listeners: []\n")) << capture;
  }
}

TEST(Learn, NeedsAFileToMergeWith) { EXPECT_EQ(pickletap({"learn", "--merge", kOfficeGood}).exit_code, 2); }

TEST(Learn, SaysWhenACaptureCannotBeRead) {
  TempFolder folder;
  const Finished done = pickletap({"learn", folder.path("none.pcap"), "-o", folder.path("a.yaml")});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(folder.path("a.yaml")));
}

// Whatever real traffic there is: what it taught is allowed, what attacks is not.
TEST(Learn, FitsEveryCaptureThatItWasLearnedFrom) {
  TempFolder folder;
  const std::string list = folder.path("all.yaml");
  pickletap({"learn", "-q", source_path("pcaps"), "-o", list});
  const Finished done = pickletap({"replay", "--json", "--set", "policy.allow_lists=" + list, "--set",
                                   "policy.mode=enforce", source_path("pcaps")});
  size_t left = 0;
  std::map<std::string, std::set<std::string>> rules_of;  // by packet
  for (const Event& event : events_of_type(events_of(done.out), "alert")) {
    rules_of[text_at(event, {"pcap_cnt"})].insert(text_at(event, {"alert", "rule"}));
  }
  for (const auto& [packet, rules] : rules_of) {
    if (!rules.contains("pickle.not-allowed")) continue;
    ++left;
    const bool harmful = std::any_of(rules.begin(), rules.end(), [](const std::string& rule) {
      return rule == "pickle.code-execution" || rule == "pickle.dangerous-reference" || rule == "pickle.code-object" ||
             rule == "pickle.resource-bomb" || rule == "pickle.evasion";
    });
    EXPECT_TRUE(harmful) << "packet " << packet << " left a list that was learned from it";
  }
  EXPECT_GT(left, 40U);
}

}  // namespace
}  // namespace pickletap::test
