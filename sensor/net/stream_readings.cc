#include "sensor/net/stream_readings.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <variant>

namespace pickletap {
namespace {

constexpr size_t kMaxTold = 64;
/// What a kept copy costs beside its bytes.
constexpr uint64_t kKeptOverhead = 64;

class NoSink final : public ObservationSink {
 public:
  void emit(Observation&& /*observation*/) override {}
};

}  // namespace

/// Lets pass what a reading finds in the messages in which it differs.
class StreamReadings::Filter final : public ObservationSink {
 public:
  Filter(StreamReadings& readings, const Reading& reading, ObservationSink& sink)
      : readings_(readings), reading_(reading), sink_(sink) {}
  void emit(Observation&& observation) override {
    auto* seen = std::get_if<PickleSeen>(&observation.fact);
    if (seen == nullptr || observation.from != reading_.from) return;
    const uint64_t end = reading_.left_out.to_stream(seen->frame.offset + seen->frame.length);
    if (end <= reading_.first_other) return;
    // A decoy is often garbage: that it is no pickle, or calls what nobody knows, says nothing.
    std::erase_if(seen->report.findings, [](const PickleFinding& f) {
      return f.rule == PickleRule::kMalformed || f.rule == PickleRule::kUnknownCall;
    });
    if (seen->report.findings.empty() || !readings_.is_news(*seen)) return;
    observation.other_reading = true;
    sink_.emit(std::move(observation));
  }

 private:
  StreamReadings& readings_;
  const Reading& reading_;
  ObservationSink& sink_;
};

StreamReadings::~StreamReadings() {
  for (Side& s : sides_) {
    while (!s.kept.empty()) drop_kept(s, s.kept.size() - 1);
  }
}

uint64_t StreamReadings::LeftOut::to_stream(uint64_t position) const {
  position += before;
  for (const uint64_t offset : offsets) position += offset <= position ? 1 : 0;
  return position;
}

// --- what the first reading gets

void StreamReadings::delivered(Direction from, ByteSpan bytes) {
  side(from).history.append(bytes);
  delivered_bytes_ += bytes.size();
  for (const auto& reading : readings_) {
    if (reading->from == from) {
      reading->bytes.append(bytes);
    } else {
      NoSink none;
      if (reading->origin) reading->origin->on_data(from, bytes, none);
      if (reading->dissector) reading->dissector->on_data(from, bytes, none);
    }
  }
}

void StreamReadings::lost(Direction from, uint64_t bytes) {
  NoSink none;
  side(from).history.skip(bytes);
  for (const auto& reading : readings_) {
    if (reading->from == from) {
      feed(*reading, none);  // what it had was read when the packet before this one was done with
      reading->bytes.skip(bytes);
      reading->read = reading->bytes.end();
      reading->origin.reset();
    } else if (reading->origin) {
      reading->origin->on_gap(from, bytes, none);
    }
    if (reading->dissector) reading->dissector->on_gap(from, bytes, none);
  }
  std::erase_if(readings_, [](const auto& reading) { return reading->dissector == nullptr; });
}

void StreamReadings::ended(Direction from, EndReason reason) {
  NoSink none;
  for (const auto& reading : readings_) {
    if (reading->dissector) reading->dissector->on_end(from, reason, none);
  }
}

void StreamReadings::leave_out(Direction from, uint64_t offset) {
  LeftOut& out = side(from).left_out;
  if (out.offsets.size() == LeftOut::kMax) {
    out.before += out.offsets.size();
    out.offsets.clear();
    side(from).history.forget_before(side(from).history.end());
  }
  out.offsets.push_back(offset);
  for (const auto& reading : readings_) {
    if (reading->from != from) continue;
    if (reading->left_out.offsets.size() == LeftOut::kMax) reading->origin.reset();
    if (reading->left_out.offsets.size() < LeftOut::kMax) reading->left_out.offsets.push_back(offset);
  }
}

void StreamReadings::put_back(Direction from, uint64_t offset, const Dissector& first) {
  std::unique_ptr<Reading> reading = fork(from, first);
  if (!reading || offset < reading->bytes.begin()) return note_not_followed();
  std::erase(reading->left_out.offsets, offset);
  reading->first_other = offset;
  reading->other_end = offset + 1;
  readings_.push_back(std::move(reading));
}

// --- copies

void StreamReadings::compare(Direction from, uint64_t offset, ByteSpan bytes, uint64_t acked, const Dissector& first) {
  const ByteHistory& history = side(from).history;
  const uint64_t begin = std::max(offset, history.begin());
  const uint64_t end = std::min(offset + bytes.size(), history.end());
  if (begin >= end) return;
  const ByteSpan had = history.from(begin).first(static_cast<size_t>(end - begin));
  const ByteSpan has = bytes.subspan(static_cast<size_t>(begin - offset), had.size());
  const auto [first_had, first_has] = std::mismatch(had.begin(), had.end(), has.begin());
  if (first_had == had.end()) return;
  // A keep-alive may repeat the byte before the next one with anything in it (RFC 9293, 3.8.4).
  if (bytes.size() == 1 && end <= acked) return;
  size_t last = had.size();
  while (had[last - 1] == has[last - 1]) --last;
  const auto skip = static_cast<size_t>(first_had - had.begin());
  note_conflict({from, begin + skip, last - skip});
  if (begin + last <= acked) return;  // the receiver has what was there before this copy
  conflict(from, begin + skip, has.subspan(skip, last - skip), first);
}

void StreamReadings::keep(Direction from, uint64_t offset, ByteSpan bytes, Refusal refusal, bool fin) {
  Side& s = side(from);
  // The same copy again says nothing new.
  for (const Kept& kept : s.kept) {
    if (kept.start == offset && kept.refusal == refusal && kept.fin == fin &&
        std::equal(kept.bytes.begin(), kept.bytes.end(), bytes.begin(), bytes.end())) {
      return;
    }
  }
  const uint64_t charge = bytes.size() + kKeptOverhead;
  if (s.kept.size() >= kMaxKept || s.kept_bytes + charge > kMaxKeptBytes + kMaxKept * kKeptOverhead ||
      pool_.used_bytes + charge > pool_.budget_bytes) {
    ++counters_.kept_limit_segments;
    kept_limit_ = kept_limit_ || !std::exchange(kept_limit_told_, true);
    return;
  }
  s.kept_bytes += charge;
  pool_.used_bytes += charge;
  s.kept.push_back({offset, offset, {bytes.begin(), bytes.end()}, refusal, fin});
}

void StreamReadings::drop_kept(Side& s, size_t index) {
  const uint64_t charge = s.kept[index].bytes.size() + kKeptOverhead;
  s.kept_bytes -= charge;
  pool_.used_bytes -= charge;
  s.kept.erase(s.kept.begin() + static_cast<std::ptrdiff_t>(index));
}

void StreamReadings::compare_kept(Direction from, uint64_t acked, const Dissector& first) {
  Side& s = side(from);
  for (size_t i = 0; i < s.kept.size();) {
    Kept& kept = s.kept[i];
    const uint64_t until = std::min(kept.end(), s.history.end());
    if (until > kept.compared) {
      const uint64_t begin = std::exchange(kept.compared, until);
      const auto skip = static_cast<size_t>(begin - kept.start);
      const auto count = static_cast<size_t>(until - begin);
      compare(from, begin, ByteSpan(kept.bytes).subspan(skip, count), std::min(acked, begin), first);
    }
    if (kept.end() <= s.history.end()) {
      drop_kept(s, i);
    } else {
      ++i;
    }
  }
}

std::optional<StreamReadings::Kept> StreamReadings::take_confirmed(Direction from, uint64_t next, uint64_t acked) {
  if (acked <= next) return std::nullopt;
  Side& s = side(from);
  for (size_t i = 0; i < s.kept.size(); ++i) {
    const Kept& kept = s.kept[i];
    const uint64_t end = kept.end() + (kept.fin ? 1 : 0);
    if (kept.refusal == Refusal::kNone || kept.start > next || end <= next || end > acked) continue;
    Kept taken = kept;
    drop_kept(s, i);
    ++counters_.confirmed_segments;
    return taken;
  }
  return std::nullopt;
}

void StreamReadings::read_kept(Direction from, const Dissector& first) {
  Side& s = side(from);
  std::unique_ptr<Reading> reading;
  for (size_t i = 0; i < s.kept.size();) {
    const uint64_t next = reading ? reading->bytes.end() : s.history.end();
    const Kept& kept = s.kept[i];
    if (kept.refusal == Refusal::kNoAckFlag || kept.start > next || kept.end() <= next) {
      ++i;
      continue;
    }
    if (!reading) {
      reading = fork(from, first);
      if (!reading) return note_not_followed();
      reading->first_other = next;
    }
    reading->bytes.append(ByteSpan(kept.bytes).subspan(static_cast<size_t>(next - kept.start)));
    reading->other_end = reading->bytes.end();
    drop_kept(s, i);
    i = 0;  // each round uses one of kMaxKept up
  }
  if (reading) readings_.push_back(std::move(reading));
}

// --- readings

bool StreamReadings::may_fork() const {
  return readings_.size() < kMaxReadings && pool_.readings < HistoryPool::kMaxReadings &&
         read_bytes_ <= kReadBytes + 8 * delivered_bytes_;
}

/// A reading that is so far what the first one is.
std::unique_ptr<StreamReadings::Reading> StreamReadings::fork(Direction from, const Dissector& first) {
  if (!may_fork()) return nullptr;
  const Side& s = side(from);
  std::unique_ptr<Dissector> origin = first.fork(from);
  if (!origin) return nullptr;
  const uint64_t start = s.left_out.to_stream(first.fork_position(from));
  if (start < s.history.begin() || start > s.history.end()) return nullptr;
  auto reading = std::make_unique<Reading>(pool_, start);
  reading->from = from;
  reading->origin = std::move(origin);
  reading->left_out = s.left_out;
  reading->bytes.append(s.history.from(start));
  read_bytes_ += reading->bytes.end() - start;
  reading->read = start;
  if (reading->bytes.begin() != start) return nullptr;
  ++counters_.readings;
  return reading;
}

std::unique_ptr<StreamReadings::Reading> StreamReadings::copy(const Reading& reading) {
  if (!reading.origin || !may_fork()) return nullptr;
  auto twin = std::make_unique<Reading>(pool_, reading.bytes.begin());
  twin->from = reading.from;
  twin->origin = reading.origin->fork(reading.from);
  twin->left_out = reading.left_out;
  twin->bytes.append(reading.bytes.from(reading.bytes.begin()));
  twin->read = twin->bytes.begin();
  read_bytes_ += twin->bytes.end() - twin->read;
  twin->first_other = reading.first_other;
  twin->other_end = reading.other_end;
  if (!twin->origin || twin->bytes.begin() != reading.bytes.begin()) return nullptr;
  ++counters_.readings;
  return twin;
}

/// False when the reading is beyond the place, with no way back.
bool StreamReadings::patch(Reading& reading, uint64_t offset, ByteSpan other) {
  const uint64_t end = offset + other.size();
  if (offset < reading.bytes.begin() || end > reading.bytes.end()) return false;
  if (reading.read > offset) {
    if (!reading.origin) return false;
    reading.dissector.reset();
    reading.read = reading.bytes.begin();
  }
  reading.bytes.overwrite(offset, other);
  reading.first_other = std::min(reading.first_other, offset);
  reading.other_end = std::max(reading.other_end, end);
  return true;
}

void StreamReadings::note_not_followed() {
  ++counters_.not_followed;
  not_followed_ = not_followed_ || !std::exchange(not_followed_told_, true);
}

/// Each reading may have the one copy or the other, so their number doubles; beyond kMaxReadings all of them take the
/// later copy.
void StreamReadings::conflict(Direction from, uint64_t offset, ByteSpan other, const Dissector& first) {
  const size_t before = readings_.size();
  bool failed = false;
  std::unique_ptr<Reading> reading = fork(from, first);
  if (reading) reading->first_other = offset;
  if (reading && patch(*reading, offset, other)) {
    readings_.push_back(std::move(reading));
  } else {
    failed = true;
  }
  for (size_t i = 0; i < before; ++i) {
    if (readings_[i]->from != from) continue;
    std::unique_ptr<Reading> twin = copy(*readings_[i]);
    if (!twin) {
      failed |= !patch(*readings_[i], offset, other);
    } else if (patch(*twin, offset, other)) {
      readings_.push_back(std::move(twin));
    }
  }
  if (failed) note_not_followed();
}

void StreamReadings::acknowledged(Direction from, uint64_t offset, Dissector& first) {
  Side& s = side(from);
  if (offset <= s.history.begin()) return;
  const uint64_t checkpoint = s.left_out.to_stream(first.checkpoint(from, offset));
  // A message too long to be kept from its beginning on cannot be read anew: what is acknowledged of it goes.
  s.history.forget_before(checkpoint < s.history.begin() ? offset : std::min(checkpoint, offset));
  if (!s.left_out.offsets.empty() && s.left_out.offsets.front() < s.history.begin()) {
    s.left_out.offsets.erase(s.left_out.offsets.begin());
    ++s.left_out.before;
  }
  if (readings_.empty()) return;
  std::erase_if(readings_, [&](const auto& reading) {
    if (reading->from != from || offset < reading->other_end || !reading->dissector) return false;
    if (reading->read != reading->bytes.end()) return false;
    return reading->dissector->state() == Probe::kNo || reading->dissector->stands_with(first, from);
  });
  for (const auto& reading : readings_) {
    if (reading->from == from) settle(*reading, offset);
  }
}

/// What is acknowledged before the reading's current message need not be kept for it.
void StreamReadings::settle(Reading& reading, uint64_t acked) {
  if (!reading.dissector || acked < reading.other_end || reading.read != reading.bytes.end()) return;
  const uint64_t place = reading.left_out.to_stream(reading.dissector->checkpoint(reading.from, acked));
  if (place < reading.bytes.begin()) {
    reading.origin.reset();
    reading.bytes.forget_before(acked);
    return;
  }
  if (place == reading.bytes.begin()) return;
  reading.origin = reading.dissector->fork(reading.from);
  reading.bytes.forget_before(place);
}

void StreamReadings::read(Reading& reading, ObservationSink& sink) {
  // What was let go at the front before it was read is lost for this reading.
  if (reading.read < reading.bytes.begin()) {
    reading.dissector.reset();
    reading.origin.reset();
    return;
  }
  if (!reading.dissector) {
    if (!reading.origin) return;
    reading.dissector = reading.origin->fork(reading.from);
    reading.read = reading.bytes.begin();
  }
  feed(reading, sink);
}

void StreamReadings::feed(Reading& reading, ObservationSink& sink) {
  if (!reading.dissector) return;
  ByteSpan rest = reading.bytes.from(std::max(reading.read, reading.bytes.begin()));
  read_bytes_ += rest.size();
  uint64_t at = reading.read;
  reading.read = reading.bytes.end();
  for (const uint64_t hole : reading.left_out.offsets) {
    if (hole < at || hole >= at + rest.size()) continue;
    const auto before = static_cast<size_t>(hole - at);
    if (before != 0) reading.dissector->on_data(reading.from, rest.first(before), sink);
    rest = rest.subspan(before + 1);
    at = hole + 1;
  }
  if (!rest.empty()) reading.dissector->on_data(reading.from, rest, sink);
}

void StreamReadings::flush(ObservationSink& sink) {
  const uint64_t budget = kReadBytes + 8 * delivered_bytes_;
  bool spent = false;
  for (const auto& reading : readings_) {
    if (reading->dissector && reading->read == reading->bytes.end()) continue;
    spent |= read_bytes_ > budget;
    if (spent) continue;
    Filter filter(*this, *reading, sink);
    read(*reading, filter);
  }
  std::erase_if(readings_, [&](const auto& reading) { return spent || !reading->dissector; });
  if (spent) note_not_followed();
}

bool StreamReadings::is_ours() const {
  return std::any_of(readings_.begin(), readings_.end(), [](const auto& reading) {
    return reading->dissector && reading->dissector->state() == Probe::kYes;
  });
}

bool StreamReadings::is_news(const PickleSeen& seen) {
  uint64_t text = std::hash<std::string>{}(seen.report.program);
  for (const PickleFinding& finding : seen.report.findings) {
    if (finding.rule == PickleRule::kMalformed) continue;
    text = text * 31 + std::hash<std::string>{}(finding.callable) + static_cast<uint64_t>(finding.rule);
  }
  text ^= seen.frame.offset * 0x9e3779b97f4a7c15U;
  if (std::find(told_.begin(), told_.end(), text) != told_.end()) return false;
  if (told_.size() == kMaxTold) told_.erase(told_.begin());
  told_.push_back(text);
  return true;
}

}  // namespace pickletap
