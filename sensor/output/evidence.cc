#include "sensor/output/evidence.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "sensor/output/whole_file.h"

namespace pickletap {

namespace {

namespace fs = std::filesystem;

class Blocks {
 public:
  void u16(uint32_t value) {
    for (unsigned shift = 0; shift < 16; shift += 8) out_ += static_cast<char>(value >> shift & 0xff);
  }
  void u32(uint64_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) out_ += static_cast<char>(value >> shift & 0xff);
  }
  void padded(std::string_view bytes) {
    out_ += bytes;
    out_.append((4 - bytes.size() % 4) % 4, '\0');
  }
  void option(uint32_t code, std::string_view value) {
    u16(code);
    u16(static_cast<uint32_t>(value.size()));
    padded(value);
  }
  template <typename Body>
  void block(uint32_t type, Body body) {
    const size_t start = out_.size();
    u32(type);
    u32(0);
    body();
    const auto length = static_cast<uint32_t>(out_.size() - start + 4);
    u32(length);
    for (unsigned i = 0; i < 4; ++i) out_[start + 4 + i] = static_cast<char>(length >> (8 * i) & 0xff);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

constexpr size_t kMaxCommentBytes = 4096;

bool is_ours(const std::string& name) { return name.ends_with(".pcapng") || name.ends_with(".pickle"); }
/// What a crash left of a file that was being written (whole_file.h).
bool is_draft(const std::string& name) { return name.ends_with(".pcapng.new") || name.ends_with(".pickle.new"); }

}  // namespace

std::string pcapng_of(const std::vector<EvidencePacket>& packets, std::string_view comment) {
  Blocks out;
  out.block(0x0a0d0d0a, [&] {  // section header
    out.u32(0x1a2b3c4d);
    out.u16(1);
    out.u16(0);
    out.u32(0xffffffff);
    out.u32(0xffffffff);
    out.option(1, comment.substr(0, kMaxCommentBytes));
    out.option(0, "");
  });
  out.block(1, [&] {  // interface description
    out.u16(1);       // LINKTYPE_ETHERNET
    out.u16(0);
    out.u32(0);
    out.option(9, "\x09");  // if_tsresol: nanoseconds
    out.option(0, "");
  });
  for (const EvidencePacket& packet : packets) {
    out.block(6, [&] {  // enhanced packet
      const auto time = static_cast<uint64_t>(packet.time_ns);
      out.u32(0);
      out.u32(time >> 32);
      out.u32(time);
      out.u32(packet.bytes.size());
      out.u32(std::max<uint64_t>(packet.wire_bytes, packet.bytes.size()));
      out.padded(packet.bytes);
    });
  }
  return out.take();
}

EvidenceFolder::EvidenceFolder(std::string folder, uint64_t quota_bytes)
    : folder_(std::move(folder)), quota_bytes_(quota_bytes) {
  look();
}

void EvidenceFolder::look() {
  struct Found {
    fs::file_time_type time;
    std::string name;
    uint64_t bytes;
  };
  std::vector<Found> found;
  std::error_code error;
  fs::directory_iterator entries(folder_, error);
  for (const auto end = fs::directory_iterator(); !error && entries != end; entries.increment(error)) {
    std::error_code ignored;
    const std::string name = entries->path().filename().string();
    if (is_draft(name) && entries->is_regular_file(ignored)) unlink(entries->path().c_str());
    if (!is_ours(name) || !entries->is_regular_file(ignored)) continue;
    const uint64_t bytes = entries->file_size(ignored);
    found.push_back({entries->last_write_time(ignored), name, ignored ? 0 : bytes});
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return std::tie(a.time, a.name) < std::tie(b.time, b.name); });
  files_.clear();
  bytes_ = 0;
  for (Found& one : found) {
    bytes_ += one.bytes;
    files_.push_back({std::move(one.name), one.bytes});
  }
  make_room(0);
}

std::string EvidenceFolder::stem(uint64_t flow_id, uint32_t sid, std::string_view rule) {
  return std::to_string(flow_id) + "-" + std::to_string(sid) + "-" + std::string(rule);
}

bool EvidenceFolder::wants(const std::string& stem) {
  if (versions_.size() >= kMaxFiles && !versions_.contains(stem)) versions_.clear();
  if (++versions_[stem] <= kMaxVersions) return true;
  ++counters_.left_out;
  return false;
}

void EvidenceFolder::make_room(uint64_t bytes) {
  while (!files_.empty() && (bytes_ + bytes > quota_bytes_ || files_.size() >= kMaxFiles)) {
    const File oldest = std::move(files_.front());
    files_.pop_front();
    bytes_ -= oldest.bytes;
    if (unlink((folder_ + "/" + oldest.name).c_str()) == 0) ++counters_.deleted;
  }
}

bool EvidenceFolder::write(const std::string& name, std::string_view bytes) {
  // What an earlier run wrote under this name is replaced.
  const auto same = std::find_if(files_.begin(), files_.end(), [&](const File& file) { return file.name == name; });
  if (same != files_.end()) {
    bytes_ -= same->bytes;
    files_.erase(same);
  }
  if (bytes.size() > quota_bytes_) {
    fail(name + ": larger than the quota");
    return false;
  }
  make_room(bytes.size());
  const std::string trouble = write_whole_file(folder_ + "/" + name, bytes);
  if (!trouble.empty()) {
    fail(folder_ + "/" + name + ": " + trouble);
    return false;
  }
  files_.push_back({name, bytes.size()});
  bytes_ += bytes.size();
  ++counters_.written;
  return true;
}

void EvidenceFolder::miss(const std::string& stem) {
  const auto is_it = [name = stem + ".pcapng"](const File& file) { return file.name == name; };
  if (std::any_of(files_.begin(), files_.end(), is_it)) return;
  ++counters_.missed;
  tell(stem + ".pcapng: no packet of the flow was kept any more");
}

void EvidenceFolder::fail(const std::string& why) {
  ++counters_.failed;
  tell(why);
}

void EvidenceFolder::tell(const std::string& what) {
  const auto now = std::chrono::steady_clock::now();
  if (now < tell_again_) return;
  tell_again_ = now + kTellPause;
  spdlog::error("evidence: {} (said once a minute at most)", what);
}

}  // namespace pickletap
