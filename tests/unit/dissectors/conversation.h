// Two peers for tests of dissectors/python_mp: messages as the wire has them, and what a dissector says about them as
// lines of text.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "dissectors/observation.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/python_mp/python_mp.h"
#include "tests/unit/dissectors/truth.h"

namespace pickletap::truth {

constexpr Direction kServer = Direction::kToServer;  // to the server: what the client says
constexpr Direction kClient = Direction::kToClient;

inline std::string big_endian(uint64_t value, unsigned width) {
  std::string out;
  for (unsigned shift = 8 * width; shift > 0; shift -= 8) out.push_back(static_cast<char>(value >> (shift - 8) & 0xff));
  return out;
}
inline std::string frame(std::string_view body) { return big_endian(body.size(), 4).append(body); }
inline std::string long_frame(std::string_view body) {
  return "\xff\xff\xff\xff" + big_endian(body.size(), 8).append(body);
}

inline std::string challenge(std::string_view digest = "") {
  return frame("#CHALLENGE#" + std::string(digest) + std::string(digest.empty() ? 20 : 40, 'c'));
}
inline std::string answer(std::string_view digest = "", size_t bytes = 16) {
  return frame(std::string(digest) + std::string(bytes, '\x01'));
}
inline std::string welcome() { return frame("#WELCOME#"); }
inline std::string failure() { return frame("#FAILURE#"); }

/// Protocol 4: a harmless list, and a call of os.system.
inline std::string harmless() {
  return std::string(
      "\x80\x04]\x94(K\x01K\x02"
      "e.",
      11);
}
inline std::string attack() { return "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."; }

inline std::string describe(const Observation& o) {
  std::ostringstream out;
  out << (o.from == kServer ? "> " : "< ") << to_text(o.application) << ' ' << to_text(o.auth)
      << (o.auth_settled ? "" : "?") << ' ' << to_text(o.digest) << ' ' << to_text(o.server_python)
      << (o.server_is_initiator ? " turned" : "") << " | ";
  if (const auto* found = std::get_if<ProtocolFound>(&o.fact)) {
    out << "found " << to_text(found->application) << (found->server_is_initiator ? " turned" : "");
  } else if (const auto* step = std::get_if<HandshakeStep>(&o.fact)) {
    static constexpr std::string_view kNames[] = {"challenge", "response", "welcome", "failure"};
    out << kNames[static_cast<size_t>(step->kind)] << (step->server_challenges ? " 1st " : " 2nd ")
        << to_text(step->digest) << ' ' << step->length;
  } else if (std::get_if<AuthChanged>(&o.fact) != nullptr) {
    out << "auth";
  } else if (const auto* ended = std::get_if<HandshakeEnded>(&o.fact)) {
    out << (ended->abandoned ? "handshake abandoned" : "handshake ended");
  } else if (const auto* seen = std::get_if<FrameSeen>(&o.fact)) {
    out << "frame " << to_text(seen->kind) << ' ' << seen->index << ' ' << seen->length << " at " << seen->offset;
  } else if (const auto* pickle = std::get_if<PickleSeen>(&o.fact)) {
    out << "pickle " << pickle->frame.index << ' ' << pickle->frame.length << " at " << pickle->frame.offset
        << (pickle->not_unpickled ? " never loaded" : "");
    if (!pickle->manager.method.empty()) out << " method " << pickle->manager.method << ' ' << pickle->manager.type_id;
    for (const auto& finding : pickle->report.findings) out << ' ' << rule_name(finding.rule);
  } else if (const auto* oversized = std::get_if<FrameOversized>(&o.fact)) {
    out << "oversized " << oversized->frame.length;
  } else if (const auto* anomaly = std::get_if<StreamAnomaly>(&o.fact)) {
    out << "anomaly " << anomaly->what << ' ' << anomaly->bytes;
  } else if (const auto* breach = std::get_if<HandshakeViolation>(&o.fact)) {
    static constexpr std::string_view kNames[] = {"oversized", "no answer", "no verdict"};
    out << "breach " << kNames[static_cast<size_t>(breach->what)] << (breach->server_challenges ? " 1st" : " 2nd")
        << (breach->by == kServer ? " by client " : " by server ") << breach->length;
  }
  return out.str();
}

/// A dissector and all that it says. `every_frame` as for python_mp events.
class Conversation final : public ObservationSink {
 public:
  explicit Conversation(bool from_start = true, bool every_frame = false, DissectorLimits with = {})
      : limits_(with),
        context_{limits_, machines_, counters, every_frame},
        dissector_(std::make_unique<PythonMp>(context_, from_start)) {}

  void say(Direction from, std::string_view bytes, const std::vector<size_t>& cuts = {}) {
    in_pieces(bytes, cuts, [&](ByteSpan piece) {
      if (!piece.empty() && dissector_->state() != Probe::kNo) dissector_->on_data(from, piece, *this);
    });
  }
  void client(std::string_view bytes) { say(kServer, bytes); }
  void server(std::string_view bytes) { say(kClient, bytes); }
  void gap(Direction from, uint64_t bytes) {
    if (state() != Probe::kNo) dissector_->on_gap(from, bytes, *this);
  }
  void end(Direction from, EndReason reason = EndReason::kFin) { dissector_->on_end(from, reason, *this); }
  void end_both(EndReason reason = EndReason::kFin) {
    end(kServer, reason);
    end(kClient, reason);
  }
  Probe state() const { return dissector_->state(); }

  void emit(Observation&& observation) override {
    lines.push_back(describe(observation));
    if (auto* pickle = std::get_if<PickleSeen>(&observation.fact)) reports.push_back(describe(pickle->report));
    observations.push_back(std::move(observation));
  }
  /// The facts alone, one a line.
  std::string facts() const {
    std::string out;
    for (const std::string& line : lines) out += line.substr(line.find("| ") + 2) + "\n";
    return out;
  }
  std::string all() const {
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    for (const std::string& report : reports) out += report + "\n";
    return out;
  }
  size_t count(std::string_view words) const {
    return static_cast<size_t>(std::count_if(
        lines.begin(), lines.end(), [&](const std::string& line) { return line.find(words) != std::string::npos; }));
  }
  bool has(std::string_view words) const { return count(words) > 0; }

  DissectorCounters counters;
  std::vector<Observation> observations;
  std::vector<std::string> lines, reports;

 private:
  DissectorLimits limits_;
  PickleMachinePool machines_{builtin_policy(), limits_};
  DissectorContext context_;
  std::unique_ptr<PythonMp> dissector_;
};

/// The mutual handshake of two peers that know the key.
inline void shake_hands(Conversation& talk, std::string_view digest = "", size_t answer_bytes = 16) {
  talk.server(challenge(digest));
  talk.client(answer(digest, answer_bytes));
  talk.server(welcome());
  talk.client(challenge(digest));
  talk.server(answer(digest, answer_bytes));
  talk.client(welcome());
}

}  // namespace pickletap::truth
