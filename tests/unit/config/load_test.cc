#include "config/load.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "config/dump.h"
#include "config/values.h"

namespace pickletap {
namespace {

constexpr std::string_view kRules[] = {"pickle.code-execution", "pickle.unknown-call", "exposure.unauthenticated"};

Config applied(const std::string& yaml) {
  ConfigLoader loader(kRules);
  loader.add_yaml(yaml, "/etc/pickletap/p.yaml");
  return loader.config();
}

/// All there is in a configuration, to compare two: the dump without where values come from.
std::string all_of(const ConfigLoader& loader) {
  std::string out, dump = yaml_dump(loader);
  for (size_t at = 0; at < dump.size(); at = dump.find('\n', at) + 1) {
    const std::string line = dump.substr(at, dump.find('\n', at) - at);
    out += line.substr(0, line.rfind("  # ")) + "\n";
  }
  return out;
}

std::string all_of_yaml(const std::string& yaml) {
  ConfigLoader loader(kRules);
  loader.add_yaml(yaml, "/etc/pickletap/p.yaml");
  return all_of(loader);
}

std::string all_defaults() { return all_of(ConfigLoader(kRules)); }

template <typename Do>
std::string message_of(Do act) {
  ConfigLoader loader(kRules);
  try {
    act(loader);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

struct ToText {
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(const Word& word) const { return word.text; }
  template <typename Item>
  std::string operator()(const std::vector<Item>& items) const {
    std::string all;
    for (const Item& item : items) all += (*this)(item) + ",";
    return all;
  }
  template <typename Number>
  requires std::is_arithmetic_v<Number> std::string operator()(Number number) const { return std::to_string(number); }
};
std::string text_of(const WrittenValue& value) { return std::visit(ToText(), value); }

/// One value for each key, never its default.
const char* const kNothingAtItsDefault = R"(
sensor: {name: "tap: \"one\" # \x01"}
capture: {interfaces: [eth0, eth1.5], filter: "tcp and not port 22", snaplen: 1500, buffer: 1MiB, workers: 64,
          promiscuous: off}
limits: {memory: 64MiB, flows: 1_000, frame: 1GB, out_of_order: 65536, pickle_stack: 64, pickle_memo: 65,
         pickle_depth: 66, pickle_text: 8KiB}
stream: {checksums: never, handshake_timeout: 1s, idle_timeout: 90m, ignored_timeout: 3h, closed_timeout: 1d,
         overlap_policy: ["10.0.0.0/8 windows", "fd00::/8 last"]}
policy: {dangerous: more.yaml, safe: [a.yaml, /abs/b.yaml], allow_lists: allow.yaml, mode: enforce, learn_file: l.yaml}
networks: {trusted: 192.0.2.0/24, listeners: ["10.0.0.5:50000 key", "[fd00::/8]:* no-manager"]}
auth: {weak_keys: leaked.txt, weak_key_cpu: 0, show_keys: yes, bruteforce: {failures: 2, window: 1h}}
rules:
  pickle.code-execution: {severity: low, enabled: false, threshold: {count: 2, window: 5s}, suppress: 10.0.0.0/8}
  pickle.unknown-call: {severity: 2, enabled: no, threshold: {count: 3, window: 6s}, suppress: [callable=a.*, "::1"]}
  exposure.unauthenticated: {severity: high, enabled: False, threshold: {count: 4, window: 7s}, suppress: source=::1}
alerts: {collapse_after: 1, collapse_window: 0, callback_window: 0}
outputs:
  eve: {file: eve.json, types: [alert, flow], rotate_size: 1GiB, rotate_interval: 1d, rotate_keep: 0}
  syslog: {address: "udp://[::1]:514", facility: local7, types: flow}
  socket: {path: s.sock, types: []}
  redis: {address: "unix:///r.sock", mode: stream, key: k, username: u, password_file: pw, database: 3,
          stream_max_entries: 0, types: [python_mp, anomaly]}
  evidence: {folder: found, quota: 1MiB, memory: 4MiB}
  queue: 1MiB
  flush_size: 1
  flush_interval: 1s
  stats_interval: 0
http: {listen: "[::1]:0", allowed_hosts: sensor.example.org, max_connections: 1}
logging: {level: warning}
sandbox: {user: nobody, seccomp: false, landlock: false}
)";

// ---- Values ---------------------------------------------------------------------------------------------------------

TEST(Config, ShippedFileHasEveryKeyAtItsDefault) {
  const std::string file = std::string(PICKLETAP_SOURCE_DIR) + "/config/pickletap.yaml";
  ConfigLoader loader(kRules);
  loader.add_yaml(kNothingAtItsDefault, "/etc/pickletap/p.yaml");
  loader.add_file(file);
  for (const ConfigKey& key : loader.keys()) {
    if (key.path.front() == "rules") continue;  // rules: {} stands for all of them
    EXPECT_TRUE(loader.origin(key).starts_with(file)) << key.name << " is not in the file";
  }
  ConfigLoader alone(kRules);
  alone.add_file(file);
  EXPECT_EQ(all_of(alone), all_defaults());
}

TEST(Config, ReadsEveryKindOfValue) {
  const Config config = applied(kNothingAtItsDefault);
  EXPECT_EQ(config.sensor.name, "tap: \"one\" # \x01");
  EXPECT_EQ(config.capture.interfaces, (std::vector<std::string>{"eth0", "eth1.5"}));
  EXPECT_EQ(config.capture.snaplen_bytes, 1500U);
  EXPECT_FALSE(config.capture.promiscuous);
  EXPECT_EQ(config.limits.memory_bytes, 64U << 20);
  EXPECT_EQ(config.limits.frame_bytes, 1'000'000'000U);
  EXPECT_EQ(config.limits.flows, 1000U);
  EXPECT_EQ(config.stream.idle_timeout_s, 5400U);
  EXPECT_EQ(config.policy.dangerous_files, std::vector<std::string>{"/etc/pickletap/more.yaml"});
  EXPECT_EQ(config.policy.safe_files, (std::vector<std::string>{"/etc/pickletap/a.yaml", "/abs/b.yaml"}));
  EXPECT_EQ(config.policy.allow_lists, std::vector<std::string>{"/etc/pickletap/allow.yaml"});
  EXPECT_EQ(config.policy.mode, "enforce");
  EXPECT_EQ(config.policy.learn_file, "/etc/pickletap/l.yaml");
  EXPECT_FALSE(config.rules.at("pickle.unknown-call").enabled);
  EXPECT_EQ(config.rules.at("pickle.unknown-call").severity, 2);
  EXPECT_EQ(config.rules.at("exposure.unauthenticated").severity, 1);
  EXPECT_EQ(config.rules.at("pickle.unknown-call").suppress, (std::vector<std::string>{"callable=a.*", "::1"}));
  EXPECT_EQ(config.auth.weak_keys, std::vector<std::string>{"/etc/pickletap/leaked.txt"});
  EXPECT_EQ(config.auth.bruteforce_window_s, 3600U);
  EXPECT_EQ(config.outputs.eve.types, (EventTypes{true, false, false, false, true, false}));
  EXPECT_EQ(config.outputs.eve.file, "/etc/pickletap/eve.json");
  EXPECT_EQ(config.outputs.eve.rotate_interval_s, 86400U);
  EXPECT_EQ(config.outputs.syslog.types, (EventTypes{false, false, false, false, true, false}));
  EXPECT_EQ(config.outputs.socket.path, "/etc/pickletap/s.sock");
  EXPECT_EQ(config.outputs.redis.mode, "stream");
  EXPECT_EQ(config.outputs.redis.password_file, "/etc/pickletap/pw");
  EXPECT_EQ(config.outputs.evidence.folder, "/etc/pickletap/found");
  EXPECT_EQ(config.outputs.flush_interval_ms, 1000U);
  EXPECT_EQ(config.http.allowed_hosts, std::vector<std::string>{"sensor.example.org"});
}

// A key whose row points at another's field, or that is read and not written, would show here.
TEST(Config, EveryKeyHasAFieldOfItsOwn) {
  ConfigLoader loader(kRules);
  loader.add_yaml(kNothingAtItsDefault, "/etc/pickletap/p.yaml");
  Config changed = loader.config();
  for (const ConfigKey& key : loader.keys()) {
    EXPECT_NE(loader.origin(key), "default") << key.name << " is missing from this test";
    Config defaults;
    const auto at_default = write_value(key, defaults), now = write_value(key, changed);
    EXPECT_NE(text_of(at_default), text_of(now)) << key.name;
  }
}

TEST(Config, LeavesDefaultsWhereAFileSaysNothing) {
  for (const char* yaml : {"", "# nothing\n", "---\n", "limits:\nrules:\n", "{}", "outputs:\n  eve:\n  redis: {}\n",
                           "rules: {pickle.unknown-call: {enabled: true, severity: default}}"}) {
    EXPECT_EQ(all_of_yaml(yaml), all_defaults()) << yaml;
  }
}

TEST(Config, WhatIsDumpedIsReadBackTheSame) {
  for (const char* yaml : {"", kNothingAtItsDefault}) {
    ConfigLoader loader(kRules);
    loader.add_yaml(yaml, "/etc/pickletap/p.yaml");
    ConfigLoader again(kRules);
    again.add_yaml(yaml_dump(loader), "/elsewhere/dump.yaml");
    EXPECT_EQ(all_of(again), all_of(loader));
    for (const ConfigKey& key : again.keys()) EXPECT_NE(again.origin(key), "default") << key.name;
  }
}

TEST(ConfigKeys, RangesFitTheirFields) {
  Config config;
  std::set<std::string> variables, names;
  for (const ConfigKey& key : config_keys(kRules)) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(variables.insert(key.variable()).second) << key.variable() << " stands for two keys";
    EXPECT_FALSE(key.says.empty()) << key.name;
    if (!std::holds_alternative<uint32_t*>(key.field(config))) continue;
    EXPECT_LE(key.high, UINT32_MAX) << key.name;
  }
}

// ---- Mistakes -------------------------------------------------------------------------------------------------------

TEST(Config, SaysWhereAndWhatIsWrong) {
  const std::string sections =
      "(there are: sensor, capture, limits, stream, policy, networks, auth, rules, alerts, outputs, http, logging, "
      "sandbox)";
  const struct {
    std::string yaml, want;
  } cases[] = {
      {"limits:\n  flws: 3\n", "p.yaml:2: limits.flws: no such key (did you mean limits.flows?)"},
      {"sensor: {}\nlimit: {}\n", "p.yaml:2: limit: no such key (did you mean limits?)"},
      {"zzzzzzzz: 1\n", "p.yaml:1: zzzzzzzz: no such key " + sections},
      {"\"a\\e[2J\": 1\n", "p.yaml:1: a?[2J: no such key " + sections},
      {"limits.flows: 5\n", "p.yaml:1: limits.flows: no such key " + sections},
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
      {"stream:\n  idle_timeout: 20ms\n",
       "p.yaml:2: stream.idle_timeout: expected a duration, not '20ms' (write 60s, 5m, 2h or 1d)"},
      {"limits:\n  flows: 1\n  flows: 2\n", "p.yaml:3: limits.flows: given twice"},
      {"sensor:\n  name: {a: b}\n", "p.yaml:2: sensor.name: expected text, not a map"},
      {"rules:\n  pickle.code-exec: {}\n",
       "p.yaml:2: rules.pickle.code-exec: no such rule (did you mean pickle.code-execution?)"},
      {"rules:\n  pickle: {code-execution: {enabled: false}}\n",
       "p.yaml:2: rules.pickle: no such rule (there are: pickle.code-execution, pickle.unknown-call, "
       "exposure.unauthenticated)"},
      {"rules:\n  pickle.unknown-call:\n    enabled: maybe\n",
       "p.yaml:3: rules.pickle.unknown-call.enabled: expected true or false, not 'maybe'"},
      {"rules:\n  pickle.unknown-call:\n    severity: 4\n",
       "p.yaml:3: rules.pickle.unknown-call.severity: expected high, medium, low or default, not '4'"},
      {"rules:\n  pickle.unknown-call:\n    enable: no\n",
       "p.yaml:3: rules.pickle.unknown-call.enable: no such key (did you mean rules.pickle.unknown-call.enabled?)"},
      {"outputs:\n  eve:\n    types:\n      - alert\n      - flows\n",
       "p.yaml:5: outputs.eve.types: no such event type: 'flows' (did you mean flow?)"},
      {"outputs:\n  eve:\n    types:\n      - alert\n      - [flow]\n",
       "p.yaml:5: outputs.eve.types: expected a list of event types, not a list"},
      {"outputs:\n  eve:\n    rotate_size: 1KiB\n",
       "p.yaml:3: outputs.eve.rotate_size: '1KiB' is out of range (0, or 64KiB to 1TiB)"},
      {"outputs:\n  flush_interval: 2m\n", "p.yaml:2: outputs.flush_interval: '2m' is out of range (0, or 1ms to 1m)"},
      {"outputs: {redis: {mode: lists}}\n",
       "p.yaml:1: outputs.redis.mode: expected list, publish or stream, not 'lists'"},
      {"outputs: {redis: {address: 'udp://a:1'}}\n",
       "p.yaml:1: outputs.redis.address: 'udp://a:1' is no address (write HOST:6379, [::1]:6379 or "
       "unix:///run/redis/redis.sock)"},
      {"outputs: {redis: {key: ''}}\n", "p.yaml:1: outputs.redis.key: must not be empty"},
      {"outputs: {syslog: {address: loghost}}\n",
       "p.yaml:1: outputs.syslog.address: 'loghost' is no address (write unix:///dev/log, udp://HOST:514 or "
       "tcp://HOST:601)"},
      {"outputs: {eve: {file: \"a\\0b\"}}\n", "p.yaml:1: outputs.eve.file: must not contain a null byte"},
      {"capture:\n  interfaces: [eth0, eth1, eth0]\n", "p.yaml:2: capture.interfaces: 'eth0' is given twice"},
      {"capture:\n  interfaces: [eth0, a/b]\n",
       "p.yaml:2: capture.interfaces: 'a/b' is no interface name (1 to 15 bytes, no spaces, no / and no :)"},
      {"capture:\n  interfaces: eth0,eth1\n",
       "p.yaml:2: capture.interfaces: 'eth0,eth1' is no interface name (write [eth0, eth1])"},
      {"capture:\n  interfaces: sixteen-bytes-ab\n",
       "p.yaml:2: capture.interfaces: 'sixteen-bytes-ab' is no interface name (1 to 15 bytes, no spaces, no / and no "
       ":)"},
      {"capture: {workers: 65}\n", "p.yaml:1: capture.workers: '65' is out of range (1 to 64)"},
      {"capture: {snaplen: 63}\n", "p.yaml:1: capture.snaplen: '63' is out of range (64B to 256KiB)"},
      {"http:\n  listen: localhost:9502\n",
       "p.yaml:2: http.listen: expected ADDRESS:PORT with an IP address, not 'localhost:9502' (write 127.0.0.1:9502, "
       "[::1]:9502 or 0.0.0.0:9502)"},
      {"http:\n  allowed_hosts: ['a.example:80']\n",
       "p.yaml:2: http.allowed_hosts: 'a.example:80' is no host name (write sensor.example.org, without a port)"},
      {"logging: {level: loud}\n", "p.yaml:1: logging.level: expected debug, info, warning or error, not 'loud'"},
      {"sandbox: {user: ''}\n", "p.yaml:1: sandbox.user: '' is no user name"},
      {"policy:\n  safe: ['']\n", "p.yaml:2: policy.safe: not a file name"},
      {"networks:\n  trusted: [10.0.0.0/8, 10.0.0.1/8]\n",
       "p.yaml:2: networks.trusted: '10.0.0.1/8' is no network (write 10.0.0.0/8, 192.0.2.7 or fd00::/8, no bits "
       "behind "
       "the prefix)"},
      {"networks: {listeners: [10.0.0.5 key]}\n",
       "p.yaml:1: networks.listeners: '10.0.0.5 key' is no expectation (write '10.0.0.5:50000 key digest=sha256 "
       "no-manager peers=10.0.0.0/8', words as needed)"},
      {"rules: {pickle.unknown-call: {suppress: host=a}}\n",
       "p.yaml:1: rules.pickle.unknown-call.suppress: 'host=a' is no case (write 10.0.0.0/8, source=NETWORK, "
       "listener=ADDRESS:PORT or callable=NAME, or several in one)"},
      {"limits:\n  flows: [1\n", "p.yaml:3: not YAML: end of sequence flow not found"},
      {"a: b: c\n", "p.yaml:1: not YAML: illegal map value"},
      {"limits: {}\n---\nlimits: {}\n", "p.yaml: more than one YAML document (remove the --- between them)"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(message_of([&](ConfigLoader& loader) { loader.add_yaml(c.yaml, "p.yaml"); }), c.want) << c.yaml;
  }
}

TEST(Config, RefusesListenAddressesThatAreNone) {
  for (const char* wrong : {"9502", ":9502", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:9502",
                            "[::1]", "[127.0.0.1]:80", "[::1:80", "127.1:80", "*:80", "127.0.0.1:-1"}) {
    EXPECT_NE(message_of([&](ConfigLoader& loader) { loader.add_option("-x", "http.listen", {wrong}); }), "accepted")
        << wrong;
  }
  for (const char* right : {"", "0.0.0.0:80", "[::]:65535", "[fe80::1]:1"}) {
    EXPECT_EQ(message_of([&](ConfigLoader& loader) { loader.add_option("-x", "http.listen", {right}); }), "accepted")
        << right;
  }
}

TEST(Config, SaysWhyAFileCannotBeRead) {
  const auto message = [](const std::string& file) {
    return message_of([&](ConfigLoader& loader) { loader.add_files(file); });
  };
  EXPECT_EQ(message("/nonexistent.yaml"), "/nonexistent.yaml: cannot read: No such file or directory");
  EXPECT_EQ(message("/tmp"), "/tmp: cannot read: Is a directory");
  EXPECT_EQ(message("/dev/zero"), "/dev/zero: larger than 1 MiB, no configuration");
}

TEST(Config, TakesListsUpToTheirLimit) {
  std::vector<std::string> names;
  for (size_t i = 0; i < kMaxInterfaces; ++i) names.push_back("eth" + std::to_string(i));
  const auto message = [&] {
    return message_of([&](ConfigLoader& loader) { loader.add_option("-i", "capture.interfaces", names); });
  };
  EXPECT_EQ(message(), "accepted");
  names.push_back("one-more");
  EXPECT_EQ(message(), "-i: more than 64");
}

TEST(ConfigValues, WritesWhatItReads) {
  for (const uint64_t n :
       {uint64_t{0}, uint64_t{1}, uint64_t{1000}, uint64_t{1} << 10, uint64_t{5} << 20, uint64_t{1} << 40}) {
    EXPECT_EQ(parse_size(size_text(n)), n);
    EXPECT_EQ(parse_duration(duration_text(n)), n);
    EXPECT_EQ(parse_duration_ms(duration_ms_text(n)), n);
  }
  for (const char* wrong : {"", " ", "MiB", "1 ", "1mib", "0x10", "1.5GiB", "18446744073709551615KiB", "-1", "_1"}) {
    EXPECT_FALSE(parse_size(wrong).has_value()) << wrong;
    EXPECT_FALSE(parse_duration(wrong).has_value()) << wrong;
  }
  EXPECT_EQ(parse_size("2 GiB"), uint64_t{2} << 30);
  EXPECT_EQ(parse_duration_ms("20ms"), 20U);
  EXPECT_EQ(parse_duration_ms("2m"), 120'000U);
  EXPECT_EQ(parse_duration_ms("20"), std::nullopt);
}

}  // namespace
}  // namespace pickletap
