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
};

struct Config {
  struct {
    std::string name;  ///< `sensor` and `host` of every event; the host name when empty
  } sensor;
  struct {
    std::string filter;  ///< BPF, as tcpdump takes it
  } capture;
  struct {
    uint64_t memory_bytes = 256U << 20;        ///< for streams out of order, all flows together: a quarter of it
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
  } stream;
  struct {
    std::vector<std::string> dangerous_files, safe_files;  ///< over the built-in lists
  } policy;
  struct Rule {
    bool enabled = true;
    int severity = 0;  ///< 0: as in the catalogue
  };
  std::map<std::string, Rule> rules;  ///< by rule name
  struct {
    EventTypes eve_types;
  } outputs;
};

}  // namespace pickletap
