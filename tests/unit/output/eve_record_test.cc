#include "sensor/output/eve_record.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/output/sample_records.h"

namespace pickletap {
namespace {

namespace json = boost::json;

EveContext offline() { return {"lab", {"first.pcap", "second.pcap"}, false}; }

json::object parsed(EveRenderer& renderer, const Record& record) {
  const std::string_view line = renderer.line(record);
  EXPECT_TRUE(line.ends_with('\n'));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_LE(line.size(), kMaxEveLineBytes);
  return json::parse(line).as_object();
}

std::vector<std::string> keys(const json::object& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object) names.emplace_back(name);
  return names;
}

TEST(EveRecord, WritesAnAlertAsTheContractSays) {
  EveRenderer renderer(offline());
  const std::string_view want =
      R"_({"timestamp":"2026-11-21T10:00:00.123456+0000","flow_id":1234567890123,"pcap_filename":"first.pcap",)_"
      R"_("pcap_cnt":17,"event_type":"alert","src_ip":"10.99.0.2","src_port":51234,"dest_ip":"10.99.0.1",)_"
      R"_("dest_port":50000,"proto":"TCP","community_id":"1:vPohq+TahJmUMNETAP30HYdCU8w=","app_proto":"python-mp",)_"
      R"_("alert":{"action":"allowed","gid":502,"signature_id":5020001,"rev":1,"rule":"pickle.code-execution",)_"
      R"_("signature":"loading this pickle runs a command: posix.system",)_"
      R"_("category":"Attempted Administrator Privilege Gain","severity":1,"metadata":{"cwe_id":["CWE-502"],)_"
      R"_("mitre_tactic_id":["TA0002"],"mitre_technique_id":["T1059.006"],"confidence":["high"]}},)_"
      R"_("python_mp":{"direction":"to_server","application":"connection",)_"
      R"_("auth":{"state":"mutual","digest":"sha256"},)_"
      R"_("frame":{"index":3,"length":57,"offset":200,"kind":"pickle"},"pickle":{"protocol":4,"length":57,)_"
      R"_("globals":["posix.system"],"calls":[{"callable":"posix.system","args":"('touch /tmp/marker',)",)_"
      R"_("opcode":"REDUCE","offset":31}],"program":"posix.system('touch /tmp/marker')","nested":0,"complete":true,)_"
      R"_("end":"stop","findings":[{"rule":"pickle.code-execution","callable":"posix.system",)_"
      R"_("category":"command-execution","reason":"runs a command","offset":31}],)_"
      R"_("indicators":{"commands":["touch /tmp/marker"],"hosts":[],"urls":[],"paths":["/tmp/marker"]}},)_"
      R"_("outcome":"attempted"},"flow":{"pkts_toserver":9,"pkts_toclient":7,"bytes_toserver":900,)_"
      R"_("bytes_toclient":700,"start":"2026-11-21T09:59:57.623456+0000","src_ip":"10.99.0.2","dest_ip":"10.99.0.1",)_"
      R"_("src_port":51234,"dest_port":50000},"sensor":"lab","host":"lab"})_"
      "\n";
  EXPECT_EQ(renderer.line(sample::alert()), want);
}

TEST(EveRecord, PutsTheSenderOfTheBytesFirst) {
  EveRenderer renderer(offline());
  const struct {
    Direction from;
    bool server_is_initiator;
    const char* source;
  } cases[] = {{Direction::kToServer, false, "10.99.0.2"},
               {Direction::kToClient, false, "10.99.0.1"},
               {Direction::kToServer, true, "10.99.0.1"},
               {Direction::kToClient, true, "10.99.0.2"}};
  for (const auto& c : cases) {
    Alert alert = sample::alert();
    alert.head.from = c.from;
    alert.head.server_is_initiator = c.server_is_initiator;
    const json::object event = parsed(renderer, alert);
    EXPECT_EQ(event.at("src_ip").as_string(), c.source);
    const json::object& flow = event.at("flow").as_object();
    EXPECT_EQ(flow.at("src_ip").as_string(), c.server_is_initiator ? "10.99.0.1" : "10.99.0.2");
    EXPECT_EQ(flow.at("pkts_toserver").as_int64(), c.server_is_initiator ? 7 : 9);
  }
}

TEST(EveRecord, LeavesOutWhatIsNotKnown) {
  Alert alert = sample::alert();
  alert.head.digest = Digest::kNone;
  alert.has_pickle = alert.has_outcome = alert.has_frame = false;
  EveRenderer renderer(offline());
  const json::object protocol = parsed(renderer, alert).at("python_mp").as_object();
  EXPECT_EQ(keys(protocol), (std::vector<std::string>{"direction", "application", "auth"}));
  EXPECT_EQ(keys(protocol.at("auth").as_object()), std::vector<std::string>{"state"});
  alert.head.has_protocol = false;
  const json::object event = parsed(renderer, alert);
  EXPECT_FALSE(event.contains("python_mp") || event.contains("app_proto"));
}

TEST(EveRecord, SaysWhatTheFindingKnowsBetterThanTheRule) {
  Alert alert = sample::alert();
  alert.cwe = "CWE-78";
  alert.technique = "T1059.004";
  EveRenderer renderer(offline());
  const json::object metadata = parsed(renderer, alert).at("alert").at("metadata").as_object();
  EXPECT_EQ(json::serialize(metadata), R"({"cwe_id":["CWE-78"],"mitre_tactic_id":["TA0002"],)"
                                       R"("mitre_technique_id":["T1059.004"],"confidence":["high"]})");
}

TEST(EveRecord, NamesTheInterfaceWhenLive) {
  EveRenderer renderer({"lab", {"eth0", "eth1"}, true});
  Alert alert = sample::alert();
  alert.head.source_index = 1;
  alert.head.flow.vlan = {{7, 42}, 2};
  const json::object event = parsed(renderer, alert);
  EXPECT_EQ(event.at("in_iface").as_string(), "eth1");
  EXPECT_EQ(json::serialize(event.at("vlan")), "[7,42]");
  EXPECT_FALSE(event.contains("pcap_cnt") || event.contains("pcap_filename"));
}

TEST(EveRecord, EndsAFlowInSuricatasWords) {
  const struct {
    EndReason reason;
    const char *state, *word;
  } cases[] = {{EndReason::kFin, "closed", "fin"},
               {EndReason::kReset, "closed", "reset"},
               {EndReason::kTimeout, "established", "timeout"},
               {EndReason::kEvicted, "established", "forced"},
               {EndReason::kCapture, "established", "shutdown"}};
  EveRenderer renderer(offline());
  for (const auto& c : cases) {
    FlowRecord record = sample::flow();
    record.reason = c.reason;
    const json::object flow = parsed(renderer, record).at("flow").as_object();
    EXPECT_EQ(flow.at("state").as_string(), c.state);
    EXPECT_EQ(flow.at("reason").as_string(), c.word);
    EXPECT_EQ(flow.at("age").as_int64(), 2);
    EXPECT_EQ(flow.at("end").as_string(), "2026-11-21T10:00:00.123456+0000");
  }
}

TEST(EveRecord, GroupsCountersByNameAndLabel) {
  EveRenderer renderer(offline());
  EXPECT_EQ(json::serialize(parsed(renderer, sample::stats()).at("stats")),
            R"({"packets_total":12345,"bytes_total":2000000,"flows_total":12,)"
            R"("frames_total":{"to_client":27,"to_server":30},"pickles_total":{"harmless":40},)"
            R"("alerts_total":{"pickle.code-execution":{"1":1},"pickle.unknown-call":{"2":0,"3":5}},)"
            R"("stream_gaps_total":1,"flows_evicted_total":{"closed":8,"dissected":2}})");
}

TEST(EveRecord, FitsInItsBoundWhateverTheWireCarried) {
  const std::string pieces[] = {"a", "\"", "\x1b", "\xFF", "\u009B", "\U000E0041", "\u20AC", std::string(1, '\0')};
  EveRenderer renderer({std::string(5000, '\x1b'), {std::string(5000, '\x01')}, false});
  for (const std::string& piece : pieces) {
    const json::object event = parsed(renderer, sample::largest_alert(piece));
    const json::object& protocol = event.at("python_mp").as_object();
    EXPECT_EQ(event.at("alert").at("rule").as_string(), "pickle.code-execution");
    EXPECT_GE(protocol.at("pickle").at("calls").as_array().size(), 8U);
    EXPECT_EQ(protocol.at("outcome").as_string(), "attempted");
    EXPECT_GE(event.at("truncated").as_array().size(), 4U);
  }
}

TEST(EveRecord, ShortensInOrderAndSaysWhat) {
  const auto cuts = [](const Alert& alert) {
    EveRenderer renderer(offline());
    const json::object event = parsed(renderer, alert);
    return event.contains("truncated") ? json::serialize(event.at("truncated")) : "";
  };
  Alert alert = sample::alert();
  EXPECT_EQ(cuts(alert), "");
  alert.pickle.calls.assign(64, {"posix.system", std::string(1200, 'a'), "REDUCE", 1});
  EXPECT_EQ(cuts(alert), R"(["args"])");
  alert.pickle.program.assign(8192, '\x01');
  EXPECT_EQ(cuts(alert), R"(["args","program"])");
  alert.pickle.globals.assign(256, std::string(200, 'g'));
  EXPECT_EQ(cuts(alert), R"(["args","program","globals"])");

  alert = sample::alert();  // what the reader of the pickle left out
  alert.pickle.calls_total = 1000;
  EXPECT_EQ(cuts(alert), R"(["calls"])");
  alert = sample::alert();
  alert.pickle.truncated = true;
  EXPECT_EQ(cuts(alert), R"(["pickle"])");
  alert.signature.assign(2000, 's');
  EXPECT_EQ(cuts(alert), R"(["pickle","text"])");
}

TEST(EveRecord, FitsStatsOfTooManyCounters) {
  StatsRecord stats = sample::stats();
  for (int i = 0; i < 20000; ++i) stats.counters.push_back({"c" + std::to_string(i), {}, 1});
  EveRenderer renderer(offline());
  const json::object event = parsed(renderer, stats);
  EXPECT_EQ(json::serialize(event.at("truncated")), R"(["stats"])");
  EXPECT_EQ(event.at("stats").at("packets_total").as_int64(), 12345);
}

TEST(EveRecord, WritesTimesBeforeAndFarAfterTheEpoch) {
  EveRenderer renderer(offline());
  for (const auto& [time, want] : {std::pair{int64_t{-1}, "1969-12-31T23:59:59.999999+0000"},
                                   std::pair{INT64_MIN, "1677-09-21T00:12:43.145224+0000"},
                                   std::pair{INT64_MAX, "2262-04-11T23:47:16.854775+0000"},
                                   std::pair{int64_t{951782400} * 1'000'000'000, "2000-02-29T00:00:00.000000+0000"}}) {
    StatsRecord stats;
    stats.time_ns = time;
    EXPECT_EQ(parsed(renderer, stats).at("timestamp").as_string(), want);
  }
}

std::string explain_line(std::string_view file, const std::vector<ExplainedPickle>& pickles) {
  std::string line = explain_line_start(file);
  for (size_t i = 0; i < pickles.size(); ++i) line += explain_line_pickle(pickles[i], i == 0);
  return line.append(kExplainLineEnd);
}

TEST(ExplainLine, ListsEveryPickleOfTheFile) {
  std::vector<ExplainedPickle> pickles(2);
  pickles[0] = {0, 57, Severity::kHigh, {"pickle.code-execution"}, sample::alert().pickle, {}, false};
  pickles[1] = {57, 10, std::nullopt, {}, {}, {}, false};
  const json::value line = json::parse(explain_line("bad\xFFname.pkl", pickles));
  EXPECT_EQ(line.at("file").as_string(), "bad\uFFFDname.pkl");
  const json::array& list = line.at("pickles").as_array();
  EXPECT_EQ(list.at(0).at("severity").as_int64(), 1);
  EXPECT_EQ(list.at(0).at("pickle").at("program").as_string(), "posix.system('touch /tmp/marker')");
  EXPECT_TRUE(list.at(1).at("severity").is_null());
  EXPECT_TRUE(list.at(1).at("rules").as_array().empty());
  pickles.assign(100,
                 {0, 57, Severity::kHigh, {"pickle.code-execution"}, sample::largest_alert("\x01").pickle, {}, false});
  EXPECT_EQ(json::parse(explain_line("f", pickles)).at("pickles").as_array().size(), 100U);
  EXPECT_EQ(explain_line("empty", {}), "{\"file\":\"empty\",\"pickles\":[]}\n");
}

/// Runs the checker that the replay tests use; tells how it ended and what it said.
std::pair<int, std::string> validate(const std::string& schema, const std::string& lines) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("pickletap_eve_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "lines") << lines;
  const std::string root = PICKLETAP_SOURCE_DIR;
  const std::string command = "python3 " + root + "/tests/replay/validate_events.py " + root + "/deploy/schema/" +
                              schema + " " + (folder / "lines").string() + " > " + (folder / "said").string() + " 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream said(folder / "said");
  std::string text(std::istreambuf_iterator<char>(said), {});
  std::filesystem::remove_all(folder);
  return {WEXITSTATUS(status), text};
}

bool has_jsonschema() { return std::system("python3 -c 'import jsonschema' 2>/dev/null") == 0; }

TEST(EveSchema, HoldsForEveryEventType) {
  if (!has_jsonschema()) GTEST_SKIP() << "python3-jsonschema is not installed";
  std::string lines;
  for (const bool live : {false, true}) {
    EveRenderer renderer({"lab", {"source"}, live});
    for (const Record& record : sample::all()) lines += renderer.line(record);
    for (const std::string piece : {"\xFF", "\x1b", "g"}) lines += renderer.line(sample::largest_alert(piece));
  }
  const auto [status, said] = validate("eve.schema.json", lines);
  EXPECT_EQ(status, 0) << said;
  EXPECT_EQ(said, "22 passed, 0 failed\n");
}

TEST(EveSchema, RefusesWhatIsNoEventOfOurs) {
  if (!has_jsonschema()) GTEST_SKIP() << "python3-jsonschema is not installed";
  EveRenderer renderer(offline());
  const std::string alert(renderer.line(sample::alert())), flow(renderer.line(sample::flow()));
  const auto changed = [](std::string line, std::string_view from, std::string_view to) {
    EXPECT_NE(line.find(from), std::string::npos);
    return line.replace(line.find(from), from.size(), to);
  };
  const std::string lines = changed(alert, "\"severity\":1", "\"severity\":4") +
                            changed(alert, "\"outcome\"", "\"outcom\"") + changed(alert, "+0000", "Z") +
                            changed(alert, "\"REDUCE\"", "\"LOAD\"") +
                            changed(alert, "\"event_type\":\"alert\"", "\"event_type\":\"stats\"") +
                            changed(flow, "\"reason\":\"fin\"", "\"reason\":1") +
                            changed(flow, ",\"state\":\"closed\"", "") + changed(alert, "posix", "\x80") + "{]\n";
  const auto [status, said] = validate("eve.schema.json", lines);
  EXPECT_EQ(status, 1);
  EXPECT_NE(said.find("0 passed, 9 failed\n"), std::string::npos) << said;
}

TEST(ExplainSchema, HoldsForHarmlessAndHostilePickles) {
  if (!has_jsonschema()) GTEST_SKIP() << "python3-jsonschema is not installed";
  std::vector<ExplainedPickle> pickles(3);
  pickles[0] = {0, 57, Severity::kHigh, {"pickle.code-execution"}, sample::alert().pickle, {}, false};
  pickles[1] = {57, 10, std::nullopt, {}, {}, {}, false};
  pickles[2] = {67, 10, Severity::kHigh, {"pickle.code-execution"}, sample::largest_alert("\x1b").pickle, {}, false};
  const auto [status, said] = validate("explain.schema.json", explain_line("a", pickles) + explain_line("b", {}));
  EXPECT_EQ(said, "2 passed, 0 failed\n");
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace pickletap
