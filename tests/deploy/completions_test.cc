// Shell completions: each shell is asked, with the shipped file loaded, what it would offer.
#include "tests/deploy/documents.h"

namespace pickletap::test {
namespace {

const Names kHelp{"-h", "--help"};

Names with_help(Names names) {
  names.insert(kHelp.begin(), kHelp.end());
  return names;
}

/// Those of `names` that are options.
Names options_among(const std::vector<std::string>& names) {
  Names options;
  for (const std::string& name : names) {
    if (name.starts_with("-")) options.insert(name.substr(0, name.find_first_of("\t [=:")));
  }
  return options;
}

/// What bash offers when the last of `words` is being typed.
std::vector<std::string> bash_offers(const std::vector<std::string>& words) {
  Arguments command{"bash",
                    "--norc",
                    "-c",
                    "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _pickletap; "
                    "for word in \"${COMPREPLY[@]}\"; do echo \"$word\"; done",
                    "bash",
                    shipped("completions/pickletap.bash")};
  command.insert(command.end(), words.begin(), words.end());
  const Finished finished = run(command);
  EXPECT_EQ(finished.err, "");
  return lines_of(finished.out);
}

TEST(BashCompletion, OffersEachCommandWithItsOptions) {
  const std::vector<std::string> first = bash_offers({"pickletap", ""});
  for (const std::string& command : commands()) {
    EXPECT_NE(std::find(first.begin(), first.end(), command), first.end()) << command;
    EXPECT_EQ(options_among(bash_offers({"pickletap", command, "-"})), with_help(options_of(command))) << command;
  }
  EXPECT_EQ(options_among(first), with_help(options_of("")));
}

TEST(BashCompletion, OffersValuesAndFiles) {
  using Offers = std::vector<std::string>;
  EXPECT_EQ(bash_offers({"pickletap", "replay", "--fail-on", "m"}), Offers{"medium"});
  const bool knows_interfaces = std::filesystem::exists("/sys/class/net/lo");  // not where there is no sysfs
  EXPECT_EQ(bash_offers({"pickletap", "run", "-i", "l"}), knows_interfaces ? Offers{"lo"} : Offers{});
  const TempFolder folder;
  const std::string capture = folder.write("a capture.pcap", "");
  const std::string config = folder.write("site.yaml", "");
  EXPECT_EQ(bash_offers({"pickletap", "replay", folder.path("a")}), Offers{capture});
  EXPECT_EQ(bash_offers({"pickletap", "run", "-o", folder.path("a")}), Offers{capture});
  EXPECT_EQ(bash_offers({"pickletap", "replay", "-c", folder.path() + "/"}), Offers{config});
  EXPECT_EQ(bash_offers({"pickletap", "check-config", folder.path() + "/"}), Offers{config});
  EXPECT_EQ(bash_offers({"pickletap", "run", "--workers", ""}), Offers{});
}

TEST(ZshCompletion, OffersEachCommandWithItsOptions) {
  if (find_program("zsh").empty()) GTEST_SKIP() << "zsh is not installed";
  // The shipped function runs with stand-ins for zsh's own that say what they were asked to offer.
  const std::string stand_ins =
      "_describe() { print -l -- ${(P)2%%:*} }\n"
      "_arguments() {\n"
      "  if [[ $1 == -C ]]; then state=$wanted_state; words=($wanted_command); else print -l -- \"$@\"; fi\n"
      "}\n";
  const auto offers = [&](const std::string& state, const std::string& command) {
    const Finished finished =
        run({"zsh", "-f", "-c", stand_ins + "wanted_state=$2; wanted_command=$3; typeset -a words; source $1", "zsh",
             shipped("completions/_pickletap"), state, command});
    EXPECT_EQ(finished.err, "");
    return finished.out;
  };
  const std::string first = offers("command", "");
  const std::vector<std::string> offered = lines_of(first);
  EXPECT_EQ(Names(offered.begin(), offered.end()), commands());
  for (const std::string& command : commands()) {
    // A specification: "(exclusions)*--option[text]:…", each spelling one.
    EXPECT_EQ(matches(offers("argument", command), R"((?:^|\n)(?:\([^)]*\))?\*?(--?[a-zA-Z][a-z-]*)\[)"),
              with_help(options_of(command)))
        << command;
  }
}

TEST(ZshCompletion, LoadsInACompletionSystem) {
  if (find_program("zsh").empty()) GTEST_SKIP() << "zsh is not installed";
  const Finished finished = run({"zsh", "-f", "-c",
                                 "fpath=($1 $fpath); autoload -Uz compinit; compinit -D -u; print $_comps[pickletap]; "
                                 "autoload +X _pickletap && print loaded",
                                 "zsh", shipped("completions")});
  EXPECT_EQ(finished.err, "");
  EXPECT_EQ(finished.out, "_pickletap\nloaded\n");
}

TEST(FishCompletion, OffersEachCommandWithItsOptions) {
  if (find_program("fish").empty()) GTEST_SKIP() << "fish is not installed";
  const TempFolder home;
  const auto offers = [&](const std::string& typed) {
    RunOptions options;
    options.environment = {{"HOME", home.path()}, {"XDG_CONFIG_HOME", home.path()}, {"XDG_DATA_HOME", home.path()}};
    const Finished finished = run({"fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]",
                                   shipped("completions/pickletap.fish"), typed},
                                  options);
    EXPECT_EQ(finished.err, "");
    return lines_of(finished.out);
  };
  Names first;
  for (const std::string& line : offers("pickletap ")) first.insert(line.substr(0, line.find('\t')));
  EXPECT_EQ(first, commands());
  for (const std::string& command : commands()) {
    EXPECT_EQ(options_among(offers("pickletap " + command + " -")), with_help(options_of(command))) << command;
  }
}

}  // namespace
}  // namespace pickletap::test
