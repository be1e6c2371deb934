#include "sensor/output/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sensor/output/event_writer.h"
#include "sensor/output/progress.h"
#include "tests/unit/output/sample_records.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;

/// A folder of its own, and what went to the log meanwhile.
class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("pickletap_file_" + std::to_string(getpid()));
    fs::create_directories(folder_);
    logger_ = spdlog::default_logger();
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(log_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
    spdlog::set_pattern("%v");
  }
  void TearDown() override {
    spdlog::set_default_logger(logger_);
    fs::remove_all(folder_);
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  static std::string contents(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path folder_;
  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> logger_;
};

TEST_F(FileTest, BuffersAndWritesOutWhenToldOrFull) {
  FileOutput file(path("eve.json"), OpenMode::kTruncate);
  EXPECT_TRUE(file.write("one\n"));
  EXPECT_EQ(contents(path("eve.json")), "");
  file.flush();
  EXPECT_EQ(contents(path("eve.json")), "one\n");
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 66; ++i) file.write(line);
  EXPECT_EQ(contents(path("eve.json")).size(), 4U + 66 * 1000);
  EXPECT_FALSE(file.failed());
  EXPECT_EQ(log_.str(), "");
}

TEST_F(FileTest, ReplayStartsAnewAndTheDaemonGoesOn) {
  std::ofstream(path("f")) << "old\n";
  BufferedFile(path("f"), OpenMode::kAppend).append("new\n");
  EXPECT_EQ(contents(path("f")), "old\nnew\n");
  BufferedFile(path("f"), OpenMode::kTruncate).append("newer\n");
  EXPECT_EQ(contents(path("f")), "newer\n");
}

TEST_F(FileTest, WritesToANewFileAfterRotation) {
  FileOutput file(path("eve.json"), OpenMode::kAppend);
  file.write("before\n");
  fs::rename(path("eve.json"), path("eve.json.1"));
  file.reopen();
  file.write("after\n");
  file.flush();
  EXPECT_EQ(contents(path("eve.json.1")), "before\n");
  EXPECT_EQ(contents(path("eve.json")), "after\n");
}

TEST_F(FileTest, SaysOnceThatADiskIsFullAndKeepsTheLinesThatFit) {
  FileOutput file("/dev/full", OpenMode::kAppend);
  EXPECT_TRUE(file.write("line\n"));
  EXPECT_FALSE(file.failed());
  file.flush();
  EXPECT_TRUE(file.failed());
  const std::string line = std::string(9999, 'x') + "\n";
  int taken = 0;
  for (int i = 0; i < 200; ++i) taken += file.write(line) ? 1 : 0;
  EXPECT_EQ(taken, static_cast<int>((BufferedFile::kMaxBytes - 5) / line.size()));
  file.finish();
  EXPECT_TRUE(file.failed());
  EXPECT_EQ(log_.str(), "/dev/full: cannot write: No space left on device\n");
}

TEST_F(FileTest, SaysThatAPathCannotBeOpened) {
  FileOutput file(path("missing/eve.json"), OpenMode::kTruncate);
  EXPECT_TRUE(file.failed());
  file.write("line\n");
  file.finish();
  EXPECT_TRUE(file.failed());
  EXPECT_EQ(log_.str(), path("missing/eve.json") + ": cannot write: No such file or directory\n");
}

TEST_F(FileTest, WritesWhatItKeptOnceThePathIsThere) {
  FileOutput file(path("later/eve.json"), OpenMode::kAppend);
  file.write("kept\n");
  EXPECT_TRUE(file.failed());
  fs::create_directories(folder_ / "later");
  file.reopen();
  file.flush();
  EXPECT_FALSE(file.failed());
  EXPECT_EQ(contents(path("later/eve.json")), "kept\n");
}

TEST_F(FileTest, TearsNoLineWhenTheDiskFillsInItsMiddle) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{7, before.rlim_max};
  FileOutput file(path("f"), OpenMode::kAppend);
  file.write("first\nsecond\n");
  setrlimit(RLIMIT_FSIZE, &small);
  file.flush();
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(file.failed());
  EXPECT_EQ(contents(path("f")), "first\ns");
  file.finish();
  EXPECT_FALSE(file.failed());
  EXPECT_EQ(contents(path("f")), "first\nsecond\n");
}

TEST_F(FileTest, GivesUpOnAReaderThatHasGone) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  BufferedFile file(ends[1], "standard output");
  file.append("line\n");
  file.flush();
  EXPECT_TRUE(file.failed());
  EXPECT_FALSE(file.append("more\n"));
  EXPECT_EQ(log_.str(), "standard output: cannot write: Broken pipe\n");
  close(ends[1]);
}

TEST_F(FileTest, EscapesThePathInTheLog) {
  BufferedFile file("/nonexistent/\x1b[2J", OpenMode::kAppend);
  EXPECT_EQ(log_.str(), "/nonexistent/\\x1b[2J: cannot write: No such file or directory\n");
}

TEST_F(FileTest, EventWriterHandsOutWhatEachOutputWantsAndCounts) {
  struct Seen : RecordSink {
    void write(const Record&) override { ++records; }
    int records = 0;
  } sink;
  EventWriter writer({"lab", {"a.pcap"}, false});
  EventTypes flows{false, false, false, false, true, false};
  writer.add(std::make_unique<FileOutput>(path("eve"), OpenMode::kTruncate), {});
  writer.add(std::make_unique<FileOutput>(path("flows"), OpenMode::kTruncate), flows);
  writer.add(std::make_unique<FileOutput>(path("missing/f"), OpenMode::kTruncate), {});
  writer.add(sink);
  for (const Record& record : sample::all()) writer.write(record);
  EXPECT_TRUE(writer.failed());
  writer.finish();
  const auto lines = [&](const char* name) {
    const std::string text = contents(path(name));
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines("eve"), 3);  // alert, listener, stats
  EXPECT_EQ(lines("flows"), 1);
  EXPECT_EQ(sink.records, 8);
  EXPECT_EQ(writer.counters().at(0).output, "file");
  EXPECT_EQ(writer.counters().at(0).counters->events.load(), 3U);
  EXPECT_EQ(writer.counters().at(1).counters->events.load(), 1U);
}

TEST(Progress, DrawsOnOneLineAndTakesItAway) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  {
    Progress progress(ends[1], true);
    progress.update("a\x1b.pcap", 512, 1024 * 1024);
    progress.update("a.pcap", 600, 1024 * 1024);  // too soon after the first
  }
  char text[256];
  const ssize_t n = read(ends[0], text, sizeof text);
  EXPECT_EQ(std::string(text, static_cast<size_t>(n)), "\r\x1b[2Ka\\x1b.pcap  512 B of 1.0 MiB  0%\r\x1b[2K");
  Progress silent(ends[1], false);
  silent.update("a.pcap", 1, 2);
  EXPECT_EQ(read(ends[0], text, sizeof text), -1);
  close(ends[0]);
  close(ends[1]);
}

TEST(Progress, WritesSizesForPeople) {
  const std::pair<uint64_t, const char*> cases[] = {{0, "0 B"},
                                                    {1023, "1023 B"},
                                                    {1024, "1.0 KiB"},
                                                    {1536, "1.5 KiB"},
                                                    {10240, "10 KiB"},
                                                    {1048575, "1023 KiB"},
                                                    {uint64_t{3} << 30, "3.0 GiB"},
                                                    {UINT64_MAX, "15 EiB"}};
  for (const auto& [bytes, want] : cases) EXPECT_EQ(readable_bytes(bytes), want);
}

}  // namespace
}  // namespace pickletap
