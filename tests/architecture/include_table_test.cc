// Who may include whom: the table of the design, as data, against every #include of the product's sources. Also: the
// dissectors' target links nothing, and no file is too long to read.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string_view>;

// ---- The table. The row with the longest `folder` that a file's path begins with is the file's. -------------------
// An entry that ends in '/' is a folder with everything below it, any other entry is one header. The C++ standard
// library is free for all; what is in neither list is not allowed, and `never` beats the two lists.
struct Row {
  std::string_view folder;
  Names ours;
  Names others;
  Names never;
  bool system = true;  ///< may use headers of the C library and the system (<unistd.h>, <sys/stat.h>)
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {.folder = "dissectors/",
       .ours = {"dissectors/"},
       .others = {},
       .never = {"chrono", "condition_variable", "ctime", "filesystem", "fstream", "future", "iostream", "mutex",
                 "random", "thread"},
       .system = false},
      {.folder = "config/", .ours = {"config/", "dissectors/pickle/policy.h"}, .others = {"yaml-cpp/"}, .never = {}},
      {.folder = "sensor/net/",
       .ours = {"sensor/net/", "sensor/event.h", "sensor/armed_list.h", "dissectors/dissector.h",
                "dissectors/observation.h", "dissectors/registry.h"},
       .others = {"boost/unordered/", "boost/unordered_map.hpp", "boost/unordered_set.hpp", "openssl/"},
       .never = {"chrono", "ctime", "filesystem", "fstream", "iostream", "thread"}},
      {.folder = "sensor/capture/",
       .ours = {"sensor/capture/", "sensor/net/", "config/"},
       .others = {"pcap.h", "pcap/", "boost/iostreams/", "lz4.h", "lz4frame.h", "zlib.h", "zstd.h"},
       .never = {}},
      {.folder = "sensor/detect/",
       .ours = {"sensor/detect/", "sensor/armed_list.h", "sensor/event.h", "sensor/record.h", "sensor/counters.h",
                "config/", "dissectors/dissector.h", "dissectors/observation.h", "dissectors/pickle/pickle_report.h",
                "sensor/net/address_text.h"},
       .others = {"openssl/"},
       .never = {"chrono", "ctime"}},
      {.folder = "sensor/output/",
       .ours = {"sensor/output/", "sensor/event.h", "sensor/record.h", "sensor/counters.h", "config/",
                "dissectors/dissector.h", "dissectors/observation.h", "dissectors/pickle/pickle_report.h",
                "sensor/net/address_text.h", "sensor/net/community_id.h"},
       .others = {"spdlog/", "hiredis/", "librdkafka/"},
       .never = {}},
      {.folder = "sensor/http/",
       .ours = {"sensor/http/", "sensor/event.h", "sensor/record.h", "sensor/counters.h", "sensor/metric_catalog.h",
                "sensor/build_info.h", "sensor/net/address_text.h", "sensor/detect/", "sensor/output/", "config/"},
       .others = {"boost/asio.hpp", "boost/asio/", "boost/beast.hpp", "boost/beast/", "prometheus/", "spdlog/"},
       .never = {}},
      {.folder = "sensor/daemon/",
       .ours = {"sensor/daemon/", "sensor/http/", "sensor/event.h", "sensor/record.h", "sensor/counters.h",
                "sensor/metric_catalog.h", "sensor/build_info.h", "sensor/event_queue.h", "sensor/worker.h",
                "sensor/armed_list.h", "sensor/evidence_request.h", "sensor/packet_keeper.h", "sensor/detect/",
                "sensor/output/", "sensor/capture/", "config/", "dissectors/pickle/policy.h"},
       .others = {"boost/asio.hpp", "boost/asio/", "cap-ng.h", "seccomp.h", "systemd/", "spdlog/"},
       .never = {}},
      {.folder = "sensor/armed_list.h", .ours = {"sensor/event.h"}, .others = {}, .never = {}, .system = false},
      {.folder = "sensor/event.h",
       .ours = {"dissectors/observation.h", "sensor/net/packet.h"},
       .others = {},
       .never = {},
       .system = false},
      {.folder = "sensor/record.h",
       .ours = {"sensor/event.h", "dissectors/observation.h", "dissectors/pickle/pickle_report.h",
                "sensor/net/packet.h"},
       .others = {},
       .never = {},
       .system = false},
      {.folder = "sensor/counters.h",
       .ours = {"sensor/record.h", "dissectors/dissector.h", "dissectors/observation.h"},
       .others = {},
       .never = {},
       .system = false},
      {.folder = "sensor/metric_catalog.h", .ours = {}, .others = {}, .never = {}, .system = false},
      {.folder = "sensor/event_queue.h", .ours = {"sensor/event.h"}, .others = {}, .never = {}, .system = false},
      {.folder = "sensor/", .ours = {"sensor/", "config/", "dissectors/"}, .others = {"CLI/", "spdlog/"}, .never = {}},
  };
  return rows;
}

constexpr size_t kMaxLines = 450;
// Built from sensor/build_info.h.in, so it is in no folder of the checkout.
constexpr std::string_view kGenerated[] = {"sensor/build_info.h"};
// Headers of the C library and the kernel, as Debian's libc6-dev and linux-libc-dev ship them.
constexpr std::string_view kSystemFolders[] = {"arpa/", "linux/", "net/", "netinet/", "netpacket/", "sys/"};
constexpr std::string_view kSystemHeaders[] = {
    "dirent.h", "dlfcn.h",  "endian.h",  "errno.h",   "fcntl.h",   "glob.h",  "grp.h",    "ifaddrs.h",
    "limits.h", "netdb.h",  "poll.h",    "pthread.h", "pwd.h",     "sched.h", "signal.h", "stdio.h",
    "stdlib.h", "string.h", "strings.h", "syslog.h",  "termios.h", "time.h",  "unistd.h"};
// -------------------------------------------------------------------------------------------------------------------

bool matches(std::string_view header, std::string_view entry) {
  return entry.ends_with('/') ? header.starts_with(entry) : header == entry;
}
template <typename List>
bool listed(std::string_view header, const List& list) {
  return std::any_of(std::begin(list), std::end(list), [&](std::string_view entry) { return matches(header, entry); });
}

const Row* row_of(std::string_view path) {
  const Row* best = nullptr;
  for (const Row& row : table()) {
    if (path.starts_with(row.folder) && (!best || row.folder.size() > best->folder.size())) best = &row;
  }
  return best;
}

bool is_standard(std::string_view header) { return header.find_first_of("/.") == std::string_view::npos; }
bool is_system(std::string_view header) { return listed(header, kSystemFolders) || listed(header, kSystemHeaders); }

/// Why `path` may not include `header`; nothing when it may. `quoted`: "header" and not <header>.
std::optional<std::string> objection(std::string_view path, std::string_view header, bool quoted) {
  const Row* row = row_of(path);
  if (!row) return "no row of the table is about this file";
  if (listed(header, row->never)) return "never in " + std::string(row->folder);
  if (quoted) {
    if (header.find("..") != std::string_view::npos) return "paths are relative to the root of the tree";
    return listed(header, row->ours) ? std::nullopt
                                     : std::optional<std::string>("not in the row of " + std::string(row->folder));
  }
  if (is_standard(header)) return std::nullopt;
  if (is_system(header) && row->system) return std::nullopt;
  return listed(header, row->others) ? std::nullopt
                                     : std::optional<std::string>("not in the row of " + std::string(row->folder));
}

const fs::path& root() {
  static const fs::path path = PICKLETAP_SOURCE_DIR;
  return path;
}

std::vector<fs::path> sources() {
  std::vector<fs::path> found;
  for (const char* folder : {"dissectors", "config", "sensor"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root() / folder)) {
      const auto extension = entry.path().extension();
      if (extension == ".h" || extension == ".cc" || extension == ".in") found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

bool exists_in_tree(const std::string& header) {
  return listed(header, kGenerated) || fs::is_regular_file(root() / header);
}

void check_includes(const fs::path& path) {
  static const std::regex include(R"(^\s*#\s*include\b\s*(.*)$)");
  static const std::regex target(R"(^([<"])([^>"]+)[>"].*$)");
  const std::string name = fs::relative(path, root()).generic_string();
  size_t number = 0;
  for (const std::string& line : lines_of(path)) {
    ++number;
    std::smatch directive, parts;
    if (!std::regex_match(line, directive, include)) continue;
    const std::string what = directive[1];
    if (!std::regex_match(what, parts, target)) {
      ADD_FAILURE() << name << ":" << number << ": an include this test cannot read: " << line;
      continue;
    }
    const bool quoted = parts[1] == "\"";
    const std::string header = parts[2];
    if (const auto trouble = objection(name, header, quoted)) {
      ADD_FAILURE() << name << ":" << number << ": includes " << what << ": " << *trouble;
    } else if (quoted && !exists_in_tree(header)) {
      ADD_FAILURE() << name << ":" << number << ": includes " << what << ": no such file in the tree";
    }
  }
}

TEST(IncludeTable, EveryIncludeIsAllowed) {
  const auto files = sources();
  ASSERT_GT(files.size(), 20U) << "the sources were not found under " << root();
  for (const fs::path& path : files) check_includes(path);
}

TEST(IncludeTable, TellsAllowedFromForbidden) {
  struct Case {
    std::string_view path, header;
    bool quoted, allowed;
  };
  const Case cases[] = {
      {"dissectors/pickle/policy.cc", "dissectors/dissector.h", true, true},
      {"dissectors/pickle/policy.cc", "string", false, true},
      {"dissectors/pickle/policy.cc", "fstream", false, false},
      {"dissectors/pickle/policy.cc", "unistd.h", false, false},
      {"dissectors/registry.cc", "boost/unordered/unordered_flat_map.hpp", false, false},
      {"dissectors/registry.cc", "sensor/event.h", true, false},
      {"config/load.cc", "yaml-cpp/yaml.h", false, true},
      {"config/load.cc", "dissectors/pickle/value.h", true, false},
      {"config/load.cc", "sensor/record.h", true, false},
      {"sensor/net/flow_table.cc", "boost/unordered/unordered_flat_map.hpp", false, true},
      {"sensor/net/flow_table.cc", "boost/asio.hpp", false, false},
      {"sensor/net/flow_table.cc", "pcap/pcap.h", false, false},
      {"sensor/net/flow_table.cc", "sensor/record.h", true, false},
      {"sensor/net/flow_table.cc", "dissectors/pickle/pickle_machine.h", true, false},
      {"sensor/capture/file_source.cc", "pcap/pcap.h", false, true},
      {"sensor/capture/file_source.cc", "sys/stat.h", false, true},
      {"sensor/capture/file_source.cc", "sensor/detect/detector.h", true, false},
      {"sensor/detect/detector.cc", "sensor/output/output.h", true, false},
      {"sensor/detect/weak_keys.cc", "openssl/hmac.h", false, true},
      {"sensor/output/console.cc", "sensor/detect/detector.h", true, false},
      {"sensor/output/console.cc", "sensor/net/packet.h", true, false},
      {"sensor/output/console.cc", "sensor/net/address_text.h", true, true},
      {"sensor/http/metrics.cc", "dissectors/pickle/pickle_machine.h", true, false},
      {"sensor/event.h", "sensor/net/packet.h", true, true},
      {"sensor/event.h", "sensor/net/flow.h", true, false},
      {"sensor/cli.cc", "CLI/CLI.hpp", false, true},
      {"sensor/cli.cc", "sensor/../sensor/cli.h", true, false},
      {"sensor/cli.cc", "yaml-cpp/yaml.h", false, false},
      {"elsewhere/file.cc", "string", false, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(!objection(c.path, c.header, c.quoted), c.allowed) << c.path << " includes " << c.header;
  }
}

TEST(IncludeTable, DissectorsTargetLinksNothing) {
  static const std::regex links(R"(\b(target_link_libraries|link_libraries|target_link_options|find_package)\b)",
                                std::regex::icase);
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root() / "dissectors")) {
    if (entry.path().filename() != "CMakeLists.txt" && entry.path().extension() != ".cmake") continue;
    ++files;
    size_t number = 0;
    for (const std::string& line : lines_of(entry.path())) {
      ++number;
      EXPECT_FALSE(std::regex_search(line.substr(0, line.find('#')), links))
          << fs::relative(entry.path(), root()).generic_string() << ":" << number << ": " << line;
    }
  }
  EXPECT_GE(files, 1U);
}

TEST(FileLength, NoFileIsTooLongToRead) {
  for (const fs::path& path : sources()) {
    const size_t lines = lines_of(path).size();
    EXPECT_LE(lines, kMaxLines) << fs::relative(path, root()).generic_string() << ":" << lines << ": too long";
  }
}

}  // namespace
