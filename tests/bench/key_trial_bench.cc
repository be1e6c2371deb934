// Keys a second that one core tries against one exchange, by digest; what KeyThread does all day.
#include <benchmark/benchmark.h>

#include <string>

#include "sensor/detect/key_trial.h"

namespace pickletap {
namespace {

void BM_KeyTrial(benchmark::State& state) {
  static const WeakKeyList list = configured_weak_keys(Config());
  const auto digest = static_cast<Digest>(state.range(0));
  const bool sha384 = digest == Digest::kSha384 || digest == Digest::kSha3_384;
  const std::string message = "{" + std::string(to_text(digest)) + "}" + std::string(40, 'm');
  Exchange exchange{digest, {message.begin(), message.end()}, {}};
  exchange.mac.assign(digest == Digest::kMd5 ? 16 : sha384 ? 48 : 32, 0);
  KeyTrial trial;
  if (!trial.begin(exchange)) {
    state.SkipWithError("the library has no such digest");
    return;
  }
  uint64_t tried = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(trial.find(list, 0, list.size()));
    tried += list.size();
  }
  state.SetLabel(std::string(to_text(digest)));
  state.counters["keys/s"] = benchmark::Counter(static_cast<double>(tried), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_KeyTrial)->DenseRange(static_cast<int>(Digest::kMd5), static_cast<int>(Digest::kSha3_384));

}  // namespace
}  // namespace pickletap
