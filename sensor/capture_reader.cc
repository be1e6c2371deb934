#include "sensor/capture_reader.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "sensor/capture/file_source.h"
#include "sensor/counters.h"

namespace pickletap {

namespace {

constexpr unsigned kBatchPackets = 4096;

uint64_t size_of(const std::string& path) {
  struct stat status {};
  return path != "-" && stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)
             ? static_cast<uint64_t>(status.st_size)
             : 0;
}

}  // namespace

std::vector<std::string> capture_files(const std::vector<std::string>& files, bool verbose, bool& failed) {
  namespace fs = std::filesystem;
  std::vector<std::string> captures;
  for (const std::string& file : files) {
    std::error_code error;
    if (file == "-" || !fs::is_directory(file, error)) {
      captures.push_back(file);
      continue;
    }
    std::vector<std::pair<int64_t, std::string>> found;
    fs::directory_iterator entries(file, error);
    for (const auto end = fs::directory_iterator(); !error && entries != end; entries.increment(error)) {
      std::error_code ignored;
      if (!entries->is_regular_file(ignored)) continue;
      const std::string path = entries->path().string();
      try {
        found.emplace_back(first_packet_time_ns(path).value_or(INT64_MAX), path);
      } catch (const CaptureError& reason) {
        if (verbose) spdlog::info("left out: {}", reason.what());
      }
    }
    if (error) {
      spdlog::error("{}: {}", file, error.message());
      failed = true;
    } else if (found.empty()) {
      spdlog::error("{}: no captures in this directory", file);
      failed = true;
    }
    std::sort(found.begin(), found.end());
    for (auto& [time, path] : found) captures.push_back(std::move(path));
  }
  return captures;
}

bool CaptureReader::read_all(Worker& worker) {
  bool whole = true;
  for (size_t i = 0; i < captures_.size(); ++i) whole = read_capture(i, worker) && whole;
  return whole;
}

bool CaptureReader::read_capture(size_t index, Worker& worker) {
  const std::string& path = captures_[index];
  std::unique_ptr<FileSource> source;
  try {
    source = std::make_unique<FileSource>(path, FileSourceOptions{config_.capture.filter, packets_read_});
  } catch (const CaptureError& error) {
    // The first capture tells whether the filter is one at all; a later one's link type may not know its words.
    if (error.kind() == CaptureError::Kind::kFilter && captures_opened_ == 0) throw;
    progress_.clear();
    spdlog::error("{}", error.what());
    return false;
  }
  ++captures_opened_;
  worker.set_source_index(static_cast<uint16_t>(std::min<size_t>(index, UINT16_MAX)));
  const uint64_t total = size_of(path);
  ReadState state = ReadState::kMore;
  while (state == ReadState::kMore) {
    state = source->dispatch(worker, kBatchPackets);
    progress_.update(path, source->file_bytes(), total);
  }
  packets_read_ = source->last_number();
  add_up(source->counters(), counters_);
  if (state == ReadState::kEnd) return true;
  progress_.clear();
  spdlog::error("{}: {}", path == "-" ? "standard input" : path, source->error());
  return false;
}

}  // namespace pickletap
