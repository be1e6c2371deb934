// What lies over what, and what is said of where a value comes from: files, conf.d, environment, --set, options.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>

#include "config/load.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRules[] = {"pickle.code-execution", "pickle.unknown-call"};

class ConfigLayers : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_ / "conf.d"); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const char* name, const char* text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  static std::string origin(const ConfigLoader& loader, std::string_view name) {
    for (const ConfigKey& key : loader.keys()) {
      if (key.name == name) return std::string(loader.origin(key));
    }
    return "no such key";
  }

  void environment(std::initializer_list<const char*> variables) {
    std::vector<const char*> all(variables);
    all.push_back(nullptr);
    loader_.add_environment(all.data());
  }

  template <typename Do>
  static std::string message(Do act) {
    try {
      act();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  }

  const fs::path folder_ = fs::temp_directory_path() / ("pickletap_layers_" + std::to_string(getpid()));
  ConfigLoader loader_{kRules};
};

TEST_F(ConfigLayers, FilesOfConfDLieOverTheFirstInOrder) {
  const std::string first = write("p.yaml", "limits: {flows: 1, pickle_stack: 100}\n");
  const std::string twenty = write("conf.d/20.yaml", "limits: {flows: 20}\n");
  const std::string ten = write("conf.d/10.yaml", "limits: {flows: 10,\n pickle_memo: 100}\npolicy: {safe: s.yaml}\n");
  write("conf.d/30.yaml.bak", "nonsense: 1\n");
  loader_.add_files(first);
  const Config& config = loader_.config();
  EXPECT_EQ(config.limits.flows, 20U);
  EXPECT_EQ(config.limits.pickle_stack, 100U);
  EXPECT_EQ(config.limits.pickle_memo, 100U);
  EXPECT_EQ(config.policy.safe_files, std::vector<std::string>{(folder_ / "conf.d/s.yaml").string()});
  EXPECT_EQ(origin(loader_, "limits.flows"), twenty + ":1");
  EXPECT_EQ(origin(loader_, "limits.pickle_stack"), first + ":1");
  EXPECT_EQ(origin(loader_, "limits.pickle_memo"), ten + ":2");
  EXPECT_EQ(origin(loader_, "limits.frame"), "default");
  const std::string forty = write("conf.d/40.yaml", "\n\nlimits: {flos: 1}\n");
  ConfigLoader again(kRules);
  EXPECT_EQ(message([&] { again.add_files(first); }),
            forty + ":3: limits.flos: no such key (did you mean limits.flows?)");
}

TEST_F(ConfigLayers, EachLiesOverTheOneBefore) {
  loader_.add_files(write("p.yaml", "limits: {flows: 1, frame: 2MiB, pickle_memo: 100}\ncapture: {workers: 2}\n"));
  environment(
      {"HOME=/root", "PICKLETAP_LIMITS_FLOWS=2", "PICKLETAP_LIMITS_PICKLE_MEMO=200", "PICKLETAP_CAPTURE_WORKERS=3"});
  loader_.add_setting("limits.flows=3");
  loader_.add_setting("capture.workers=4");
  loader_.add_setting("capture.workers=5");
  loader_.add_option("--workers", "capture.workers", {"6"});
  EXPECT_EQ(loader_.config().limits.frame_bytes, 2U << 20);
  EXPECT_EQ(loader_.config().limits.pickle_memo, 200U);
  EXPECT_EQ(loader_.config().limits.flows, 3U);
  EXPECT_EQ(loader_.config().capture.workers, 6U);
  EXPECT_EQ(origin(loader_, "limits.pickle_memo"), "environment PICKLETAP_LIMITS_PICKLE_MEMO");
  EXPECT_EQ(origin(loader_, "limits.flows"), "--set");
  EXPECT_EQ(origin(loader_, "capture.workers"), "--workers");
}

TEST_F(ConfigLayers, EnvironmentTakesValuesAsTheyStand) {
  environment({"PICKLETAP_CAPTURE_INTERFACES=[eth0, 'eth1']", "PICKLETAP_CAPTURE_FILTER=ip[0] & 0xf = 5 # or not: 'x'",
               "PICKLETAP_HTTP_LISTEN=[::1]:9502", "PICKLETAP_SENSOR_NAME='in quotes'",
               "PICKLETAP_RULES_PICKLE_UNKNOWN_CALL_ENABLED=false", "PICKLETAP_OUTPUTS_EVE_TYPES=alert",
               "PICKLETAP_OUTPUTS_EVE_FILE=", "PICKLETAP_POLICY_SAFE=", "PICKLETAP_OUTPUTS_SOCKET_TYPES=[]"});
  const Config& config = loader_.config();
  EXPECT_EQ(config.capture.interfaces, (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_EQ(config.capture.filter, "ip[0] & 0xf = 5 # or not: 'x'");
  EXPECT_EQ(config.http.listen, "[::1]:9502");
  EXPECT_EQ(config.sensor.name, "in quotes");
  EXPECT_FALSE(config.rules.at("pickle.unknown-call").enabled);
  EXPECT_EQ(config.outputs.eve.types, kAlertsOnly);
  EXPECT_EQ(config.outputs.eve.file, "");
  EXPECT_TRUE(config.policy.safe_files.empty());
  EXPECT_FALSE(config.outputs.socket.types.alert);
  environment({"PICKLETAP_CAPTURE_INTERFACES=eth2"});
  EXPECT_EQ(config.capture.interfaces, std::vector<std::string>{"eth2"});
}

TEST_F(ConfigLayers, RelativePathsOfTheEnvironmentStartAtTheCurrentFolder) {
  environment({"PICKLETAP_OUTPUTS_EVE_FILE=out/eve.json"});
  EXPECT_EQ(loader_.config().outputs.eve.file, (fs::current_path() / "out/eve.json").string());
}

TEST_F(ConfigLayers, KubernetesVariablesOfAServiceAreNotKeys) {
  environment({"PICKLETAP_SERVICE_HOST=10.96.0.7", "PICKLETAP_SERVICE_PORT=9502", "PICKLETAP_SERVICE_PORT_HTTP=9502",
               "PICKLETAP_PORT=tcp://10.96.0.7:9502", "PICKLETAP_PORT_9502_TCP=tcp://10.96.0.7:9502",
               "PICKLETAP_PORT_9502_TCP_ADDR=10.96.0.7"});
}

TEST_F(ConfigLayers, MistakesNameTheirPlace) {
  const struct {
    const char *variable, *want;
  } variables[] = {
      {"PICKLETAP_LIMITS_FLOW=1",
       "environment variable PICKLETAP_LIMITS_FLOW: no such key (did you mean PICKLETAP_LIMITS_FLOWS?)"},
      {"PICKLETAP_=1", "environment variable PICKLETAP_: no such key"},
      {"PICKLETAP_LIMITS_FLOWS=many",
       "environment variable PICKLETAP_LIMITS_FLOWS: expected a whole number, not 'many'"},
      {"PICKLETAP_CAPTURE_INTERFACES=[a, a]", "environment variable PICKLETAP_CAPTURE_INTERFACES: 'a' is given twice"},
      {"PICKLETAP_CAPTURE_INTERFACES=[a",
       "environment variable PICKLETAP_CAPTURE_INTERFACES: not YAML: end of sequence flow not found"},
      {"PICKLETAP_CAPTURE_INTERFACES=[a, [b]]",
       "environment variable PICKLETAP_CAPTURE_INTERFACES: expected a list of names, not '[a, [b]]'"},
  };
  for (const auto& c : variables) EXPECT_EQ(message([&] { environment({c.variable}); }), c.want);
  const struct {
    const char *setting, *want;
  } settings[] = {
      {"limits.flows", "--set limits.flows: expected KEY=VALUE, such as limits.flows=50000"},
      {"=1", "--set =1: expected KEY=VALUE, such as limits.flows=50000"},
      {"limits.flow=1", "--set limits.flow: no such key (did you mean limits.flows?)"},
      {"limits=1", "--set limits: a section; name one of its keys, such as limits.memory"},
      {"limits.flows=", "--set limits.flows: expected a whole number, not ''"},
      {"outputs.redis.mode=lists", "--set outputs.redis.mode: expected list, publish or stream, not 'lists'"},
      {"rules.pickle.unknown-call.enabled=maybe",
       "--set rules.pickle.unknown-call.enabled: expected true or false, not 'maybe'"},
  };
  for (const auto& c : settings) EXPECT_EQ(message([&] { loader_.add_setting(c.setting); }), c.want);
  EXPECT_EQ(message([&] { loader_.add_option("--workers", "capture.workers", {"0"}); }),
            "--workers: '0' is out of range (1 to 64)");
}

}  // namespace
}  // namespace pickletap
