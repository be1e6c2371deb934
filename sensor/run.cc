#include "sensor/run.h"

#include <net/if.h>

#include <memory>
#include <utility>

#include "sensor/daemon/daemon.h"
#include "sensor/logging.h"

namespace pickletap {
namespace {

constexpr size_t kMaxListedInterfaces = 20;

/// " (this machine has: eth0, lo)", as far as it can be told.
std::string interfaces_here() {
  const std::unique_ptr<struct if_nameindex, void (*)(struct if_nameindex*)> all(if_nameindex(), if_freenameindex);
  std::string names;
  size_t count = 0;
  for (const struct if_nameindex* at = all.get(); at != nullptr && at->if_name != nullptr; ++at) {
    if (++count > kMaxListedInterfaces) return " (this machine has: " + names + ", …)";
    names += (names.empty() ? "" : ", ") + std::string(at->if_name);
  }
  return names.empty() ? "" : " (this machine has: " + names + ")";
}

Config load_for_run(const RunOptions& options) {
  ConfigLoader loader = load_layers(options.sources);
  if (!options.interfaces.empty()) loader.add_option("--interface", "capture.interfaces", options.interfaces);
  if (options.filter) loader.add_option("--filter", "capture.filter", {*options.filter});
  if (options.output) loader.add_option("--output", "outputs.eve.file", {*options.output});
  if (options.evidence) loader.add_option("--evidence", "outputs.evidence.folder", {*options.evidence});
  if (options.workers) loader.add_option("--workers", "capture.workers", {*options.workers});
  if (options.quiet || options.verbose) {
    loader.add_option(options.quiet ? "--quiet" : "--verbose", "logging.level", {options.quiet ? "error" : "debug"});
  }
  Config config = config_of(loader);
  if (config.capture.interfaces.empty()) {
    const std::string file = options.sources.file.empty() ? std::string(kDefaultConfigFile) : options.sources.file;
    throw ConfigError("no interface to capture on (-i IFACE, or capture.interfaces in " + file + ")" +
                      interfaces_here());
  }
  return config;
}

}  // namespace

int run(const RunOptions& options) {
  const Config config = load_for_run(options);
  set_up_logging(LogStyle::kDaemon, config.logging.level);
  // The default file's folder even where it is not there yet: it may be written before a reload.
  const std::string file = options.sources.file.empty() ? std::string(kDefaultConfigFile) : options.sources.file;
  return run_daemon(config, file, [options] { return load_for_run(options); });
}

}  // namespace pickletap
