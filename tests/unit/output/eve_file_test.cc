#include "sensor/output/eve_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/output/waiting.h"

namespace pickletap {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using waiting::contents;
using waiting::lines_of;
using waiting::number_of;
using waiting::numbered_line;

class EveFileTest : public waiting::OutputTest {
 protected:
  static SendResult send(EveFile& file, const std::vector<std::string>& lines) {
    return file.send(lines, EveFile::Clock::now() + Transport::kPatience);
  }
  static std::vector<std::string> some_lines(size_t first, size_t count, size_t padding = 0) {
    std::vector<std::string> lines;
    for (size_t i = 0; i < count; ++i) lines.push_back(numbered_line(first + i, padding));
    return lines;
  }
  static std::vector<size_t> numbers_in(const std::string& text) {
    std::vector<size_t> numbers;
    for (const std::string& line : lines_of(text)) numbers.push_back(number_of(line));
    return numbers;
  }
  static std::vector<size_t> range(size_t first, size_t count) {
    std::vector<size_t> numbers;
    for (size_t i = 0; i < count; ++i) numbers.push_back(first + i);
    return numbers;
  }
};

TEST_F(EveFileTest, AppendsAndIsReadableByOwnerAndGroupOnly) {
  std::ofstream(path("eve.json")) << "old\n";
  fs::permissions(path("eve.json"), fs::perms::owner_all);
  {
    EveFile file({path("eve.json")});
    EXPECT_EQ(send(file, some_lines(0, 1000)).taken, 1000U);
  }
  const auto lines = lines_of(contents(path("eve.json")));
  ASSERT_EQ(lines.size(), 1001U);
  EXPECT_EQ(lines[0], "old");
  EXPECT_EQ(number_of(lines[1000]), 999U);
  EveFile fresh({path("new.json")});
  EXPECT_EQ(send(fresh, some_lines(0, 1)).taken, 1U);
  EXPECT_EQ(fs::status(path("new.json")).permissions() & ~fs::perms(0640), fs::perms::none);
}

TEST_F(EveFileTest, EndsTheHalfLineThatACrashLeft) {
  std::ofstream(path("eve.json")) << "whole\n{\"timestamp\":\"2026";
  EveFile file({path("eve.json")});
  EXPECT_EQ(send(file, some_lines(1, 2)).taken, 2U);
  EXPECT_EQ(contents(path("eve.json")), "whole\n{\"timestamp\":\"2026\n" + numbered_line(1) + numbered_line(2));
}

TEST_F(EveFileTest, RefusesWithTheReasonAndGoesOnOnceThePlaceIsThere) {
  EveFile file({path("missing/eve.json")});
  EXPECT_EQ(send(file, some_lines(0, 2)).taken, 0U);
  EXPECT_EQ(file.error(), "cannot open: No such file or directory");
  fs::create_directory(path("missing"));
  EXPECT_EQ(send(file, some_lines(0, 2)).taken, 2U);
  EveFile full({"/dev/full"});
  EXPECT_EQ(send(full, some_lines(0, 2)).taken, 0U);
  EXPECT_EQ(full.error(), "cannot write: No space left on device");
  EveFile folder({folder_});
  EXPECT_EQ(send(folder, some_lines(0, 2)).taken, 0U);
  EXPECT_EQ(folder.error(), "cannot open: Is a directory");
}

TEST_F(EveFileTest, ReopensForLogrotate) {
  EveFile file({path("eve.json")});
  send(file, some_lines(0, 1));
  fs::rename(path("eve.json"), path("eve.json.1"));
  send(file, some_lines(1, 1));  // still the old file, as everywhere
  file.reopen();
  send(file, some_lines(2, 1));
  EXPECT_EQ(numbers_in(contents(path("eve.json.1"))), range(0, 2));
  EXPECT_EQ(numbers_in(contents(path("eve.json"))), range(2, 1));
}

TEST_F(EveFileTest, GoesOnAfterCopytruncate) {
  EveFile file({path("eve.json"), 3 * numbered_line(0).size()});
  send(file, some_lines(0, 3));
  fs::copy_file(path("eve.json"), path("copy"));
  fs::resize_file(path("eve.json"), 0);
  send(file, some_lines(3, 3));
  EXPECT_EQ(numbers_in(contents(path("copy"))), range(0, 3));
  EXPECT_EQ(numbers_in(contents(path("eve.json"))), range(3, 3));
  EXPECT_FALSE(fs::exists(path("eve.json.1"))) << "the size of the truncated file counts";
}

TEST_F(EveFileTest, RotatesBySizeAndKeepsSoMany) {
  const size_t line = numbered_line(10).size();
  EveFile file({path("eve.json"), 10 * line + line / 2, std::chrono::seconds(0), 3});
  EXPECT_EQ(send(file, some_lines(10, 55)).taken, 55U);  // five files of ten and one of five
  EXPECT_EQ(numbers_in(contents(path("eve.json"))), range(60, 5));
  EXPECT_EQ(numbers_in(contents(path("eve.json.1"))), range(50, 10));
  EXPECT_EQ(numbers_in(contents(path("eve.json.2"))), range(40, 10));
  EXPECT_EQ(numbers_in(contents(path("eve.json.3"))), range(30, 10));
  EXPECT_FALSE(fs::exists(path("eve.json.4")));
  EXPECT_EQ(file.take_notice(), "");
}

TEST_F(EveFileTest, ALineLongerThanTheLimitGetsAFileOfItsOwn) {
  EveFile file({path("eve.json"), 100});
  EXPECT_EQ(send(file, some_lines(0, 3, 500)).taken, 3U);
  EXPECT_EQ(numbers_in(contents(path("eve.json"))), range(2, 1));
  EXPECT_EQ(numbers_in(contents(path("eve.json.1"))), range(1, 1));
  EXPECT_EQ(numbers_in(contents(path("eve.json.2"))), range(0, 1));
}

TEST_F(EveFileTest, RotatesByTimeButNeverAnEmptyFile) {
  EveFile file({path("eve.json"), 0, std::chrono::seconds(1), 2});
  EXPECT_EQ(send(file, some_lines(0, 1)).taken, 1U);
  size_t n = 1;
  ASSERT_TRUE(waiting::eventually([&] {
    send(file, some_lines(n++, 1));
    return fs::exists(path("eve.json.1"));
  }));
  EXPECT_EQ(numbers_in(contents(path("eve.json.1")) + contents(path("eve.json"))), range(0, n));
}

TEST_F(EveFileTest, ARotationThatFailsIsSaidAndWritingGoesOn) {
  fs::create_directory(path("eve.json.1"));
  fs::create_directory(path("eve.json.1/in the way"));
  const size_t line = numbered_line(0).size();
  EveFile file({path("eve.json"), 2 * line, std::chrono::seconds(0), 1});
  EXPECT_EQ(send(file, some_lines(0, 5)).taken, 5U);
  EXPECT_EQ(numbers_in(contents(path("eve.json"))), range(0, 5));
  EXPECT_THAT(file.take_notice(), HasSubstr("cannot rotate: "));
  EXPECT_EQ(send(file, some_lines(5, 5)).taken, 5U);
  EXPECT_EQ(file.take_notice(), "") << "not tried again at each line";
}

TEST_F(EveFileTest, RotatesWhatALinkPointsToAndNeverAForeignFile) {
  fs::create_directory(path("disk"));
  fs::create_symlink(path("disk/real.json"), path("eve.json"));
  const size_t line = numbered_line(0).size();
  EveFile file({path("eve.json"), 2 * line, std::chrono::seconds(0), 2});
  send(file, some_lines(0, 3));
  EXPECT_TRUE(fs::is_symlink(path("eve.json")));
  EXPECT_EQ(numbers_in(contents(path("disk/real.json.1"))), range(0, 2));
  EXPECT_EQ(numbers_in(contents(path("eve.json"))), range(2, 1));
  // Somebody moves it away and puts another there: that one is gone on with, not renamed.
  fs::rename(path("disk/real.json"), path("disk/moved"));
  std::ofstream(path("disk/real.json")) << "theirs";
  send(file, some_lines(3, 2));
  EXPECT_EQ(numbers_in(contents(path("disk/moved"))), range(2, 2));
  EXPECT_EQ(contents(path("disk/real.json")), "theirs\n" + numbered_line(4));
  EXPECT_EQ(numbers_in(contents(path("disk/real.json.1"))), range(0, 2));
}

TEST_F(EveFileTest, WritesToAPipeAsItIsReadAndWaitsForAReader) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EveFile file({path("pipe"), 10});
  EXPECT_EQ(send(file, some_lines(0, 1)).taken, 0U);
  EXPECT_EQ(file.error(), "cannot open: No such device or address");
  const int reader = open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  const auto lines = some_lines(0, 2000);  // more than a pipe holds
  const auto left_after = [&](size_t n) {
    return std::vector<std::string>(lines.begin() + static_cast<long>(n), lines.end());
  };
  const size_t first = file.send(lines, EveFile::Clock::now() + std::chrono::milliseconds(50)).taken;
  EXPECT_LT(first, lines.size());
  EXPECT_EQ(file.error(), "it does not read: Connection timed out");
  std::string got;
  size_t taken = first;
  ASSERT_TRUE(waiting::eventually([&] {
    char buffer[65536];
    for (ssize_t n = 0; (n = read(reader, buffer, sizeof buffer)) > 0;) got.append(buffer, static_cast<size_t>(n));
    if (taken < lines.size()) {
      taken += file.send(left_after(taken), EveFile::Clock::now() + std::chrono::milliseconds(5)).taken;
    }
    return taken == lines.size() && lines_of(got).size() == lines.size();
  }));
  EXPECT_EQ(numbers_in(got), range(0, 2000));
  close(reader);
  EXPECT_EQ(send(file, some_lines(0, 1)).taken, 0U) << "the reader has gone";
}

TEST_F(EveFileTest, IsThereFromTheStartAndAtOnceAfterRotation) {
  QueuedOutput output(std::make_unique<EveFile>(EveFileOptions{path("eve.json")}), {});
  output.start({});
  EXPECT_TRUE(waiting::eventually([&] { return fs::exists(path("eve.json")); }));
  fs::rename(path("eve.json"), path("eve.json.1"));
  output.reopen();
  EXPECT_TRUE(waiting::eventually([&] { return fs::exists(path("eve.json")); }));
}

/// A file system of 64 KiB, where the test may mount one.
class FullDiskTest : public EveFileTest {
 protected:
  void SetUp() override {
    EveFileTest::SetUp();
    fs::create_directory(path("disk"));
    is_mounted_ = mount("tmpfs", path("disk").c_str(), "tmpfs", 0, "size=64k") == 0;
    if (!is_mounted_) GTEST_SKIP() << "mounting a tmpfs needs root";
  }
  void TearDown() override {
    if (is_mounted_) umount2(path("disk").c_str(), MNT_DETACH);
    EveFileTest::TearDown();
  }
  void fill(size_t leave_bytes) const {
    const int fd = open(path("disk/ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const std::string block(4096, 'b');
    while (write(fd, block.data(), block.size()) > 0) {
    }
    close(fd);
    fs::resize_file(path("disk/ballast"), fs::file_size(path("disk/ballast")) - leave_bytes);
  }
  bool is_mounted_ = false;
};

TEST_F(FullDiskTest, TearsNoLineAndGoesOnWhenRoomReturns) {
  EveFile file({path("disk/eve.json")});
  const auto lines = some_lines(0, 30, 1000);
  ASSERT_EQ(send(file, {lines[0]}).taken, 1U);
  fill(8192);
  const std::vector<std::string> left(lines.begin() + 1, lines.end());
  const size_t taken = send(file, left).taken;
  EXPECT_LT(taken, left.size());
  EXPECT_EQ(file.error(), "cannot write: No space left on device");
  const std::string before = contents(path("disk/eve.json"));
  EXPECT_NE(before.back(), '\n') << "the disk filled in the middle of a line, or this shows nothing";
  const std::vector<std::string> rest(left.begin() + static_cast<long>(taken), left.end());
  EXPECT_EQ(send(file, rest).taken, 0U);
  fs::remove(path("disk/ballast"));
  EXPECT_EQ(send(file, rest).taken, rest.size());
  std::string want;
  for (const std::string& line : lines) want += line;
  EXPECT_EQ(contents(path("disk/eve.json")), want);
}

TEST_F(FullDiskTest, BehindAQueueNothingIsLostSilently) {
  QueuedOutput output(std::make_unique<EveFile>(EveFileOptions{path("disk/eve.json")}),
                      {100'000, 1, std::chrono::milliseconds(1)});
  output.start({});
  uint64_t written = 0, refused = 0;
  // Until the disk is full and the queue behind it, too.
  ASSERT_TRUE(waiting::eventually([&] {
    for (int i = 0; i < 10; ++i) refused += output.write(numbered_line(written++, 500)) ? 0 : 1;
    return refused > 0 && !output.state().up;
  }));
  EXPECT_EQ(output.state().trouble, "cannot write: No space left on device");
  EXPECT_EQ(output.counters().dropped, refused);
  ASSERT_EQ(mount("tmpfs", path("disk").c_str(), "tmpfs", MS_REMOUNT, "size=1m"), 0);
  ASSERT_TRUE(waiting::eventually([&] { return output.state().up && output.state().queued_events == 0; }));
  EXPECT_EQ(output.counters().events, written - refused);
  output.finish();
  const auto numbers = numbers_in(contents(path("disk/eve.json")));
  EXPECT_EQ(numbers.size(), written - refused);
  for (size_t i = 1; i < numbers.size(); ++i) ASSERT_LT(numbers[i - 1], numbers[i]);
}

TEST_F(FullDiskTest, TakesHalfALineBackWhenItLeavesTheFile) {
  EveFile file({path("disk/eve.json")});
  fill(8192);
  const auto lines = some_lines(0, 30, 1000);
  const size_t taken = send(file, lines).taken;
  ASSERT_NE(contents(path("disk/eve.json")).back(), '\n');
  fs::rename(path("disk/eve.json"), path("disk/old"));
  file.reopen();
  EXPECT_EQ(numbers_in(contents(path("disk/old"))), range(0, taken));
  EXPECT_EQ(contents(path("disk/old")).back(), '\n');
  fs::remove(path("disk/ballast"));
  EXPECT_EQ(send(file, std::vector<std::string>(lines.begin() + static_cast<long>(taken), lines.end())).taken,
            lines.size() - taken);
  EXPECT_EQ(numbers_in(contents(path("disk/eve.json"))), range(taken, lines.size() - taken));
}

}  // namespace
}  // namespace pickletap
