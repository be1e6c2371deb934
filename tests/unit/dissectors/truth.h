// What the tests of dissectors/ share: the truth files of data/ (written by data/make_truth.py from real Pythons), the
// built-in policy, and pickles read in one piece or in many.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/policy_files.h"
#include "dissectors/dissector.h"
#include "dissectors/pickle/pickle_machine.h"
#include "dissectors/pickle/policy.h"

namespace pickletap::truth {

inline ByteSpan bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
inline std::string text_of(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// The lines of a truth file, cut at `separator`; comments left out.
inline std::vector<std::vector<std::string>> rows(const std::string& file, char separator = ' ') {
  std::ifstream in(std::string(PICKLETAP_SOURCE_DIR) + "/tests/unit/dissectors/data/" + file);
  EXPECT_TRUE(in) << file;
  std::vector<std::vector<std::string>> all;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, separator);) fields.push_back(field);
    all.push_back(std::move(fields));
  }
  EXPECT_FALSE(all.empty()) << file;
  return all;
}

inline std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream parts(text);
  for (std::string word; parts >> word;) found.push_back(word);
  return found;
}

/// "-" is the empty string.
inline std::string from_hex(std::string_view hex) {
  std::string out;
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return out;
}

/// Pieces "HEX" and "HEX*COUNT", commas between them.
inline std::string from_short_hex(const std::string& pieces) {
  std::string out;
  std::istringstream parts(pieces);
  for (std::string piece; std::getline(parts, piece, ',');) {
    const size_t star = piece.find('*');
    const std::string once = from_hex(piece.substr(0, star));
    for (unsigned long left = star == std::string::npos ? 1 : std::stoul(piece.substr(star + 1)); left > 0; --left) {
      out += once;
    }
  }
  return out;
}

inline std::string from_base64(std::string_view text) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  return out;
}

inline const Policy& builtin_policy() {
  static const Policy& policy = []() -> const Policy& {
    static Policy made;
    add_builtin_policy(made);
    return made;
  }();
  return policy;
}

/// Where to cut `size` bytes: one byte at a time at first, then in longer and longer pieces; another way for each seed.
inline std::vector<size_t> random_cuts(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<size_t> cuts;
  for (size_t at = 0; at < size;) {
    at += 1 + random() % (1 + random() % 40);
    if (at < size) cuts.push_back(at);
  }
  return cuts;
}

/// Calls `take` with the pieces of `text` between the cuts.
template <typename Take>
void in_pieces(std::string_view text, const std::vector<size_t>& cuts, Take take) {
  size_t from = 0;
  for (const size_t cut : cuts) {
    take(bytes_of(text.substr(from, cut - from)));
    from = cut;
  }
  take(bytes_of(text.substr(from)));
}

/// One pickle, read to its end by a machine of its own.
struct Reading {
  explicit Reading(std::string_view pickle, const std::vector<size_t>& cuts = {}, const DissectorLimits& with = {},
                   const Policy& policy = builtin_policy())
      : limits(with), machine(policy, limits) {
    machine.begin(pickle.size());
    in_pieces(pickle, cuts, [&](ByteSpan piece) { machine.feed(piece); });
    machine.finish();
    report = machine.report(true);
  }
  bool has(PickleRule rule) const {
    return std::any_of(report.findings.begin(), report.findings.end(), [&](const auto& f) { return f.rule == rule; });
  }
  DissectorLimits limits;
  PickleMachine machine;
  PickleReport report;
};

/// Everything a report says, for comparing two and for messages.
inline std::string describe(const PickleReport& report) {
  std::ostringstream out;
  out << "protocol " << report.protocol << " length " << report.length << '+' << report.trailing_bytes << " end "
      << static_cast<int>(report.end) << ' ' << report.end_reason << " calls " << report.calls_total
      << (report.truncated ? " truncated" : "");
  for (const auto& name : report.globals) out << "\n  global " << name;
  for (const auto& call : report.calls) {
    out << "\n  call " << call.callable << call.args << ' ' << call.opcode << " at " << call.offset;
  }
  for (const auto& finding : report.findings) {
    out << "\n  " << rule_name(finding.rule) << ' ' << finding.callable << ' ' << finding.category << " at "
        << finding.offset;
  }
  for (const auto* list :
       {&report.indicators.commands, &report.indicators.hosts, &report.indicators.urls, &report.indicators.paths}) {
    out << "\n ";
    for (const auto& text : *list) out << " [" << text << ']';
  }
  out << "\n" << report.program;
  return out.str();
}

}  // namespace pickletap::truth
