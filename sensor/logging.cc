#include "sensor/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "sensor/output/console_text.h"
#include "sensor/output/utf8.h"

namespace pickletap {
namespace {

class PrintableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
    std::string text;
    append_printable(text, {message.payload.data(), message.payload.size()}, message.payload.size());
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PrintableMessage>(); }
};

/// What a level is called where it is shown, and its priority in syslog(3).
struct LevelName {
  std::string_view word, priority;
};
LevelName level_name(spdlog::level::level_enum level) {
  if (level >= spdlog::level::critical) return {"CRITICAL", "<2>"};
  if (level == spdlog::level::err) return {"ERROR", "<3>"};
  if (level == spdlog::level::warn) return {"WARNING", "<4>"};
  if (level == spdlog::level::info) return {"INFO", "<6>"};
  return {"DEBUG", "<7>"};
}

template <std::string_view LevelName::*Part>
class LevelPart final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
    const std::string_view text = level_name(message.level).*Part;
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelPart<Part>>(); }
};

/// $JOURNAL_STREAM is inherited by children whose standard error may lead elsewhere; "DEVICE:INODE" tells.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

spdlog::level::level_enum level_from(const std::string& word) {
  if (word == "debug") return spdlog::level::debug;
  if (word == "warning") return spdlog::level::warn;
  return word == "error" ? spdlog::level::err : spdlog::level::info;
}

}  // namespace

void set_up_logging(LogStyle style, const std::string& level) {
  const bool journal = style == LogStyle::kDaemon && stderr_is_journal();
  const auto colours =
      !journal && wants_colours(STDERR_FILENO) ? spdlog::color_mode::automatic : spdlog::color_mode::never;
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<PrintableMessage>('*')
      .add_flag<LevelPart<&LevelName::word>>('L')
      .add_flag<LevelPart<&LevelName::priority>>('K');
  formatter->set_pattern(style == LogStyle::kCommand ? "pickletap: %^%*%$"
                         : journal                   ? "%K%*"
                                                     : "%Y-%m-%dT%H:%M:%S.%eZ %^%L%$ %*");
  auto logger =
      std::make_shared<spdlog::logger>("pickletap", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(colours));
  logger->set_formatter(std::move(formatter));
  logger->set_level(level_from(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace pickletap
