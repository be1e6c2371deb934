// Where the pickle machine keeps strings and bytes: a window over the pickle's own bytes, the latest of them. A text is not
// copied when its opcode is read: its Value says where the opcode stands, and the text is read there when somebody asks.
// While a chunk is being read its bytes are looked at in place; `close_chunk` copies their last part into a ring, once.
//
// Places are counted from the pickle's first byte, less what was left out of texts above kMaxText, so that a huge argument
// takes no more of the window than a small one; they, and what is forgotten, do not depend on how the pickle is cut into
// chunks. Texts that need decoding (STRING, UNICODE) stand in a small ring of their own. Names that were used are pinned;
// bytearrays that the pickle writes into are kept apart, and the content of the kMaxWritten + 1st is not known.
//
// Views are valid until the next `put`, `add`, `write`, `open_chunk` or `close_chunk`; the chunk must stay in place until
// then.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dissectors/dissector.h"
#include "dissectors/pickle/value.h"

namespace pickletap {

/// A ring of bytes, found by their place. What is put must not go back by more than the ring's size.
class ByteRing {
 public:
  static constexpr size_t kMaxRecord = 4096 + 11;  ///< bytes that can be read in one piece

  /// Starts anew. `max_bytes`: a power of two.
  void reset(uint64_t max_bytes);
  /// Stays as large as it is, or grows to `least` (a power of two).
  void stop_growing(uint64_t least);
  void put(uint64_t place, const uint8_t* bytes, size_t count);
  const uint8_t* at(uint64_t place) const { return bytes_.data() + (place & (size_ - 1)); }
  uint64_t max_size() const { return max_size_; }
  size_t memory_bytes() const { return bytes_.capacity(); }

 private:
  void mirror(size_t begin, size_t end);

  // A power of two; behind it stands a copy of the first kMaxRecord bytes.
  std::vector<uint8_t> bytes_;
  uint64_t size_ = 0;
  uint64_t max_size_ = 0;
};

class TextLog {
 public:
  static constexpr size_t kMaxText = 4096;       ///< bytes kept of one text, as OpReader does
  static constexpr uint32_t kMaxPinned = 256;    ///< names pinned in one pickle
  static constexpr size_t kMaxPinnedText = 512;  ///< bytes of each; what is longer is no name of anything
  static constexpr size_t kMaxWritten = 4;       ///< bytearrays written into in one pickle
  /// Taken beyond the size asked for.
  static constexpr size_t kSlackBytes = 2 * ByteRing::kMaxRecord + kMaxWritten * (kMaxText + 1);

  /// Starts a new pickle. `max_bytes`: of the window, 8 KiB at least; the decoded texts have an eighth of it,
  /// 8 KiB at least.
  void reset(uint32_t max_bytes);
  /// The rings stay as large as they are, or grow to 8 KiB.
  void stop_growing();

  /// The next bytes of the pickle, which are read where they stand.
  void open_chunk(const uint8_t* chunk, uint64_t place) {
    chunk_ = chunk;
    chunk_place_ = now_ = place;
  }
  /// Keeps what was read, up to `end`, which is the end of an opcode; the chunk may go.
  void close_chunk(const uint8_t* end);
  /// Where an opcode of the chunk stands: a text Value's payload.
  uint64_t place_of(const uint8_t* opcode) const { return chunk_place_ + static_cast<uint64_t>(opcode - chunk_); }
  /// The pickle has been read up to here: what is too old for the window is forgotten.
  void set_now(uint64_t place) { now_ = place; }

  /// Enters a counted text that no chunk has in one piece, at the place of its opcode. No chunk is open.
  Value put(ValueKind kind, uint64_t place, uint8_t opcode, ByteSpan text, uint64_t full_length);
  /// Enters a text that was decoded. `full_length` may exceed what is given.
  Value add(ValueKind kind, ByteSpan text, uint64_t full_length);

  /// The kept text; nothing when forgotten. `whole`: false when it was longer than what is kept.
  struct Text {
    std::string_view text;
    uint64_t full_length = 0;
    bool whole() const { return text.size() == full_length; }
  };
  std::optional<Text> find(Value value) const;
  /// Keeps this text for the rest of the pickle, even when the window forgets it.
  void pin(Value value);

  /// A bytearray's content changes: `byte` (nothing: an unknown one) goes to `index`, or to its end. An index that is out
  /// of range changes nothing.
  static constexpr uint64_t kEnd = UINT64_MAX;
  void write(Value bytearray, uint64_t index, std::optional<uint8_t> byte);
  /// It changes in a way that cannot be told.
  void lose(Value bytearray);

  /// The texts that somebody looked at, while watched: by place.
  struct Reads {
    std::array<uint64_t, 16> places{};
    size_t count = 0;
    bool more = false;  ///< than these
  };
  void watch_reads(bool on) { watches_reads_ = on; }
  const Reads& reads() const { return reads_; }
  bool was_read(uint64_t place) const {
    return std::find(reads_.places.begin(), reads_.places.begin() + reads_.count, place) !=
           reads_.places.begin() + reads_.count;
  }
  /// Do all texts stand in the chunk that is open, as they came?
  bool is_all_in_chunk() const {
    return chunk_ != nullptr && chunk_place_ == 0 && decoded_end_ == 0 && written_.empty();
  }

  size_t memory_bytes() const;

 private:
  void note_read(uint64_t place) const;
  static constexpr uint64_t kDecoded = uint64_t{1} << 55;  // of a payload: it stands in decoded_
  static constexpr size_t kDecodedHeader = 2 + 8;          // bytes kept, full length

  struct Written {
    uint64_t payload = 0;
    std::string text;
    uint64_t full_length = 0;
    bool known = true;
  };
  Written* written(Value bytearray);
  const uint8_t* record_at(uint64_t payload) const;

  ByteRing window_, decoded_;
  uint64_t now_ = 0;
  uint64_t decoded_end_ = 0;
  const uint8_t* chunk_ = nullptr;
  uint64_t chunk_place_ = 0;                              // of chunk_[0]
  std::vector<std::pair<uint64_t, std::string>> pinned_;  // payload → text
  std::vector<Written> written_;
  bool more_written_ = false;  // into others than these
  bool watches_reads_ = false;
  mutable Reads reads_;
};

}  // namespace pickletap
