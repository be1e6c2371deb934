#include "sensor/cli.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.h"
#include "sensor/build_info.h"
#include "sensor/check_config.h"
#include "sensor/command_config.h"
#include "sensor/detect/rule_catalog.h"
#include "sensor/explain.h"
#include "sensor/learn.h"
#include "sensor/logging.h"
#include "sensor/output/console_text.h"
#include "sensor/output/eve_record.h"
#include "sensor/output/file.h"
#include "sensor/output/utf8.h"
#include "sensor/replay.h"
#include "sensor/run.h"

namespace pickletap {

namespace {

/// What the options fill in, of all commands.
struct Options {
  ConfigSources sources;
  std::optional<std::string> filter;
  std::string fail_on;
  bool quiet = false, verbose = false;
  RunOptions run;
  ReplayOptions replay;
  ExplainOptions explain;
  LearnOptions learn;
  CheckConfigOptions check;
  bool rules_json = false;
};

/// The commands, to tell which one was given.
struct Commands {
  CLI::App *run, *replay, *explain, *learn, *rules, *check;
};

std::optional<Severity> severity_from(const std::string& word) {
  if (word.empty()) return std::nullopt;
  return word == "high" ? Severity::kHigh : word == "medium" ? Severity::kMedium : Severity::kLow;
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

// ---- Options --------------------------------------------------------------------------------------------------------

CLI::App& add_command(CLI::App& app, const char* name, const char* says) {
  CLI::App& command = *app.add_subcommand(name, says);
  command.set_help_flag("-h,--help", "This help");
  return command;
}

void add_sources(CLI::App& command, ConfigSources& sources) {
  command.add_option("-c,--config", sources.file, "Configuration file")->type_name("FILE");
  command.add_option("--set", sources.settings, "A key of the configuration, over files and environment; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_verbosity(CLI::App& command, Options& options, const char* quiet,
                   const char* verbose = "Say more on standard error") {
  command.add_flag("-q,--quiet", options.quiet, quiet);
  command.add_flag("-v,--verbose", options.verbose, verbose);
}

void add_filter(CLI::App& command, std::optional<std::string>& filter) {
  command.add_option("-f,--filter", filter, "BPF filter, as tcpdump takes it")->type_name("BPF");
}

void add_fail_on(CLI::App& command, std::string& value) {
  command.add_option("--fail-on", value, "Exit with 3 when an alert at or above this severity was raised")
      ->check(CLI::IsMember({"high", "medium", "low"}))
      ->type_name("high|medium|low");
}

Commands add_commands(CLI::App& app, Options& options) {
  CLI::App& run = add_command(app, "run", "The daemon: live capture until it is told to end");
  add_sources(run, options.sources);
  add_verbosity(run, options, "Errors only on standard error");
  run.add_option("-i,--interface", options.run.interfaces, "Interface to capture on; repeatable")
      ->type_name("IFACE")
      ->allow_extra_args(false);
  add_filter(run, options.run.filter);
  run.add_option("-o,--output", options.run.output, "Write EVE JSON lines to this file")->type_name("FILE");
  run.add_option("--evidence", options.run.evidence, "Write the packets and the pickle of each alert to this folder")
      ->type_name("DIR");
  run.add_option("--workers", options.run.workers, "Threads for each interface")->type_name("N");

  CLI::App& replay = add_command(app, "replay", "Read captures to their end and report");
  add_sources(replay, options.sources);
  add_verbosity(replay, options, "Alerts only");
  replay.add_option("FILE", options.replay.files, "pcap or pcapng; a directory of them; - for standard input")
      ->required();
  replay.add_flag("--json", options.replay.json, "EVE JSON lines on standard output");
  add_filter(replay, options.filter);
  replay.add_option("-o,--output", options.replay.output, "Write EVE JSON lines to this file")->type_name("FILE");
  replay
      .add_option("--evidence", options.replay.evidence,
                  "Write the packets and the pickle of each alert to this folder")
      ->type_name("DIR");
  add_fail_on(replay, options.fail_on);

  CLI::App& explain = add_command(app, "explain", "Say what the pickles of a file would do");
  add_sources(explain, options.sources);
  add_verbosity(explain, options, "Only pickles that break a rule", "The opcodes as well");
  explain.add_option("FILE", options.explain.files, "A file of pickles; - for standard input")->required();
  explain.add_flag("--json", options.explain.json, "One JSON line a file");
  add_fail_on(explain, options.fail_on);

  CLI::App& learn = add_command(app, "learn", "Write the allow list of captures believed good");
  add_sources(learn, options.sources);
  add_verbosity(learn, options, "Errors only on standard error");
  learn.add_option("FILE", options.learn.files, "pcap or pcapng; a directory of them; - for standard input")
      ->required();
  add_filter(learn, options.filter);
  learn.add_option("-o,--output", options.learn.output, "Write the allow list to this file")->type_name("FILE");
  learn.add_flag("--merge", options.learn.merge, "Add to the list that is in the file");
  learn.add_flag("--include-dangerous", options.learn.include_dangerous, "Allow what is dangerous as well");

  CLI::App& rules = add_command(app, "rules", "List the rules");
  rules.add_flag("--json", options.rules_json, "One JSON line a rule");

  CLI::App& check = add_command(app, "check-config", "Say whether a configuration is valid");
  add_sources(check, options.sources);
  check.add_option("FILE", options.check.sources.file, "The configuration, as after -c")->type_name("");
  CLI::Option* dump = check.add_flag("--dump", options.check.dump, "Print every value and where it comes from");
  check.add_flag("--json", options.check.json, "With --dump: as JSON")->needs(dump);
  check.add_flag("-q,--quiet", options.quiet, "Say nothing when it is valid");
  return {&run, &replay, &explain, &learn, &rules, &check};
}

// ---- Mistakes -------------------------------------------------------------------------------------------------------

std::string did_you_mean(const std::string& given, const std::vector<std::string>& names, const std::string& dashes) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view near = closest(given, views);
  return near.empty() ? "" : "did you mean " + dashes + std::string(near) + "? ";
}

/// The name that was probably meant: of a command, or of an option of the command given.
std::string hint(const CLI::App& app, const std::string& command) {
  std::vector<std::string> names;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const CLI::App* given = nullptr;
  for (const CLI::App* one : commands) {
    if (one->get_name() == command) given = one;
    names.push_back(one->get_name());
  }
  if (given == nullptr) return did_you_mean(command, names, "");
  names.clear();
  for (const CLI::Option* option : given->get_options()) {
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  }
  for (const std::string& word : app.remaining(true)) {
    if (!word.starts_with("--")) continue;
    return did_you_mean(word.substr(2, word.find('=') - 2), names, "--");
  }
  return "";
}

int refuse(const CLI::App& app, const CLI::ParseError& error, const std::string& command) {
  const bool unknown = !command.empty() && command[0] != '-' &&
                       app.get_subcommands([&](const CLI::App* one) { return one->get_name() == command; }).empty();
  const std::string what = unknown ? "no command '" + command + "'" : error.what();
  std::string line;
  append_printable(line, what, what.size());
  std::cerr << "pickletap: " << line << " (" << hint(app, command) << "see pickletap --help)\n";
  return ExitCode::kUsage;
}

/// The command that was given.
int dispatch(const Commands& commands, Options& options) {
  if (commands.rules->parsed()) return list_rules(options.rules_json);
  if (commands.check->parsed()) {
    if (options.check.sources.file.empty()) options.check.sources.file = options.sources.file;
    options.check.sources.settings = options.sources.settings;
    options.check.quiet = options.quiet;
    return check_config(options.check);
  }
  if (commands.run->parsed()) {
    options.run.sources = options.sources;
    options.run.quiet = options.quiet;
    options.run.verbose = options.verbose;
    return run(options.run);
  }
  ConfigLoader loader = load_layers(options.sources);
  if (commands.explain->parsed()) {
    options.explain.fail_on = severity_from(options.fail_on);
    options.explain.quiet = options.quiet;
    options.explain.verbose = options.verbose;
    return explain(config_of(loader), options.explain);
  }
  if (options.filter) loader.add_option("--filter", "capture.filter", {*options.filter});
  if (commands.learn->parsed()) {
    options.learn.quiet = options.quiet;
    options.learn.verbose = options.verbose;
    return learn(config_of(loader), options.learn);
  }
  options.replay.fail_on = severity_from(options.fail_on);
  options.replay.quiet = options.quiet;
  options.replay.verbose = options.verbose;
  return replay(config_of(loader), options.replay);
}

}  // namespace

int run_command(int argc, const char* const* argv) {
  Options options;
  CLI::App app{"pickletap: watches Python's multiprocessing.connection for pickles that run code"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "pickletap " + std::string(kVersion) + " (" + std::string(kRevision) + ")");
  app.set_help_flag("-h,--help", "This help");
  app.footer("Exit codes: 0 done; 1 a run-time failure; 2 bad usage or configuration; 3 an alert reached --fail-on.");
  const Commands commands = add_commands(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return refuse(app, error, argc > 1 ? argv[1] : "");
  }
  set_up_logging(LogStyle::kCommand, options.verbose ? "info" : options.quiet ? "error" : "warning");
  try {
    return dispatch(commands, options);
  } catch (const std::exception& error) {
    // ConfigError, PolicyError, a filter that does not compile: the operator's, said with their place.
    spdlog::error("{}", error.what());
    return ExitCode::kUsage;
  }
}

}  // namespace pickletap
