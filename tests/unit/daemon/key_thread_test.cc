#include "sensor/daemon/key_thread.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace pickletap {
namespace {

using namespace std::chrono_literals;

Exchange exchange_with(const std::string& key) {
  const std::string message = "{sha256}" + std::string(40, 'm');
  Exchange exchange{Digest::kSha256, {message.begin(), message.end()}, std::vector<uint8_t>(32)};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), exchange.message.data(), exchange.message.size(),
       exchange.mac.data(), &length);
  return exchange;
}

WeakKeyList list_of(size_t keys) {
  std::string text;
  for (size_t i = 0; i < keys; ++i) text += "key" + std::to_string(i) + "\n";
  WeakKeyList list;
  list.add_text("keys", text);
  return list;
}

/// Verdicts as they come.
class Taken {
 public:
  KeyThread::Deliver deliver() {
    return [this](const KeyVerdict& verdict) {
      const std::lock_guard lock(mutex_);
      verdicts_.push_back(verdict);
      came_.notify_all();
      return true;
    };
  }
  std::vector<KeyVerdict> wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, 30s, [&] { return verdicts_.size() >= count; });
    return verdicts_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<KeyVerdict> verdicts_;
};

TEST(KeyThread, FindsAListedKeyAndOnlyThat) {
  Taken taken;
  KeyThread thread(list_of(5000), 100, taken.deliver());
  thread.start([] {});
  EXPECT_FALSE(thread.check({{}, exchange_with("key4321")}));
  EXPECT_FALSE(thread.check({{}, exchange_with("no such key")}));
  const auto verdicts = taken.wait_for(2);
  ASSERT_EQ(verdicts.size(), 2U);
  EXPECT_TRUE(verdicts[0].found);
  EXPECT_EQ(verdicts[0].key, "key4321");
  EXPECT_EQ(verdicts[0].place, "keys:4322");
  EXPECT_EQ(verdicts[0].tried, 4322U);
  EXPECT_FALSE(verdicts[1].found || verdicts[1].given_up);
  EXPECT_EQ(verdicts[1].tried, 5000U);
}

TEST(KeyThread, GivesUpAtOnceWhatItHasNoRoomFor) {
  Taken taken;
  KeyThread thread(list_of(1), 100, taken.deliver());  // not started: nothing is taken out
  for (size_t i = 0; i < KeyThread::kMaxJobs; ++i) EXPECT_FALSE(thread.check({{}, exchange_with("a")}));
  const auto verdict = thread.check({{}, exchange_with("a")});
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->given_up);
}

TEST(KeyThread, StopsInTheMiddleOfALongList) {
  Taken taken;
  KeyThread thread(list_of(200'000), 1, taken.deliver());  // minutes of it
  thread.start([] {});
  thread.check({{}, exchange_with("no such key")});
  thread.stop();
  const auto verdicts = taken.wait_for(0);
  for (const KeyVerdict& verdict : verdicts) EXPECT_TRUE(verdict.given_up);
}

TEST(KeyThread, TakesANewList) {
  Taken taken;
  KeyThread thread(list_of(10), 100, taken.deliver());
  const uint64_t before = thread.version();
  WeakKeyList next;
  next.add_text("keys", "other\n");
  thread.set_list(std::move(next));
  EXPECT_NE(thread.version(), before);
  thread.start([] {});
  thread.check({{}, exchange_with("other")});
  const auto verdicts = taken.wait_for(1);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_TRUE(verdicts[0].found);
  EXPECT_EQ(verdicts[0].version, thread.version());
}

}  // namespace
}  // namespace pickletap
