// Allow lists in force: which callables, methods and peers of a pickle no list of its listener allows. Also what a list
// for each listener would have to say, when they are learned. Detection thread only.
//
// Learned is what receivers could load: nothing of a connection that failed or of a pickle that was provably not loaded,
// and nothing of a dangerous pickle, whose callables are kept apart with the reason.
// Limits: kMaxListeners listeners, and for each kMaxNames names a list and kMaxPeers peers; what has no room, and names
// that no list can hold, are counted in learned_lost().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/allow_list.h"
#include "config/config.h"
#include "sensor/record.h"

namespace pickletap {

class AllowWatch {
 public:
  static constexpr size_t kMaxListeners = 4096;
  static constexpr size_t kMaxNames = 4096;
  static constexpr size_t kMaxPeers = 1024;
  static constexpr size_t kMaxShown = 8;  ///< names in one departure

  void configure(const Config& config);
  void set_list(std::shared_ptr<const AllowList> list);
  void set_include_dangerous(bool include) { include_dangerous_ = include; }

  bool is_learning() const { return mode_ == Mode::kLearn; }
  bool is_enforced() const { return mode_ == Mode::kEnforce; }
  /// There are lists to compare with.
  bool is_watching() const { return !is_learning() && list_ != nullptr && !list_->entries.empty(); }

  /// What of the pickle no list allows; nothing when all is allowed or no list is in force. `method`: "Type.method".
  std::optional<LeftAllowList> departure(const RecordHead& head, const PickleReport& report, const std::string& method);
  std::optional<LeftAllowList> peer_departure(const RecordHead& head);

  void learn_pickle(const RecordHead& head, const PickleReport& report, const std::string& method);
  void learn_peer(const RecordHead& head);
  /// What was learned, over the list that was set.
  AllowList learned() const;
  /// Grows with what is learned.
  uint64_t learned_changes() const { return changes_; }
  uint64_t learned_lost() const { return lost_; }
  void note_lost() { ++lost_; }

 private:
  enum class Mode : uint8_t { kAlert, kLearn, kEnforce };
  using Key = std::tuple<bool, std::array<uint8_t, 16>, uint16_t, std::array<uint16_t, 2>>;
  using Entries = std::vector<const AllowEntry*>;

  static Key key_of(const RecordHead& head);
  const Entries& entries_of(const RecordHead& head);
  AllowEntry* learned_entry(const RecordHead& head);
  void learn_name(std::optional<AllowedNames>& names, const std::string& name, const std::string& comment,
                  bool is_method);

  Mode mode_ = Mode::kAlert;
  bool include_dangerous_ = false;
  std::shared_ptr<const AllowList> list_;
  std::map<Key, Entries> covering_;  // a cache, kMaxListeners at most
  Entries spare_;
  std::map<Key, AllowEntry> learned_;
  uint64_t changes_ = 0, lost_ = 0;
};

/// "Calculator.add", "shutdown", "Calculator.create"; of an object whose type is not known "*.add". Empty: no request.
std::string allow_name_of(const ManagerRequest& request);

}  // namespace pickletap
