// The configuration as plain structs with their defaults in place. Filled by config/load.h from YAML; read by everyone
// through a const reference for as long as the process runs. Units stand last in the names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pickletap {

/// Which EVE event types an output gets.
struct EventTypes {
  bool alert = true, listener = true, stats = true;
  bool python_mp = false, flow = false, anomaly = false;
  friend bool operator==(const EventTypes&, const EventTypes&) = default;
};
inline constexpr EventTypes kAlertsOnly{true, false, false, false, false, false};
inline constexpr size_t kMaxInterfaces = 64;
inline constexpr uint32_t kMaxWorkers = 64;

struct Config {
  struct {
    std::string name;  ///< `sensor` and `host` of every event; the host name when empty
  } sensor;
  struct {
    std::vector<std::string> interfaces;  ///< live capture; at most kMaxInterfaces
    std::string filter;                   ///< BPF, as tcpdump takes it
    uint32_t snaplen_bytes = 262144;      ///< 64 … 262,144; what is longer is cut and counted
    uint32_t buffer_bytes = 64U << 20;    ///< the kernel's ring, each worker; 1 MiB … 1 GiB
    uint32_t workers = 1;                 ///< threads an interface; 1 … kMaxWorkers
    bool promiscuous = true;
  } capture;
  struct {
    uint64_t memory_bytes = 256U << 20;        ///< what is kept of the wire, by shares of a sixteenth: sensor/worker.cc
    uint32_t flows = 1'000'000;                ///< 1 … 16,000,000
    uint64_t frame_bytes = uint64_t{1} << 30;  ///< `frame.oversized` above
    uint64_t out_of_order_bytes = 1U << 20;    ///< a stream
    uint32_t pickle_stack = 32768;             ///< values
    uint32_t pickle_memo = 32768;              ///< slots
    uint32_t pickle_depth = 16384;             ///< open MARKs
    uint32_t pickle_text_bytes = 262144;
  } limits;
  struct {
    uint32_t handshake_timeout_s = 60, idle_timeout_s = 3600, ignored_timeout_s = 120, closed_timeout_s = 10;
    std::string checksums = "auto";           ///< auto, always or never: do wrong TCP checksums speak against a segment
    std::vector<std::string> overlap_policy;  ///< of networks whose hosts are not Linux, config/networks.h
  } stream;
  struct {
    std::vector<std::string> dangerous_files, safe_files;      ///< over the built-in lists
    std::vector<std::string> allow_lists;                      ///< files (allow_list.h)
    std::string mode = "alert";                                ///< what is done about them: alert, learn or enforce
    std::string learn_file = "/var/log/pickletap/allow.yaml";  ///< of `run` in mode learn
  } policy;
  struct {
    std::vector<std::string> trusted{"127.0.0.0/8",    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                     "169.254.0.0/16", "::1",        "fc00::/7",      "fe80::/10"};
    std::vector<std::string> listeners;  ///< expectations, config/networks.h
  } networks;
  struct {
    std::vector<std::string> weak_keys;  ///< files of keys over the built-in list, config/weak_key_files.h
    uint32_t weak_key_cpu_percent = 5;   ///< of one core, in the daemon; 0: no weak keys are looked for
    bool show_keys = false;              ///< alerts show a weak key in full
    uint32_t bruteforce_failures = 10;   ///< of one source on one listener …
    uint32_t bruteforce_window_s = 60;   ///< … within this time
  } auth;
  struct Rule {
    bool enabled = true;
    int severity = 0;                   ///< 0: as in the catalogue
    uint32_t threshold_count = 1;       ///< raised when it happened so often …
    uint32_t threshold_window_s = 60;   ///< … within this time, for one listener and source
    std::vector<std::string> suppress;  ///< cases, config/networks.h
  };
  std::map<std::string, Rule> rules;  ///< by rule name
  struct {
    uint32_t collapse_after = 5;       ///< alerts alike that are written one by one, each window; more are counted
    uint32_t collapse_window_s = 60;   ///< 0: none are collapsed
    uint32_t callback_window_s = 300;  ///< after a pickle, for attack.callback; 0: no call-backs are looked for
  } alerts;
  struct Eve {
    std::string file = "/var/log/pickletap/eve.json";  ///< of `run` only; empty: none
    EventTypes types;
    uint64_t rotate_bytes = 0;       ///< 0: not by size
    uint32_t rotate_interval_s = 0;  ///< 0: not by time
    uint32_t rotate_keep = 7;        ///< old files kept: eve.json.1 … eve.json.7
  };
  struct Syslog {
    std::string address;  ///< "unix:///dev/log", "udp://HOST[:514]", "tcp://HOST[:601]"; empty: none
    std::string facility = "daemon";
    EventTypes types = kAlertsOnly;
  };
  struct Socket {
    std::string path;  ///< of a Unix stream socket that somebody listens on; empty: none
    EventTypes types;
  };
  struct Redis {
    std::string address;        ///< "HOST[:6379]", "[::1]:6379" or "unix:///path"; empty: none
    std::string mode = "list";  ///< list (RPUSH), publish or stream (XADD)
    std::string key = "pickletap";
    std::string username, password_file;
    uint32_t database = 0;
    uint64_t stream_max_entries = 1'000'000;  ///< XADD MAXLEN ~; 0: none
    EventTypes types;
  };
  struct Evidence {
    std::string folder;                 ///< of `run`; empty: none is kept
    uint64_t quota_bytes = 1U << 30;    ///< of its files; the oldest make room
    uint64_t memory_bytes = 64U << 20;  ///< for packets, all workers together
  };
  struct {
    Eve eve;
    Syslog syslog;
    Socket socket;
    Redis redis;
    Evidence evidence;
    uint64_t queue_bytes = 16U << 20;  ///< each output; what comes while it is full is dropped and counted
    uint32_t flush_bytes = 64U << 10;  ///< written at once when this much waits …
    uint32_t flush_interval_ms = 5;    ///< … or the first line waited this long
    uint32_t stats_interval_s = 60;    ///< between two `stats` events of the daemon; 0: only at its end
  } outputs;
  struct {
    std::string listen = "127.0.0.1:9502";   ///< "ADDRESS:PORT", "[::1]:PORT"; empty: no HTTP
    std::vector<std::string> allowed_hosts;  ///< names the Host header may have beside addresses and localhost
    uint32_t max_connections = 64;
  } http;
  struct {
    std::string level = "info";  ///< debug, info, warning or error; of `run`
  } logging;
  struct {
    std::string user = "pickletap";  ///< who the daemon becomes when started as root
    bool seccomp = true, landlock = true;
  } sandbox;
};

/// What at least one output wants.
inline EventTypes wanted_types(const Config& config) {
  EventTypes all{false, false, false, false, false, false};
  const auto& outputs = config.outputs;
  for (const EventTypes* one :
       {&outputs.eve.types, &outputs.syslog.types, &outputs.socket.types, &outputs.redis.types}) {
    all.alert |= one->alert;
    all.listener |= one->listener;
    all.stats |= one->stats;
    all.python_mp |= one->python_mp;
    all.flow |= one->flow;
    all.anomaly |= one->anomaly;
  }
  return all;
}

}  // namespace pickletap
