// Digests as CPython 3.13 makes them: multiprocessing.connection._create_response(key, challenge) for every digest, the
// bare form before 3.12 included. Challenges: 20 bytes 100…119 bare, 40 bytes 60…99 behind a name.
#include "sensor/detect/key_trial.h"

#include <gtest/gtest.h>

#include <string>

namespace pickletap {
namespace {

struct Row {
  Digest digest;
  std::string key, prefix, mac;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {Digest::kMd5, "secret password", "", "c4e1aa12e91fff0f441e494ff672adf7"},
      {Digest::kMd5, "", "", "a39fd8000e30aa5c85c57aa2bafd3492"},
      {Digest::kMd5, std::string(200, 'k'), "", "9aefbb28bdc2196eedb89a1a00a0de76"},
      {Digest::kMd5, "secret password", "{md5}", "101fc0bf6037d314169576a93f5aa926"},
      {Digest::kMd5, "", "{md5}", "a9c1590172c0685c1257008ec9ad185c"},
      {Digest::kMd5, std::string(200, 'k'), "{md5}", "b90eb058b7496061b335be3b7825cb16"},
      {Digest::kSha256, "secret password", "{sha256}",
       "8a6fc9816fe945af641dd8d6e18e1909ad78dea40d9a462dd37419b384e954ce"},
      {Digest::kSha256, "", "{sha256}", "1dcdb88382680ce9cf9fbbcf683e86c7ca13b4fcd527e2f9857bef3549a2c4cb"},
      {Digest::kSha256, std::string(200, 'k'), "{sha256}",
       "ac9ba783dd05d8717060e3de7b9dc073d9115498e86180e9dc1e71b42d651398"},
      {Digest::kSha384, "secret password", "{sha384}",
       "45a86121710ac3d245cc116485e6b7e7f8a85e831b32fc4c91251b935c533b1c3333c049d383f1796aecfe7b72faef5f"},
      {Digest::kSha384, "", "{sha384}",
       "aa3bb841de0da1a914d19ed926bcd6e859158e6d71de38033b7fa5c779be7c9380abf02a1224de7d07cea994a02c8459"},
      {Digest::kSha384, std::string(200, 'k'), "{sha384}",
       "05f3253f782ded8a26d8e7713f3487d5600b073cfa497fc0c8c3431b4ec37bd670b5c40ab657a9e58134adb40a4752a0"},
      {Digest::kSha3_256, "secret password", "{sha3_256}",
       "3902ba74bd374322f7cd077bc0fa11926ed2b228b0e7dbd8ed054e269da05105"},
      {Digest::kSha3_256, "", "{sha3_256}", "e5eb36b074f2d8ce0df6f4ef12a52bc16bfc8cb7ad74982cf0f6c9413241c411"},
      {Digest::kSha3_256, std::string(200, 'k'), "{sha3_256}",
       "b5e9b51cf4b7b05540dc0a58500263b91667e94e5627e4454d36f7922605ac87"},
      {Digest::kSha3_384, "secret password", "{sha3_384}",
       "e0d393b5bfcade864f144fb5f05b7f3825d8ee4398420e86efec0de8c9804f8f161a57c755f9a7b92262ae379c863d34"},
      {Digest::kSha3_384, "", "{sha3_384}",
       "5d4245df853bf81db58a659d9f148ba6fd48be70ac63629be6d0eebd9ce8d3b0138bc39ab14fd0109a9b8d5690234796"},
      {Digest::kSha3_384, std::string(200, 'k'), "{sha3_384}",
       "d4cd37845fee1f2b24d4fe989a6a950ad3c7e08946b902b2f8c7551d83b7e767c7199a5a93a891ec9f7d4adaefe1389c"},
  };
  return all;
}

std::vector<uint8_t> from_hex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Exchange exchange_of(const Row& row) {
  Exchange exchange{row.digest, {row.prefix.begin(), row.prefix.end()}, from_hex(row.mac)};
  const int first = row.prefix.empty() ? 100 : 60, count = row.prefix.empty() ? 20 : 40;
  for (int i = 0; i < count; ++i) exchange.message.push_back(static_cast<uint8_t>(first + i));
  return exchange;
}

TEST(KeyTrial, FindsTheKeyOfEveryDigestAndNoOther) {
  KeyTrial trial;
  for (const Row& row : rows()) {
    ASSERT_TRUE(trial.begin(exchange_of(row)));
    EXPECT_TRUE(trial.matches(row.key)) << to_text(row.digest) << " '" << row.key << "'";
    EXPECT_FALSE(trial.matches(row.key + "x"));
    EXPECT_FALSE(trial.matches("secret passwore"));
  }
}

TEST(KeyTrial, TriesTheRangeItIsGiven) {
  WeakKeyList list;
  list.add_text("keys", "one\ntwo\nsecret password\nfour\n");
  KeyTrial trial;
  ASSERT_TRUE(trial.begin(exchange_of(rows().front())));
  EXPECT_EQ(trial.find(list, 0, 4), 2U);
  EXPECT_EQ(trial.find(list, 0, 2), 2U);  // none: the end
  EXPECT_EQ(trial.find(list, 3, 4), 4U);
}

TEST(KeyTrial, RefusesWhatIsNoExchange) {
  KeyTrial trial;
  Exchange exchange = exchange_of(rows().front());
  exchange.mac.pop_back();
  EXPECT_FALSE(trial.begin(exchange));
  exchange = exchange_of(rows().front());
  exchange.digest = Digest::kUnknown;
  EXPECT_FALSE(trial.begin(exchange));
  exchange = exchange_of(rows().front());
  exchange.message.assign(300, 0);
  EXPECT_FALSE(trial.begin(exchange));
}

}  // namespace
}  // namespace pickletap
