#include "dissectors/pickle/memo.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace pickletap {
namespace {

using Form = PickleMemo::Form;

constexpr uint32_t kDirect = 64;

PickleMemo fresh() {
  PickleMemo memo;
  memo.reset(kDirect);
  return memo;
}

Value global(uint64_t index) { return Value(ValueKind::kGlobal, index); }

TEST(PickleMemo, FindsWhatWasPutAndNothingElse) {
  PickleMemo memo = fresh();
  EXPECT_TRUE(memo.empty());
  memo.put(3, Value::integer(7), Form::kBinary);
  EXPECT_EQ(memo.get(3), Value::integer(7));
  EXPECT_FALSE(memo.get(2));
  EXPECT_FALSE(memo.get(4));
  EXPECT_FALSE(memo.get(kDirect + 1));
  memo.put(3, Value::integer(8), Form::kBinary);
  EXPECT_EQ(memo.get(3), Value::integer(8));
  EXPECT_FALSE(memo.empty());
  memo.reset(kDirect);
  EXPECT_TRUE(memo.empty());
  EXPECT_FALSE(memo.get(3));
}

TEST(PickleMemo, MemoizePutsAtTheNumberOfEntries) {
  PickleMemo memo = fresh();
  memo.put(5, Value::integer(1), Form::kBinary);
  memo.memoize(global(1));
  EXPECT_EQ(memo.get(1), global(1));
  memo.put(1, Value::integer(2), Form::kBinary);  // no new entry
  memo.memoize(global(2));
  EXPECT_EQ(memo.get(2), global(2));
}

TEST(PickleMemo, EntriesBeyondTheDirectOnesAreCountedOnce) {
  PickleMemo memo = fresh();
  for (const uint64_t index : {1000U, 1000U, 64U, 65U, 64U, 66U, 1000U, 70U, 67U, 67U, 68U, 69U}) {
    memo.put(index, Value(ValueKind::kBytes), Form::kBinary);
  }
  memo.memoize(global(1));  // 64 … 70 and 1000 are eight
  EXPECT_EQ(memo.get(8), global(1));
}

TEST(PickleMemo, KeepsCallablesBeyondTheDirectOnes) {
  PickleMemo memo = fresh();
  memo.put(100, global(1), Form::kBinary);
  memo.put(101, Value(ValueKind::kBytes), Form::kBinary);
  EXPECT_EQ(memo.get(100), global(1));
  EXPECT_EQ(memo.get(101), Value(ValueKind::kForgotten));
  // Thousands of instances leave room for what is fetched by name.
  for (uint64_t i = 0; i < 3 * PickleMemo::kMaxFar; ++i) memo.put(200 + i, Value(ValueKind::kResult, i), Form::kBinary);
  memo.put(200 + 3 * PickleMemo::kMaxFar, global(2), Form::kBinary);
  EXPECT_EQ(memo.get(200 + 3 * PickleMemo::kMaxFar), global(2));
  EXPECT_EQ(memo.get(200 + 2 * PickleMemo::kMaxFar), Value(ValueKind::kLost));
}

TEST(PickleMemo, KeepsNamesThatWereUsedBeyondTheDirectOnes) {
  PickleMemo memo = fresh();
  const Value module(ValueKind::kStr, 1), name(ValueKind::kStr, 2), other(ValueKind::kStr, 3);
  memo.put(100, module, Form::kBinary);
  memo.put(101, name, Form::kBinary);
  memo.put(102, other, Form::kBinary);
  memo.keep_name(module);
  memo.keep_name(name);
  for (uint64_t i = 0; i < 100; ++i) memo.put(200 + i, Value(ValueKind::kStr, 10 + i), Form::kBinary);
  EXPECT_EQ(memo.get(100), module);
  EXPECT_EQ(memo.get(101), name);
  EXPECT_EQ(memo.get(102), Value(ValueKind::kForgotten));
}

TEST(PickleMemo, EntryOfTwoMeaningsIsLost) {
  const struct {
    const char* story;
    Form first, second;
    bool same_value;
    bool lost;
  } table[] = {
      {"binary over binary", Form::kBinary, Form::kBinary, false, false},
      {"text over text", Form::kText, Form::kText, false, false},
      {"binary over text", Form::kText, Form::kBinary, false, true},
      {"text over binary", Form::kBinary, Form::kText, false, true},
      {"another spelling", Form::kText, Form::kOther, false, true},
      {"the same value", Form::kText, Form::kBinary, true, false},
  };
  for (const auto& row : table) {
    for (const uint64_t index : {7U, 700U}) {
      PickleMemo memo = fresh();
      memo.put(index, global(1), row.first);
      memo.put(index, row.same_value ? global(1) : global(2), row.second);
      const Value want = row.lost ? Value(ValueKind::kLost) : row.same_value ? global(1) : global(2);
      EXPECT_EQ(memo.get(index), want) << row.story << " at " << index;

      // Where Python 2.7 has raised already there is one memo.
      PickleMemo one = fresh();
      one.leave_python2();
      one.put(index, global(1), row.first);
      one.put(index, global(2), row.second);
      EXPECT_EQ(one.get(index), global(2)) << row.story << " at " << index;
    }
  }
}

TEST(PickleMemo, WordsAreKeysAndEveryValueIsKept) {
  PickleMemo memo = fresh();
  const auto foo = PickleMemo::parse_key("foo");
  const auto bar = PickleMemo::parse_key("bar");
  memo.put(foo->index, Value::integer(1), foo->form);
  EXPECT_EQ(memo.get(foo->index), Value::integer(1));
  EXPECT_FALSE(memo.get(bar->index));
}

TEST(PickleMemo, MemoizeBehindTooManyHolesTrustsNothing) {
  PickleMemo memo = fresh();
  memo.put(0, global(1), Form::kBinary);
  for (uint64_t i = 0; i < PickleMemo::kMaxFar + 10; ++i) {
    memo.put(1000 + 2 * i, Value(ValueKind::kBytes), Form::kBinary);
  }
  EXPECT_EQ(memo.get(0), global(1));  // an optimised pickle of Python 2 may be so
  memo.memoize(global(2));
  EXPECT_EQ(memo.get(0), Value(ValueKind::kLost));
}

TEST(PickleMemo, AgreesWithASimpleModel) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    std::mt19937 random(seed);
    PickleMemo memo = fresh();
    std::map<uint64_t, Value> model;
    for (uint64_t step = 0; step < 3000; ++step) {
      const Value value = random() % 2 == 0 ? global(step % 1000) : Value::integer(static_cast<int64_t>(step));
      const uint64_t index = random() % (step % 3 == 0 ? 3000 : 80);
      if (random() % 4 == 0) {
        model[model.size()] = value;
        memo.memoize(value);
      } else {
        model[index] = value;
        memo.put(index, value, Form::kBinary);
      }
      const uint64_t asked = random() % 3000;
      const auto got = memo.get(asked);
      const auto want = model.find(asked);
      ASSERT_EQ(got.has_value(), want != model.end()) << asked << " seed " << seed;
      if (!got || (asked >= kDirect && !may_be_callable(want->second) && !may_be_callable(*got))) continue;
      ASSERT_EQ(*got, want->second) << asked << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace pickletap
