#include "dissectors/python_mp/frame_reader.h"

namespace pickletap {

FrameEvent FrameReader::header(ByteSpan& in) {
  while (!in.empty()) {
    if (have_ == 0) value_ = 0;
    value_ = value_ << 8 | in[0];
    advance(in, 1);
    ++have_;
    if (state_ == State::kShort && have_ == 4) {
      const auto length = static_cast<int32_t>(static_cast<uint32_t>(value_));
      if (length == -1) {
        state_ = State::kLong;
        have_ = 0;
        continue;
      }
      length_ = length < 0 ? 0 : static_cast<uint64_t>(length);
    } else if (state_ == State::kLong && have_ == 8) {
      length_ = value_;
    } else {
      continue;
    }
    left_ = length_;
    state_ = State::kBody;
    return FrameEvent::kBegin;
  }
  return FrameEvent::kNeedMore;
}

}  // namespace pickletap
