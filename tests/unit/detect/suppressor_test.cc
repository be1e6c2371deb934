#include "sensor/detect/suppressor.h"

#include <gtest/gtest.h>

#include <string>

#include "sensor/detect/rule_catalog.h"

namespace pickletap {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

size_t rule_named(std::string_view name) {
  const auto rules = rule_catalog();
  for (size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].name == name) return i;
  }
  return 0;
}

class SuppressorTest : public ::testing::Test {
 protected:
  SuppressorTest() { configure(); }
  void configure() { suppressor_.configure(config_, rule_catalog()); }
  Alert alert(int64_t time_ns, const std::string& signature = "bad", uint8_t client = 1) const {
    Alert out;
    out.rule = &rule_catalog()[rule_];
    out.head.time_ns = time_ns;
    out.head.flow.initiator.address.bytes = {10, 0, 0, client};
    out.head.flow.responder = {out.head.flow.initiator.address, 50000};
    out.head.flow.responder.address.bytes[3] = 99;
    out.signature = signature;
    return out;
  }
  bool admit(const Alert& one) { return suppressor_.admit(one, rule_, close_); }

  size_t rule_ = rule_named("pickle.unknown-call");
  Config config_;
  Suppressor suppressor_;
  std::vector<std::pair<int64_t, uint64_t>> closed_;  // time, repeated
  Suppressor::Close close_ = [this](Alert&& one, size_t rule) {
    EXPECT_EQ(rule, rule_);
    closed_.emplace_back(one.head.time_ns, one.repeated);
  };
};

TEST_F(SuppressorTest, WritesFiveAlikeAndCountsTheRest) {
  int written = 0;
  for (int i = 0; i < 20; ++i) written += admit(alert(i * kSecond)) ? 1 : 0;
  EXPECT_EQ(written, 5);
  EXPECT_TRUE(closed_.empty());
  suppressor_.advance(60 * kSecond, close_);
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0], std::pair(19 * kSecond, uint64_t{15}));
  EXPECT_TRUE(admit(alert(61 * kSecond))) << "a new window";
  suppressor_.advance(INT64_MAX, close_);
  EXPECT_EQ(closed_.size(), 1U) << "nothing was left out of the last one";
}

TEST_F(SuppressorTest, WhatDiffersIsNotAlike) {
  config_.alerts.collapse_after = 1;
  configure();
  EXPECT_TRUE(admit(alert(0)));
  EXPECT_FALSE(admit(alert(1)));
  EXPECT_TRUE(admit(alert(2, "another sentence")));
  EXPECT_TRUE(admit(alert(3, "bad", 2))) << "another source";
  Alert elsewhere = alert(4);
  elsewhere.head.flow.responder.port = 50001;
  EXPECT_TRUE(admit(elsewhere));
}

TEST_F(SuppressorTest, WritesAllWithoutAWindow) {
  config_.alerts.collapse_window_s = 0;
  configure();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(admit(alert(i)));
}

TEST_F(SuppressorTest, ForgetsTheOldestKindAndSaysItsCount) {
  config_.alerts.collapse_after = 1;
  configure();
  admit(alert(0, "first"));
  admit(alert(1, "first"));
  for (size_t i = 0; i < Suppressor::kMaxKinds; ++i) admit(alert(2, std::to_string(i)));
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].second, 1U);
}

TEST_F(SuppressorTest, RaisesAtTheThreshold) {
  config_.rules["pickle.unknown-call"].threshold_count = 3;
  config_.rules["pickle.unknown-call"].threshold_window_s = 10;
  configure();
  struct Row {
    int64_t second;
    uint8_t client;
    bool admitted;
  };
  const Row rows[] = {{0, 1, false},  {1, 1, false},  {2, 2, false}, {9, 1, true},
                      {30, 1, false}, {39, 1, false}, {40, 1, true}};
  for (const Row& row : rows) {
    EXPECT_EQ(admit(alert(row.second * kSecond, "bad", row.client)), row.admitted) << row.second;
  }
}

TEST_F(SuppressorTest, SuppressesCases) {
  struct Row {
    const char* text;
    bool admitted;
  };
  const Row rows[] = {
      {"10.0.0.0/8", false},
      {"192.168.0.0/16", true},
      {"source=10.0.0.1", false},
      {"source=10.0.0.99", true},
      {"10.0.0.99", false},
      {"listener=10.0.0.99:50000", false},
      {"listener=10.0.0.99:*", false},
      {"listener=10.0.0.99:50001", true},
      {"callable=shapes.*", false},
      {"callable=other.*", true},
      {"callable=shapes.* source=10.0.0.1", false},
      {"callable=shapes.* source=10.0.0.2", true},
  };
  for (const Row& row : rows) {
    config_.rules["pickle.unknown-call"].suppress = {row.text};
    configure();
    Alert one = alert(0, row.text);
    one.pickle.findings.push_back({PickleRule::kUnknownCall, "shapes.Circle", {}, {}, 0, {}, {}, {}});
    EXPECT_EQ(admit(one), row.admitted) << row.text;
  }
}

TEST_F(SuppressorTest, ACallableCaseHoldsOnlyForAllThatAnAlertIsAbout) {
  config_.rules["pickle.unknown-call"].suppress = {"callable=shapes.*"};
  configure();
  Alert one = alert(0);
  one.pickle.findings.push_back({PickleRule::kUnknownCall, "shapes.Circle", {}, {}, 0, {}, {}, {}});
  one.pickle.findings.push_back({PickleRule::kUnknownCall, "evil.Thing", {}, {}, 0, {}, {}, {}});
  EXPECT_TRUE(admit(one));
  EXPECT_TRUE(admit(alert(0, "no pickle at all")));
}

}  // namespace
}  // namespace pickletap
