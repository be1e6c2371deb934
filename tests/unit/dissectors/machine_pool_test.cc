// Pickles left open in many flows: bounded memory, and no verdict that is milder for it.
#include "dissectors/pickle/machine_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/dissectors/conversation.h"
#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;

std::string repeated(const std::string& unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

/// What fills a machine's memory, each in its way.
std::vector<std::string> fillers() {
  std::vector<std::string> found;
  for (const std::string& unit : {"K\x01\x94"s, "K\x01"s, "("s, "}"s, "\x8c\x40"s + std::string(64, 'x'),
                                  "cos\nsystem\n"s, "(K\x01K\x02t\x94"s, "Vabcdefgh\\u0041\n"s}) {
    found.push_back("\x80\x04" + repeated(unit, 100000));
  }
  std::string names = "\x80\x04";
  for (int i = 0; names.size() < 100000; ++i) names += "cmod" + std::to_string(i) + "\nname\n)R";
  found.push_back(names);
  std::string far = "\x80\x04";
  for (unsigned i = 0; far.size() < 100000; ++i) {
    const unsigned index = 40000 + 7 * i;
    far += "cos\nx\nr" +
           std::string{static_cast<char>(index), static_cast<char>(index >> 8), static_cast<char>(index >> 16), '\0'};
  }
  found.push_back(far);
  return found;
}

class MachinePoolTest : public testing::Test {
 protected:
  /// Leaves `count` pickles open, each fed `bytes` in pieces, in turn.
  void leave_open(size_t count, size_t bytes, size_t piece) {
    const auto all = fillers();
    const size_t first = leases_.size();
    for (size_t i = 0; i < count; ++i) {
      leases_.push_back(std::make_unique<MachineLease>());
      leases_.back()->acquire(pool_);
      (*leases_.back())->begin(1 << 20);
    }
    for (size_t at = 0; at < bytes; at += piece) {
      for (size_t i = first; i < leases_.size(); ++i) {
        MachineLease& lease = *leases_[i];
        lease.resume();
        if (!lease) continue;
        const std::string& filler = all[i % all.size()];
        lease->feed(truth::bytes_of(filler).subspan(at, piece));
        lease.wait();
        // One machine may be above what it was the last time anybody looked.
        ASSERT_LE(pool_.counters().waiting_bytes, limits_.pickle_machines_bytes + lease->memory_bytes());
      }
    }
  }

  DissectorLimits limits_ = [] {
    DissectorLimits limits;
    limits.pickle_machines_bytes = 4 << 20;
    return limits;
  }();
  PickleMachinePool pool_{truth::builtin_policy(), limits_};
  std::vector<std::unique_ptr<MachineLease>> leases_;
};

TEST_F(MachinePoolTest, GivesMachinesBack) {
  MachineLease lease;
  EXPECT_FALSE(lease);
  lease.acquire(pool_);
  PickleMachine* const first = &*lease;
  lease->begin(10);
  lease->feed(truth::bytes_of("\x80\x04K\x01"s));
  lease.wait();
  EXPECT_EQ(pool_.counters().waiting, 1U);
  EXPECT_EQ(pool_.counters().waiting_bytes, first->memory_bytes());
  lease.resume();
  EXPECT_EQ(pool_.counters().waiting_bytes, 0U);
  lease.wait();
  lease.release();
  EXPECT_EQ(pool_.counters().waiting, 0U);
  MachineLease other;
  other.acquire(pool_);
  EXPECT_EQ(&*other, first);
}

TEST_F(MachinePoolTest, FewOpenPicklesAreNotLimited) {
  leave_open(3, 50000, 1000);
  EXPECT_EQ(pool_.counters().limited, 0U);
  EXPECT_EQ(pool_.counters().taken_away, 0U);
  EXPECT_EQ(pool_.counters().waiting, 3U);
  leases_.clear();
  EXPECT_EQ(pool_.counters().waiting_bytes, 0U);
}

TEST_F(MachinePoolTest, ManyOpenPicklesStayWithinTheBudget) {
  leave_open(60, 90000, 1400);
  EXPECT_GT(pool_.counters().limited, 10U);
  EXPECT_LE(pool_.counters().waiting_bytes, limits_.pickle_machines_bytes);
  leave_open(2000, 3000, 1400);
  EXPECT_LE(pool_.counters().waiting_bytes, limits_.pickle_machines_bytes);
  EXPECT_GT(pool_.counters().taken_away, 1000U);
  uint64_t waiting = 0, gone = 0;
  for (const auto& lease : leases_) {
    waiting += *lease ? 1 : 0;
    gone += lease->was_taken_away() ? 1 : 0;
    EXPECT_FALSE(*lease && lease->was_taken_away());
  }
  EXPECT_EQ(waiting, pool_.counters().waiting);
  EXPECT_EQ(gone, pool_.counters().taken_away);
  leases_.clear();
  EXPECT_EQ(pool_.counters().waiting_bytes, 0U);
}

// What is limited forgets; it does not take what it forgot for harmless, and reads on to the end.
TEST_F(MachinePoolTest, ALimitedPickleIsNeverJudgedMoreMildly) {
  leave_open(40, 60000, 1400);
  ASSERT_GT(pool_.counters().limited, 0U);
  const std::string stack = "\x80\x04" + repeated("K\x01", 3000), memo = "\x80\x04" + repeated("K\x01\x94", 6000);
  const std::string evil = "cposix\nsystem\n\x8c\x02id\x85R.";
  const struct {
    const char* what;
    std::string before, after;
  } rows[] = {
      {"named right before", stack, evil},
      {"the callable is older than what is kept",
       "\x80\x04"
       "cposix\nsystem\n\x8c\x02id" +
           repeated("K\x01", 60000),
       repeated("0", 30000) + "\x85R."},
      {"the callable stands in an old memo entry",
       "\x80\x04"
       "cposix\nsystem\n\x94" +
           memo.substr(2),
       "h\0"s + "\x8c\x02id\x85R."},
      {"the callable stands in a late memo entry", memo,
       "cposix\nsystem\nr\xff\x7f\0\0000j\xff\x7f\0\0\x8c\x02id\x85R."s},
      {"the callable stands beyond the usual entries",
       "\x80\x04"
       "cposix\nsystem\nr\0\0\1\0000"s +
           memo.substr(2),
       "j\0\0\1\0\x8c\x02id\x85R."s},
      {"a name from the memo", "\x80\x04\x8c\x05posix\x94\x8c\x06system\x94" + memo.substr(2),
       "h\0h\1\x93\x8c\x02id\x85R."s},
  };
  for (const auto& row : rows) {
    MachineLease lease;
    lease.acquire(pool_);
    lease->begin(row.before.size() + row.after.size());
    const auto feed = [&](const std::string& bytes) {
      for (size_t at = 0; at < bytes.size(); at += 1000) {
        lease.resume();
        lease->feed(truth::bytes_of(bytes).subspan(at, std::min<size_t>(1000, bytes.size() - at)));
        lease.wait();
        ASSERT_TRUE(lease) << row.what;
      }
    };
    const uint64_t limited = pool_.counters().limited;
    feed(row.before);
    EXPECT_EQ(pool_.counters().limited, limited + 1) << row.what;
    feed(row.after);
    lease.resume();
    lease->finish();
    const PickleReport report = lease->report(true);
    EXPECT_EQ(report.end, PickleEnd::kStop) << row.what << ": " << report.end_reason;
    const bool told = std::any_of(report.findings.begin(), report.findings.end(), [](const PickleFinding& finding) {
      return finding.rule == PickleRule::kCodeExecution || finding.rule == PickleRule::kUnknownCall;
    });
    EXPECT_TRUE(told) << row.what;
  }
}

TEST(MachineLimits, APickleTakenAwayIsToldAsNotFollowed) {
  const std::string pickle = "\x80\x04]" + repeated("N", 1000) + truth::attack().substr(2);
  DissectorLimits limits;
  limits.pickle_machines_bytes = 1;
  truth::Conversation talk(true, false, limits);
  talk.client(truth::frame(truth::harmless()));
  talk.client(truth::frame(pickle).substr(0, 500));
  talk.client(truth::frame(pickle).substr(500, 10));
  const std::string answer = "\x80\x04" + repeated("N", 2000) + ".";
  talk.server(truth::frame(answer).substr(0, 600));
  talk.server(truth::frame(answer).substr(600, 600));
  EXPECT_FALSE(talk.has("pickle.evasion"));
  talk.client(truth::frame(pickle).substr(510));
  EXPECT_EQ(talk.count("pickle.evasion"), 1U) << talk.all();
  const auto& seen = std::get<PickleSeen>(talk.observations.back().fact);
  EXPECT_EQ(seen.report.findings.at(0).reason,
            "was not followed: more pickles were open at once than the sensor has memory for");
  // The next one is read as ever.
  talk.client(truth::frame(truth::attack()));
  EXPECT_EQ(talk.count("pickle.code-execution"), 1U) << talk.all();
  EXPECT_EQ(talk.count("pickle.evasion"), 1U);
  // And the other side's, whose machine stayed.
  talk.server(truth::frame(answer).substr(1200));
  EXPECT_EQ(talk.count("pickle.evasion"), 1U) << talk.all();
}

TEST(MachineLimits, WhatIsNoPickleIsNotMissed) {
  const std::string bytes = "]" + std::string(1000, '\xff');  // an opcode, and then none
  DissectorLimits limits;
  limits.pickle_machines_bytes = 1;
  truth::Conversation talk(true, false, limits);
  talk.client(truth::frame(truth::harmless()));
  talk.client(truth::frame(bytes).substr(0, 500));
  talk.client(truth::frame(bytes).substr(500, 10));
  const std::string answer = "\x80\x04" + repeated("N", 2000) + ".";
  talk.server(truth::frame(answer).substr(0, 600));
  talk.server(truth::frame(answer).substr(600, 600));
  talk.client(truth::frame(bytes).substr(510));
  EXPECT_FALSE(talk.has("pickle.evasion")) << talk.all();
}

// A flow that is not yet known to be ours is not given up for a message that could not be read.
TEST(MachineLimits, AnUndecidedFlowStaysUndecided) {
  const std::string pickle = "]" + repeated("N0", 1000) + ".";
  DissectorLimits limits;
  limits.pickle_machines_bytes = 1;
  truth::Conversation talk(true, false, limits);
  for (int i = 0; i < 20; ++i) {
    talk.client(truth::frame(pickle).substr(0, 500));
    talk.client(truth::frame(pickle).substr(500, 10));
    talk.server(truth::frame(pickle).substr(0, 500));
    talk.server(truth::frame(pickle).substr(500, 10));
    talk.client(truth::frame(pickle).substr(510));
    talk.server(truth::frame(pickle).substr(510));
  }
  EXPECT_EQ(talk.state(), Probe::kNeedMore);
  talk.client(truth::frame(truth::attack()));
  EXPECT_TRUE(talk.has("pickle.code-execution")) << talk.all();
  EXPECT_TRUE(talk.has("pickle.evasion")) << talk.all();
}

}  // namespace
}  // namespace pickletap
