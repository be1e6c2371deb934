#include "dissectors/pickle/shape_table.h"

#include <algorithm>
#include <cstring>

#include "dissectors/pickle/opcodes.h"

namespace pickletap {

namespace {

uint64_t load_word(const uint8_t* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

constexpr size_t kWord = sizeof(uint64_t);
constexpr size_t kBehindProto = 2, kBehindFrame = 11;

}  // namespace

bool PickleShape::fits(ByteSpan pickle) const {
  const size_t size = pickle.size();
  if (size != length) return false;
  const auto differs = [&](size_t at) {
    return (load_word(pickle.data() + at) ^ load_word(&bytes[at])) & load_word(&fixed[at]);
  };
  uint64_t difference = differs(size - kWord);  // the last word may overlap the one before
  for (size_t at = 0; at + kWord <= size; at += kWord) difference |= differs(at);
  if (difference != 0) return false;
  return std::none_of(open_text_at.begin(), open_text_at.begin() + open_texts,
                      [&](uint8_t at) { return pickle[at] == '_' && pickle[at + 1U] == '_'; });
}

/// By the length and two bytes that are rarely open: the opcode behind the header, and what stands before STOP. Where they
/// are open one shape is learned in several sets.
ShapeTable::Set& ShapeTable::set_of(ByteSpan pickle) {
  const size_t size = pickle.size();
  const bool has_frame = pickle[kBehindProto] == static_cast<uint8_t>(Opcode::kFrame);
  const unsigned first = pickle[has_frame ? kBehindFrame : kBehindProto];
  const unsigned hash = static_cast<unsigned>(size) * 5U + first * 7U + pickle[size - 2] * 3U;
  return sets_[(hash ^ hash >> 6U) % kSets];
}

PickleShape* ShapeTable::find(ByteSpan pickle, const ToldCallables& told) {
  if (pickle.size() < PickleShape::kMinBytes || pickle.size() > PickleShape::kMaxBytes) return nullptr;
  for (const auto& shape : set_of(pickle)) {
    if (shape == nullptr || !shape->fits(pickle)) continue;
    const bool is_told = std::all_of(shape->told.begin(), shape->told.end(),
                                     [&](const std::string& news) { return told.contains(news); });
    if (!is_told) continue;
    if (!shape->used) patience_ = std::max(patience_ / 2, 1U);
    shape->used = true;
    shape->worth = kWorthWhenUsed;
    return shape.get();
  }
  return nullptr;
}

void ShapeTable::learn(std::unique_ptr<PickleShape> shape, ByteSpan pickle) {
  Set& set = set_of(pickle);
  auto* worst = set.data();
  for (auto& other : set) {
    if (other == nullptr || (*worst != nullptr && other->worth < (*worst)->worth)) worst = &other;
    if (other == nullptr) break;
    other->worth = static_cast<uint8_t>(other->worth - std::min<uint8_t>(other->worth, 1));
  }
  if (*worst != nullptr && !(*worst)->used) patience_ = std::min(2 * patience_, kMostPatience);
  shape->worth = kWorthWhenNew;
  ++learned_;
  *worst = std::move(shape);
}

void ShapeTable::clear() {
  for (Set& set : sets_) set = {};
  patience_ = until_next_ = 1;
}

size_t ShapeTable::size() const {
  size_t shapes = 0;
  for (const Set& set : sets_)
    shapes += static_cast<size_t>(std::count_if(set.begin(), set.end(), [](const auto& s) { return s != nullptr; }));
  return shapes;
}

}  // namespace pickletap
