#include "sensor/command_config.h"

#include <unistd.h>

#include "sensor/detect/rule_catalog.h"

namespace pickletap {
namespace {

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "pickletap";
  name.resize(name.find('\0'));
  return name;
}

}  // namespace

ConfigLoader load_layers(const ConfigSources& sources) {
  const std::vector<std::string_view> rules = rule_names();
  ConfigLoader loader(rules);
  loader.add_files(sources.file);
  loader.add_environment(environ);
  for (const std::string& setting : sources.settings) loader.add_setting(setting);
  return loader;
}

Config config_of(const ConfigLoader& loader) {
  Config config = loader.config();
  if (config.sensor.name.empty()) config.sensor.name = host_name();
  return config;
}

}  // namespace pickletap
