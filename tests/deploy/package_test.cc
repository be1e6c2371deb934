// The Debian package, made by debhelper around the program of this build: lintian, and a life under a real systemd.
#include "tests/deploy/documents.h"

namespace pickletap::test {
namespace {

/// Why no package can be made of this build here; empty: one can.
std::string obstacle() {
#ifdef __SANITIZE_ADDRESS__
  return "the package is made of the release build";
#endif
  for (const char* program : {"dpkg-buildpackage", "dh", "fakeroot"}) {
    if (find_program(program).empty()) return std::string(program) + " is not installed";
  }
  return {};
}

/// Makes the package in `folder`; its file.
std::string make_package(const TempFolder& folder) {
  RunOptions options;
  options.patience = std::chrono::seconds(280);
  const Finished built = run({shipped("debian/build"), "-o", folder.path(), "-b", PICKLETAP_BINARY}, options);
  EXPECT_EQ(built.exit_code, 0) << built.out << built.err;
  const std::vector<std::string> packages = lines_of(built.out);
  EXPECT_EQ(packages.size(), 1U) << built.out;
  return packages.empty() ? std::string() : packages.front();
}

TEST(Package, IsOfTheVersionOfTheProgramAndLintianHasNothingToSay) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  const TempFolder folder;
  const std::string package = make_package(folder);
  ASSERT_FALSE(package.empty());
  const Finished version = run({"dpkg-deb", "-f", package, "Version"});
  ASSERT_EQ(version.exit_code, 0) << version.err;
  EXPECT_EQ(pickletap({"--version"}).out.find("pickletap " + lines_of(version.out).front() + " "), 0U);
  if (find_program("lintian").empty()) GTEST_SKIP() << "lintian is not installed";
  const Finished said = run(
      {"lintian", "--allow-root", "--profile", "debian", "--display-info", "--fail-on", "error,warning,info", package});
  EXPECT_EQ(said.exit_code, 0);
  EXPECT_EQ(said.out + said.err, "");
}

TEST(Package, BuildDependenciesAreTheInstalledOnes) {
  // control and deploy/install-packages name the same libraries, so that neither can be forgotten.
  const Names libraries = matches(read_bytes(shipped("debian/control")), R"(\n? +([a-z0-9.+-]+-dev)\b)");
  const std::string script = read_bytes(shipped("install-packages"));
  const Names listed = matches(script.substr(0, script.find("test_packages=")), R"(\s([a-z0-9.+-]+-dev)\b)");
  EXPECT_EQ(libraries, listed);
  EXPECT_GT(libraries.size(), 5U);
}

TEST(Package, InstallsRunsUpgradesAndIsPurgedUnderSystemd) {
  if (const std::string why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  if (geteuid() != 0) GTEST_SKIP() << "needs root to boot a systemd in a namespace";
  const TempFolder folder;
  const std::string package = make_package(folder);
  ASSERT_FALSE(package.empty());
  RunOptions options;
  options.patience = std::chrono::seconds(280);
  const Finished lived = run({std::string(PICKLETAP_SOURCE_DIR) + "/tests/deploy/package_lifecycle", package}, options);
  constexpr int kCannot = 77;
  if (lived.exit_code == kCannot) GTEST_SKIP() << lived.out;
  EXPECT_EQ(lived.exit_code, 0) << lived.out << lived.err;
  EXPECT_TRUE(lived.out.ends_with("passed\n")) << lived.out;
}

}  // namespace
}  // namespace pickletap::test
