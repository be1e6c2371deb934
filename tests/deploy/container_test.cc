// The container file, as far as it can be held to the program without building an image: the run-time packages it
// installs are those that own what the program links.
#include "tests/deploy/documents.h"

namespace pickletap::test {
namespace {

/// The instructions of the final stage, continued lines joined and comments gone.
std::vector<std::string> final_stage() {
  std::vector<std::string> instructions;
  std::string joined;
  for (const std::string& line : lines_of(read_bytes(shipped("container/Containerfile")))) {
    if (line.starts_with("#") || line.empty()) continue;
    const bool goes_on = line.ends_with('\\');
    joined += line.substr(0, line.size() - (goes_on ? 1 : 0));
    if (goes_on) continue;
    if (joined.starts_with("FROM ")) instructions.clear();
    instructions.push_back(joined);
    joined.clear();
  }
  return instructions;
}

/// The packages that `apt-get install` of the final stage names and that are not removed again.
Names installed_packages() {
  Names packages;
  for (const std::string& instruction : final_stage()) {
    for (const auto& [verb, add] : {std::pair{"install", true}, std::pair{"purge", false}}) {
      std::smatch match;
      if (!std::regex_search(instruction, match, std::regex("apt-get " + std::string(verb) + " ([^&]*)"))) continue;
      for (const std::string& word : matches(match[1], R"((\S+))")) {
        if (word.starts_with("-")) continue;
        if (add) packages.insert(word);
        if (!add) packages.erase(word);
      }
    }
  }
  return packages;
}

/// The packages of the libraries that the program itself asks for (NEEDED), and not of those that these ask for.
Names needed_packages() {
  const Finished needed = run({"objdump", "-p", PICKLETAP_BINARY});
  EXPECT_EQ(needed.exit_code, 0) << needed.err;
  const Names libraries = matches(needed.out, R"(NEEDED +(\S+))");
  const std::string resolved = run({"ldd", PICKLETAP_BINARY}).out;
  Names packages;
  for (const std::string& library : libraries) {
    if (library.starts_with("libasan") || library.starts_with("libubsan")) continue;  // of the sanitizers' build only
    std::smatch match;
    const std::string escaped = std::regex_replace(library, std::regex(R"([.+])"), R"(\$&)");
    if (!std::regex_search(resolved, match, std::regex("\t" + escaped + " => (\\S+)"))) continue;  // ld.so
    // dpkg knows a file of a merged /usr by the path its package has, with or without /usr.
    const std::string path = std::regex_replace(match[1].str(), std::regex("^/usr"), "");
    const std::string real = std::filesystem::canonical(match[1].str()).string();
    for (const std::string& candidate :
         {path, "/usr" + path, real, std::regex_replace(real, std::regex("^/usr"), "")}) {
      const Names owners = matches(run({"dpkg", "-S", candidate}).out, R"((?:^|\n)([a-z0-9.+-]+)(?::[a-z0-9]+)?: )");
      packages.insert(owners.begin(), owners.end());
    }
  }
  return packages;
}

TEST(Containerfile, InstallsWhatTheProgramLinksAndNoMore) {
  if (find_program("dpkg").empty() || find_program("objdump").empty()) GTEST_SKIP() << "needs dpkg and objdump";
  if (!std::filesystem::exists("/etc/debian_version") || !read_bytes("/etc/debian_version").starts_with("12")) {
    GTEST_SKIP() << "the image is Debian 12, this system is not";
  }
  Names needed = needed_packages();
  ASSERT_GT(needed.size(), 4U);
  // Of every image of Debian.
  needed.erase("libc6");
  needed.erase("libgcc-s1");
  Names installed = installed_packages();
  EXPECT_EQ(installed, needed);
}

TEST(Containerfile, EndsAsAnUnprivilegedUserWithOneCapability) {
  const std::vector<std::string> stage = final_stage();
  ASSERT_GT(stage.size(), 3U);
  const auto position = [&](const std::string& pattern) {
    const auto at = std::find_if(stage.begin(), stage.end(), [&](const std::string& instruction) {
      return std::regex_search(instruction, std::regex(pattern));
    });
    EXPECT_NE(at, stage.end()) << pattern;
    return at - stage.begin();
  };
  const auto user = position("^USER 65532:65532$");
  EXPECT_LT(position("^COPY --from=build /image/ /$"), position("setcap cap_net_raw\\+ep /usr/bin/pickletap"));
  EXPECT_LT(position("setcap "), user);  // chown and copying would lose it
  for (size_t i = static_cast<size_t>(user) + 1; i < stage.size(); ++i) EXPECT_FALSE(stage[i].starts_with("RUN"));
  position(R"(^ENTRYPOINT \["/usr/bin/pickletap"\]$)");
  const Names command = matches(stage[static_cast<size_t>(position("^CMD "))], R"re("([^"]*)")re");
  EXPECT_EQ(command, Names{"run"});
  EXPECT_TRUE(commands().count("run"));
}

TEST(Containerfile, CopiesWhatTheTreeHas) {
  // What the build stage names of the context is there, and the ignore file does not take it out.
  const std::string text = read_bytes(shipped("container/Containerfile"));
  const std::string ignored = read_bytes(shipped("container/Containerfile.dockerignore"));
  for (const std::string& path : matches(text, R"(COPY (\S*/\S+) )")) {
    EXPECT_TRUE(std::filesystem::exists(std::string(PICKLETAP_SOURCE_DIR) + "/" + path)) << path;
  }
  for (const std::string& line : lines_of(ignored)) {
    EXPECT_FALSE(line.starts_with("deploy") || line.starts_with("config") || line.starts_with("pcaps")) << line;
  }
}

}  // namespace
}  // namespace pickletap::test
