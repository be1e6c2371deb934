#include "sensor/http/process_status.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace pickletap {
namespace {

// Fields 3 to 24 of a real one, of an `init`.
constexpr const char* kRest =
    " S 0 1 1 0 -1 4194560 22137 991220 157 3421 87 262 2911 1532 20 0 5 0 77 172134400 3271 18446744073709551615 1\n";

TEST(ProcessStatus, ReadsTheFieldsBehindAnyName) {
  for (const char* name : {"init", "a b", ") S 1 2 3", "((", "))"}) {
    const auto fields = parse_process_stat("1 (" + std::string(name) + ")" + kRest);
    ASSERT_TRUE(fields) << name;
    EXPECT_EQ(fields->user_ticks, 87U);
    EXPECT_EQ(fields->system_ticks, 262U);
    EXPECT_EQ(fields->threads, 5U);
    EXPECT_EQ(fields->start_ticks, 77U);
    EXPECT_EQ(fields->virtual_bytes, 172134400U);
    EXPECT_EQ(fields->resident_pages, 3271U);
  }
}

TEST(ProcessStatus, TakesNoTextCutShort) {
  const std::string whole = "1 (init)" + std::string(kRest);
  const size_t needed = whole.find(" 3271") + 5;
  for (size_t size = 0; size < needed - 4; ++size) EXPECT_FALSE(parse_process_stat(whole.substr(0, size))) << size;
  EXPECT_TRUE(parse_process_stat(whole.substr(0, needed)));
  EXPECT_FALSE(
      parse_process_stat("1 (init) S 0 1 1 0 -1 4194560 22137 991220 157 3421 x 262 2911 1532 20 0 5 0 77 1 2"));
}

TEST(ProcessStatus, FollowsTheProcess) {
  ProcessReader reader;
  const ProcessStatus before = reader.read();
  ASSERT_TRUE(before.open_fds && before.threads && before.virtual_bytes && before.cpu_seconds && before.max_fds);

  std::vector<int> opened(10);
  for (int& descriptor : opened) descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(reader.read().open_fds, *before.open_fds + 10);
  for (const int descriptor : opened) close(descriptor);
  EXPECT_EQ(reader.read().open_fds, *before.open_fds);

  std::promise<void> end;
  std::thread waiting([&] { end.get_future().wait(); });
  EXPECT_EQ(reader.read().threads, *before.threads + 1);
  end.set_value();
  waiting.join();

  constexpr size_t kBytes = size_t{64} << 20;
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_GE(*reader.read().virtual_bytes, *before.virtual_bytes + kBytes);
  EXPECT_GE(*reader.read().resident_bytes, kBytes);
  munmap(memory, kBytes);

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (*reader.read().cpu_seconds < *before.cpu_seconds + 0.05 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_GE(*reader.read().cpu_seconds, *before.cpu_seconds + 0.05);

  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(before.max_fds, limit.rlim_cur);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(*before.start_time_seconds, now + 2);  // the kernel rounds the time of its start
  EXPECT_GT(*before.start_time_seconds, 0);
}

/// What the sandbox leaves: no path at all, another user, no privilege.
TEST(ProcessStatus, NeedsNoPathOnceItIsMade) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: it changes the root directory";
  const pid_t child = fork();
  if (child == 0) {
    ProcessReader reader;
    constexpr uid_t kNobody = 65534;
    if (chroot("/proc/self/fdinfo") != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(2);
    if (open("/proc/self/stat", O_RDONLY) >= 0) _exit(3);
    const ProcessStatus status = reader.read();
    const bool complete = status.cpu_seconds && status.start_time_seconds && status.virtual_bytes &&
                          status.resident_bytes && status.threads == 1U && status.open_fds > 3U && status.max_fds;
    _exit(complete ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFEXITED(result));
  EXPECT_EQ(WEXITSTATUS(result), 0);
}

}  // namespace
}  // namespace pickletap
