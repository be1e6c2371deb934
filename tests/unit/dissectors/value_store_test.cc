#include "dissectors/pickle/value_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using truth::bytes_of;

constexpr uint32_t kSmall = 8192;  // the least a ring takes

Value add(ValueStore& store, std::string_view text, ValueKind kind = ValueKind::kStr) {
  return store.texts().add(kind, bytes_of(text), text.size());
}

ValueStore fresh(uint32_t max_bytes = kSmall) {
  ValueStore store;
  store.reset(max_bytes);
  return store;
}

TEST(ValueStore, GivesBackTextsAndTheirFullLength) {
  ValueStore store = fresh();
  const Value empty = add(store, "");
  const Value text = add(store, "posix");
  const Value cut = store.texts().add(ValueKind::kBytes, bytes_of("begin"), 1 << 20);
  EXPECT_EQ(store.text(empty)->text, "");
  EXPECT_TRUE(store.text(empty)->whole());
  EXPECT_EQ(store.text(text)->text, "posix");
  EXPECT_EQ(store.text(cut)->text, "begin");
  EXPECT_EQ(store.text(cut)->full_length, 1U << 20);
  EXPECT_FALSE(store.text(cut)->whole());
  EXPECT_TRUE(cut.is(ValueKind::kBytes));
}

TEST(ValueStore, RingForgetsTheOldestAndSaysSo) {
  ValueStore store = fresh();
  const Value first = add(store, "first");
  const Value list = store.add_container(ValueKind::kList, std::array{first});
  for (int i = 0; i < 200; ++i) add(store, std::string(64, 'x'));
  for (int i = 0; i < 500; ++i) store.add_container(ValueKind::kTuple, std::array{first, first});
  const Value last = add(store, "last");
  EXPECT_FALSE(store.text(first));
  EXPECT_FALSE(store.items(list));
  EXPECT_EQ(store.text(last)->text, "last");
  EXPECT_TRUE(first.is(ValueKind::kStr));  // the kind stays
}

TEST(ValueStore, PinnedNamesSurviveUpToAMaximum) {
  ValueStore store = fresh();
  const Value name = add(store, "subprocess");
  store.pin(name);
  store.pin(name);
  const Value cut = store.texts().add(ValueKind::kStr, bytes_of("begin"), 9999);
  store.pin(cut);  // a name that is not whole is no name
  std::vector<Value> many;
  for (uint32_t i = 0; i < 2 * TextLog::kMaxPinned; ++i) {
    many.push_back(add(store, "name" + std::to_string(i)));
    store.pin(many.back());
  }
  for (int i = 0; i < 200; ++i) add(store, std::string(64, 'x'));
  EXPECT_EQ(store.text(name)->text, "subprocess");
  EXPECT_FALSE(store.text(cut));
  const auto kept = static_cast<size_t>(
      std::count_if(many.begin(), many.end(), [&](Value value) { return store.text(value).has_value(); }));
  EXPECT_EQ(kept, TextLog::kMaxPinned - 1);
  store.reset(kSmall);
  EXPECT_EQ(store.text(add(store, "new"))->text, "new");
}

TEST(ValueStore, ContainersGrowAndKeepTheirFirstItems) {
  for (const ValueKind kind : {ValueKind::kList, ValueKind::kDict, ValueKind::kSet}) {
    ValueStore store = fresh();
    const Value container = store.add_container(kind, {});
    for (int64_t i = 0; i < 100; ++i) store.extend(container, std::array{Value::integer(i)});
    const auto items = store.items(container);
    ASSERT_TRUE(items);
    EXPECT_EQ(items->total, 100U);
    ASSERT_EQ(items->kept.size(), ValueStore::kMaxItems);
    for (size_t i = 0; i < items->kept.size(); ++i) EXPECT_EQ(items->kept[i].as_integer(), static_cast<int64_t>(i));
  }
}

TEST(ValueStore, ContainersTakeManyItemsAtOnce) {
  ValueStore store = fresh();
  std::vector<Value> many;
  for (int64_t i = 0; i < 70000; ++i) many.push_back(Value::integer(i));
  const Value tuple = store.add_container(ValueKind::kTuple, many);
  EXPECT_EQ(store.items(tuple)->total, 70000U);
  EXPECT_EQ(store.items(tuple)->kept.size(), ValueStore::kMaxItems);
  const Value list = store.add_container(ValueKind::kList, std::span(many).first(3));
  store.extend(list, many);
  EXPECT_EQ(store.items(list)->total, 70003U);
  EXPECT_EQ(store.items(list)->kept[15].as_integer(), 12);
}

TEST(ValueStore, EmptyTupleNeedsNoRoom) {
  ValueStore store = fresh();
  const Value tuple = store.add_container(ValueKind::kTuple, {});
  EXPECT_TRUE(tuple.is(ValueKind::kEmptyTuple));
  ASSERT_TRUE(store.items(tuple));
  EXPECT_EQ(store.items(tuple)->total, 0U);
}

TEST(ValueStore, OutgrownContainerIsFoundUnderItsOldHandle) {
  ValueStore store = fresh();
  const Value list = store.add_container(ValueKind::kList, {});
  const Value other = add(store, "between");
  for (int64_t i = 0; i < 12; ++i) store.extend(list, std::array{Value::integer(i)});
  EXPECT_EQ(store.items(list)->total, 12U);
  EXPECT_EQ(store.text(other)->text, "between");
}

// A handle is made by the machine, yet what it is used for is the pickle's choice: REDUCE with a text for arguments.
TEST(ValueStore, HandlesAreOnlyGoodForWhatTheyAre) {
  ValueStore store = fresh();
  const Value text = add(store, std::string(4000, '\xff'));
  const Value list = store.add_container(ValueKind::kList, std::array{Value::integer(1)});
  EXPECT_FALSE(store.items(text));
  EXPECT_FALSE(store.text(list));
  for (const ValueKind kind : {ValueKind::kInt, ValueKind::kGlobal, ValueKind::kResult, ValueKind::kNone,
                               ValueKind::kOmitted, ValueKind::kLost, ValueKind::kBool, ValueKind::kFloat}) {
    const Value value(kind, text.payload());
    EXPECT_FALSE(store.items(value));
    EXPECT_FALSE(store.text(value));
    store.extend(value, std::array{Value::integer(2)});
  }
  EXPECT_EQ(store.text(text)->text, std::string(4000, '\xff'));
  EXPECT_EQ(store.items(list)->total, 1U);
}

TEST(ValueStore, MemoryNeverExceedsItsMaximum) {
  for (const uint32_t max_bytes : {0U, 1U, 8192U, 10000U, 65536U, 262144U, 1000000U}) {
    ValueStore store = fresh(max_bytes);
    const auto share = static_cast<size_t>(max_bytes * ValueStore::kMaxShare);
    const size_t bound = std::max<size_t>(ValueStore::kLeastBytes, share) + ValueStore::kSlackBytes;
    for (int i = 0; i < 3000; ++i) {
      add(store, std::string(OpReader::kMaxText - static_cast<size_t>(i % 7), 'x'));
      ASSERT_LE(store.memory_bytes(), bound);
    }
    store.reset(max_bytes);
    add(store, "x");
    EXPECT_LE(store.memory_bytes(), bound);
  }
}

TEST(ValueStore, SmallPicklesTakeLittle) {
  ValueStore store = fresh(262144);
  for (int i = 0; i < 10; ++i) add(store, "word");
  EXPECT_LE(store.memory_bytes(), 8192U + ValueStore::kSlackBytes);
  for (int i = 0; i < 100000; ++i) add(store, "word");
  store.reset(262144);  // a large ring is given back
  EXPECT_LE(store.memory_bytes(), 65536U + ValueStore::kSlackBytes);
}

// Against maps that forget nothing: what the store still gives is right, and the latest is always there.
TEST(ValueStore, AgreesWithASimpleModel) {
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    std::mt19937 random(seed);
    ValueStore store = fresh(seed % 2 == 0 ? kSmall : 65536);
    std::vector<std::pair<Value, std::string>> texts;
    std::vector<std::pair<Value, std::vector<Value>>> lists;
    lists.emplace_back(store.add_container(ValueKind::kList, {}), std::vector<Value>());
    for (int step = 0; step < 6000; ++step) {
      const unsigned what = random() % 4;
      if (what == 0) {
        std::string text(random() % 300, static_cast<char>('a' + random() % 26));
        texts.emplace_back(add(store, text), text);
        ASSERT_EQ(store.text(texts.back().first)->text, text);
      } else if (what == 1) {
        std::vector<Value> items(random() % 20, Value::integer(step));
        lists.emplace_back(store.add_container(ValueKind::kList, items), items);
        ASSERT_EQ(store.items(lists.back().first)->total, items.size());
      } else if (what == 2) {
        auto& [list, items] = lists[lists.size() - 1 - random() % std::min<size_t>(lists.size(), 30)];
        const std::vector<Value> more(1 + random() % 5, Value::integer(-step));
        if (store.items(list)) items.insert(items.end(), more.begin(), more.end());
        store.extend(list, more);
      } else if (!texts.empty()) {
        const auto& [value, text] = texts[random() % texts.size()];
        const auto known = store.text(value);
        if (known) {
          ASSERT_EQ(known->text, text);
        }
        const auto& [list, items] = lists[random() % lists.size()];
        const auto kept = store.items(list);
        if (!kept) continue;
        ASSERT_EQ(kept->total, items.size());
        ASSERT_EQ(kept->kept.size(), std::min<size_t>(items.size(), ValueStore::kMaxItems));
        ASSERT_TRUE(std::equal(kept->kept.begin(), kept->kept.end(), items.begin()));
      }
    }
  }
}

}  // namespace
}  // namespace pickletap
