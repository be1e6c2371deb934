#include "config/weak_key_files.h"

#include <cerrno>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <system_error>

#include "config/embedded_policy.h"
#include "config/load.h"

namespace pickletap {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The key of a line; nothing when an escape is none.
std::optional<std::string> unescaped(std::string_view line) {
  std::string key;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      key += line[i];
      continue;
    }
    if (++i == line.size()) return std::nullopt;
    switch (line[i]) {
      case '\\':
      case '#': key += line[i]; break;
      case 'n': key += '\n'; break;
      case 'r': key += '\r'; break;
      case 't': key += '\t'; break;
      case 'e': break;
      case 'x': {
        const int high = i + 2 < line.size() ? hex_value(line[i + 1]) : -1;
        const int low = i + 2 < line.size() ? hex_value(line[i + 2]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        key += static_cast<char>(high << 4 | low);
        i += 2;
        break;
      }
      default: return std::nullopt;
    }
  }
  return key;
}

}  // namespace

void WeakKeyList::add_text(const std::string& file, std::string_view text) {
  if (files_.size() >= std::numeric_limits<uint16_t>::max()) throw ConfigError(file + ": too many files of keys");
  const auto index = static_cast<uint16_t>(files_.size());
  files_.push_back(file);
  uint32_t number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const auto key = unescaped(line);
    const std::string place = file + ":" + std::to_string(number) + ": ";
    if (!key) throw ConfigError(place + R"(there is no such escape (write \\ \# \n \r \t \e or \xNN))");
    if (key->size() > kMaxKeyBytes) {
      throw ConfigError(place + "a key of more than " + std::to_string(kMaxKeyBytes) + " bytes");
    }
    const bool is_full = entries_.size() >= kMaxKeys || bytes_.size() > UINT32_MAX - kMaxKeyBytes;
    if (is_full) throw ConfigError(place + "more than " + std::to_string(kMaxKeys) + " keys");
    entries_.push_back({static_cast<uint32_t>(bytes_.size()), number, static_cast<uint16_t>(key->size()), index});
    bytes_ += *key;
    version_ = (version_ ^ std::hash<std::string>{}(*key)) * 0x9e3779b97f4a7c15U + number;
  }
  version_ ^= std::hash<std::string>{}(file);
}

void WeakKeyList::add_file(const std::string& path) {
  const auto unreadable = [&path](int error) {
    return ConfigError(path + ": cannot read: " + std::generic_category().message(error));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!stream) throw unreadable(errno);
  std::string text;
  std::string piece(size_t{64} << 10, '\0');
  for (size_t got = 1; got > 0 && text.size() <= kMaxKeyFileBytes;) {
    got = std::fread(piece.data(), 1, piece.size(), stream.get());
    text.append(piece, 0, got);
  }
  if (std::ferror(stream.get()) != 0) throw unreadable(errno);
  if (text.size() > kMaxKeyFileBytes) throw ConfigError(path + ": larger than 64 MiB, no list of keys");
  add_text(path, text);
}

std::string WeakKeyList::place(size_t index) const {
  const Entry& entry = entries_[index];
  return files_[entry.file] + ":" + std::to_string(entry.line);
}

WeakKeyList configured_weak_keys(const Config& config) {
  WeakKeyList list;
  for (const EmbeddedFile& file : embedded_key_files()) list.add_text(std::string(file.name), file.text);
  for (const std::string& file : config.auth.weak_keys) list.add_file(file);
  return list;
}

}  // namespace pickletap
