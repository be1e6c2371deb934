#include "sensor/output/event_writer.h"

#include <algorithm>

namespace pickletap {

bool wants(const EventTypes& types, const Record& record) {
  const bool by_index[] = {types.alert, types.listener, types.flow, types.anomaly, types.python_mp, types.stats};
  static_assert(std::size(by_index) == std::variant_size_v<Record>);
  return by_index[record.index()];
}

void EventWriter::add(std::unique_ptr<Output> output, const EventTypes& types) {
  channels_.push_back({std::move(output), types});
}

void EventWriter::write(const Record& record) {
  std::string_view line;  // rendered when the first output wants it
  for (Channel& channel : channels_) {
    if (!wants(channel.types, record)) continue;
    if (line.empty()) line = renderer_.line(record);
    channel.output->write(line);
  }
  for (RecordSink* sink : sinks_) sink->write(record);
}

void EventWriter::flush() {
  for (Channel& channel : channels_) channel.output->flush();
}

void EventWriter::finish() {
  for (Channel& channel : channels_) channel.output->finish();
}

void EventWriter::reopen() {
  for (Channel& channel : channels_) channel.output->reopen();
}

bool EventWriter::failed() const {
  return std::any_of(channels_.begin(), channels_.end(), [](const Channel& c) { return c.output->failed(); });
}

std::vector<EventWriter::Counted> EventWriter::counters() const {
  std::vector<Counted> all;
  for (const Channel& channel : channels_) {
    if (!channel.output->name().empty()) all.push_back({channel.output->name(), &channel.output->counters()});
  }
  return all;
}

}  // namespace pickletap
