// A configuration in force as text: YAML that is itself a configuration with the same values, each key with a comment
// that says where its value comes from. Pure.
#pragma once

#include <string>

#include "config/load.h"

namespace pickletap {

std::string yaml_dump(const ConfigLoader& loader);

}  // namespace pickletap
