#include "sensor/output/console.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "sensor/output/console_explain.h"
#include "sensor/output/utf8.h"
#include "tests/unit/output/sample_records.h"

namespace pickletap {
namespace {

std::string alert_text(const Alert& alert, std::string_view source = {}, bool colours = false) {
  std::string out;
  append_alert(out, alert, source, Paint(colours));
  return out;
}

/// What a console writes for these records, by way of a file.
std::string replayed(const std::vector<Record>& records, std::vector<std::string> sources,
                     ConsoleOptions options = {}) {
  std::FILE* file = std::tmpfile();
  Console console(fileno(file), std::move(sources), options);
  for (const Record& record : records) console.write(record);
  console.finish();
  EXPECT_FALSE(console.failed());
  std::string text(static_cast<size_t>(lseek(fileno(file), 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fileno(file), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  std::fclose(file);
  return text;
}

bool is_safe(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character c = read_utf8(text);
    if (!c.valid || (is_hazard(c.code) && c.code != '\n')) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

TEST(Console, ShowsAnAlertInFourLines) {
  EXPECT_EQ(alert_text(sample::alert()),
            "HIGH    pickle.code-execution  10.99.0.2:51234 → 10.99.0.1:50000   2026-11-21 10:00:00.123456Z   #17\n"
            "        loading this pickle runs a command: posix.system\n"
            "        posix.system('touch /tmp/marker')\n"
            "        connection · auth mutual (sha256) · frame 3, 57 bytes, protocol 4 · attempted\n");
}

TEST(Console, ShowsAnAlertWithoutAPickle) {
  Alert alert = sample::alert();
  alert.rule = &sample::kUnauthenticated;
  alert.signature = "pickles without authentication";
  alert.has_pickle = alert.has_frame = alert.has_outcome = false;
  alert.head.auth = AuthState::kNone;
  alert.head.digest = Digest::kNone;
  alert.head.flow.responder.address.is_v6 = true;
  alert.head.flow.responder.address.bytes = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  alert.manager = {"create", "Queue", {}, true};
  EXPECT_EQ(alert_text(alert, "b.pcap"),
            "MEDIUM  exposure.unauthenticated  10.99.0.2:51234 → [fd00::1]:50000   2026-11-21 10:00:00.123456Z   "
            "#17 b.pcap\n"
            "        pickles without authentication\n"
            "        connection · auth none · request create of Queue\n");
}

TEST(Console, CutsLongProgramsAndLongLines) {
  Alert alert = sample::alert();
  alert.pickle.program = "exec('" + std::string(500, 'x') + "')";
  for (int i = 0; i < 20; ++i) alert.pickle.program += "\nv" + std::to_string(i) + " = f()";
  const std::string text = alert_text(alert);
  EXPECT_NE(text.find("        exec('" + std::string(154, 'x') + "…\n        v0 = f()\n"), std::string::npos) << text;
  EXPECT_NE(text.find("        v6 = f()\n        … 13 more lines\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("v7"), std::string::npos);
}

TEST(Console, LetsNoControlCharacterThrough) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string piece = std::string("a") + static_cast<char>(byte);
    const Alert alert = sample::largest_alert(piece);
    EXPECT_TRUE(is_safe(alert_text(alert, piece))) << byte;
    const ExplainedPickle pickle{
        0, 1, Severity::kHigh, {"pickle.code-execution"}, alert.pickle, {{0, "GLOBAL", piece}}, true};
    const ExplainedFile file{piece, piece, 1, {{"pickle.code-execution", 1}}, {{"DANGEROUS", 1}}, Severity::kHigh};
    std::string out;
    append_file_name(out, piece, Paint());
    append_pickle(out, pickle, Paint());
    append_file_count(out, file);
    append_file_table(out, {&file, 1}, Paint());
    EXPECT_TRUE(is_safe(out)) << byte;
  }
}

TEST(Console, ColoursOnlyWhenTold) {
  EXPECT_EQ(alert_text(sample::alert()).find('\x1b'), std::string::npos);
  EXPECT_TRUE(alert_text(sample::alert(), {}, true).starts_with("\x1b[1;31mHIGH    \x1b[0m"));
  EXPECT_FALSE(wants_colours(-1));
}

TEST(Console, EndsWithListenersAndSummary) {
  Alert low = sample::alert();
  low.rule = &sample::kUnauthenticated;
  ListenerRecord end = sample::listener();
  end.change = "end";
  end.head.server_python = PythonGuess::kFrom312;
  ListenerRecord open = sample::listener();
  open.head.flow.responder = sample::endpoint(1, 6000);
  open.head.auth = AuthState::kNone;
  open.head.digest = Digest::kNone;
  const std::string text =
      replayed({sample::alert(), sample::listener(), open, low, low, end, sample::stats()}, {"a.pcap", "b.pcap"});
  EXPECT_EQ(text.substr(text.find("\nListeners")),
            "\n"
            "Listeners\n"
            "  10.99.0.1:50000   connection   auth mutual (sha256)   Python >=3.12, 3 flows from 2 peers\n"
            "  10.99.0.1:6000    connection   auth none\n"
            "\n"
            "Summary\n"
            "  read      2 files, 12,345 packets, 1.9 MiB, 12 flows\n"
            "  found     2 listeners, 57 frames, 40 pickles\n"
            "  alerts    3: 1 high, 2 medium\n"
            "           1  HIGH    pickle.code-execution\n"
            "           2  MEDIUM  exposure.unauthenticated\n"
            "  not seen  1 stream gap, 2 abandoned flows: what was lost was not judged\n");
  EXPECT_NE(text.find("#17 a.pcap\n"), std::string::npos);
}

TEST(Console, SaysThatNothingWasFound) {
  EXPECT_EQ(replayed({StatsRecord{}}, {"a.pcap"}),
            "Summary\n"
            "  read      1 file, 0 packets, 0 B, 0 flows\n"
            "  found     0 listeners, 0 frames, 0 pickles\n"
            "  alerts    none\n");
  EXPECT_EQ(replayed({StatsRecord{}}, {"a.pcap"}, {.summary = false}), "");
}

TEST(Console, ListsAMaximumOfListenersAndCountsTheRest) {
  std::vector<Record> records;
  for (size_t i = 0; i < Gathered::kMaxListeners + 5; ++i) {
    ListenerRecord listener = sample::listener();
    listener.head.flow.responder.port = static_cast<uint16_t>(i);
    records.emplace_back(listener);
  }
  const std::string text = replayed(records, {"a.pcap"});
  EXPECT_NE(text.find("  … 5 more listeners\n"), std::string::npos);
  EXPECT_NE(text.find("1,029 listeners"), std::string::npos);
}

TEST(Console, FailsOnAFullDisk) {
  std::FILE* full = std::fopen("/dev/full", "w");
  Console console(fileno(full), {"a.pcap"}, {});
  console.write(sample::alert());
  console.finish();
  EXPECT_TRUE(console.failed());
  std::fclose(full);
}

TEST(RulesTable, StandsInColumns) {
  const RuleInfo rules[] = {sample::kExecution, sample::kUnauthenticated};
  std::string out;
  append_rules(out, rules, Paint());
  EXPECT_EQ(out,
            "SID      SEVERITY  RULE                      RAISED WHEN\n"
            "5020001  HIGH      pickle.code-execution     loading the pickle runs code\n"
            "5020101  MEDIUM    exposure.unauthenticated  pickles travel on a connection that had no handshake\n");
}

}  // namespace
}  // namespace pickletap
