#include "sensor/check_config.h"

#include <unistd.h>

#include <filesystem>
#include <limits>
#include <system_error>
#include <variant>

#include "config/allow_list.h"
#include "config/dump.h"
#include "config/policy_files.h"
#include "config/weak_key_files.h"
#include "sensor/output/file.h"
#include "sensor/output/json_writer.h"
#include "sensor/output/utf8.h"
#include "sensor/replay.h"

namespace pickletap {
namespace {

struct ToJson {
  JsonWriter& out;

  void operator()(bool value) const { out.boolean(value); }
  void operator()(uint64_t value) const { out.number(value); }
  void operator()(const Word& word) const { out.text(word.text); }
  void operator()(const std::string& text) const { out.text(text); }
  template <typename Item>
  void operator()(const std::vector<Item>& items) const {
    out.begin_array();
    for (const Item& item : items) (*this)(item);
    out.end_array();
  }
};

std::string json_dump(const ConfigLoader& loader) {
  Config config = loader.config();
  std::string text;
  JsonWriter out(text, std::numeric_limits<size_t>::max());  // the configuration's own limits bound it
  out.begin_object();
  for (const ConfigKey& key : loader.keys()) {
    out.key(key.name).begin_object().key("value");
    std::visit(ToJson{out}, write_value(key, config));
    out.key("origin").text(loader.origin(key)).key("description").text(key.says).end_object();
  }
  out.end_object();
  return text + "\n";
}

/// "FILE: valid".
std::string verdict(const std::string& file) {
  if (std::error_code ignored; file.empty() && !std::filesystem::exists(kDefaultConfigFile, ignored)) {
    return "valid (there is no " + std::string(kDefaultConfigFile) + ")\n";
  }
  const std::string path = file.empty() ? std::string(kDefaultConfigFile) : file;
  std::string text;
  append_printable(text, path, path.size());
  return text + ": valid\n";
}

}  // namespace

int check_config(const CheckConfigOptions& options) {
  const ConfigLoader loader = load_layers(options.sources);
  Policy policy;
  add_configured_policy(policy, loader.config());
  configured_weak_keys(loader.config());
  configured_allow_list(loader.config());
  if (options.quiet && !options.dump) return ExitCode::kDone;
  BufferedFile out(STDOUT_FILENO, "standard output");
  out.append(!options.dump ? verdict(options.sources.file) : options.json ? json_dump(loader) : yaml_dump(loader));
  out.finish();
  return out.failed() ? ExitCode::kFailed : ExitCode::kDone;
}

}  // namespace pickletap
