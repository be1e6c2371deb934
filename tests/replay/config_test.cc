// The configuration as the program takes it: its layers, what `check-config --dump` says of them, the JSON Schema that
// editors use, and what `run` refuses before it opens anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

constexpr const char* kPython = "/usr/bin/python3";  // the system's, which has Debian's python3-jsonschema

const char* const kOfEachKind = R"(sensor: {name: "tap: \"one\" #"}
capture: {interfaces: [lo, eth9], filter: "tcp and not port 22", promiscuous: false}
limits: {memory: 64MiB, flows: 1000}
policy: {safe: []}
rules: {pickle.unknown-call: {enabled: false, severity: high}}
outputs: {eve: {file: out/eve.json, types: [alert], rotate_size: 1GiB}, redis: {mode: stream}, flush_interval: 50ms}
http: {listen: "[::1]:9600", allowed_hosts: [sensor.example.org]}
)";

class Configuration : public testing::Test {
 protected:
  /// A folder's empty configuration stands in for the machine's own.
  void SetUp() override { empty_ = folder_.write("empty.yaml", ""); }

  Event dumped(Arguments arguments, const RunOptions& options = {}) const {
    arguments.insert(arguments.begin(), {"check-config", "--dump", "--json"});
    const Finished result = pickletap(arguments, options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const std::vector<Event> lines = events_of(result.out);
    return lines.size() == 1 ? lines.front() : Event();
  }
  static std::string value(const Event& dump, const char* key) {
    return boost::json::serialize(dump.at(key).as_object().at("value"));
  }
  static std::string origin(const Event& dump, const char* key) { return text_at(dump, {key, "origin"}); }

  TempFolder folder_;
  std::string empty_;
};

TEST_F(Configuration, DumpSaysWhereEachValueComesFrom) {
  const std::string file = folder_.write("p.yaml", "limits:\n  flows: 1000\n  pickle_memo: 100\n");
  std::filesystem::create_directory(folder_.path("conf.d"));
  const std::string over = folder_.write("conf.d/10-x.yaml", "\n# more\nlimits: {pickle_memo: 200}\n");
  RunOptions options;
  options.environment = {{"PICKLETAP_CAPTURE_FILTER", "port 80 # or so"}, {"PICKLETAP_CAPTURE_WORKERS", "2"}};
  const Event dump = dumped({file, "--set", "capture.workers=3", "--set", "sensor.name=a"}, options);
  const struct {
    const char* key;
    std::string value, origin;
  } want[] = {
      {"limits.flows", "1000", file + ":2"},
      {"limits.pickle_memo", "200", over + ":3"},
      {"capture.filter", R"("port 80 # or so")", "environment PICKLETAP_CAPTURE_FILTER"},
      {"capture.workers", "3", "--set"},
      {"sensor.name", R"("a")", "--set"},
      {"limits.memory", R"("256MiB")", "default"},
      {"rules.pickle.code-execution.severity", R"("default")", "default"},
  };
  for (const auto& row : want) {
    EXPECT_EQ(value(dump, row.key), row.value) << row.key;
    EXPECT_EQ(origin(dump, row.key), row.origin) << row.key;
  }
  const std::string yaml = pickletap({"check-config", "--dump", "-c", file}, options).out;
  EXPECT_NE(yaml.find("  flows: 1000  # " + file + ":2\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("  filter: \"port 80 # or so\"  # environment PICKLETAP_CAPTURE_FILTER\n"), std::string::npos);
}

TEST_F(Configuration, DumpIsAConfigurationWithTheSameValues) {
  for (const char* text : {"", kOfEachKind}) {
    const std::string file = folder_.write("p.yaml", text);
    const Finished yaml = pickletap({"check-config", "--dump", file});
    ASSERT_EQ(yaml.exit_code, 0) << yaml.err;
    const std::string again = folder_.write("dump.yaml", yaml.out);
    EXPECT_EQ(pickletap({"check-config", again}).out, again + ": valid\n");
    const Event before = dumped({file}), after = dumped({again});
    ASSERT_EQ(before.size(), after.size());
    for (const auto& [key, entry] : before) {
      EXPECT_EQ(entry.at("value"), after.at(key).at("value")) << key;
      EXPECT_TRUE(text_at(after, {std::string(key).c_str(), "origin"}).starts_with(again + ":")) << key;
    }
  }
}

TEST_F(Configuration, CheckIsQuietWhenAsked) {
  const Finished good = pickletap({"check-config", "-q", empty_});
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_EQ(good.out + good.err, "");
  const Finished bad = pickletap({"check-config", "-q", folder_.write("bad.yaml", "limit: 1\n")});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_NE(bad.err.find("bad.yaml:1: limit: no such key"), std::string::npos) << bad.err;
}

TEST_F(Configuration, EveryCommandTakesTheLayers) {
  const std::string capture = capture_path("plain-keyed-s36-c36.pcap");  // raises auth.legacy-digest alone
  const auto alerts = [&](const Arguments& more, const RunOptions& options = {}) {
    Arguments arguments = {"replay", "--json", "-c", empty_, capture};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return events_of_type(events_of(pickletap(arguments, options).out), "alert").size();
  };
  EXPECT_EQ(alerts({}), 1U);
  EXPECT_EQ(alerts({"--set", "rules.auth.legacy-digest.enabled=false"}), 0U);
  RunOptions options;
  options.environment = {{"PICKLETAP_RULES_AUTH_LEGACY_DIGEST_ENABLED", "false"}};
  EXPECT_EQ(alerts({}, options), 0U);
  EXPECT_EQ(alerts({"--set", "rules.auth.legacy-digest.enabled=true"}, options), 1U);
  // An option of the command lies over them all.
  EXPECT_EQ(alerts({"--set", "capture.filter=port 1"}), 0U);
  EXPECT_EQ(alerts({"--set", "capture.filter=port 1", "-f", ""}), 1U);
}

// ---- JSON Schema ----------------------------------------------------------------------------------------------------

class ConfigSchema : public Configuration {
 protected:
  void SetUp() override {
    Configuration::SetUp();
    const Finished probe = run({kPython, "-c", "import jsonschema, yaml"});
    if (probe.exit_code != 0)
      GTEST_SKIP() << kPython << " has no jsonschema and yaml (python3-jsonschema, python3-yaml)";
    RunOptions to_file;
    to_file.stdout_file = keys_ = folder_.path("keys.json");
    ASSERT_EQ(pickletap({"check-config", "--dump", "--json", empty_}, to_file).exit_code, 0);
  }

  Finished checked(const Arguments& files) const {
    return checked_by(source_path("deploy/schema/config.schema.json"), files);
  }
  Finished checked_by(const std::string& schema, const Arguments& files) const {
    Arguments command = {kPython, source_path("tests/replay/check_config_schema.py"), schema, keys_};
    command.insert(command.end(), files.begin(), files.end());
    return run(command);
  }

  std::string keys_;
};

TEST_F(ConfigSchema, HasTheKeysAndDefaultsOfTheProgram) {
  const std::string full = folder_.write("full.yaml", kOfEachKind);
  const std::string dump = folder_.write("dump.yaml", pickletap({"check-config", "--dump", full}).out);
  const std::string defaults = folder_.write("defaults.yaml", pickletap({"check-config", "--dump", empty_}).out);
  const Finished result = checked({source_path("config/pickletap.yaml"), empty_, full, dump, defaults});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(result.out, "");
}

TEST_F(ConfigSchema, TheCheckSeesWhatDiffers) {
  const std::string schema = read_bytes(source_path("deploy/schema/config.schema.json"));
  const struct {
    const char *from, *to, *says;
  } changes[] = {
      {"\"flows\"", "\"flos\"", "limits.flos: in the schema and no key"},
      {"\"default\": 1000000,", "\"default\": 1000001,", "limits.flows: default 1000001"},
      {"Which packets", "What packets", "capture.filter: described otherwise"},
  };
  for (const auto& change : changes) {
    std::string changed = schema;
    const size_t at = changed.find(change.from);
    ASSERT_NE(at, std::string::npos) << change.from;
    changed.replace(at, std::string(change.from).size(), change.to);
    const Finished result = checked_by(folder_.write("changed.json", changed), {});
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_NE(result.out.find(change.says), std::string::npos) << result.out;
  }
}

// An editor that goes by the schema and the program agree on what is wrong.
TEST_F(ConfigSchema, RefusesWhatTheProgramRefuses) {
  const char* const wrong[] = {
      "limit: {}",
      "limits: {flws: 1}",
      "limits: {flows: 0}",
      "limits: {flows: many}",
      "limits: {flows: [1]}",
      "limits: {memory: 12 parsecs}",
      "limits: {memory: 1KB}",
      "limits: {memory: 5}",
      "limits: [flows]",
      "stream: {idle_timeout: 60}",
      "stream: {idle_timeout: 0s}",
      "stream: {idle_timeout: 20ms}",
      "capture: {workers: 65}",
      "capture: {snaplen: 63}",
      "capture: {promiscuous: maybe}",
      "capture: {interfaces: [eth0, eth0]}",
      "capture: {interfaces: [a/b]}",
      "capture: {interfaces: sixteen-bytes-ab}",
      "rules: {pickle.code-exec: {}}",
      "rules: {pickle.unknown-call: {severity: 4}}",
      "rules: {pickle.unknown-call: {enable: false}}",
      "outputs: {eve: {types: [flows]}}",
      "outputs: {eve: {rotate_keep: 1001}}",
      "outputs: {redis: {mode: lists}}",
      "outputs: {redis: {key: ''}}",
      "outputs: {redis: {address: 'udp://a:1'}}",
      "outputs: {syslog: {address: loghost}}",
      "outputs: {syslog: {facility: kernel}}",
      "outputs: {flush_interval: 5}",
      "http: {listen: 'localhost:9502'}",
      "http: {listen: '127.0.0.1'}",
      "http: {allowed_hosts: ['a:80']}",
      "http: {max_connections: 0}",
      "logging: {level: loud}",
      "sandbox: {user: ''}",
      "sandbox: {user: 'a b'}",
  };
  for (const char* text : wrong) {
    const std::string file = folder_.write("wrong.yaml", std::string(text) + "\n");
    EXPECT_EQ(pickletap({"check-config", file}).exit_code, 2) << text;
    const Finished result = checked({file});
    EXPECT_EQ(result.exit_code, 1) << "accepted by the schema: " << text << result.err;
    EXPECT_NE(result.out.find(file + ": "), std::string::npos) << result.out;
  }
}

TEST_F(ConfigSchema, AcceptsWhatTheProgramAccepts) {
  const char* const right[] = {
      "limits:\nrules:\n",
      "limits: {memory: 1048576}",
      "limits: {memory: '2 GiB', frame: 1GB, flows: 1_000}",
      "capture: {interfaces: eth0}",
      "capture: {interfaces: [eth0.100, wlan-0]}",
      "capture: {promiscuous: off}",
      "stream: {idle_timeout: 30d, closed_timeout: 1s}",
      "policy: {safe: a.yaml}",
      "outputs: {eve: {types: alert}}",
      "outputs: {eve: {types: [], file: ''}}",
      "outputs: {eve: {rotate_size: 1GiB, rotate_interval: 1d}}",
      "outputs: {eve: {rotate_size: 0, rotate_interval: 0}, flush_interval: 0, stats_interval: 5m}",
      "outputs: {redis: {address: 'redis.example.org'}}",
      "outputs: {redis: {address: '[::1]:6379'}}",
      "outputs: {redis: {address: 'unix:///run/redis.sock'}}",
      "outputs: {syslog: {address: 'udp://loghost:514'}}",
      "outputs: {syslog: {address: 'unix:///dev/log', facility: local7}}",
      "http: {listen: ''}",
      "http: {listen: '[::1]:9502', allowed_hosts: sensor.example.org}",
      "rules: {pickle.unknown-call: {severity: 1}, auth.failed: {severity: high, enabled: yes}, frame.oversized: }",
      "sandbox: {user: _pickle-tap.1, landlock: no}",
  };
  folder_.write("a.yaml", "version: 1\n");
  for (const char* text : right) {
    const std::string file = folder_.write("right.yaml", std::string(text) + "\n");
    const Finished program = pickletap({"check-config", file});
    EXPECT_EQ(program.exit_code, 0) << text << ": " << program.err;
    EXPECT_EQ(checked({file}).out, "") << text;
  }
}

// ---- run, before it opens anything ----------------------------------------------------------------------------------

TEST_F(Configuration, RunNeedsAnInterface) {
  const Finished result = pickletap({"run", "-c", empty_});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_TRUE(result.err.starts_with("pickletap: no interface to capture on (-i IFACE, or capture.interfaces in " +
                                     empty_ + ")"))
      << result.err;
  EXPECT_NE(result.err.find("(this machine has: "), std::string::npos) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST_F(Configuration, RunNamesTheOptionThatIsWrong) {
  const struct {
    Arguments options;
    std::string says;
  } cases[] = {
      {{"--workers", "0", "-i", "lo"}, "--workers: '0' is out of range (1 to 64)"},
      {{"--workers", "two", "-i", "lo"}, "--workers: expected a whole number, not 'two'"},
      {{"-i", "lo", "-i", "lo"}, "--interface: 'lo' is given twice"},
      {{"-i", "lo", "-i", "a/b"}, "--interface: 'a/b' is no interface name"},
      {{"-i", "lo", "--set", "http.listen=here"}, "--set http.listen: expected ADDRESS:PORT"},
      {{"-i", "lo", "--set", "logging.levle=info"}, "--set logging.levle: no such key (did you mean logging.level?)"},
  };
  for (const auto& c : cases) {
    Arguments arguments = {"run", "-c", empty_};
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    const Finished result = pickletap(arguments);
    EXPECT_EQ(result.exit_code, 2) << shown(arguments);
    EXPECT_TRUE(result.err.starts_with("pickletap: " + c.says)) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

// Neither root nor anybody else can write in a folder that is not there, so `run` ends with a message.
TEST_F(Configuration, RunLogsAsDaemonsDo) {
  const std::string stamped =
      "(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z (DEBUG|INFO|WARNING|ERROR) [^\\n]+\\n)+";
  const std::string prefixed = "(<[3467]>[^\\n]+\\n)+";
  const struct {
    const char* journal;  ///< a line of the shell before the program
    std::string want;
  } cases[] = {
      {"unset JOURNAL_STREAM", stamped},
      {"export JOURNAL_STREAM=1:1", stamped},  // a parent's
      {"export JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr)", prefixed},
  };
  for (const auto& c : cases) {
    const Finished result =
        run({"/bin/sh", "-c", std::string(c.journal) + "; exec \"$0\" \"$@\"", PICKLETAP_BINARY, "run", "-c", empty_,
             "-i", "lo", "--set", "http.listen=", "-o", folder_.path("none/eve.json")});
    EXPECT_EQ(result.crash(), "");
    EXPECT_EQ(result.exit_code, 1) << c.journal;
    EXPECT_TRUE(std::regex_match(result.err, std::regex(c.want))) << c.journal << ": " << result.err;
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace pickletap::test
