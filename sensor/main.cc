#include <csignal>
#include <random>

#include "dissectors/pickle/keyed_hash.h"
#include "sensor/cli.h"

int main(int argc, char** argv) {
  // A reader that has gone away is an error of that output, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::random_device entropy;
  const auto word = [&] { return uint64_t{entropy()} << 32 | entropy(); };
  const uint64_t first = word();
  pickletap::KeyedHash::set_secret(first, word());
  return pickletap::run_command(argc, argv);
}
