// Evidence: for an alert, the packets of its flow as far as they were kept, as a pcapng that any reader takes (and whose
// replay raises the alert again), and the offending pickle as a file. Named FLOWID-SID-RULE.pcapng, and
// FLOWID-SID-RULE-to_server-3.pickle for the fourth message of the client. The pcapng is written anew with each later alert
// of the rule on the flow, kMaxVersions times at most; the pickles of those that follow are not written either.
// The folder belongs to the evidence: its own files in it are counted against a quota, and the oldest are deleted when a
// new one needs their room. Nothing here throws: what cannot be written is counted, and said once a minute at most. A file
// is there whole or not at all, and on the disk when write() returns: for a live sensor that is a matter for a thread that
// may wait. One thread. Source: draft-ietf-opsawg-pcapng, section 4.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pickletap {

/// One packet of a flow, as evidence holds it.
struct EvidencePacket {
  int64_t time_ns = 0;
  uint32_t wire_bytes = 0;
  std::string bytes;  ///< from the link layer on
};

struct EvidenceCounters {
  uint64_t written = 0, failed = 0, deleted = 0;
  uint64_t left_out = 0;  ///< more of the same
  uint64_t missed = 0;    ///< no packet of the flow was kept any more
};

/// A whole pcapng file of one Ethernet interface with nanosecond stamps. `comment` is the section's.
std::string pcapng_of(const std::vector<EvidencePacket>& packets, std::string_view comment);

class EvidenceFolder {
 public:
  static constexpr size_t kMaxFiles = 65536;
  static constexpr unsigned kMaxVersions = 16;
  static constexpr std::chrono::seconds kTellPause{60};

  /// Reads what an earlier run left, oldest first. The folder must exist.
  EvidenceFolder(std::string folder, uint64_t quota_bytes);
  /// Reads the folder anew: others may have deleted in it.
  void look();

  /// "123-5020001-pickle.code-execution".
  static std::string stem(uint64_t flow_id, uint32_t sid, std::string_view rule);
  static std::string capture_path(const std::string& folder, const std::string& stem) {
    return folder + "/" + stem + ".pcapng";
  }
  std::string capture_path(const std::string& stem) const { return capture_path(folder_, stem); }

  /// Asked once an alert: is evidence wanted, or is there enough of this?
  bool wants(const std::string& stem);
  /// False: it could not be written.
  bool write(const std::string& name, std::string_view bytes);
  /// There is nothing to write: counted and said, unless an earlier version of the capture is there.
  void miss(const std::string& stem);
  const EvidenceCounters& counters() const { return counters_; }

 private:
  struct File {
    std::string name;
    uint64_t bytes;
  };
  void make_room(uint64_t bytes);
  void fail(const std::string& why);
  void tell(const std::string& what);

  const std::string folder_;
  const uint64_t quota_bytes_;
  std::deque<File> files_;  // oldest first
  uint64_t bytes_ = 0;
  std::unordered_map<std::string, unsigned> versions_;  // kMaxFiles at most
  EvidenceCounters counters_;
  std::chrono::steady_clock::time_point tell_again_{};
};

}  // namespace pickletap
