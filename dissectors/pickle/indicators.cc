#include "dissectors/pickle/indicators.h"

#include <algorithm>
#include <string>
#include <vector>

namespace pickletap {

namespace {

constexpr size_t kMaxScanned = 4096;
constexpr size_t kMaxIndicatorText = 512;

void add(std::vector<std::string>& list, std::string_view text) {
  text = text.substr(0, kMaxIndicatorText);
  if (text.empty() || list.size() >= PickleReport::kMaxIndicators) return;
  if (std::find(list.begin(), list.end(), text) == list.end()) list.emplace_back(text);
}

bool ends_word(char c) {
  return static_cast<unsigned char>(c) <= ' ' ||
         std::string_view("'\"<>|;&`(){}[],\\^").find(c) != std::string_view::npos;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_host_char(char c) { return is_digit(c) || is_alpha(c) || c == '-' || c == '.' || c == '_'; }

/// Dotted quad with each part below 256.
bool is_ipv4(std::string_view word) {
  int dots = 0;
  int digits = 0;
  int value = 0;
  for (const char c : word) {
    if (c == '.') {
      if (digits == 0) return false;
      ++dots;
      digits = value = 0;
    } else if (is_digit(c)) {
      value = value * 10 + (c - '0');
      if (++digits > 3 || value > 255) return false;
    } else {
      return false;
    }
  }
  return dots == 3 && digits > 0;
}

/// The host of "//user@host:port/…", where `rest` begins behind the slashes.
std::string_view host_of(std::string_view rest) {
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
  if (rest.starts_with('[')) return rest.substr(1, rest.find(']') == std::string_view::npos ? 0 : rest.find(']') - 1);
  return rest.substr(0, rest.find(':'));
}

void collect_word(std::string_view word, Indicators& out) {
  if (const size_t scheme = word.find("://"); scheme != std::string_view::npos && scheme > 0) {
    size_t start = scheme;
    while (start > 0 && (is_alpha(word[start - 1]) || is_digit(word[start - 1]) || word[start - 1] == '+')) --start;
    if (start == scheme) return;
    add(out.urls, word.substr(start));
    add(out.hosts, host_of(word.substr(scheme + 3)));
    return;
  }
  // bash's own network device: /dev/tcp/HOST/PORT
  for (const std::string_view device : {std::string_view("/dev/tcp/"), std::string_view("/dev/udp/")}) {
    if (const size_t at = word.find(device); at != std::string_view::npos) {
      const std::string_view rest = word.substr(at + device.size());
      add(out.hosts, rest.substr(0, rest.find('/')));
      return;
    }
  }
  const std::string_view host = word.substr(0, word.find(':'));
  if (is_ipv4(host)) {
    add(out.hosts, host);
    return;
  }
  size_t slash = word.find('/');
  if (slash != std::string_view::npos && slash > 0 && (word[slash - 1] == '~' || word[slash - 1] == '.')) --slash;
  const bool is_start = slash == 0 || (slash != std::string_view::npos && !is_host_char(word[slash - 1]));
  if (is_start && word.size() - slash > 1) {
    const std::string_view path = word.substr(slash);
    if (std::any_of(path.begin(), path.end(), is_alpha)) add(out.paths, path);
  }
}

/// "r", "-c", "/bin/sh" and the like: beside a command, not one.
bool is_beside_a_command(std::string_view text) {
  return text.size() <= 1 || text.starts_with('-') || text == "sh" || text == "bash" || text.ends_with("/sh") ||
         text.ends_with("/bash");
}

}  // namespace

void add_host(std::string_view host, Indicators& out) { add(out.hosts, host); }

void add_commands(std::span<const std::string_view> texts, std::span<const std::string_view> list, Indicators& out) {
  if (!list.empty()) {
    // ("sh", ["-c", "id"]): the program stands in front of its arguments.
    const bool has_program = !list.front().starts_with('-') || texts.empty();
    std::string command(has_program ? std::string_view() : texts.back());
    for (const std::string_view text : list) {
      if (command.size() > kMaxIndicatorText) break;
      if (!command.empty()) command.push_back(' ');
      command += text;
    }
    return add(out.commands, command);
  }
  const bool has_command = !std::all_of(texts.begin(), texts.end(), is_beside_a_command);
  for (const std::string_view text : texts) {
    if (!has_command || !is_beside_a_command(text)) add(out.commands, text);
  }
}

void collect_indicators(std::string_view text, bool is_command, Indicators& out) {
  text = text.substr(0, kMaxScanned);
  if (is_command) add(out.commands, text);
  size_t start = 0;
  bool in_ipv6 = false;  // "http://[2001:db8::1]/": these brackets end no word
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) {
      const bool opens = text[i] == '[' && text.substr(start, i - start).ends_with("://");
      const bool closes = text[i] == ']' && in_ipv6;
      if (opens || closes) in_ipv6 = opens;
      if (opens || closes || !ends_word(text[i])) continue;
    }
    if (i - start >= 3) collect_word(text.substr(start, i - start), out);
    start = i + 1;
    in_ipv6 = false;
  }
}

}  // namespace pickletap
