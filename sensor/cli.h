// The command line: which command, with which options, and the exit code. Everything a user did wrong becomes one
// message and exit code 2.
#pragma once

namespace pickletap {

/// Runs the command that `argv` names. Returns the process's exit code; never throws.
int run_command(int argc, const char* const* argv);

}  // namespace pickletap
