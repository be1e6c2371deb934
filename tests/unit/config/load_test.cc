#include "config/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/values.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRules[] = {"pickle.code-execution", "pickle.unknown-call", "exposure.unauthenticated"};

Config applied(const std::string& yaml) {
  Config config;
  apply_config(yaml, "/etc/pickletap/p.yaml", kRules, config);
  return config;
}

/// All there is in a configuration, to compare two.
std::string all_of(const Config& c) {
  std::string out = c.sensor.name + "|" + c.capture.filter;
  const auto add = [&out](uint64_t n) { out += "|" + std::to_string(n); };
  for (const uint64_t n :
       {c.limits.memory_bytes, uint64_t{c.limits.flows}, c.limits.frame_bytes, c.limits.out_of_order_bytes,
        uint64_t{c.limits.pickle_stack}, uint64_t{c.limits.pickle_memo}, uint64_t{c.limits.pickle_depth},
        uint64_t{c.limits.pickle_text_bytes}, uint64_t{c.stream.handshake_timeout_s}, uint64_t{c.stream.idle_timeout_s},
        uint64_t{c.stream.ignored_timeout_s}, uint64_t{c.stream.closed_timeout_s}}) {
    add(n);
  }
  for (const auto* files : {&c.policy.dangerous_files, &c.policy.safe_files}) {
    out += "|files";
    for (const std::string& file : *files) out += " " + file;
  }
  for (const auto& [name, rule] : c.rules) {
    out += "|" + name + (rule.enabled ? " on " : " off ") + std::to_string(rule.severity);
  }
  const EventTypes& t = c.outputs.eve_types;
  for (const bool type : {t.alert, t.listener, t.stats, t.python_mp, t.flow, t.anomaly}) add(type ? 1 : 0);
  return out;
}

TEST(Config, ShippedFileHasEveryKeyAtItsDefault) {
  const std::string file = std::string(PICKLETAP_SOURCE_DIR) + "/config/pickletap.yaml";
  EXPECT_EQ(all_of(load_config(file, kRules)), all_of(Config()));
  // And no key is missing: laid over a configuration with nothing at its default it restores them all.
  Config other;
  other.sensor.name = other.capture.filter = "x";
  auto& l = other.limits;
  l.memory_bytes = l.frame_bytes = l.out_of_order_bytes = 1;
  l.flows = l.pickle_stack = l.pickle_memo = l.pickle_depth = l.pickle_text_bytes = 1;
  auto& s = other.stream;
  s.handshake_timeout_s = s.idle_timeout_s = s.ignored_timeout_s = s.closed_timeout_s = 1;
  other.policy.dangerous_files = other.policy.safe_files = {"x"};
  other.outputs.eve_types = {false, false, false, true, true, true};
  apply_config_file(file, kRules, other);
  EXPECT_EQ(all_of(other), all_of(Config()));
}

TEST(Config, ReadsEveryKindOfValue) {
  const Config config = applied(
      "sensor: {name: tap-1}\n"
      "capture: {filter: \"net 10.0.0.0/8\"}\n"
      "limits: {memory: 64MiB, frame: 1GB, out_of_order: 65536, flows: 1_000, pickle_text: 8KiB}\n"
      "stream: {idle_timeout: 90m, closed_timeout: 1s}\n"
      "policy: {dangerous: more.yaml, safe: [a.yaml, /abs/b.yaml]}\n"
      "rules: {pickle.unknown-call: {enabled: false}, exposure.unauthenticated: {severity: high}}\n"
      "outputs: {eve: {types: [alert, flow]}}\n");
  EXPECT_EQ(config.sensor.name, "tap-1");
  EXPECT_EQ(config.capture.filter, "net 10.0.0.0/8");
  EXPECT_EQ(config.limits.memory_bytes, 64U << 20);
  EXPECT_EQ(config.limits.frame_bytes, 1'000'000'000U);
  EXPECT_EQ(config.limits.out_of_order_bytes, 65536U);
  EXPECT_EQ(config.limits.flows, 1000U);
  EXPECT_EQ(config.limits.pickle_text_bytes, 8192U);
  EXPECT_EQ(config.stream.idle_timeout_s, 5400U);
  EXPECT_EQ(config.policy.dangerous_files, std::vector<std::string>{"/etc/pickletap/more.yaml"});
  EXPECT_EQ(config.policy.safe_files, (std::vector<std::string>{"/etc/pickletap/a.yaml", "/abs/b.yaml"}));
  EXPECT_FALSE(config.rules.at("pickle.unknown-call").enabled);
  EXPECT_EQ(config.rules.at("exposure.unauthenticated").severity, 1);
  EXPECT_TRUE(config.outputs.eve_types.flow && config.outputs.eve_types.alert);
  EXPECT_FALSE(config.outputs.eve_types.stats || config.outputs.eve_types.listener);
}

TEST(Config, LeavesDefaultsWhereAFileSaysNothing) {
  for (const char* yaml : {"", "# nothing\n", "---\n", "limits:\nrules:\n", "{}"}) {
    EXPECT_EQ(all_of(applied(yaml)), all_of(Config())) << yaml;
  }
}

TEST(Config, SaysWhereAndWhatIsWrong) {
  const struct {
    const char *yaml, *want;
  } cases[] = {
      {"limits:\n  flws: 3\n", "p.yaml:2: limits.flws: no such key (did you mean limits.flows?)"},
      {"sensor: {}\nlimit: {}\n", "p.yaml:2: limit: no such key (did you mean limits?)"},
      {"zzzzzzzz: 1\n",
       "p.yaml:1: zzzzzzzz: no such key (there are: sensor, capture, limits, stream, policy, rules, outputs)"},
      {"\"a\\e[2J\": 1\n",
       "p.yaml:1: a?[2J: no such key (there are: sensor, capture, limits, stream, policy, rules, outputs)"},
      {"limits: 5\n", "p.yaml:1: limits: expected keys and values below it"},
      {"- a\n", "p.yaml:1: expected keys and values below it"},
      {"limits:\n  flows: 0\n", "p.yaml:2: limits.flows: '0' is out of range (1 to 16000000)"},
      {"limits:\n  flows: 16000001\n", "p.yaml:2: limits.flows: '16000001' is out of range (1 to 16000000)"},
      {"limits:\n  flows: -1\n", "p.yaml:2: limits.flows: expected a whole number, not '-1'"},
      {"limits:\n  flows: 1e3\n", "p.yaml:2: limits.flows: expected a whole number, not '1e3'"},
      {"limits:\n  flows: 99999999999999999999\n",
       "p.yaml:2: limits.flows: expected a whole number, not '99999999999999999999'"},
      {"limits:\n  flows: [1]\n", "p.yaml:2: limits.flows: expected a whole number, not a list"},
      {"limits:\n  flows:\n",
       "p.yaml:2: limits.flows: has no value; expected a whole number (or leave the line out for the default)"},
      {"limits:\n  memory: 12 parsecs\n",
       "p.yaml:2: limits.memory: expected a size, not '12 parsecs' (write 1048576, 256MiB or 1GB)"},
      {"limits:\n  memory: 1KiB\n", "p.yaml:2: limits.memory: '1KiB' is out of range (1MiB to 1TiB)"},
      {"limits:\n  pickle_text: 1GiB\n", "p.yaml:2: limits.pickle_text: '1GiB' is out of range (4KiB to 64MiB)"},
      {"stream:\n  idle_timeout: 60\n",
       "p.yaml:2: stream.idle_timeout: expected a duration, not '60' (write 60s, 5m, 2h or 1d)"},
      {"stream:\n  idle_timeout: 0s\n", "p.yaml:2: stream.idle_timeout: '0s' is out of range (1s to 30d)"},
      {"limits:\n  flows: 1\n  flows: 2\n", "p.yaml:3: limits.flows: given twice"},
      {"sensor:\n  name: {a: b}\n", "p.yaml:2: sensor.name: expected text, not a map"},
      {"rules:\n  pickle.code-exec: {}\n",
       "p.yaml:2: rules.pickle.code-exec: no such rule (did you mean pickle.code-execution?)"},
      {"rules:\n  pickle.unknown-call:\n    enabled: maybe\n",
       "p.yaml:3: rules.pickle.unknown-call.enabled: expected true or false, not 'maybe'"},
      {"rules:\n  pickle.unknown-call:\n    severity: 4\n",
       "p.yaml:3: rules.pickle.unknown-call.severity: expected high, medium or low, not '4'"},
      {"rules:\n  pickle.unknown-call:\n    enable: no\n",
       "p.yaml:3: rules.pickle.unknown-call.enable: no such key (did you mean rules.pickle.unknown-call.enabled?)"},
      {"outputs:\n  eve:\n    types:\n      - alert\n      - flows\n",
       "p.yaml:5: outputs.eve.types: no such event type: 'flows' (did you mean flow?)"},
      {"policy:\n  safe: ['']\n", "p.yaml:2: policy.safe: not a file name"},
      {"limits:\n  flows: [1\n", "p.yaml:3: not YAML: end of sequence flow not found"},
      {"a: b: c\n", "p.yaml:1: not YAML: illegal map value"},
      {"limits: {}\n---\nlimits: {}\n", "p.yaml: more than one YAML document (remove the --- between them)"},
  };
  for (const auto& c : cases) {
    try {
      Config config;
      apply_config(c.yaml, "p.yaml", kRules, config);
      ADD_FAILURE() << "accepted: " << c.yaml;
    } catch (const ConfigError& error) {
      EXPECT_STREQ(error.what(), c.want) << c.yaml;
    }
  }
}

TEST(Config, SaysWhyAFileCannotBeRead) {
  const auto message = [](const std::string& file) {
    try {
      load_config(file, kRules);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("read");
  };
  EXPECT_EQ(message("/nonexistent.yaml"), "/nonexistent.yaml: cannot read: No such file or directory");
  EXPECT_EQ(message("/tmp"), "/tmp: cannot read: Is a directory");
  EXPECT_EQ(message("/dev/zero"), "/dev/zero: larger than 1 MiB, no configuration");
}

TEST(Config, LaysTheFilesOfConfDOverTheFirstInOrder) {
  const fs::path folder = fs::temp_directory_path() / ("pickletap_conf_" + std::to_string(getpid()));
  fs::create_directories(folder / "conf.d");
  const auto write = [&](const char* name, const char* text) { std::ofstream(folder / name) << text; };
  write("p.yaml", "limits: {flows: 1, pickle_stack: 100}\n");
  write("conf.d/20.yaml", "limits: {flows: 20}\n");
  write("conf.d/10.yaml", "limits: {flows: 10, pickle_memo: 100}\npolicy: {safe: s.yaml}\n");
  write("conf.d/30.yaml.bak", "nonsense: 1\n");
  const Config config = load_config((folder / "p.yaml").string(), kRules);
  EXPECT_EQ(config.limits.flows, 20U);
  EXPECT_EQ(config.limits.pickle_stack, 100U);
  EXPECT_EQ(config.limits.pickle_memo, 100U);
  EXPECT_EQ(config.policy.safe_files, std::vector<std::string>{(folder / "conf.d/s.yaml").string()});
  write("conf.d/40.yaml", "\n\nlimits: {flos: 1}\n");
  EXPECT_THROW(load_config((folder / "p.yaml").string(), kRules), ConfigError);
  fs::remove_all(folder);
}

TEST(ConfigValues, WritesWhatItReads) {
  for (const uint64_t n : {uint64_t{1}, uint64_t{1000}, uint64_t{1} << 10, uint64_t{5} << 20, uint64_t{1} << 40}) {
    EXPECT_EQ(parse_size(size_text(n)), n);
    EXPECT_EQ(parse_duration(duration_text(n)), n);
  }
  for (const char* wrong : {"", " ", "MiB", "1 ", "1mib", "0x10", "1.5GiB", "18446744073709551615KiB", "-1", "_1"}) {
    EXPECT_FALSE(parse_size(wrong).has_value()) << wrong;
  }
  EXPECT_EQ(parse_size("2 GiB"), uint64_t{2} << 30);
}

}  // namespace
}  // namespace pickletap
