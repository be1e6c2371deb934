#include "sensor/cli.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "config/load.h"
#include "config/policy_files.h"
#include "sensor/build_info.h"
#include "sensor/capture/packet_source.h"
#include "sensor/detect/rule_catalog.h"
#include "sensor/explain.h"
#include "sensor/output/console_text.h"
#include "sensor/output/eve_record.h"
#include "sensor/output/file.h"
#include "sensor/output/utf8.h"
#include "sensor/replay.h"

namespace pickletap {

namespace {

constexpr std::string_view kDefaultConfig = "/etc/pickletap/pickletap.yaml";

/// What the options fill in, of all commands.
struct Options {
  std::string config_file;
  std::string filter;
  std::string fail_on;
  ReplayOptions replay;
  ExplainOptions explain;
  std::string checked_file;
  bool rules_json = false;
};

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "pickletap";
  name.resize(name.find('\0'));
  return name;
}

std::optional<Severity> severity_from(const std::string& word) {
  if (word.empty()) return std::nullopt;
  return word == "high" ? Severity::kHigh : word == "medium" ? Severity::kMedium : Severity::kLow;
}

Config read_config(const std::string& file) {
  const std::vector<std::string_view> rules = rule_names();
  Config config;
  if (!file.empty()) {
    config = load_config(file, rules);
  } else if (std::error_code ignored; std::filesystem::exists(kDefaultConfig, ignored)) {
    config = load_config(std::string(kDefaultConfig), rules);
  }
  if (config.sensor.name.empty()) config.sensor.name = host_name();
  return config;
}

/// The message without what would steer a terminal: file names and YAML are other people's.
class PrintableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
    std::string text;
    append_printable(text, {message.payload.data(), message.payload.size()}, message.payload.size());
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PrintableMessage>(); }
};

void set_up_logging(bool quiet, bool verbose) {
  auto logger = spdlog::stderr_color_st("pickletap");
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PrintableMessage>('*').set_pattern("pickletap: %^%*%$");
  logger->set_formatter(std::move(formatter));
  logger->set_level(verbose ? spdlog::level::info : quiet ? spdlog::level::err : spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

int list_rules(bool json) {
  BufferedFile out(STDOUT_FILENO, "standard output");
  std::string text;
  if (json) {
    for (const RuleInfo& rule : rule_catalog()) text += rule_line(rule);
  } else {
    append_rules(text, rule_catalog(), Paint(wants_colours(STDOUT_FILENO)));
  }
  out.append(text);
  out.finish();
  return out.failed() ? ExitCode::kFailed : ExitCode::kDone;
}

int check_config(const std::string& file) {
  const std::string path = file.empty() ? std::string(kDefaultConfig) : file;
  const Config config = load_config(path, rule_names());
  Policy policy;
  add_configured_policy(policy, config);
  BufferedFile out(STDOUT_FILENO, "standard output");
  std::string text;
  append_printable(text, path, path.size());
  out.append(text + ": valid\n");
  out.finish();
  return out.failed() ? ExitCode::kFailed : ExitCode::kDone;
}

CLI::Option* add_fail_on(CLI::App& command, std::string& value) {
  return command.add_option("--fail-on", value, "Exit with 3 when an alert at or above this severity was raised")
      ->check(CLI::IsMember({"high", "medium", "low"}))
      ->type_name("high|medium|low");
}

}  // namespace

int run_command(int argc, const char* const* argv) {
  Options options;
  CLI::App app{"pickletap: watches Python's multiprocessing.connection for pickles that run code"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "pickletap " + std::string(kVersion) + " (" + std::string(kRevision) + ")");
  app.set_help_flag("-h,--help", "This help");
  app.footer("Exit codes: 0 done; 1 a run-time failure; 2 bad usage or configuration; 3 an alert reached --fail-on.");

  bool quiet = false;
  bool verbose = false;
  const auto add_common = [&](CLI::App& command) {
    command.set_help_flag("-h,--help", "This help");
    command.add_option("-c,--config", options.config_file, "Configuration file")->type_name("FILE");
    command.add_flag("-q,--quiet", quiet, "Alerts only");
    command.add_flag("-v,--verbose", verbose, "Say more on standard error");
  };

  CLI::App& replay_command = *app.add_subcommand("replay", "Read captures to their end and report");
  add_common(replay_command);
  replay_command.add_option("FILE", options.replay.files, "pcap or pcapng; a directory of them; - for standard input")
      ->required();
  replay_command.add_flag("--json", options.replay.json, "EVE JSON lines on standard output");
  replay_command.add_option("-f,--filter", options.filter, "BPF filter, as tcpdump takes it")->type_name("BPF");
  replay_command.add_option("-o,--output", options.replay.output, "Write EVE JSON lines to this file")
      ->type_name("FILE");
  add_fail_on(replay_command, options.fail_on);

  CLI::App& explain_command = *app.add_subcommand("explain", "Say what the pickles of a file would do");
  add_common(explain_command);
  explain_command.add_option("FILE", options.explain.files, "A file of pickles; - for standard input")->required();
  explain_command.add_flag("--json", options.explain.json, "One JSON line a file");
  add_fail_on(explain_command, options.fail_on);

  CLI::App& rules_command = *app.add_subcommand("rules", "List the rules");
  rules_command.add_flag("--json", options.rules_json, "One JSON line a rule");

  CLI::App& check_command = *app.add_subcommand("check-config", "Say whether a configuration is valid");
  check_command.add_option("FILE", options.checked_file, "The configuration")->type_name("FILE");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    if (argc > 1 && argv[1][0] != '-' &&
        app.get_subcommands([&](const CLI::App* command) { return command->get_name() == argv[1]; }).empty()) {
      std::cerr << "pickletap: no command '" << argv[1] << "' (see pickletap --help)\n";
      return ExitCode::kUsage;
    }
    std::cerr << "pickletap: " << error.what() << " (see pickletap --help)\n";
    return ExitCode::kUsage;
  }
  set_up_logging(quiet, verbose);
  try {
    if (rules_command.parsed()) return list_rules(options.rules_json);
    if (check_command.parsed()) return check_config(options.checked_file);
    Config config = read_config(options.config_file);
    if (explain_command.parsed()) {
      options.explain.fail_on = severity_from(options.fail_on);
      return explain(config, options.explain);
    }
    if (!options.filter.empty()) config.capture.filter = options.filter;
    options.replay.fail_on = severity_from(options.fail_on);
    options.replay.quiet = quiet;
    options.replay.verbose = verbose;
    return replay(config, options.replay);
  } catch (const std::exception& error) {
    // ConfigError, PolicyError, a filter that does not compile: the operator's, said with their place.
    spdlog::error("{}", error.what());
    return ExitCode::kUsage;
  }
}

}  // namespace pickletap
