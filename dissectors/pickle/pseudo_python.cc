#include "dissectors/pickle/pseudo_python.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

namespace pickletap {

namespace {

constexpr size_t kMaxLiteral = 1024;

struct Brackets {
  std::string_view open, close;
};

Brackets brackets(ValueKind kind) {
  switch (kind) {
    case ValueKind::kTuple: return {"(", ")"};
    case ValueKind::kList: return {"[", "]"};
    case ValueKind::kFrozenSet: return {"frozenset({", "})"};
    default: return {"{", "}"};
  }
}

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 40> buffer{};
  // The handle keeps 44 bits of the fraction: twelve digits are true.
  const int written = std::snprintf(buffer.data(), buffer.size(), "%.12g", value);
  std::string text(buffer.data(), static_cast<size_t>(std::max(written, 0)));
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::string python_literal(std::string_view text, bool is_bytes, size_t max_bytes) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const bool cut = text.size() > max_bytes;
  text = text.substr(0, max_bytes);
  const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out = is_bytes ? "b" : "";
  out.push_back(quote);
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == quote || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f || (is_bytes && byte >= 0x80)) {
      out += "\\x";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 0xf]);
    } else {
      out.push_back(c);
    }
  }
  if (cut) out += "…";
  out.push_back(quote);
  return out;
}

std::string printable(std::string name) {
  if (std::none_of(name.begin(), name.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; })) {
    return name;
  }
  std::string out;
  for (const char c : name) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      const std::string escaped = python_literal(std::string_view(&c, 1), false, 1);
      out.append(escaped, 1, escaped.size() - 2);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

void PseudoPython::leaf(Value value, std::string& out) const {
  switch (value.kind()) {
    case ValueKind::kNone: out += "None"; break;
    case ValueKind::kBool: out += value.payload() != 0 ? "True" : "False"; break;
    case ValueKind::kInt: out += std::to_string(value.as_integer()); break;
    case ValueKind::kBigInt: out += "<big int>"; break;
    case ValueKind::kFloat: out += number_text(value.as_real()); break;
    case ValueKind::kEmptyTuple: out += "()"; break;
    case ValueKind::kStr:
    case ValueKind::kBytes:
    case ValueKind::kByteArray: {
      const auto text = store_.text(value);
      const bool bytes = !value.is(ValueKind::kStr);
      if (value.is(ValueKind::kByteArray)) out += "bytearray(";
      if (!text) {
        out += bytes ? "b'…'" : "'…'";
      } else {
        std::string literal = python_literal(text->text, bytes, kMaxLiteral);
        if (!text->whole() && text->text.size() <= kMaxLiteral) literal.insert(literal.size() - 1, "…");
        out += literal;
      }
      if (value.is(ValueKind::kByteArray)) out += ")";
      break;
    }
    case ValueKind::kGlobal: out += printable(log_.callable(value).full_name()); break;
    case ValueKind::kResult: {
      const auto info = log_.result(value);
      if (info.call != nullptr) {
        out += "v" + std::to_string(info.variable);
        log_.use_variable(value);
      } else {
        out += info.callable != nullptr ? printable(info.callable->full_name()) + "(…)" : "…";
      }
      break;
    }
    case ValueKind::kPersistent: out += "<persistent id>"; break;
    case ValueKind::kBuffer: out += "<out-of-band buffer>"; break;
    default: out += "…";
  }
}

std::string PseudoPython::expression(Value value, size_t max_bytes) {
  struct Frame {
    Value container;
    size_t next = 0;
  };
  std::array<Frame, kMaxDepth> frames{};
  size_t depth = 0;
  std::string out;
  std::optional<Value> current = value;
  // Each turn writes one leaf, opens one container or closes one; a container shows kMaxItems at most.
  while (out.size() <= max_bytes) {
    if (current) {
      const Value here = *current;
      current.reset();
      if (!is_container(here)) {
        leaf(here, out);
      } else if (depth == kMaxDepth) {
        out += "…";
      } else {
        frames[depth++] = {here, 0};
        out += brackets(here.kind()).open;
      }
    }
    if (depth == 0) return out;
    Frame& frame = frames[depth - 1];
    const auto items = store_.items(frame.container);
    const bool is_dict = frame.container.is(ValueKind::kDict);
    if (items && frame.next < items->kept.size()) {
      if (frame.next > 0) out += is_dict && frame.next % 2 == 1 ? ": " : ", ";
      current = items->kept[frame.next++];
      continue;
    }
    if (!items) {
      out += "…";
    } else if (items->total > items->kept.size()) {
      out += ", …";
    } else if (frame.container.is(ValueKind::kTuple) && items->total == 1) {
      out += ",";
    }
    out += brackets(frame.container.kind()).close;
    --depth;
  }
  size_t end = max_bytes;
  while (end > 0 && (static_cast<uint8_t>(out[end]) & 0xc0) == 0x80) --end;  // not in the middle of a character
  out.resize(end);
  return out + "…";
}

}  // namespace pickletap
