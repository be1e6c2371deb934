// Framing of multiprocessing.connection: `!i` length, or -1 and `!Q` for long messages, then the body (CPython 3.13
// Lib/multiprocessing/connection.py `_send_bytes`/`_recv_bytes`; 2.7 Modules/_multiprocessing/socket_connection.c).
//
// A pull parser over one direction; keeps at most a header, whatever the frame's length.
//
// Python 3 reads any other negative length as an empty message, and so does this reader. Python 3.6 reads -1 so too:
// it sees two empty messages (-1, and the upper half of !Q) and then the message that the lower half announces, which
// is the same body.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dissectors/dissector.h"

namespace pickletap {

enum class FrameEvent : uint8_t {
  kNeedMore,
  kBegin,  ///< a header is complete: `length()`
  kBytes,  ///< `chunk()` is the next part of the body, in the caller's span
  kEnd,    ///< the body is complete
};

class FrameReader {
 public:
  /// Takes bytes off the front of `in` up to the next event.
  FrameEvent next(ByteSpan& in) {
    if (state_ == State::kBody) {
      if (left_ == 0) {
        state_ = State::kShort;
        have_ = 0;
        return FrameEvent::kEnd;
      }
      if (in.empty()) return FrameEvent::kNeedMore;
      const size_t take = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
      chunk_ = in.first(take);
      advance(in, take);
      left_ -= take;
      return FrameEvent::kBytes;
    }
    return header(in);
  }

  uint64_t length() const { return length_; }
  ByteSpan chunk() const { return chunk_; }
  bool in_body() const { return state_ == State::kBody; }
  /// Nothing of a header has been read: the stream stands between two frames.
  bool at_boundary() const { return state_ == State::kShort && have_ == 0; }
  uint64_t body_left() const { return in_body() ? left_ : 0; }
  /// Offset in the direction's stream of the byte read next.
  uint64_t position() const { return position_; }

  /// `count` bytes are missing. True when they lie inside the body; else the next header is lost and `restart` is due.
  bool skip(uint64_t count) {
    position_ += count;
    if (!in_body() || count > left_) return false;
    left_ -= count;
    return true;
  }
  /// Stands at the beginning of a frame, at this offset of the stream.
  void begin_at(uint64_t position) {
    restart();
    position_ = position;
  }
  /// Takes what comes next for the beginning of a frame.
  void restart() {
    state_ = State::kShort;
    have_ = 0;
  }

 private:
  enum class State : uint8_t { kShort, kLong, kBody };

  void advance(ByteSpan& in, size_t count) {
    in = in.subspan(count);
    position_ += count;
  }
  FrameEvent header(ByteSpan& in);

  State state_ = State::kShort;
  uint8_t have_ = 0;  // bytes of the header read
  uint64_t value_ = 0;
  uint64_t length_ = 0;
  uint64_t left_ = 0;
  uint64_t position_ = 0;
  ByteSpan chunk_;
};

}  // namespace pickletap
