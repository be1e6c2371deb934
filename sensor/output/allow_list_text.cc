#include "sensor/output/allow_list_text.h"

#include <algorithm>
#include <tuple>

#include "sensor/output/utf8.h"

namespace pickletap {

namespace {

constexpr size_t kCommentCharacters = 120;

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Begins with a letter and is nothing that YAML 1.1 or 1.2 takes for a boolean or null (all of them short).
bool is_plain(std::string_view name) {
  const auto is_letter = [](char c) { return is_word_character(c) && !(c >= '0' && c <= '9'); };
  const bool is_name = !name.empty() && is_letter(name[0]) && name.back() != '.' &&
                       std::all_of(name.begin(), name.end(), [](char c) { return is_word_character(c) || c == '.'; });
  const bool may_be_a_word = name.size() <= 5 && name.find_first_of("._") == std::string_view::npos;
  return is_name && !may_be_a_word;
}

/// Double quotes with YAML's escapes, which can say every character; broken UTF-8 becomes U+FFFD.
std::string quoted(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const Utf8Character character = read_utf8(text);
    const std::string_view bytes = text.substr(0, character.length);
    text.remove_prefix(character.length);
    if (!character.valid) {
      out += kReplacementUtf8;
    } else if (bytes == "\"" || bytes == "\\") {
      out.append("\\").append(bytes);
    } else if (is_hazard(character.code)) {
      out += "\\U";
      for (unsigned shift = 32; shift > 0; shift -= 4) out += kHex[(character.code >> (shift - 4)) & 0xfU];
    } else {
      out += bytes;
    }
  }
  return out + "\"";
}

std::string word(std::string_view name) { return is_plain(name) ? std::string(name) : quoted(name); }

void append_comment(std::string& out, std::string_view text) {
  if (text.empty()) return;
  out += "  # ";
  append_printable(out, text, kCommentCharacters);
}

void append_names(std::string& out, const std::string& indent, std::string_view key,
                  const std::optional<AllowedNames>& names) {
  if (!names) return;
  out.append(indent).append(key).append(names->names().empty() ? ": []\n" : ":\n");
  for (const auto& [name, comment] : names->names()) {
    out.append(indent).append("  - ").append(word(name));
    append_comment(out, comment);
    out += '\n';
  }
}

void append_entry(std::string& out, const AllowEntry& entry) {
  out += "\n  - address: ";
  const std::string address = entry.address ? entry.address->text() : "any";
  out += address.find(':') == std::string::npos ? address : quoted(address);
  out += "\n    port: " + (entry.port ? std::to_string(*entry.port) : "any");
  out += '\n';
  if (entry.vlan && !entry.vlan->empty()) {
    out += "    vlan: [";
    for (size_t i = 0; i < entry.vlan->size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string((*entry.vlan)[i]);
    out += "]\n";
  } else if (entry.vlan) {
    out += "    vlan: []\n";
  }
  if (!entry.application.empty()) out += "    application: " + entry.application + "\n";
  if (entry.peers) {
    out += entry.peers->empty() ? "    peers: []\n" : "    peers:\n";
    for (const AddressRange& peer : *entry.peers) {
      const std::string text = peer.text();
      out += "      - " + (text.find(':') == std::string::npos ? text : quoted(text)) + "\n";
    }
  }
  if (entry.to_server || entry.to_client) {
    out += "    callables:\n";
    append_names(out, "      ", "to_server", entry.to_server);
    append_names(out, "      ", "to_client", entry.to_client);
  }
  append_names(out, "    ", "methods", entry.methods);
  if (entry.left_out.empty()) return;
  out += "    # Left out, because it is dangerous (--include-dangerous takes it in):\n";
  for (const auto& [name, reason] : entry.left_out) {
    out += "    #   ";
    append_printable(out, name, kCommentCharacters);
    append_comment(out, reason);
    out += '\n';
  }
}

}  // namespace

std::string allow_list_about() {
  return "What each listener may be sent and by whom, as pickletap learned it from traffic believed good. Read it, "
         "edit it.\n"
         "In force with policy.allow_lists: [this file] and policy.mode: enforce; with mode: alert it only tells.\n"
         "\n"
         "An entry covers the listeners that its address, port and vlan fit; \"any\", or a key left out, limits "
         "nothing,\n"
         "[] allows nothing. Addresses may be networks (10.0.0.0/8). Callables are what pickles may name, by "
         "direction;\n"
         "\"collections.*\" is a whole module, \"*\" everything. Methods are Type.method, Type.create, and functions "
         "of a\n"
         "manager's server; \"*.append\" is that method of any type, also of objects whose type was not seen.\n"
         "Learning again with --merge keeps what stands here, but not comments.";
}

std::string allow_list_text(const AllowList& list, const std::string& about) {
  std::string out;
  for (size_t at = 0; at < about.size();) {
    const size_t end = std::min(about.find('\n', at), about.size());
    out += at == end ? "#" : "# ";
    append_printable(out, std::string_view(about).substr(at, end - at));
    out += '\n';
    at = end + 1;
  }
  out += "version: 1\nlisteners:";
  std::vector<const AllowEntry*> entries;
  entries.reserve(list.entries.size());
  for (const AllowEntry& entry : list.entries) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(), [](const AllowEntry* a, const AllowEntry* b) {
    return std::tie(a->address, a->port, a->vlan) < std::tie(b->address, b->port, b->vlan);
  });
  if (entries.empty()) out += " []\n";
  for (const AllowEntry* entry : entries) append_entry(out, *entry);
  return out;
}

}  // namespace pickletap
