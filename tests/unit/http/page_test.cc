// The page for people: what its files may hold, and what a real browser makes of it. PICKLETAP_SCREENSHOTS=FOLDER keeps
// pictures of each scene, for eyes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "sensor/http/web_files.h"
#include "tests/unit/http/http_client.h"

namespace pickletap {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string_view file(std::string_view path) {
  for (const WebFile& f : web_files()) {
    if (f.path == path) return f.text;
  }
  ADD_FAILURE() << "no " << path;
  return {};
}

std::string read_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(WebPage, FilesAreEmbeddedAsTheyAre) {
  for (const WebFile& f : web_files()) {
    const std::string name = f.path == "/" ? "index.html" : std::string(f.path.substr(1));
    EXPECT_EQ(f.text, read_text(std::filesystem::path(PICKLETAP_SOURCE_DIR) / "sensor/http/web" / name)) << name;
  }
  EXPECT_EQ(web_files().size(), 4U);
}

TEST(WebPage, HasNothingTheContentPolicyForbids) {
  const std::string html(file("/"));
  EXPECT_FALSE(
      std::regex_search(html, std::regex(R"(<style|\sstyle\s*=|\son\w+\s*=|javascript:|<base|<form|<iframe)")));
  EXPECT_FALSE(std::regex_search(html, std::regex(R"(<script(?![^>]*\ssrc="/app\.js"[^>]*></script>))")));
  for (const WebFile& f : web_files()) {
    const std::string text = std::regex_replace(std::string(f.text), std::regex("http://www.w3.org/2000/svg"), "");
    EXPECT_FALSE(std::regex_search(text, std::regex("(https?:)?//[a-z]"))) << f.path << " reaches outside";
  }
}

TEST(WebPage, TakesNoTextForMarkup) {
  const std::string script(file("/app.js"));
  for (const char* way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
                          "DOMParser", "createContextualFragment", "srcdoc", ".href"}) {
    EXPECT_THAT(script, Not(HasSubstr(way)));
  }
}

/// Chromium without a window, on the page of a sensor.
class PageInBrowser : public ::testing::Test {
 protected:
  PageInBrowser() : folder_(std::filesystem::temp_directory_path() / ("page-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  void SetUp() override {
    if (std::system("command -v chromium >/dev/null 2>&1") != 0) GTEST_SKIP() << "chromium is not installed";
  }

  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// The document as it stands after some refreshes; what the browser had to complain of is in complaints_.
  std::string dom(uint16_t port) {
    browse(port, "--dump-dom > '" + (folder_ / "dom").string() + "'");
    complaints_ = read_text(folder_ / "log");
    return read_text(folder_ / "dom");
  }
  /// For eyes, where asked for.
  void picture(uint16_t port, const std::string& scene) {
    const char* const to = std::getenv("PICKLETAP_SCREENSHOTS");
    if (to == nullptr) return;
    const std::string base = std::string(" --hide-scrollbars --screenshot='") + to + "/" + scene;
    browse(port, base + ".png' --window-size=1280,1300");
    browse(port, base + "-dark.png' --window-size=1280,1300 --blink-settings=preferredColorScheme=0");
    browse(port, base + "-phone.png' --window-size=500,2000");
  }

  void browse(uint16_t port, const std::string& what) const {
    const std::string command =
        "HOME='" + folder_.string() + "' timeout 60 chromium --headless --no-sandbox --disable-gpu --no-first-run " +
        "--disable-dev-shm-usage --enable-logging=stderr --user-data-dir='" + (folder_ / "profile").string() +
        "' --virtual-time-budget=7000 http://127.0.0.1:" + std::to_string(port) + "/ " + what + " 2> '" +
        (folder_ / "log").string() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << read_text(folder_ / "log");
  }

  void expect_calm() const {
    for (const char* word : {"Content Security Policy", "Refused to", "Uncaught", "TypeError", "CONSOLE:ERROR"}) {
      EXPECT_THAT(complaints_, Not(HasSubstr(word)));
    }
  }

  std::filesystem::path folder_;
  std::string complaints_;
  fake::Sensor sensor_;
};

TEST_F(PageInBrowser, ShowsAnAttackWithItsProgram) {
  fake::make_busy(sensor_);
  RunningServer server(sensor_);
  const std::string page = dom(server.port());
  for (const char* text :
       {"Reading packets; output down: redis", "packets/s", "No packets can be read from eth1.", "No such device",
        "Connection refused", "The last reload failed", "did you mean workers?", ">42</dd>",
        // alerts
        "pickle.code-execution", "Executed: the traffic proves it", "10.99.0.2:51234", "10.99.0.1:50000",
        "_0 = getattr(posix, 'system')", "Not unpickled", ">High<", ">Medium<", "the latest 3 of 42",
        // listeners
        "[2001:db8::1]:50001", "vlan 100.7", ">mutual<", ">none<", ">one-way<", "&gt;=3.12", ">weak key<",
        ">2 untrusted<", ">XML-RPC<", ">is a manager<", ">weak digest<"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  expect_calm();
  picture(server.port(), "busy");
}

TEST_F(PageInBrowser, HostileTextsStayTexts) {
  fake::make_busy(sensor_);
  RunningServer server(sensor_);
  const std::string page = dom(server.port());
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;document.title='owned'&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x onerror=document.title='owned'&gt;"));
  EXPECT_THAT(page, HasSubstr("<title>dc1-tap · pickletap</title>"));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
}

TEST_F(PageInBrowser, SaysWhatIsTrueOfAQuietSensor) {
  fake::make_quiet(sensor_);
  RunningServer server(sensor_);
  const std::string page = dom(server.port());
  for (const char* text : {"Ready, but no packet yet", "No packet seen yet on eth0: is the mirror port on?",
                           "No alert since the start at 20", "No listener yet", "0 packets/s", "1 h 0 min"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  expect_calm();
  picture(server.port(), "quiet");
}

TEST_F(PageInBrowser, SaysThatPacketsHaveStopped) {
  fake::make_quiet(sensor_);
  sensor_.now.last_packet_time_ns = fake::now_ns() - 600 * fake::kSecond;
  sensor_.now.ready = false;
  sensor_.now.not_ready_reason = "nothing was read for 10 minutes";
  RunningServer server(sensor_);
  const std::string page = dom(server.port());
  EXPECT_THAT(page, HasSubstr("No packet for 10 min on eth0: is the mirror port still on?"));
  EXPECT_THAT(page, HasSubstr("Not ready: nothing was read for 10 minutes"));
  picture(server.port(), "stopped");
}

TEST_F(PageInBrowser, SaysThatTheSensorDoesNotAnswer) {
  sensor_.throws = true;
  RunningServer server(sensor_);
  const std::string page = dom(server.port());
  EXPECT_THAT(page, HasSubstr("The sensor does not answer."));
  EXPECT_THAT(page, HasSubstr("No answer"));
  picture(server.port(), "silent");
}

}  // namespace
}  // namespace pickletap
