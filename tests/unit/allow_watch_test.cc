// Learning allow lists from what pickles name, with what a hostile peer could try on the way.
#include "sensor/detect/allow_watch.h"

#include <gtest/gtest.h>

#include <string>

#include "sensor/output/allow_list_text.h"

namespace pickletap {
namespace {

RecordHead head_of(uint16_t port, uint8_t peer = 2, Direction from = Direction::kToServer) {
  RecordHead head;
  head.flow.responder.address.bytes = {10, 0, 0, 1};
  head.flow.responder.port = port;
  head.flow.initiator.address.bytes = {10, 0, 0, peer};
  head.from = from;
  head.auth = AuthState::kMutual;
  return head;
}

PickleReport report_of(std::vector<std::string> names) {
  PickleReport report;
  report.reached = std::move(names);
  return report;
}

AllowWatch in_mode(const std::string& mode) {
  Config config;
  config.policy.mode = mode;
  AllowWatch watch;
  watch.configure(config);
  return watch;
}

AllowWatch with_list(const std::string& text, const std::string& mode = "enforce") {
  AllowWatch watch = in_mode(mode);
  AllowList list;
  add_allow_text(list, "allow.yaml", text);
  watch.set_list(std::make_shared<const AllowList>(std::move(list)));
  return watch;
}

TEST(AllowWatch, WithoutAnEntryForTheListenerNothingIsCompared) {
  AllowWatch watch = with_list("listeners: [{port: 1, callables: {to_server: []}, peers: []}]");
  EXPECT_TRUE(watch.is_watching());
  EXPECT_FALSE(watch.departure(head_of(2), report_of({"os.system"}), ""));
  EXPECT_FALSE(watch.peer_departure(head_of(2)));
  EXPECT_TRUE(watch.departure(head_of(1), report_of({"os.system"}), ""));
  EXPECT_TRUE(watch.peer_departure(head_of(1)));
}

TEST(AllowWatch, WhatOneOfSeveralEntriesAllowsIsAllowed) {
  AllowWatch watch = with_list(
      "listeners:\n  - {port: 1, callables: {to_server: [a.b]}, methods: [T.m]}\n"
      "  - {address: 10.0.0.0/8, callables: {to_server: [c.d]}, methods: []}\n");
  EXPECT_FALSE(watch.departure(head_of(1), report_of({"a.b", "c.d"}), "T.m"));
  EXPECT_FALSE(watch.departure(head_of(2), report_of({"c.d"}), ""));
  const auto left = watch.departure(head_of(2), report_of({"a.b"}), "T.m");
  ASSERT_TRUE(left);
  EXPECT_EQ(left->callables, std::vector<std::string>{"a.b"});
  EXPECT_EQ(left->method, "T.m");
  EXPECT_EQ(left->line, 3U);
}

TEST(AllowWatch, AnObjectOfUnknownTypeMayDoWhatSomeTypeMay) {
  AllowWatch watch = with_list("listeners: [{methods: [Calculator.add, \"*.append\"]}]");
  EXPECT_FALSE(watch.departure(head_of(1), report_of({}), "*.add"));
  EXPECT_FALSE(watch.departure(head_of(1), report_of({}), "list.append"));
  EXPECT_TRUE(watch.departure(head_of(1), report_of({}), "*.remove"));
  EXPECT_TRUE(watch.departure(head_of(1), report_of({}), "Other.add"));
}

// Whoever names more than is kept could hide any name behind them.
TEST(AllowWatch, NamesThatWereNotKeptAreNotAllowed) {
  PickleReport report = report_of({"a.b"});
  report.reached_more = true;
  EXPECT_TRUE(with_list("listeners: [{callables: {to_server: [a.b]}}]").departure(head_of(1), report, ""));
  EXPECT_FALSE(with_list("listeners: [{callables: {to_server: [\"*\"]}}]").departure(head_of(1), report, ""));
  EXPECT_FALSE(with_list("listeners: [{methods: []}]").departure(head_of(1), report, ""));
}

TEST(AllowWatch, ShowsAFewNamesOfMany) {
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("m.n" + std::to_string(i));
  const auto left = with_list("listeners: [{callables: {to_server: []}}]").departure(head_of(1), report_of(names), "");
  ASSERT_TRUE(left);
  EXPECT_EQ(left->callables.size(), AllowWatch::kMaxShown + 1);
  EXPECT_EQ(left->callables.back(), "…");
}

// ---- Learning

std::string learned_text(const AllowWatch& watch) { return allow_list_text(watch.learned(), ""); }

TEST(AllowWatch, WhatWasLearnedIsAllowedAndReadsBackTheSame) {
  AllowWatch learner = in_mode("learn");
  // Names that YAML would read as something else, and names that would leave their line.
  const std::vector<std::string> names = {"a.b",  "null",     "true",   "yes",         "1.5", "a b.c",
                                          "x: y", "# c",      "a\"b",   "back\\slash", "ü.ß", "- a",
                                          "~",    "é\u202ee", "0x1f.a", "_1",          "n",   "a.b."};
  learner.learn_pickle(head_of(1), report_of(names), "T.no");
  learner.learn_pickle(head_of(1, 2, Direction::kToClient), report_of({"c.d"}), "");
  const std::string text = learned_text(learner);
  AllowList read;
  add_allow_text(read, "again.yaml", text);
  EXPECT_EQ(allow_list_text(read, ""), text);
  AllowWatch watch = with_list(text);
  for (const std::string& name : names) EXPECT_FALSE(watch.departure(head_of(1), report_of({name}), "T.no")) << name;
  EXPECT_FALSE(watch.departure(head_of(1, 2, Direction::kToClient), report_of({"c.d"}), ""));
  EXPECT_TRUE(watch.departure(head_of(1), report_of({"c.d"}), ""));
  EXPECT_FALSE(watch.peer_departure(head_of(1, 2)));
  EXPECT_TRUE(watch.peer_departure(head_of(1, 3)));
}

// A star, or a line break, sent once while learning would open the list for ever.
TEST(AllowWatch, NoNameFromTheWireBecomesAPattern) {
  AllowWatch learner = in_mode("learn");
  learner.learn_pickle(head_of(1), report_of({"*", "os.*", "*.system", "a\n- '*'", "b\x01", std::string(2000, 'x')}),
                       "");
  learner.learn_pickle(head_of(1), report_of({}), "T.*");
  EXPECT_EQ(learner.learned_lost(), 7U);
  AllowWatch watch = with_list(learned_text(learner));
  for (const char* name : {"os.system", "a.system", "a", "b", "*"}) {
    EXPECT_TRUE(watch.departure(head_of(1), report_of({name}), "")) << name;
  }
}

TEST(AllowWatch, ATypeCalledStarIsNotAnyType) {
  ManagerRequest request;
  request.method = "system";
  EXPECT_EQ(allow_name_of(request), "*.system") << "of an object whose type is not known";
  request.type_id = "*";
  EXPECT_EQ(allow_name_of(request), "?.system");
  request.type_id = "Calculator";
  EXPECT_EQ(allow_name_of(request), "Calculator.system");
  request = {};
  request.to_server = true;
  EXPECT_EQ(allow_name_of(request), "");
  request.method = "shutdown";
  EXPECT_EQ(allow_name_of(request), "shutdown");
}

TEST(AllowWatch, LearnsNothingFromADangerousPickle) {
  PickleReport report = report_of({"shapes.Circle", "posix.system"});
  report.findings.push_back({PickleRule::kCodeExecution, "posix.system", "c", "runs a command", 0, {}, {}, {}});
  AllowWatch learner = in_mode("learn");
  learner.learn_pickle(head_of(1), report, "T.m");
  const AllowList cautious = learner.learned();
  ASSERT_EQ(cautious.entries.size(), 1U);
  EXPECT_TRUE(cautious.entries[0].to_server->names().empty());
  EXPECT_FALSE(cautious.entries[0].methods);
  EXPECT_TRUE(cautious.entries[0].left_out.contains("posix.system"));

  learner.set_include_dangerous(true);
  learner.learn_pickle(head_of(1), report, "T.m");
  EXPECT_TRUE(learner.learned().entries[0].to_server->allows("posix.system"));
}

TEST(AllowWatch, IsBounded) {
  AllowWatch learner = in_mode("learn");
  std::vector<std::string> names;
  for (size_t i = 0; i < AllowWatch::kMaxNames + 5; ++i) names.push_back("m.n" + std::to_string(i));
  learner.learn_pickle(head_of(1), report_of(names), "");
  EXPECT_EQ(learner.learned().entries[0].to_server->names().size(), AllowWatch::kMaxNames);
  EXPECT_EQ(learner.learned_lost(), 5U);
  for (unsigned i = 0; i < AllowWatch::kMaxListeners + 5; ++i) learner.learn_peer(head_of(static_cast<uint16_t>(i)));
  EXPECT_EQ(learner.learned().entries.size(), AllowWatch::kMaxListeners);
  EXPECT_EQ(learner.learned_lost(), 10U);
}

TEST(AllowWatch, LearningAgainKeepsWhatAnEntryAllows) {
  AllowWatch learner = with_list(
      "listeners:\n  - {address: 10.0.0.1, port: 1, peers: [10.0.0.0/8], callables: {to_server: [\"a.*\"]}}\n",
      "learn");
  learner.learn_pickle(head_of(1), report_of({"a.b", "c.d"}), "T.m");
  learner.learn_pickle(head_of(1, 2, Direction::kToClient), report_of({"e.f"}), "");
  const AllowList list = learner.learned();
  ASSERT_EQ(list.entries.size(), 1U);
  EXPECT_EQ(list.entries[0].to_server->names().size(), 2U) << "a.* and c.d";
  EXPECT_FALSE(list.entries[0].to_client) << "what was not limited stays so";
  EXPECT_EQ(list.entries[0].peers->size(), 1U);
}

}  // namespace
}  // namespace pickletap
