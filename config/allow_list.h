// Allow lists: what each listener may be sent, and by whom. Read from YAML files (policy.allow_lists) and made by
// `pickletap learn`. A listener is covered by every entry whose address, port and VLAN fit it, and what one of those
// entries allows is allowed; a listener that no entry covers has no list in force. A key that an entry leaves out limits
// nothing, an empty list allows nothing.
// Names are whole ("collections.OrderedDict"), families ("collections.*"), a method of any type ("*.append"), or "*".
// Plain data; read at start-up, reload and learning, then shared for reading. Limits: a file kMaxBytes, kMaxListeners
// entries in it, kMaxNames names or peers in a list. Mistakes are PolicyErrors with file, line and key.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/config.h"

namespace pickletap {

/// An address, or a network. IPv4 stands in the first four bytes and the rest is zero.
struct AddressRange {
  std::array<uint8_t, 16> bytes{};
  uint8_t prefix_bits = 0;
  bool is_v6 = false;

  bool contains(const std::array<uint8_t, 16>& address, bool address_is_v6) const;
  /// "10.0.0.0/8"; without the prefix where it is a single address.
  std::string text() const;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
  friend bool operator<(const AddressRange& a, const AddressRange& b) {
    return std::tie(a.is_v6, a.bytes, a.prefix_bits) < std::tie(b.is_v6, b.bytes, b.prefix_bits);
  }
};

/// "10.0.0.1", "10.0.0.0/8", "fd00::/8"; bits behind the prefix are cleared. Nothing: it is none.
std::optional<AddressRange> parse_address_range(const std::string& text);
AddressRange single_address(const std::array<uint8_t, 16>& bytes, bool is_v6);

class AllowedNames {
 public:
  /// Names that are there keep their comment.
  void add(const std::string& name, const std::string& comment = {});
  bool allows(std::string_view name) const;
  /// Of an object whose type nobody knows: a method of this name of any type.
  bool allows_of_any_type(std::string_view method) const;
  /// As written, with what stands behind them for people; in order.
  const std::map<std::string, std::string>& names() const { return names_; }

 private:
  std::map<std::string, std::string> names_;
  std::set<std::string, std::less<>> exact_, families_, of_any_type_, last_parts_;
  bool all_ = false;
};

struct AllowEntry {
  std::string file;  ///< and line, for messages
  unsigned line = 0;
  std::optional<AddressRange> address;        ///< none: any
  std::optional<uint16_t> port;               ///< none: any
  std::optional<std::vector<uint16_t>> vlan;  ///< outermost first; none: any
  std::string application;                    ///< for people: "connection", "manager", …
  std::optional<std::set<AddressRange>> peers;
  std::optional<AllowedNames> to_server, to_client;  ///< callables that pickles may reach by name
  std::optional<AllowedNames> methods;               ///< "Type.method" and functions of a manager's server
  /// Of a list that was learned: what was left out because it is dangerous, and why. Written as comments, never read.
  std::map<std::string, std::string> left_out;

  bool covers(const std::array<uint8_t, 16>& listener, bool is_v6, uint16_t listener_port,
              const std::vector<uint16_t>& listener_vlan) const;
  bool allows_peer(const std::array<uint8_t, 16>& peer, bool is_v6) const;
};

struct AllowList {
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  static constexpr size_t kMaxListeners = 65536;
  static constexpr size_t kMaxNames = 16384;
  static constexpr size_t kMaxNameBytes = 1024;

  std::vector<AllowEntry> entries;
};

/// Adds the entries of a file's text. Throws PolicyError.
void add_allow_text(AllowList& list, const std::string& file, const std::string& text);
void add_allow_file(AllowList& list, const std::string& path);
/// All files of policy.allow_lists.
AllowList configured_allow_list(const Config& config);

}  // namespace pickletap
