// Where all records pass: turns each into its EVE line once and hands it to every output that wants its type, and the
// record itself to every further sink (the console). Owns the outputs; the sinks outlive it. Detection thread only, but
// for the counters, which any thread may read. Nothing is kept: bounded by the line.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "sensor/output/eve_record.h"
#include "sensor/output/output.h"

namespace pickletap {

/// Whether `types` asks for records like this one.
bool wants(const EventTypes& types, const Record& record);

class EventWriter : public RecordSink {
 public:
  explicit EventWriter(EveContext context) : renderer_(std::move(context)) {}

  /// The outputs stand before the first record; their counters live as long as the writer.
  void add(std::unique_ptr<Output> output, const EventTypes& types);
  void add(RecordSink& sink) { sinks_.push_back(&sink); }

  void write(const Record& record) override;
  void flush();
  /// Flushes and closes all outputs; nothing is written after it.
  void finish();
  void reopen();
  void set_sensor_name(std::string name) { renderer_.set_sensor_name(std::move(name)); }
  /// Some output lost events or could not be written to.
  bool failed() const;

  struct Counted {
    std::string_view output;
    const OutputCounters* counters;
  };
  /// One entry an output that has a name, from the first; for metrics and stats.
  std::vector<Counted> counters() const;

 private:
  struct Channel {
    std::unique_ptr<Output> output;
    EventTypes types;
  };

  EveRenderer renderer_;
  std::vector<Channel> channels_;
  std::vector<RecordSink*> sinks_;
};

}  // namespace pickletap
