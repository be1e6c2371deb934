// The pieces eve_record.cc puts together: what one rendering may use (EveLimits), what it had to leave out (Cuts), and
// the writers of the larger objects. Private to the EVE sources; nothing here outlives a rendering.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sensor/output/eve_record.h"
#include "sensor/output/json_writer.h"

namespace pickletap {

/// Bytes of a text, entries of a list, in one rendering.
struct EveLimits {
  size_t args_bytes, program_bytes, globals, global_bytes, calls, callable_bytes, indicators, indicator_bytes, findings;
  size_t text_bytes;  ///< any other text: signature, file name, method
  size_t counters;
};

/// Tried in turn until the line fits; what each row shortens first is the order the header of eve_record.h promises.
/// The first row is what the records' own limits allow, so that nothing outside them can grow a line without bound.
inline constexpr std::array<EveLimits, 7> kEveLimits{{
    {2048, 8192, 256, 1024, 64, 1024, 16, 1024, 32, 1024, 4096},
    {256, 8192, 256, 1024, 64, 1024, 16, 1024, 32, 1024, 2048},
    {256, 2048, 256, 1024, 64, 1024, 16, 1024, 32, 1024, 1024},
    {256, 2048, 64, 256, 64, 1024, 16, 1024, 32, 1024, 512},
    {256, 2048, 64, 256, 16, 256, 16, 1024, 32, 1024, 256},
    {256, 2048, 64, 256, 16, 256, 4, 256, 8, 1024, 128},
    {64, 256, 16, 96, 8, 96, 2, 96, 4, 192, 32},
}};

inline constexpr size_t kMaxCategoryBytes = 64;    ///< of a finding's category, a word of a policy file
inline constexpr size_t kMaxHowBytes = 128;        ///< of how a call is reached
inline constexpr size_t kMaxIdentifierBytes = 16;  ///< "T1059.004", "CWE-502"; of a policy file as well

/// The last row must fit when every byte takes an escape of six: the texts it allows, 64 bytes of names and numbers
/// around each, and 8 KiB for all that is ours.
constexpr size_t largest_line(const EveLimits& l) {
  const size_t texts =
      l.program_bytes + l.globals * l.global_bytes + l.calls * (l.callable_bytes + l.args_bytes) +
      4 * l.indicators * l.indicator_bytes +
      l.findings * (l.callable_bytes + l.text_bytes + kMaxCategoryBytes + kMaxHowBytes + 3 * kMaxIdentifierBytes) +
      12 * l.text_bytes + (l.findings + 2) * l.callable_bytes;  // the last: of an allow list or a call-back
  const size_t entries = l.globals + 2 * l.calls + 4 * l.indicators + 4 * l.findings;
  return 6 * texts + 64 * entries + 8192;
}
static_assert(largest_line(kEveLimits.back()) <= kMaxEveLineBytes);

/// What a line leaves out; the order of names in `truncated`.
enum class Cut : uint8_t { kArgs, kProgram, kGlobals, kCalls, kIndicators, kFindings, kPickle, kText, kStats };
inline constexpr std::array<std::string_view, 9> kCutNames{"args",     "program", "globals", "calls", "indicators",
                                                           "findings", "pickle",  "text",    "stats"};

class Cuts {
 public:
  void add(Cut what) { bits_ |= 1U << static_cast<unsigned>(what); }
  void add(const Cuts& others) { bits_ |= others.bits_; }
  bool any() const { return bits_ != 0; }
  bool has(Cut what) const { return (bits_ >> static_cast<unsigned>(what) & 1U) != 0; }
  /// Writes `"truncated":[…]` when there is something to name.
  void write(JsonWriter& json) const;

 private:
  unsigned bits_ = 0;
};

/// One rendering in progress.
struct EveDraft {
  JsonWriter& json;
  const EveLimits& limits;
  Cuts cuts;

  /// Writes a text of at most `max_bytes`; notes in `cuts` when it was longer.
  void text(std::string_view value, size_t max_bytes, Cut what);
  /// A text under `key`, bounded like any other.
  void field(std::string_view key, std::string_view value) {
    json.key(key);
    text(value, limits.text_bytes, Cut::kText);
  }
};

/// The members of a pickle object, braces included.
void write_pickle(EveDraft& draft, const PickleReport& report);

/// `"alert":{…}` and what belongs to its `python_mp`.
void write_alert(EveDraft& draft, const Alert& alert);

/// `"python_mp":{…}` of a frame or a handshake.
void write_protocol(EveDraft& draft, const ProtocolRecord& record);

/// `"auth":{…}`; `weak_key` when a listed key reproduced the digest.
void write_auth(JsonWriter& json, const RecordHead& head, bool weak_key);

/// `"stats":{…}`.
void write_stats(EveDraft& draft, const StatsRecord& stats);

}  // namespace pickletap
