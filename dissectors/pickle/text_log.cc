#include "dissectors/pickle/text_log.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "dissectors/pickle/opcodes.h"

namespace pickletap {

namespace {

constexpr uint64_t kMinBytes = 8192;  // more than the longest record
constexpr uint64_t kDecodedShare = 8;
constexpr uint64_t kFirstBytes = 1024;  // grows as it is used: most pickles are small, and many may be open
constexpr uint64_t kKeepBytes = 65536;  // a larger ring is given back between pickles

uint64_t little_endian(const uint8_t* bytes, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

void store_little_endian(uint8_t* to, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) to[i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace

// ---- ByteRing

void ByteRing::reset(uint64_t max_bytes) {
  max_size_ = max_bytes;
  if (size_ > std::min(kKeepBytes, max_size_)) {
    bytes_ = std::vector<uint8_t>();  // `= {}` would keep the memory
    size_ = 0;
  }
}

void ByteRing::stop_growing(uint64_t least) {
  const uint64_t most = std::max(least, size_);
  if (most >= max_size_) return;
  max_size_ = most;
  if (size_ < max_size_) return;
  bytes_.resize(size_ + kMaxRecord);  // from now on it may wrap
  mirror(0, kMaxRecord);
}

void ByteRing::put(uint64_t place, const uint8_t* bytes, size_t count) {
  // It grows before it wraps, so places and indices are the same until then.
  if (place + count > size_ && size_ < max_size_) {
    size_ = std::min(max_size_, std::max(kFirstBytes, std::bit_ceil(place + count)));
    bytes_.resize(size_ < max_size_ ? size_ : size_ + kMaxRecord);
    mirror(0, kMaxRecord);  // what stands there already
  }
  if (count > size_) {  // only the end of it will be found again
    place += count - size_;
    bytes += count - size_;
    count = size_;
  }
  const size_t from = place & (size_ - 1);
  const size_t first = std::min<size_t>(count, size_ - from);
  std::memcpy(bytes_.data() + from, bytes, first);
  mirror(from, from + first);
  if (count == first) return;
  std::memcpy(bytes_.data(), bytes + first, count - first);
  mirror(0, count - first);
}

/// The copy behind the end, of what was written into the first kMaxRecord bytes.
void ByteRing::mirror(size_t begin, size_t end) {
  if (size_ < max_size_) return;  // it has not wrapped: no record reaches over its end
  end = std::min(end, kMaxRecord);
  if (begin < end) std::memcpy(bytes_.data() + size_ + begin, bytes_.data() + begin, end - begin);
}

// ---- TextLog

void TextLog::reset(uint32_t max_bytes) {
  const uint64_t most = std::bit_floor(uint64_t{max_bytes});
  window_.reset(std::max(kMinBytes, most));
  decoded_.reset(std::max(kMinBytes, most / kDecodedShare));
  now_ = decoded_end_ = chunk_place_ = 0;
  chunk_ = nullptr;
  if (!pinned_.empty()) pinned_.clear();
  if (!written_.empty()) written_.clear();
  more_written_ = false;
  watches_reads_ = reads_.more = false;
  reads_.count = 0;
}

void TextLog::stop_growing() {
  window_.stop_growing(kMinBytes);
  decoded_.stop_growing(kMinBytes);
}

void TextLog::note_read(uint64_t place) const {
  if (was_read(place)) return;
  if (reads_.count == reads_.places.size()) {
    reads_.more = true;
  } else {
    reads_.places[reads_.count++] = place;
  }
}

size_t TextLog::memory_bytes() const {
  size_t bytes = window_.memory_bytes() + decoded_.memory_bytes();
  for (const Written& row : written_) bytes += row.text.capacity();
  return bytes;
}

void TextLog::close_chunk(const uint8_t* end) {
  if (chunk_ != nullptr && end != chunk_) {
    const auto count = static_cast<size_t>(end - chunk_);
    window_.put(chunk_place_, chunk_, count);
    now_ = chunk_place_ + count;
  }
  chunk_ = nullptr;
}

Value TextLog::put(ValueKind kind, uint64_t place, uint8_t opcode, ByteSpan text, uint64_t full_length) {
  text = text.first(std::min(text.size(), kMaxText));
  std::array<uint8_t, 9> header = {opcode};
  const uint8_t width = kOpcodes[opcode].width;
  store_little_endian(header.data() + 1, full_length, width);
  window_.put(place, header.data(), size_t{1} + width);
  if (!text.empty()) window_.put(place + 1 + width, text.data(), text.size());
  return Value(kind, place);
}

Value TextLog::add(ValueKind kind, ByteSpan text, uint64_t full_length) {
  text = text.first(std::min(text.size(), kMaxText));
  std::array<uint8_t, kDecodedHeader> header{};
  store_little_endian(header.data(), text.size(), 2);
  store_little_endian(header.data() + 2, full_length, 8);
  const uint64_t place = decoded_end_;
  decoded_.put(place, header.data(), header.size());
  if (!text.empty()) decoded_.put(place + header.size(), text.data(), text.size());
  decoded_end_ += header.size() + text.size();
  return Value(kind, kDecoded | place);
}

const uint8_t* TextLog::record_at(uint64_t payload) const {
  if ((payload & kDecoded) != 0) {
    const uint64_t place = payload & ~kDecoded;
    return place < decoded_end_ && place + decoded_.max_size() >= decoded_end_ ? decoded_.at(place) : nullptr;
  }
  if (payload + window_.max_size() < now_) return nullptr;
  if (chunk_ != nullptr && payload >= chunk_place_) return chunk_ + (payload - chunk_place_);
  return payload < now_ ? window_.at(payload) : nullptr;
}

std::optional<TextLog::Text> TextLog::find(Value value) const {
  if (!is_text(value) && !is_bytes(value)) return std::nullopt;
  const uint64_t payload = value.payload();
  if (watches_reads_) note_read(payload);
  if (value.is(ValueKind::kByteArray)) {
    for (const Written& row : written_) {
      if (row.payload == payload) return row.known ? std::optional(Text{row.text, row.full_length}) : std::nullopt;
    }
    if (more_written_) return std::nullopt;
  }
  const uint8_t* record = record_at(payload);
  if (record == nullptr) {
    for (const auto& [where, name] : pinned_) {
      if (where == payload) return Text{name, name.size()};
    }
    return std::nullopt;
  }
  const auto view = [](const uint8_t* bytes, uint64_t count) {
    return std::string_view(reinterpret_cast<const char*>(bytes), count);
  };
  if ((payload & kDecoded) != 0) {
    return Text{view(record + kDecodedHeader, little_endian(record, 2)), little_endian(record + 2, 8)};
  }
  const uint8_t width = kOpcodes[record[0]].width;
  const uint64_t length = little_endian(record + 1, width);
  return Text{view(record + 1 + width, std::min<uint64_t>(length, kMaxText)), length};
}

TextLog::Written* TextLog::written(Value bytearray) {
  const uint64_t payload = bytearray.payload();
  for (Written& row : written_) {
    if (row.payload == payload) return &row;
  }
  if (written_.size() >= kMaxWritten) {
    more_written_ = true;
    return nullptr;
  }
  const auto now = find(bytearray);
  Written row{payload, {}, now ? now->full_length : 0, now.has_value()};
  row.text.reserve(kMaxText);
  if (now) row.text = now->text;
  written_.push_back(std::move(row));
  return &written_.back();
}

void TextLog::write(Value bytearray, uint64_t index, std::optional<uint8_t> byte) {
  Written* const row = written(bytearray);
  if (row == nullptr) return;
  row->known = row->known && byte.has_value();
  if (!row->known) return;
  if (index < row->text.size()) {
    row->text[index] = static_cast<char>(*byte);
  } else if (index == kEnd) {
    if (row->full_length++ < kMaxText) row->text.push_back(static_cast<char>(*byte));
  }
}

void TextLog::lose(Value bytearray) {
  if (Written* const row = written(bytearray)) row->known = false;
}

void TextLog::pin(Value value) {
  const auto found = find(value);
  if (!found || !found->whole() || found->text.size() > kMaxPinnedText || pinned_.size() >= kMaxPinned) return;
  const uint64_t payload = value.payload();
  const bool there = std::any_of(pinned_.begin(), pinned_.end(), [&](const auto& p) { return p.first == payload; });
  if (!there) pinned_.emplace_back(payload, std::string(found->text));
}

}  // namespace pickletap
