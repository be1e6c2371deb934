// The configuration as a command has it: files, the process's environment and --set, in this order. The options of a
// command come on top, by ConfigLoader::add_option. Start-up and reload.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"

namespace pickletap {

struct ConfigSources {
  std::string file;                   ///< -c; empty: kDefaultConfigFile where it exists
  std::vector<std::string> settings;  ///< --set, in order
};

/// Throws ConfigError.
ConfigLoader load_layers(const ConfigSources& sources);

/// What the layers came to, with what only this machine knows: its name. Throws ConfigError.
Config config_of(const ConfigLoader& loader);

}  // namespace pickletap
