// PythonMp's other readings: where a direction can be read anew from, and the Dissector that does so.
#include <memory>
#include <utility>

#include "dissectors/python_mp/python_mp.h"

namespace pickletap {

/// The reader stands at the beginning of a message. With all places taken every other one is forgotten but the first,
/// which only makes a fork begin earlier than it must.
void PythonMp::note_place(Stream& stream) {
  if (stream.places.size() == kMaxPlaces) {
    for (size_t i = 1; i < kMaxPlaces / 2; ++i) stream.places[i] = stream.places[i * 2];
    stream.places.resize(kMaxPlaces / 2);
  }
  stream.places.push_back({stream.reader.position(), stream.frames, auth_});
}

uint64_t PythonMp::checkpoint(Direction from, uint64_t until) {
  Stream& s = stream(from);
  unsigned last = 0;
  while (last + 1 < s.places.size() && s.places[last + 1].position <= until) ++last;
  if (last != 0) {
    s.places.erase(s.places.begin(), s.places.begin() + last);
  }
  return s.places[0].position;
}

std::unique_ptr<Dissector> PythonMp::fork(Direction from) const {
  auto twin = std::make_unique<PythonMp>(context_, !midstream_);
  const Stream& mine = streams_[index_of(from)];
  const Place& place = mine.places[0];
  Stream& s = twin->stream(from);
  s.reader.begin_at(place.position);
  s.frames = place.frames;
  s.alternating = mine.alternating;
  s.places[0] = place;
  // The other direction goes on where it stands; the pickle that is being read there is the first reading's affair.
  const Stream& others = streams_[index_of(opposite(from))];
  Stream& o = twin->stream(opposite(from));
  o.reader = others.reader;
  o.head = others.head;
  o.frame = others.frame;
  o.frames = others.frames;
  o.body_offset = others.body_offset;
  o.alternating = others.alternating;
  o.lost = others.lost;
  o.guessed = others.guessed;
  o.ended = others.ended;
  o.places = others.places;
  twin->auth_ = place.auth;
  twin->told_ = told_;
  twin->application_ = application_;
  twin->application_known_ = application_known_;
  twin->auth_settled_ = auth_settled_;
  twin->handshake_ended_ = handshake_ended_;
  twin->server_is_initiator_ = server_is_initiator_;
  twin->server_python_ = server_python_;
  // What this one was rejected for, the fork may read otherwise.
  twin->state_ = state_ == Probe::kYes ? Probe::kYes : Probe::kNeedMore;
  return twin;
}

bool PythonMp::stands_with(const Dissector& other, Direction from) const {
  const auto* peer = dynamic_cast<const PythonMp*>(&other);
  if (peer == nullptr) return false;
  const Stream& a = streams_[index_of(from)];
  const Stream& b = peer->streams_[index_of(from)];
  return a.reader.at_boundary() && b.reader.at_boundary() && a.reader.position() == b.reader.position() &&
         a.lost == b.lost && auth_ == peer->auth_ && state_ == peer->state_;
}

}  // namespace pickletap
