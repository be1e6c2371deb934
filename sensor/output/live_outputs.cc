#include "sensor/output/live_outputs.h"

#include <unistd.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "config/load.h"
#include "config/output_address.h"
#include "sensor/output/eve_file.h"
#include "sensor/output/redis.h"
#include "sensor/output/syslog.h"
#include "sensor/output/unix_socket.h"

namespace pickletap {
namespace {

std::unique_ptr<Transport> make_eve_file(const Config::Eve& eve) {
  return std::make_unique<EveFile>(
      EveFileOptions{eve.file, eve.rotate_bytes, std::chrono::seconds(eve.rotate_interval_s), eve.rotate_keep});
}

std::unique_ptr<Transport> make_syslog(const Config::Syslog& syslog, const std::string& sensor_name) {
  auto address = parse_syslog_address(syslog.address);
  if (!address) {
    throw ConfigError("outputs.syslog.address: \"" + syslog.address +
                      "\" is no address (unix:///PATH, udp://HOST[:514] or tcp://HOST[:601])");
  }
  const auto facility = syslog_facility(syslog.facility);
  if (!facility) {
    throw ConfigError("outputs.syslog.facility: \"" + syslog.facility +
                      "\" is no facility (daemon, user, auth, authpriv, local0 … local7, …)");
  }
  return std::make_unique<Syslog>(std::move(*address), syslog.address,
                                  SyslogOrigin{*facility, sensor_name, static_cast<int>(getpid())});
}

std::unique_ptr<Transport> make_socket(const Config::Socket& socket) {
  if (!parse_output_address("unix://" + socket.path, 0)) {
    throw ConfigError("outputs.socket.path: \"" + socket.path + "\" is not the absolute path of a socket, at most " +
                      std::to_string(kMaxSocketPathBytes) + " bytes long");
  }
  return std::make_unique<UnixSocket>(socket.path);
}

RedisMode redis_mode(const std::string& mode) {
  if (mode == "list") return RedisMode::kList;
  if (mode == "publish") return RedisMode::kPublish;
  if (mode == "stream") return RedisMode::kStream;
  throw ConfigError("outputs.redis.mode: \"" + mode + "\" is none of list, publish, stream");
}

std::unique_ptr<Transport> make_redis(const Config::Redis& redis) {
  auto address = parse_redis_address(redis.address);
  if (!address) {
    throw ConfigError("outputs.redis.address: \"" + redis.address +
                      "\" is no address (HOST[:6379], [IPV6][:6379] or unix:///PATH)");
  }
  if (redis.key.empty()) throw ConfigError("outputs.redis.key: is empty");
  if (!redis.username.empty() && redis.password_file.empty()) {
    throw ConfigError("outputs.redis.username: needs outputs.redis.password_file");
  }
  RedisOptions options{std::move(*address), redis.address,       redis_mode(redis.mode), redis.key,
                       redis.username,      redis.password_file, redis.database,         redis.stream_max_entries};
  try {
    return std::make_unique<Redis>(std::move(options));
  } catch (const std::runtime_error& trouble) {
    throw ConfigError(std::string("outputs.redis.password_file: ") + trouble.what());
  }
}

}  // namespace

std::vector<LiveOutput> make_live_outputs(const Config& config) {
  const auto& outputs = config.outputs;
  const QueueLimits limits{outputs.queue_bytes, outputs.flush_bytes,
                           std::chrono::milliseconds(outputs.flush_interval_ms)};
  std::vector<LiveOutput> all;
  const auto add = [&](std::unique_ptr<Transport> transport, const EventTypes& types, bool uses_network) {
    all.push_back({std::make_unique<QueuedOutput>(std::move(transport), limits), types, uses_network});
  };
  if (!outputs.eve.file.empty()) add(make_eve_file(outputs.eve), outputs.eve.types, false);
  if (!outputs.syslog.address.empty()) {
    add(make_syslog(outputs.syslog, config.sensor.name), outputs.syslog.types, true);
  }
  if (!outputs.socket.path.empty()) add(make_socket(outputs.socket), outputs.socket.types, true);
  if (!outputs.redis.address.empty()) add(make_redis(outputs.redis), outputs.redis.types, true);
  return all;
}

}  // namespace pickletap
