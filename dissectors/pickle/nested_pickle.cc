#include "dissectors/pickle/nested_pickle.h"

#include <algorithm>
#include <array>

#include "dissectors/pickle/encoded_bytes.h"

namespace pickletap {

namespace {

enum class Step : uint8_t { kAsItIs, kLatin1, kBase64, kHex, kZlib };

struct Decoder {
  std::string_view name;
  Step step;
};
constexpr std::array kDecoders = {
    Decoder{"_io.BytesIO", Step::kAsItIs},
    Decoder{"io.BytesIO", Step::kAsItIs},
    Decoder{"_io.StringIO", Step::kAsItIs},
    Decoder{"io.StringIO", Step::kAsItIs},
    Decoder{"cStringIO.StringIO", Step::kAsItIs},
    Decoder{"StringIO.StringIO", Step::kAsItIs},
    Decoder{"io.BufferedReader", Step::kAsItIs},
    Decoder{"_io.BufferedReader", Step::kAsItIs},
    Decoder{"builtins.bytes", Step::kAsItIs},
    Decoder{"builtins.bytearray", Step::kAsItIs},
    Decoder{"builtins.memoryview", Step::kAsItIs},
    Decoder{"builtins.str", Step::kAsItIs},
    Decoder{"base64.b64decode", Step::kBase64},
    Decoder{"base64.standard_b64decode", Step::kBase64},
    Decoder{"base64.urlsafe_b64decode", Step::kBase64},
    Decoder{"base64.decodebytes", Step::kBase64},
    Decoder{"base64.decodestring", Step::kBase64},
    Decoder{"binascii.a2b_base64", Step::kBase64},
    Decoder{"base64.b16decode", Step::kHex},
    Decoder{"binascii.a2b_hex", Step::kHex},
    Decoder{"binascii.unhexlify", Step::kHex},
    Decoder{"builtins.bytes.fromhex", Step::kHex},
    Decoder{"builtins.bytearray.fromhex", Step::kHex},
    Decoder{"zlib.decompress", Step::kZlib},
};

/// codecs.decode(data, name) and codecs.encode(text, name). Names as Lib/encodings/aliases.py has them.
std::optional<Step> codec_step(std::string_view codec) {
  if (codec.starts_with("base64") || codec.starts_with("base_64")) return Step::kBase64;
  if (codec.starts_with("hex")) return Step::kHex;
  if (codec.starts_with("zlib") || codec == "zip") return Step::kZlib;
  if (codec.starts_with("latin") || codec.starts_with("iso") || codec == "l1") return Step::kLatin1;
  if (codec.starts_with("utf") || codec.starts_with("ascii") || codec.starts_with("raw")) return Step::kAsItIs;
  return std::nullopt;
}

/// The store has text as UTF-8; Latin-1 has a byte for each of the first 256 characters.
std::string to_latin1(std::string_view utf8) {
  std::string out;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<uint8_t>(utf8[i]);
    const bool pair = (byte == 0xc2 || byte == 0xc3) && i + 1 < utf8.size();
    out.push_back(pair ? static_cast<char>((byte & 3) << 6 | (static_cast<uint8_t>(utf8[++i]) & 0x3f)) : utf8[i]);
  }
  return out;
}

std::optional<std::string> apply(Step step, std::string&& bytes) {
  switch (step) {
    case Step::kAsItIs: return std::move(bytes);
    case Step::kLatin1: return to_latin1(bytes);
    case Step::kBase64: return decode_base64(bytes);
    case Step::kHex: return decode_hex(bytes);
    case Step::kZlib: return inflate_zlib(bytes, NestedPickle::kMaxBytes);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> NestedPickle::bytes_of(Value value) const {
  std::array<Step, kMaxSteps> steps{};
  size_t count = 0;
  while (value.is(ValueKind::kResult)) {
    const CallDetail* made = log_.detail(value);
    if (made == nullptr || !made->callee.is(ValueKind::kGlobal) || count == steps.size()) return std::nullopt;
    const std::string name = log_.callable(made->callee).full_name();
    if (name == "_codecs.encode" || name == "codecs.encode" || name == "_codecs.decode" || name == "codecs.decode") {
      const auto codec = store_.text(made->second);
      const auto step = codec ? codec_step(codec->text) : std::optional(Step::kAsItIs);
      if (!step) return std::nullopt;
      steps[count++] = *step;
    } else {
      const auto* row = std::find_if(kDecoders.begin(), kDecoders.end(),
                                     [&](const Decoder& decoder) { return decoder.name == name; });
      if (row == kDecoders.end()) return std::nullopt;
      steps[count++] = row->step;
    }
    // A BytesIO that was pickled itself: BUILD gives it (value, position, dict).
    const auto state = made->state.is(ValueKind::kTuple) ? store_.items(made->state) : std::nullopt;
    value = state && !state->kept.empty() ? state->kept[0] : made->first;
  }
  const auto text = store_.text(value);
  if (!text) return std::nullopt;
  std::optional<std::string> bytes(std::string(text->text));
  while (count > 0 && bytes) bytes = apply(steps[--count], std::move(*bytes));
  return bytes;
}

}  // namespace pickletap
