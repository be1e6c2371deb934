#include <csignal>

#include "sensor/cli.h"

int main(int argc, char** argv) {
  // A reader that has gone away is an error of that output, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  return pickletap::run_command(argc, argv);
}
