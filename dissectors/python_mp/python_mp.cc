#include "dissectors/python_mp/python_mp.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "dissectors/byte_reader.h"
#include "dissectors/python_mp/message_shape.h"

namespace pickletap {

namespace {

/// Opcodes a pickle can begin with: what needs neither a stack nor a MARK below it.
bool can_begin_pickle(uint8_t byte) {
  switch (kOpcodes[byte].shape) {
    case ArgShape::kUnknown: return false;
    case ArgShape::kNothing: break;
    default: {
      const auto code = static_cast<Opcode>(byte);
      return code != Opcode::kPut && code != Opcode::kBinPut && code != Opcode::kLongBinPut && code != Opcode::kGet &&
             code != Opcode::kBinGet && code != Opcode::kLongBinGet && code != Opcode::kInst;
    }
  }
  switch (static_cast<Opcode>(byte)) {
    case Opcode::kMark:
    case Opcode::kNone:
    case Opcode::kNewTrue:
    case Opcode::kNewFalse:
    case Opcode::kEmptyTuple:
    case Opcode::kEmptyList:
    case Opcode::kEmptyDict:
    case Opcode::kEmptySet: return true;
    default: return false;
  }
}

/// After a loss: does a piece of a stream begin with a message of ours? Stricter than the look at a flow's first bytes,
/// for a segment in the middle of a large message may begin with anything.
bool looks_like_message(ByteSpan bytes) {
  ByteReader reader(bytes);
  const uint64_t length = reader.big_endian(4);
  const auto body = reader.take(2);
  if (!reader.ok() || length < 2 || length > (uint64_t{1} << 28)) return false;
  return (body[0] == '#' && length <= kMaxHandshakeMessage) || (body[0] == 0x80 && body[1] >= 2 && body[1] <= 5);
}

}  // namespace

PythonMp::PythonMp(const DissectorContext& context, bool from_start) : context_(context), midstream_(!from_start) {
  if (midstream_) auth_.set_midstream();
  for (Stream& s : streams_) s.places[0].auth = auth_;
}

/// Does it begin like a pickle that an unpickler would read on, or that fetches something by name before it breaks off?
bool may_be_pickle(ByteSpan bytes) {
  // What begins a number for strtol and int() (_pickle.c load_int, load_long).
  const auto begins_number = [](uint8_t byte) { return byte <= ' ' || (byte >= '+' && byte <= '9'); };
  OpReader reader;
  for (Op op; !bytes.empty();) {
    const auto code = static_cast<Opcode>(bytes[0]);
    const bool is_number = code == Opcode::kInt || code == Opcode::kLong;
    if (is_number && bytes.size() > 1 && !begins_number(bytes[1])) return false;
    switch (reader.next(bytes, op)) {
      case OpReader::Result::kOp: break;
      case OpReader::Result::kNeedMore: return true;
      default: return false;
    }
    switch (code) {
      case Opcode::kStop:
      case Opcode::kGlobal:
      case Opcode::kStackGlobal:
      case Opcode::kInst:
      case Opcode::kExt1:
      case Opcode::kExt2:
      case Opcode::kExt4: return true;
      default: break;
    }
  }
  return true;
}

// Most of what is not ours is told by a few bytes: a length that no message of a prober has, and then what begins neither
// a challenge nor a pickle that an unpickler would read on. "GET ", a TLS record and an SSH banner all read as lengths
// above 300 MB. Negative lengths are empty messages (Python 3), so what follows them is looked at in the same way.
Probe PythonMp::probe(ByteSpan first_bytes) {
  for (size_t at = 0;;) {
    ByteReader reader(first_bytes.subspan(at));
    const auto length = static_cast<int32_t>(static_cast<uint32_t>(reader.big_endian(4)));
    const uint64_t announced = length == -1 ? reader.big_endian(8) : static_cast<uint64_t>(std::max(length, 0));
    if (!reader.ok()) return Probe::kNeedMore;
    at += length == -1 ? 12 : 4;
    if (announced == 0) continue;
    if (announced <= kMaxProbeBytes) return Probe::kNeedMore;
    const ByteSpan rest = first_bytes.subspan(at);
    if (rest.empty() || rest[0] == '#') return Probe::kNeedMore;
    return can_begin_pickle(rest[0]) && may_be_pickle(rest) ? Probe::kNeedMore : Probe::kNo;
  }
}

void PythonMp::reject() {
  state_ = Probe::kNo;
  for (Stream& s : streams_) {
    s.machine.release();
    s.parked = std::vector<uint8_t>();
  }
  held_ = std::vector<Observation>();
}

void PythonMp::on_data(Direction from, ByteSpan bytes, ObservationSink& sink) {
  Stream& s = stream(from);
  if (s.lost) {
    // A header was among what was lost. Messages begin segments more often than not: one that looks like a message
    // of ours is taken for one.
    if (!looks_like_message(bytes)) {
      if (state_ == Probe::kNeedMore) reject();
      return;
    }
    s.lost = false;
    s.guessed = true;
    s.reader.restart();
    note_place(s);
  }
  while (state_ != Probe::kNo) {
    switch (s.reader.next(bytes)) {
      case FrameEvent::kNeedMore: return park(s);
      case FrameEvent::kBegin: begin_frame(from, sink); break;
      case FrameEvent::kBytes: body(from, s.reader.chunk()); break;
      case FrameEvent::kEnd: end_frame(from, sink); break;
    }
    if (state_ != Probe::kYes && s.machine && s.machine->called_by_name()) confirm(sink);
    // Undecided, and no pickle: a message too long to be skipped on suspicion.
    const bool hopeless = state_ == Probe::kNeedMore && s.reader.in_body() && s.frame.length > kMaxProbeBytes &&
                          s.body_offset > 0 && !s.machine.was_taken_away() &&
                          (!s.machine || (s.machine->ended() && !s.machine->is_loadable()));
    if (hopeless) reject();
  }
}

void PythonMp::begin_frame(Direction from, ObservationSink& sink) {
  Stream& s = stream(from);
  s.frame = FrameSeen{s.frames++, s.reader.length(), s.reader.position(), FrameKind::kBytes, s.guessed};
  s.places.back().auth = auth_;  // the other side may have spoken since the last message ended
  s.alternating = s.alternating && (s.frame.length == 0) == (s.frame.index % 2 == 0);
  s.body_offset = 0;
  s.gap_in_frame = false;
  s.head.clear();
  const bool oversized = s.frame.length > context_.limits.frame_bytes && !s.guessed;
  if (state_ == Probe::kYes && oversized) emit(from, FrameOversized{s.frame}, sink);
}

void PythonMp::body(Direction from, ByteSpan bytes) {
  Stream& s = stream(from);
  if (s.frame.length <= kMaxHandshakeMessage && auth_.expects_step(from)) {
    s.head.insert(s.head.end(), bytes.begin(), bytes.end());
  }
  // A manager's other serialiser: Lib/multiprocessing/connection.py `_xml_dumps`.
  static constexpr std::string_view kXmlParams = "<params>";
  if (s.body_offset == 0) s.xml_so_far = state_ == Probe::kYes;
  for (size_t i = 0; s.xml_so_far && i < bytes.size() && s.body_offset + i < kXmlParams.size(); ++i) {
    s.xml_so_far = bytes[i] == static_cast<uint8_t>(kXmlParams[s.body_offset + i]);
    xml_params_seen_ = s.xml_so_far && s.body_offset + i + 1 == kXmlParams.size();
  }
  const bool begins = s.body_offset == 0;
  if (begins && can_begin_pickle(bytes[0])) {
    s.machine.acquire(context_.machines);
    s.machine->begin(s.frame.length, context_.every_frame ? nullptr : &told_);
  }
  unpark(s);
  s.body_offset += bytes.size();
  if (s.machine) s.machine->feed(bytes);
  if (begins && s.machine && s.body_offset < s.frame.length && bytes.size() <= kMaxParkedBytes) {
    s.parked.assign(bytes.begin(), bytes.end());
  }
}

/// A machine takes kilobytes, the first bytes of a message no more than they are: while a message waits for its second
/// piece these are kept for it, and read once more.
void PythonMp::park(Stream& stream) {
  if (stream.parked.empty()) return stream.machine.wait();
  stream.machine.release();
}

void PythonMp::unpark(Stream& stream) {
  stream.machine.resume();
  if (stream.parked.empty()) return;
  if (!stream.machine) {
    stream.machine.acquire(context_.machines);
    stream.machine->begin(stream.frame.length, context_.every_frame ? nullptr : &told_);
    stream.machine->feed(stream.parked);
  }
  stream.parked = std::vector<uint8_t>();
}

/// In a flow that is known to be ours: is this message a pickle, be it a broken one?
bool PythonMp::is_pickle(const PickleMachine& machine) const {
  return machine.stopped() || machine.called_by_name() || (machine.has_header() && machine.ops() >= 2);
}

/// Does this message prove that the flow is ours? Protocols 0 and 1 have no header, so more is asked of them: what a
/// pickler cannot help doing, and no other format does.
bool PythonMp::is_proof(const PickleMachine& machine) const {
  if (machine.called_by_name()) return true;
  const bool exact = machine.stopped() && machine.trailing_bytes() == 0;
  if (!machine.has_header()) return exact && machine.is_typical() && machine.ops() >= 3;
  if (exact) return true;
  const bool ran_through = machine.stopped() || machine.end() == PickleEnd::kTruncated;
  return ran_through && machine.is_typical();
}

void PythonMp::end_frame(Direction from, ObservationSink& sink) {
  Stream& s = stream(from);
  if (s.machine) s.machine->finish();
  AuthHandshake::Taken taken = auth_.take(from, s.frame.length, s.head);
  if (taken.is_step && taken.step->kind == HandshakeStepKind::kChallenge && taken.step->server_challenges) {
    if (from == Direction::kToServer && midstream_) server_is_initiator_ = true;
    server_python_ = auth_.challenger_python();
    application_known_ = true;  // look-alikes have no handshake
    confirm(sink);
    emit(from, ProtocolFound{application_, server_is_initiator_}, sink);
  }
  const bool pickle = s.machine && !taken.is_step && is_pickle(*s.machine);
  if (s.frame.index == 0) s.began_with_pickle = pickle;
  // A Client without a key sends its first pickle where an answer is due: that is CPython, and no breach.
  const auto& breach = taken.violation;
  if (breach && breach->server_challenges && breach->what != HandshakeBreach::kNoVerdict &&
      stream(breach->by).began_with_pickle) {
    taken.violation.reset();
  }
  if (s.guessed && (taken.is_step || (pickle && is_proof(*s.machine)))) s.guessed = false;
  if (s.guessed && !s.gap_in_frame) s.lost = true;  // a guess that was wrong: try again
  if (state_ == Probe::kNeedMore) {
    if (pickle && is_proof(*s.machine)) {
      confirm(sink);
    } else if (!s.machine.was_taken_away() && (!s.machine || !s.machine->is_loadable())) {
      // What an unpickler would load speaks for nothing and against nothing, however often it comes.
      s.probed_bytes += s.frame.length;
      if (++s.strange_frames >= kMaxProbeFrames || s.probed_bytes > kMaxProbeBytes) {
        reject();
        return;
      }
    }
  }
  FrameKind kind = s.frame.length == 0 ? FrameKind::kEmpty : FrameKind::kBytes;
  if (taken.is_step) kind = FrameKind::kHandshake;
  if (pickle) kind = FrameKind::kPickle;
  take_message(from, kind, taken, sink);
  s.machine.release();
  note_place(s);
}

void PythonMp::take_message(Direction from, FrameKind kind, const AuthHandshake::Taken& taken, ObservationSink& sink) {
  Stream& s = stream(from);
  s.frame.kind = kind;
  if (state_ == Probe::kYes) ++context_.counters.frames[index_of(from)];
  if (taken.step) emit(from, *taken.step, sink);
  if (taken.violation) emit(from, *taken.violation, sink);
  if (taken.state_changed) emit(from, AuthChanged{}, sink);
  if (taken.ended) {
    handshake_ended_ = true;
    emit(from, HandshakeEnded{}, sink);
  }
  settle(from, sink);
  if (std::exchange(xml_params_seen_, false) && application_ != Application::kManager) {
    application_ = Application::kManager;
    emit(from, ProtocolFound{application_, server_is_initiator_, true}, sink);
  }
  if (kind == FrameKind::kPickle) {
    classify(from, *s.machine, sink);
    emit_pickle(from, taken.never_loaded, sink);
  } else if (s.machine.was_taken_away() && kind == FrameKind::kBytes) {
    emit_unfollowed(from, sink);
  } else if (state_ == Probe::kYes && (context_.every_frame || (kind == FrameKind::kBytes && !bytes_told_))) {
    // The first message that is no pickle in any case: it may be a listener that exchanges none at all.
    bytes_told_ = bytes_told_ || kind == FrameKind::kBytes;
    emit(from, s.frame, sink);
  }
}

/// Without a challenge so far a flow is provisionally unauthenticated; the server's first word decides.
void PythonMp::settle(Direction from, ObservationSink& sink) {
  if (auth_settled_) return;
  if (auth_.begun() || auth_.state() == AuthState::kUnknown) {
    auth_settled_ = true;
  } else if (from == Direction::kToClient) {
    auth_settled_ = true;
    if (state_ == Probe::kYes) emit(from, AuthChanged{}, sink);
  }
}

void PythonMp::classify(Direction from, const PickleMachine& machine, ObservationSink& sink) {
  Application found = application_;
  const bool one_sided = !auth_.begun() && stream(Direction::kToClient).frames == 0 && from == Direction::kToServer;
  if (!application_known_ && one_sided) {
    if (is_log_record(machine)) found = Application::kLogging;
    if (is_carbon_batch(machine)) found = Application::kCarbon;
  }
  const bool alternating = stream(from).alternating;
  if (!application_known_ && !auth_.begun() && alternating) found = Application::kStream;
  // Receivers of log records and metrics never answer; a Listener's messages do not alternate for ever.
  const bool never_answers = application_ == Application::kLogging || application_ == Application::kCarbon;
  if ((never_answers && from == Direction::kToClient) || (application_ == Application::kStream && !alternating)) {
    found = Application::kConnection;
  }
  if (is_manager_reply(machine) || manager_request(machine)) found = Application::kManager;

  const bool by_server = (from == Direction::kToClient) != server_is_initiator_;
  if (by_server && machine.protocol() == 2 && server_python_ != PythonGuess::kFrom312)
    server_python_ = PythonGuess::k27;
  const bool news = found != application_ || !application_known_;
  application_known_ = true;
  application_ = found;
  // Facts held back for the first pickle's sake belong to what it turned out to be.
  for (Observation& held : held_) held.application = found;
  if (news && state_ == Probe::kYes) emit(from, ProtocolFound{application_, server_is_initiator_}, sink);
}

void PythonMp::emit_pickle(Direction from, bool never_loaded, ObservationSink& sink) {
  Stream& s = stream(from);
  PickleSeen seen{s.frame, never_loaded, {}, {}, {}};
  if (auto request = manager_request(*s.machine)) seen.manager = std::move(*request);
  if (auto reply = manager_reply(*s.machine)) seen.reply = std::move(*reply);
  seen.report = s.machine->report(context_.every_frame);
  const PickleReport& report = seen.report;
  const bool stopped = report.end == PickleEnd::kStop;
  // What the tap lost is no fault of the sender's.
  const bool broken =
      report.end != PickleEnd::kGap && !s.gap_in_frame && !s.guessed && (!stopped || report.trailing_bytes > 0);
  const bool whole_frame = s.reader.at_boundary();
  if (broken && whole_frame && (s.machine->has_header() || s.machine->called_by_name())) {
    const std::string_view reason = stopped ? "carries bytes after STOP" : report.end_reason;
    seen.report.findings.push_back({PickleRule::kMalformed, {}, {}, std::string(reason), report.length, {}, {}, {}});
  }
  const auto& findings = seen.report.findings;
  const bool only_unknown =
      std::all_of(findings.begin(), findings.end(), [](const auto& f) { return f.rule == PickleRule::kUnknownCall; });
  const bool harmless = findings.empty() && seen.report.told_before == 0;
  ++context_.counters.pickles[harmless ? 0 : only_unknown ? 1 : 2];
  emit(from, std::move(seen), sink);
}

/// What looked like a pickle was not read to its end, for want of room: it may have been anything.
void PythonMp::emit_unfollowed(Direction from, ObservationSink& sink) {
  Stream& s = stream(from);
  s.frame.kind = FrameKind::kPickle;
  PickleSeen seen{s.frame, false, {}, {}, {}};
  seen.report.end = PickleEnd::kGap;
  seen.report.findings.push_back({PickleRule::kEvasion,
                                  {},
                                  {},
                                  "was not followed: more pickles were open at once than the sensor has memory for",
                                  0,
                                  {},
                                  {},
                                  {}});
  ++context_.counters.pickles[1];
  emit(from, std::move(seen), sink);
}

void PythonMp::confirm(ObservationSink& sink) {
  if (state_ == Probe::kYes) return;
  state_ = Probe::kYes;
  for (Observation& held : held_) sink.emit(std::move(held));
  held_ = std::vector<Observation>();
  for (const Direction d : {Direction::kToServer, Direction::kToClient}) {
    const Stream& s = stream(d);
    if (s.reader.in_body() && s.frame.length > context_.limits.frame_bytes && !s.guessed)
      emit(d, FrameOversized{s.frame}, sink);
  }
}

void PythonMp::emit(Direction from, Fact fact, ObservationSink& sink) {
  auth_settled_ = auth_settled_ || auth_.begun();
  Observation observation{from,           application_,         auth_.state(), auth_settled_,  auth_.digest(),
                          server_python_, server_is_initiator_, false,         std::move(fact)};
  if (state_ == Probe::kYes) {
    sink.emit(std::move(observation));
  } else if (held_.size() < kMaxHeldFacts) {
    held_.push_back(std::move(observation));
  } else {
    ++context_.counters.held_facts_dropped;
  }
}

void PythonMp::on_gap(Direction from, uint64_t bytes, ObservationSink& sink) {
  Stream& s = stream(from);
  unpark(s);
  if (state_ == Probe::kNo) return;
  if (!auth_.done() && auth_.state() != AuthState::kUnknown) {
    auth_.lose_track();
    auth_settled_ = true;
    emit(from, AuthChanged{}, sink);
  }
  auth_.lose_track();
  s.gap_in_frame = true;
  if (s.machine) s.machine->gap(bytes);
  if (s.reader.skip(bytes)) {
    s.body_offset += bytes;
    s.frame.after_gap = true;
    s.machine.wait();
    return;
  }
  if (s.machine && s.machine->called_by_name()) emit_pickle(from, false, sink);
  s.machine.release();
  s.lost = true;
  emit(from, StreamAnomaly{"frame_sync_lost", bytes}, sink);
}

void PythonMp::on_end(Direction from, EndReason reason, ObservationSink& sink) {
  Stream& s = stream(from);
  unpark(s);
  s.ended = true;
  if (state_ == Probe::kNo) return;
  if (s.machine && s.machine->called_by_name()) {
    confirm(sink);
    // recv() returns whole messages only: what ends before its frame does is never loaded.
    const bool closed = reason == EndReason::kFin || reason == EndReason::kReset;
    emit_pickle(from, closed && !s.gap_in_frame, sink);
  }
  s.machine.release();
  if (!stream(opposite(from)).ended || state_ != Probe::kYes) return;
  if (auth_.begun() && !handshake_ended_) {
    handshake_ended_ = true;
    emit(from, HandshakeEnded{!auth_.done()}, sink);
  }
  if (!auth_settled_) {
    auth_settled_ = true;
    emit(from, AuthChanged{}, sink);
  }
}

}  // namespace pickletap
