#include "sensor/daemon/sensor.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "config/load.h"
#include "config/weak_key_files.h"
#include "sensor/daemon/reload.h"
#include "sensor/daemon/sandbox.h"

namespace pickletap {

namespace {

int64_t wall_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// What a new thread does first: a name for `ps -L`, and its list of system calls.
std::function<void()> thread_start(std::string name, ThreadKind kind, bool seccomp) {
  return [name = std::move(name), kind, seccomp] {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    if (seccomp) restrict_thread(kind);
  };
}

/// Flow ids are packet numbers: a start that no other run has keeps those of two runs apart in a SIEM.
uint64_t random_start() {
  std::random_device entropy;
  return (uint64_t{entropy()} << 32 | entropy()) >> 13;
}

/// What is compared with, or in mode learn what is added to.
std::shared_ptr<const AllowList> known_allow_list(const Config& config) {
  if (config.policy.mode != "learn") return std::make_shared<const AllowList>(configured_allow_list(config));
  if (config.policy.learn_file.empty()) throw ConfigError("policy.learn_file: is needed by policy.mode: learn");
  auto list = std::make_shared<AllowList>();
  std::error_code ignored;
  if (std::filesystem::exists(config.policy.learn_file, ignored)) add_allow_file(*list, config.policy.learn_file);
  return list;
}

}  // namespace

Sensor::Sensor(const Config& config)
    : config_(config),
      interfaces_(config.capture.interfaces),
      memory_limit_bytes_(config.limits.memory_bytes +
                          (config.outputs.evidence.folder.empty() ? 0 : config.outputs.evidence.memory_bytes)),
      writer_(EveContext{config.sensor.name, interfaces_, true}),
      start_time_ns_(wall_now_ns()),
      last_reload_success_ns_(start_time_ns_),
      logged_trouble_(interfaces_.size()) {
  policies_.load(config_);
  add_outputs();
  detection_ = std::make_unique<DetectionThread>(config_, writer_, clock_, [this] { return gather(); });
  keys_ = std::make_unique<KeyThread>(
      configured_weak_keys(config_), config_.auth.weak_key_cpu_percent, [this](KeyVerdict verdict) {
        return detection_->post(
            [verdict = std::move(verdict)](Detector& detector, EventWriter&) { detector.put_key_verdict(verdict); });
      });
  detection_->set_key_checker(*keys_);
  detection_->set_allow_list(known_allow_list(config_));
  if (config_.policy.mode == "learn") {
    learned_writer_ = std::make_unique<ListWriter>(config_.policy.learn_file);
    detection_->on_learned([this](AllowList list) { learned_writer_->put(std::move(list)); });
  }
  if (!config_.outputs.evidence.folder.empty()) {
    evidence_ = std::make_unique<EvidenceThread>(config_);
    detection_->on_evidence([this](const Alert& alert, int64_t shift_ns) { return evidence_->ask(alert, shift_ns); });
  }
  open_interfaces();
}

Sensor::~Sensor() = default;

void Sensor::add_outputs() {
  auto recent = std::make_unique<RecentAlerts>();
  recent_alerts_ = recent.get();
  writer_.add(std::move(recent), kAlertsOnly);
  for (LiveOutput& one : make_live_outputs(config_)) {
    queued_outputs_.push_back({one.output.get(), one.uses_network});
    writer_.add(std::move(one.output), one.types);
  }
}

void Sensor::open_interfaces() {
  const auto& capture = config_.capture;
  const auto interfaces = static_cast<unsigned>(capture.interfaces.size());
  const unsigned workers = interfaces * capture.workers;
  const uint64_t first_number = random_start();
  // Not the process id: two sensors in one group would share the packets between them.
  const auto first_group = static_cast<unsigned>(random_start());
  for (const std::string& warning : filter_warnings(capture.filter)) spdlog::warn("capture.filter: {}", warning);
  for (unsigned i = 0; i < interfaces; ++i) {
    for (unsigned k = 0; k < capture.workers; ++k) {
      LiveSourceOptions options;
      options.filter = capture.filter;
      options.snaplen_bytes = capture.snaplen_bytes;
      options.buffer_bytes = capture.buffer_bytes;
      options.promiscuous = capture.promiscuous;
      options.fanout_group = static_cast<uint16_t>(first_group + i);
      options.fanout_size = capture.workers;
      options.first_number = first_number + captures_.size();
      options.number_step = workers;
      auto source = std::make_unique<LiveSource>(capture.interfaces[i], options, clock_);
      queues_.push_back(std::make_unique<EventQueue>(config_.limits.memory_bytes / 8 / workers, detection_->waker()));
      detection_->add(*queues_.back());
      captures_.push_back(std::make_unique<CaptureThread>(config_, std::move(source), static_cast<uint16_t>(i), workers,
                                                          policies_.load(config_), detection_->armed_board(),
                                                          *queues_.back(), clock_));
      if (!evidence_) continue;
      kept_packets_.push_back(std::make_unique<KeptPackets>(EvidenceThread::keeper_bytes(config_, workers)));
      captures_.back()->keep_packets(*kept_packets_.back());
      evidence_->add(*kept_packets_.back());
    }
  }
}

bool Sensor::has_network_outputs() const {
  return std::any_of(queued_outputs_.begin(), queued_outputs_.end(),
                     [](const QueuedPlace& p) { return p.uses_network; });
}

bool Sensor::restricts_threads() const { return config_.sandbox.seccomp && why_no_seccomp_.empty(); }

void Sensor::start() {
  if (config_.sandbox.seccomp && !can_restrict_threads(why_no_seccomp_)) {
    spdlog::warn("system calls are not restricted: {}", why_no_seccomp_);
  }
  const bool seccomp = restricts_threads();
  for (const QueuedPlace& place : queued_outputs_) {
    const ThreadKind kind = place.uses_network ? ThreadKind::kNetworkOutput : ThreadKind::kFileOutput;
    place.output->start(thread_start("out-" + std::string(place.output->name()), kind, seccomp));
  }
  if (learned_writer_) learned_writer_->start(thread_start("learned", ThreadKind::kFileOutput, seccomp));
  if (evidence_) evidence_->start(thread_start("evidence", ThreadKind::kFileOutput, seccomp));
  detection_->start(thread_start("detection", ThreadKind::kDetection, seccomp));
  keys_->start(thread_start("weak-keys", ThreadKind::kDetection, seccomp));
  for (const auto& capture : captures_) {
    capture->start(thread_start("cap-" + capture->interface(), ThreadKind::kCapture, seccomp));
  }
}

bool Sensor::stop() {
  for (const auto& capture : captures_) capture->stop();
  for (const auto& capture : captures_) capture->join();
  keys_->stop();
  detection_->stop();
  const bool evidence_written = !evidence_ || evidence_->stop();
  const bool learned_written = !learned_writer_ || learned_writer_->stop();
  writer_.finish();
  return !writer_.failed() && learned_written && evidence_written;
}

bool Sensor::is_alive() {
  std::vector<uint64_t> now{detection_->beats()};
  for (const auto& capture : captures_) now.push_back(capture->beats());
  bool alive = true;
  for (size_t i = 0; i < beats_.size(); ++i) alive = alive && now[i] != beats_[i];
  beats_ = std::move(now);
  return alive;
}

void Sensor::log_changes() {
  const auto interfaces = interface_status();
  for (size_t i = 0; i < interfaces.size(); ++i) {
    if (interfaces[i].trouble == logged_trouble_[i]) continue;
    if (interfaces[i].up) {
      spdlog::info("{}: capturing again", interfaces[i].name);
    } else {
      spdlog::warn("{}", interfaces[i].trouble);
    }
    logged_trouble_[i] = interfaces[i].trouble;
  }
  if (const uint64_t jumps = clock_.jumps(); jumps != logged_jumps_) {
    logged_jumps_ = jumps;
    spdlog::warn("the wall clock was set; it is {:.1f} s from where it would be since the start",
                 static_cast<double>(clock_.shift_ns()) / 1e9);
  }
}

std::vector<std::string> Sensor::reload(const Config& next) {
  WeakKeyList weak_keys = configured_weak_keys(next);
  Config merged = config_;
  take_reloadable(next, merged);
  const Policy& policy = policies_.load(merged);
  const std::shared_ptr<const AllowList> list = learned_writer_ ? nullptr : known_allow_list(merged);
  const auto apply = [merged, list](Detector& detector, EventWriter& writer) {
    detector.configure(merged);
    if (list != nullptr) detector.set_allow_list(list);  // what is being learned goes on
    writer.set_sensor_name(merged.sensor.name);
  };
  if (!detection_->post(apply)) throw ConfigError("too many reloads at once");
  for (const auto& capture : captures_) capture->set_policy(policy);
  if (weak_keys.version() != keys_->version()) keys_->set_list(std::move(weak_keys));
  keys_->set_share(merged.auth.weak_key_cpu_percent);
  config_ = std::move(merged);
  last_reload_successful_ = true;
  last_reload_error_.clear();
  last_reload_success_ns_ = wall_now_ns();
  return restart_needed(config_, next);
}

void Sensor::note_reload_failure(std::string error) {
  last_reload_successful_ = false;
  last_reload_error_ = std::move(error);
}

void Sensor::reopen_outputs() {
  // Through the detection thread: outputs have one caller.
  detection_->post([](Detector&, EventWriter& writer) { writer.reopen(); });
  if (evidence_) evidence_->look();
}

}  // namespace pickletap
