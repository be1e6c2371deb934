// What the tests of outputs with threads and peers share: bounded waiting, a folder of their own, the log as text, and
// lines that look like EVE's.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace pickletap::waiting {

/// Asks until it is so; false when it is not within half a minute.
template <typename Question>
bool eventually(Question is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// An EVE-like line with a number in it, told apart by number_of().
inline std::string numbered_line(size_t n, size_t padding = 0) {
  return R"({"timestamp":"2026-11-21T10:00:00.123456+0000","event_type":"alert","n":)" + std::to_string(n) +
         R"(,"alert":{"severity":1},"padding":")" + std::string(padding, 'x') + "\"}\n";
}

inline size_t number_of(const std::string& line) {
  const size_t at = line.find("\"n\":");
  return at == std::string::npos ? SIZE_MAX : std::stoul(line.substr(at + 4));
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder of the test's own, SIGPIPE ignored as in the program, and what went to the log meanwhile.
class OutputTest : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    folder_ = (std::filesystem::temp_directory_path() / ("pickletap_output_" + std::to_string(getpid()))).string();
    std::filesystem::create_directories(folder_);
    logger_ = spdlog::default_logger();
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
    spdlog::set_pattern("%l %v");
  }
  void TearDown() override {
    spdlog::set_default_logger(logger_);
    std::filesystem::remove_all(folder_);
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
  std::ostringstream log_;  ///< to be read once the outputs have finished
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace pickletap::waiting
