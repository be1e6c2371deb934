// The systemd unit and the files beside it. That the service runs under it is package_test.cc's.
#include "tests/deploy/documents.h"

namespace pickletap::test {
namespace {

constexpr double kMaxExposure = 2.0;

TEST(Service, IsLittleExposed) {
  if (find_program("systemd-analyze").empty()) GTEST_SKIP() << "systemd-analyze is not installed";
  const Finished analyzed =
      run({"systemd-analyze", "security", "--offline=true", "--no-pager", shipped("systemd/pickletap.service")});
  ASSERT_EQ(analyzed.exit_code, 0) << analyzed.err;
  std::smatch match;
  ASSERT_TRUE(std::regex_search(analyzed.out, match, std::regex(R"(exposure level for pickletap\.service: ([0-9.]+))")))
      << analyzed.out;
  EXPECT_LE(std::stod(match[1]), kMaxExposure) << analyzed.out;
}

TEST(Service, HasNoDirectiveThatSystemdDoesNotKnow) {
  if (find_program("systemd-analyze").empty()) GTEST_SKIP() << "systemd-analyze is not installed";
  // A program that is there stands for ours, which need not be installed.
  const TempFolder folder;
  const std::string unit = std::regex_replace(read_bytes(shipped("systemd/pickletap.service")),
                                              std::regex("/usr/bin/pickletap"), "/bin/true");
  const Finished verified = run({"systemd-analyze", "verify", "--man=no", folder.write("pickletap.service", unit)});
  EXPECT_EQ(verified.exit_code, 0);
  EXPECT_EQ(verified.out + verified.err, "");
}

TEST(Service, NamesTheProgramWithOptionsItHas) {
  // The commands behind Exec…=, as the unit has them.
  for (const std::string& line : lines_of(read_bytes(shipped("systemd/pickletap.service")))) {
    std::smatch match;
    if (!std::regex_match(line, match, std::regex("Exec[A-Za-z]+=/usr/bin/pickletap ([a-z-]+)(.*)"))) continue;
    ASSERT_TRUE(commands().count(match[1])) << line;
    const Names known = options_of(match[1]);
    for (const std::string& option : matches(match[2], "(?:^| )(--?[a-zA-Z][a-z-]*)")) {
      EXPECT_TRUE(known.count(option)) << line;
    }
  }
}

TEST(Service, UserAndFolderAreOnesThatSystemdTakes) {
  if (find_program("systemd-sysusers").empty()) GTEST_SKIP() << "systemd-sysusers is not installed";
  const TempFolder root;
  std::filesystem::create_directories(root.path("etc"));
  const Finished users = run({"systemd-sysusers", "--root=" + root.path(), shipped("systemd/pickletap.sysusers")});
  EXPECT_EQ(users.exit_code, 0) << users.err;
  EXPECT_NE(read_bytes(root.path("etc/passwd")).find("pickletap:x:"), std::string::npos);
  if (geteuid() != 0) GTEST_SKIP() << "needs root to make a folder of another user";
  const Finished folders =
      run({"systemd-tmpfiles", "--root=" + root.path(), "--create", shipped("systemd/pickletap.tmpfiles")});
  EXPECT_EQ(folders.exit_code, 0) << folders.err;
  EXPECT_EQ(
      std::filesystem::status(root.path("var/log/pickletap")).permissions(),
      std::filesystem::perms::owner_all | std::filesystem::perms::group_read | std::filesystem::perms::group_exec);
}

TEST(Service, EnvironmentFileSetsOnlyKeysThereAre) {
  // The commented example, as if its # were gone, through a shell as the file's own comment says.
  const std::string text =
      std::regex_replace(read_bytes(shipped("systemd/pickletap.default")), std::regex("\n#(PICKLETAP_)"), "\n$1");
  ASSERT_NE(text.find("\nPICKLETAP_"), std::string::npos);
  const TempFolder folder;
  const Finished checked = run({"sh", "-c", "set -a; . \"$1\"; exec \"$2\" check-config \"$3\" --dump", "sh",
                                folder.write("default", text), PICKLETAP_BINARY, folder.write("empty.yaml", "")});
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_NE(checked.out.find("PICKLETAP_CAPTURE_INTERFACES"), std::string::npos) << checked.out;
}

}  // namespace
}  // namespace pickletap::test
