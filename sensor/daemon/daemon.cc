#include "sensor/daemon/daemon.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "config/load.h"
#include "config/policy_files.h"
#include "sensor/build_info.h"
#include "sensor/daemon/privileges.h"
#include "sensor/daemon/sandbox.h"
#include "sensor/daemon/sensor.h"
#include "sensor/daemon/service_notify.h"
#include "sensor/http/http_server.h"

namespace pickletap {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLookAfter{1};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// Signals are the main thread's: others must not be interrupted, and have no call to handle one.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

/// The folder of a file; of a bare name the current one, by its full path.
std::string folder_of(const std::string& file) { return fs::absolute(file).parent_path().string(); }

/// An EVE file that cannot be written from the first moment is a mistake of the set-up, not trouble to ride out.
void check_eve_folder(const Config& config) {
  const std::string& file = config.outputs.eve.file;
  if (file.empty()) return;
  const std::string folder = folder_of(file);
  if (access(folder.c_str(), W_OK | X_OK) == 0) return;
  throw std::runtime_error("outputs.eve.file: cannot write in " + folder + ": " +
                           std::generic_category().message(errno));
}

/// Made where it is not there, by whom the sensor is by now.
void check_evidence_folder(const Config& config) {
  const std::string& folder = config.outputs.evidence.folder;
  if (folder.empty()) return;
  constexpr mode_t kMode = S_IRWXU | S_IRGRP | S_IXGRP;
  const auto fail = [&folder](const char* what, int why) {
    throw std::runtime_error("outputs.evidence.folder: cannot " + std::string(what) + " " + folder + ": " +
                             std::generic_category().message(why));
  };
  struct stat status {};
  if (mkdir(folder.c_str(), kMode) != 0 && errno != EEXIST) fail("make", errno);
  if (stat(folder.c_str(), &status) != 0) fail("look at", errno);
  if (!S_ISDIR(status.st_mode)) fail("write in", ENOTDIR);
  if (access(folder.c_str(), R_OK | W_OK | X_OK) != 0) fail("write in", errno);
}

SandboxPaths paths_of(const Config& config, const std::string& config_file) {
  SandboxPaths paths;
  // Folders, for a reload reads what has come or was replaced since.
  const auto read_beside = [&paths](const std::string& file) {
    if (!file.empty()) paths.readable.push_back(folder_of(file));
  };
  read_beside(config_file);
  for (const std::string& file : config.policy.dangerous_files) read_beside(file);
  for (const std::string& file : config.policy.safe_files) read_beside(file);
  for (const std::string& file : config.auth.weak_keys) read_beside(file);
  for (const std::string& file : config.policy.allow_lists) read_beside(file);
  if (config.policy.mode == "learn") paths.writable.push_back(folder_of(config.policy.learn_file));
  read_beside(config.outputs.redis.password_file);
  if (!config.outputs.eve.file.empty()) paths.writable.push_back(folder_of(config.outputs.eve.file));
  if (!config.outputs.evidence.folder.empty()) paths.writable.push_back(config.outputs.evidence.folder);
  return paths;
}

class Daemon {
 public:
  Daemon(const Config& config, const std::string& config_file, const std::function<Config()>& load)
      : load_(load),
        config_file_(config_file),
        sensor_(config),
        http_(make_http(config)),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        timer_(loop_),
        watchdog_(loop_) {}

  int run() {
    enter_sandbox();
    {
      const SignalsBlocked blocked;
      sensor_.start();
    }
    wait_for_signals();
    look_after();
    feed_watchdog();
    if (http_) http_->start();
    if (sensor_.restricts_threads()) restrict_thread(ThreadKind::kMain);
    spdlog::info("pickletap {} ({}) captures on {}", kVersion, kRevision, joined(config().capture.interfaces));
    notify_.ready("capturing on " + joined(config().capture.interfaces));
    sensor_.log_changes();
    loop_.run();
    return exit_code_;
  }

 private:
  const Config& config() const { return sensor_.config(); }

  std::unique_ptr<HttpServer> make_http(const Config& config) {
    if (config.http.listen.empty()) return nullptr;
    return std::make_unique<HttpServer>(loop_, config, sensor_);
  }

  void enter_sandbox() {
    drop_privileges(config().sandbox.user);
    check_eve_folder(config());
    check_evidence_folder(config());
    if (!config().sandbox.landlock) return;
    SandboxPaths paths = paths_of(config(), config_file_);
    paths.tcp_connect = sensor_.has_network_outputs();
    add_system_paths(paths, sensor_.has_network_outputs());
    std::string why;
    if (!restrict_files(paths, why)) spdlog::warn("files are not restricted: {}", why);
  }

  void wait_for_signals() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
        return wait_for_signals();
      }
      stop(signal);
    });
  }

  void stop(int signal) {
    spdlog::info("{}: ending", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    notify_.stopping();
    // From here on a second signal has its default effect: it ends what hangs.
    signals_.clear();
    std::signal(SIGHUP, SIG_IGN);
    if (http_) http_->stop();
    timer_.cancel();
    watchdog_.cancel();
    if (!sensor_.stop()) {
      spdlog::error("some events or evidence could not be written");
      exit_code_ = 1;
    }
    loop_.stop();
  }

  void reload() {
    notify_.reloading();
    try {
      const Config next = load_();
      const std::vector<std::string> waiting = sensor_.reload(next);
      spdlog::set_level(spdlog::level::from_str(next.logging.level));
      spdlog::info("configuration reloaded");
      if (!waiting.empty()) spdlog::warn("needs a restart to take effect: {}", joined(waiting));
    } catch (const std::exception& error) {
      sensor_.note_reload_failure(error.what());
      spdlog::error("configuration not reloaded, the old one stays: {}", error.what());
    }
    sensor_.reopen_outputs();
    notify_.ready("capturing on " + joined(config().capture.interfaces));
  }

  void look_after() {
    timer_.expires_after(kLookAfter);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      sensor_.log_changes();
      look_after();
    });
  }

  void feed_watchdog() {
    const auto interval = notify_.watchdog_interval();
    if (!interval) return;
    watchdog_.expires_after(*interval);
    watchdog_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      if (sensor_.is_alive()) notify_.watchdog();
      feed_watchdog();
    });
  }

  const std::function<Config()>& load_;
  const std::string& config_file_;
  boost::asio::io_context loop_{1};
  Sensor sensor_;
  std::unique_ptr<HttpServer> http_;
  ServiceNotify notify_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer timer_, watchdog_;
  int exit_code_ = 0;
};

}  // namespace

int run_daemon(const Config& config, const std::string& config_file, const std::function<Config()>& load) {
  try {
    return Daemon(config, config_file, load).run();
  } catch (const CaptureError& error) {
    if (error.kind() == CaptureError::Kind::kFilter) throw;
    if (error.kind() == CaptureError::Kind::kPermission) {
      spdlog::error("{}; to grant it: {}", error.what(), capture_hint());
    } else {
      spdlog::error("{}", error.what());
    }
  } catch (const ConfigError&) {
    throw;
  } catch (const PolicyError&) {
    throw;
  } catch (const std::runtime_error& error) {
    spdlog::error("{}", error.what());
  }
  return 1;
}

}  // namespace pickletap
