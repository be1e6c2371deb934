// A small pickle and copies of it with other bytes, chosen by the first two: the machine that knows pickles again by their
// shapes says what the one says that follows each.
#include <cstdlib>

#include "config/policy_files.h"
#include "tests/unit/dissectors/recall_twin.h"

using namespace pickletap;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Policy policy;
  if (policy.size() == 0) add_builtin_policy(policy);
  static RecallTwin twin(policy);
  if (size < 2 + PickleShape::kMinBytes || size > 2 + PickleShape::kMaxBytes) return 0;
  uint32_t dice = data[0] * 256U + data[1];
  const std::vector<uint8_t> pickle(data + 2, data + size);
  twin.forget_shapes();
  if (dice % 8 == 0) twin.forget_told();
  for (int i = 0; i < 2; ++i) {
    if (!twin.difference(pickle).empty()) std::abort();
  }
  for (int i = 0; i < 12; ++i) {
    std::vector<uint8_t> copy = pickle;
    for (int change = i % 3; change >= 0; --change) {
      dice = dice * 1664525U + 1013904223U;
      copy[(dice >> 8) % copy.size()] = dice % 4 == 0 ? uint8_t{'_'} : static_cast<uint8_t>(dice >> 24);
    }
    if (!twin.difference(copy).empty()) std::abort();
  }
  return 0;
}
