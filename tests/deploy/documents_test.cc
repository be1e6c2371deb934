// The man pages: well-formed, and about the options, keys and defaults that the program has.
#include "tests/deploy/documents.h"

namespace pickletap::test {
namespace {

const char* const kPages[] = {"man/pickletap.1", "man/pickletap.yaml.5", "man/pickletap.8"};

/// The page without what roff needs: \- is a hyphen, fonts are gone.
std::string plain(const std::string& name) {
  std::string text = read_bytes(shipped(name));
  text = std::regex_replace(text, std::regex(R"(\\-)"), "-");
  return std::regex_replace(text, std::regex(R"(\\f[A-Z])"), "");
}

TEST(ManPages, RenderWithoutAWarning) {
  if (find_program("groff").empty()) GTEST_SKIP() << "groff is not installed";
  for (const char* page : kPages) {
    const Finished rendered = run({"groff", "-ww", "-man", "-Tutf8", "-z", shipped(page)});
    EXPECT_EQ(rendered.exit_code, 0) << page;
    EXPECT_EQ(rendered.err, "") << page;
  }
}

TEST(ManPages, PassMandoc) {
  if (find_program("mandoc").empty()) GTEST_SKIP() << "mandoc is not installed";
  for (const char* page : kPages) {
    const Finished linted = run({"mandoc", "-Tlint", "-W", "warning", shipped(page)});
    EXPECT_EQ(linted.exit_code, 0) << page << "\n" << linted.out;
  }
}

TEST(ManPages, HaveEachCommandWithItsOptionsAndNoOthers) {
  const std::string page = plain("man/pickletap.1");
  std::map<std::string, Names> documented;
  std::string command;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with(".SS pickletap ")) {
      command = line.substr(std::string(".SS pickletap ").size());
      documented[command];
    } else if (line.starts_with(".SH ")) {
      command.clear();
    } else if (!command.empty() && std::regex_search(line, std::regex(R"(^\.BI?R? -)"))) {
      documented[command].merge(matches(line, R"((?:^|[ "])(--?[A-Za-z][a-z-]*))"));
    }
  }
  Names described;
  for (const auto& [name, options] : documented) described.insert(name);
  EXPECT_EQ(described, commands());
  for (const auto& [name, options] : documented) EXPECT_EQ(options, options_of(name)) << name;
  for (const std::string& option : options_of("")) EXPECT_NE(page.find(".B " + option), page.npos) << option;
}

TEST(ManPages, HaveEachKeyWithItsDefaultAndNoOthers) {
  std::map<std::string, std::string> documented;
  for (const std::string& line : lines_of(plain("man/pickletap.yaml.5"))) {
    static const std::regex key(R"re(^\.BR ([a-zA-Z_.]+) " \(([A-Z]+), default (.*)\)"$)re");
    std::smatch match;
    if (std::regex_match(line, match, key)) documented[match[1]] = match[3] == "\"\"\"\"" ? "" : match[3].str();
  }
  ASSERT_FALSE(documented.empty());
  std::erase_if(documented, [](const auto& entry) { return entry.first.starts_with("rules.RULE."); });

  const TempFolder folder;
  const Finished dumped = pickletap({"check-config", folder.write("empty.yaml", "# nothing\n"), "--dump", "--json"});
  ASSERT_EQ(dumped.exit_code, 0) << dumped.err;
  const boost::json::value values = boost::json::parse(dumped.out);
  std::map<std::string, std::string> real;
  for (const auto& [key, entry] : values.as_object()) {
    if (key.starts_with("rules")) continue;
    const boost::json::value& value = entry.as_object().at("value");
    std::string text = value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
    if (value.is_array())
      text = std::regex_replace(std::regex_replace(text, std::regex("\""), ""), std::regex(","), ", ");
    real[std::string(key)] = text;
  }
  EXPECT_EQ(documented, real);
}

}  // namespace
}  // namespace pickletap::test
