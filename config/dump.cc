#include "config/dump.h"

#include <variant>

namespace pickletap {
namespace {

/// In YAML's double quotes: whatever the text holds, it is read back the same.
std::string in_quotes(const std::string& text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 0xF]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}

struct ToYaml {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(uint64_t value) const { return std::to_string(value); }
  std::string operator()(const Word& word) const { return word.text; }
  std::string operator()(const std::string& text) const { return in_quotes(text); }
  template <typename Item>
  std::string operator()(const std::vector<Item>& items) const {
    std::string out;
    for (const Item& item : items) out += (out.empty() ? "" : ", ") + (*this)(item);
    return "[" + out + "]";
  }
};

/// A file's name may hold a line break, a comment not.
std::string in_comment(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return out;
}

}  // namespace

std::string yaml_dump(const ConfigLoader& loader) {
  Config config = loader.config();
  std::string out;
  std::vector<std::string> open;  // sections that the last line stands in
  for (const ConfigKey& key : loader.keys()) {
    const size_t depth = key.path.size() - 1;
    size_t same = 0;
    while (same < open.size() && same < depth && open[same] == key.path[same]) ++same;
    open.resize(same);
    for (; same < depth; ++same) {
      out += std::string(2 * same, ' ') + key.path[same] + ":\n";
      open.push_back(key.path[same]);
    }
    out += std::string(2 * depth, ' ') + key.path.back() + ": " + std::visit(ToYaml(), write_value(key, config)) +
           "  # " + in_comment(loader.origin(key)) + "\n";
  }
  return out;
}

}  // namespace pickletap
