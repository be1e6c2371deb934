// Allow lists: YAML → AllowList.
#include <yaml-cpp/yaml.h>

#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <utility>

#include "config/allow_list.h"
#include "config/policy_files.h"
#include "config/text_checks.h"

namespace pickletap {

namespace {

constexpr std::string_view kEntryKeys = "address, port, vlan, application, peers, callables, methods";
constexpr std::array<std::string_view, 5> kApplications = {"connection", "manager", "logging", "carbon", "stream"};
constexpr size_t kMaxVlans = 2;

/// One file while it is read: knows its name, for messages.
class AllowFile {
 public:
  AllowFile(AllowList& list, std::string file) : list_(list), file_(std::move(file)) {}

  void read(const YAML::Node& root) {
    if (root.IsNull()) return;  // nothing but comments
    if (!root.IsMap()) fail(root, "", "must be a map");
    for (const auto& entry : root) {
      const std::string key = text(entry.first, "");
      if (key == "version") {
        if (text(entry.second, key) != "1") fail(entry.second, key, "this version of pickletap reads version 1");
      } else if (key == "listeners") {
        read_listeners(entry.second);
      } else {
        fail(entry.first, key, "no such key in an allow list (version, listeners)");
      }
    }
  }

 private:
  [[noreturn]] void fail(const YAML::Node& at, const std::string& key, const std::string& what) const {
    throw PolicyError(file_ + ":" + std::to_string(line_of(at)) + ": " + (key.empty() ? "" : key + ": ") + what);
  }

  static unsigned line_of(const YAML::Node& at) {
    return at.Mark().line < 0 ? 1 : static_cast<unsigned>(at.Mark().line) + 1;
  }

  std::string text(const YAML::Node& node, const std::string& key) const {
    if (!node.IsScalar()) fail(node, key, "must be a single value");
    return node.as<std::string>();
  }

  uint16_t number(const YAML::Node& node, const std::string& key, unsigned most) const {
    const std::string word = text(node, key);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value > most) {
      fail(node, key, "must be 0 to " + std::to_string(most) + " or any, not " + quoted_value(word));
    }
    return static_cast<uint16_t>(value);
  }

  template <typename Visit>
  void each(const YAML::Node& list, const std::string& key, size_t most, Visit visit) const {
    if (list.IsNull()) return;
    if (!list.IsSequence()) fail(list, key, "must be a list");
    if (list.size() > most) fail(list, key, "has more than " + std::to_string(most) + " items");
    for (const YAML::Node& item : list) visit(item);
  }

  void read_listeners(const YAML::Node& list) {
    each(list, "listeners", AllowList::kMaxListeners, [&](const YAML::Node& item) {
      if (!item.IsMap()) fail(item, "listeners", "each must be a map with some of " + std::string(kEntryKeys));
      list_.entries.push_back(read_entry(item));
    });
    if (list_.entries.size() > AllowList::kMaxListeners)
      fail(list, "listeners", "too many in all allow lists together");
  }

  AllowEntry read_entry(const YAML::Node& map) const {
    AllowEntry entry;
    entry.file = file_;
    entry.line = line_of(map);
    for (const auto& field : map) {
      const std::string key = text(field.first, "listeners");
      const YAML::Node& value = field.second;
      const std::string place = "listeners." + key;
      if (key == "address") {
        if (text(value, place) != "any") entry.address = address(value, place);
      } else if (key == "port") {
        if (text(value, place) != "any") entry.port = number(value, place, 65535);
      } else if (key == "vlan") {
        entry.vlan = vlan(value, place);
      } else if (key == "application") {
        entry.application = application(value, place);
      } else if (key == "peers") {
        entry.peers.emplace();
        each(value, place, AllowList::kMaxNames,
             [&](const YAML::Node& item) { entry.peers->insert(address(item, place)); });
      } else if (key == "callables") {
        read_callables(value, place, entry);
      } else if (key == "methods") {
        entry.methods = names(value, place);
      } else {
        fail(field.first, place, "no such key of a listener (" + std::string(kEntryKeys) + ")");
      }
    }
    return entry;
  }

  void read_callables(const YAML::Node& map, const std::string& place, AllowEntry& entry) const {
    if (!map.IsMap()) fail(map, place, "must be a map with to_server and to_client");
    for (const auto& field : map) {
      const std::string key = text(field.first, place);
      if (key != "to_server" && key != "to_client") {
        fail(field.first, place + "." + key, "no such key (to_server, to_client)");
      }
      (key == "to_server" ? entry.to_server : entry.to_client) = names(field.second, place + "." + key);
    }
  }

  AddressRange address(const YAML::Node& node, const std::string& place) const {
    const std::string word = text(node, place);
    const auto range = parse_address_range(word);
    if (!range) fail(node, place, quoted_value(word) + " is no address and no network like 10.0.0.0/8");
    return *range;
  }

  std::optional<std::vector<uint16_t>> vlan(const YAML::Node& node, const std::string& place) const {
    if (node.IsScalar() && node.as<std::string>() == "any") return std::nullopt;
    std::vector<uint16_t> ids;
    each(node, place, kMaxVlans, [&](const YAML::Node& item) { ids.push_back(number(item, place, 4094)); });
    return ids;
  }

  std::string application(const YAML::Node& node, const std::string& place) const {
    std::string word = text(node, place);
    for (const std::string_view known : kApplications) {
      if (word == known) return word;
    }
    fail(node, place, "no application " + quoted_value(word) + " (connection, manager, logging, carbon, stream)");
  }

  AllowedNames names(const YAML::Node& list, const std::string& place) const {
    AllowedNames names;
    each(list, place, AllowList::kMaxNames, [&](const YAML::Node& item) {
      const std::string name = text(item, place);
      if (name.empty() || name.size() > AllowList::kMaxNameBytes) fail(item, place, "must have 1 to 1024 bytes");
      std::string_view inner = name;
      if (name == "*") inner = {};
      if (inner.ends_with(".*")) inner.remove_suffix(2);
      if (inner.starts_with("*.")) inner.remove_prefix(2);
      if (inner.find('*') != std::string_view::npos) {
        fail(item, place,
             quoted_value(name) + ": a * stands for all, as the end of module.*, or as the start of *.method");
      }
      names.add(name);
    });
    return names;
  }

  AllowList& list_;
  std::string file_;
};

}  // namespace

void add_allow_text(AllowList& list, const std::string& file, const std::string& text) {
  try {
    AllowFile(list, file).read(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    throw PolicyError(file + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

void add_allow_file(AllowList& list, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw PolicyError(path + ": cannot be read");
  std::string text(AllowList::kMaxBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) throw PolicyError(path + ": cannot be read");
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > AllowList::kMaxBytes) throw PolicyError(path + ": longer than 16 MiB");
  add_allow_text(list, path, text);
}

AllowList configured_allow_list(const Config& config) {
  AllowList list;
  for (const std::string& file : config.policy.allow_lists) add_allow_file(list, file);
  return list;
}

}  // namespace pickletap
