// Records as text for people: what `replay` prints without --json, and `rules` (`explain`: console_explain.h). Pure: each function appends
// to a string and colours it only when told to. Whatever the wire carried passes append_printable() (utf8.h), so that
// no control character, direction mark or broken byte reaches a terminal; long programs and lists are cut and say so.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sensor/output/eve_record.h"
#include "sensor/record.h"

namespace pickletap {

/// Terminal colours, or empty strings where there are none.
class Paint {
 public:
  explicit Paint(bool colours = false) : colours_(colours) {}
  std::string_view bold() const { return pick("\x1b[1m"); }
  std::string_view dim() const { return pick("\x1b[2m"); }
  std::string_view code() const { return pick("\x1b[36m"); }
  std::string_view good() const { return pick("\x1b[32m"); }
  std::string_view warning() const { return pick("\x1b[33m"); }
  std::string_view severity(Severity severity) const;
  std::string_view off() const { return pick("\x1b[0m"); }

 private:
  std::string_view pick(std::string_view code) const { return colours_ ? code : std::string_view(); }
  bool colours_;
};

/// A terminal, and nobody asked for no colours (NO_COLOR, TERM=dumb).
bool wants_colours(int fd);

std::string_view severity_text(Severity severity);  ///< "HIGH", "MEDIUM", "LOW"

/// "10.99.0.2:51234", "[fd00::1]:51234".
std::string endpoint_text(const Endpoint& endpoint);

/// One alert, four lines or so, without a blank line after it. `source`: the capture's name, empty when there is only
/// one.
void append_alert(std::string& out, const Alert& alert, std::string_view source, Paint paint);

/// A program, each line after `indent`, at most `max_lines` of them.
void append_program(std::string& out, std::string_view program, std::string_view indent, size_t max_lines, Paint paint);

/// What the console has gathered by the end.
struct Gathered {
  static constexpr size_t kMaxListeners = 1024;  ///< listed; more are counted

  std::vector<ListenerRecord> listeners;  ///< the latest word on each, in order of appearance
  uint64_t listeners_total = 0;
  std::map<std::pair<int, std::string_view>, uint64_t> alerts;  ///< by severity and rule; the catalogue bounds it
  StatsRecord stats;                                            ///< the last
  uint64_t sources = 0;
};

void append_listeners(std::string& out, const Gathered& gathered, Paint paint);
void append_summary(std::string& out, const Gathered& gathered, Paint paint);

/// The table of `pickletap rules`.
void append_rules(std::string& out, std::span<const RuleInfo> rules, Paint paint);

/// "1 packet", "12,345 packets".
std::string counted(uint64_t n, std::string_view noun);

}  // namespace pickletap
