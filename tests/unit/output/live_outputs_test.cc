#include "sensor/output/live_outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

using testing::HasSubstr;

class LiveOutputsTest : public waiting::OutputTest {
 protected:
  /// What is wrong with `config`; empty when nothing is.
  static std::string trouble(const Config& config) {
    try {
      make_live_outputs(config);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return {};
  }
};

TEST_F(LiveOutputsTest, AreThoseThatHaveAPlaceInAFixedOrder) {
  Config config;
  config.outputs.eve.file.clear();
  EXPECT_TRUE(make_live_outputs(config).empty());
  config.outputs.eve.file = path("eve.json");
  config.outputs.syslog.address = "udp://127.0.0.1";
  config.outputs.syslog.types = kAlertsOnly;
  config.outputs.socket.path = path("eve.sock");
  config.outputs.redis.address = "[::1]";
  config.outputs.redis.types.flow = true;
  const auto outputs = make_live_outputs(config);
  ASSERT_EQ(outputs.size(), 4U);
  const std::string_view names[] = {"file", "syslog", "socket", "redis"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(outputs[i].output->name(), names[i]);
    EXPECT_EQ(outputs[i].uses_network, i > 0);
    EXPECT_TRUE(outputs[i].output->state().up);
    EXPECT_FALSE(outputs[i].output->failed());
  }
  EXPECT_FALSE(outputs[1].types.stats);
  EXPECT_TRUE(outputs[3].types.flow);
  EXPECT_FALSE(std::filesystem::exists(path("eve.json"))) << "opens nothing yet";
  config.outputs.eve.file = "-";
  EXPECT_EQ(make_live_outputs(config)[0].output->name(), "stdout");
}

TEST_F(LiveOutputsTest, NameTheKeyThatIsWrong) {
  const auto with = [](const std::function<void(Config&)>& change) {
    Config config;
    change(config);
    return trouble(config);
  };
  EXPECT_EQ(with([](Config&) {}), "");
  EXPECT_THAT(with([](Config& c) { c.outputs.syslog.address = "loghost"; }),
              HasSubstr("outputs.syslog.address: \"loghost\" is no address"));
  EXPECT_THAT(with([](Config& c) {
                c.outputs.syslog.address = "udp://loghost";
                c.outputs.syslog.facility = "Local0";
              }),
              HasSubstr("outputs.syslog.facility: \"Local0\""));
  EXPECT_THAT(with([](Config& c) { c.outputs.socket.path = "relative"; }), HasSubstr("outputs.socket.path: "));
  EXPECT_THAT(with([](Config& c) { c.outputs.redis.address = "::1"; }), HasSubstr("outputs.redis.address: \"::1\""));
  const auto redis = [&](const std::function<void(Config::Redis&)>& change) {
    return with([&](Config& c) {
      c.outputs.redis.address = "127.0.0.1";
      change(c.outputs.redis);
    });
  };
  EXPECT_EQ(redis([](Config::Redis&) {}), "");
  EXPECT_THAT(redis([](Config::Redis& r) { r.mode = "set"; }), HasSubstr("outputs.redis.mode: \"set\""));
  EXPECT_THAT(redis([](Config::Redis& r) { r.key.clear(); }), HasSubstr("outputs.redis.key: "));
  EXPECT_THAT(redis([](Config::Redis& r) { r.username = "u"; }), HasSubstr("outputs.redis.username: "));
}

TEST_F(LiveOutputsTest, ReadThePasswordFileAtOnce) {
  const auto with_file = [&](const std::string& file) {
    Config config;
    config.outputs.redis.address = "127.0.0.1";
    config.outputs.redis.password_file = file;
    return trouble(config);
  };
  EXPECT_EQ(with_file(path("missing")),
            "outputs.redis.password_file: " + path("missing") + ": No such file or directory");
  std::ofstream(path("empty")) << "\n";
  EXPECT_THAT(with_file(path("empty")), HasSubstr("holds no password"));
  std::ofstream(path("long")) << std::string(5000, 'x');
  EXPECT_THAT(with_file(path("long")), HasSubstr("longer than 4096 bytes"));
  std::ofstream(path("good")) << "secret\n";
  EXPECT_EQ(with_file(path("good")), "");
}

}  // namespace
}  // namespace pickletap
